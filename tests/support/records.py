"""The contract of the record store, run on each engine that it is to run on."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from countenance.errors import NotFound, WrongUse
from countenance.records.erasure.erasures import Erasure, HiddenFace, Target
from countenance.records.erasure.suppressions import Suppression
from countenance.records.pictures.batch import (
    Batch,
    Enrolment,
    FaceRow,
    PictureRow,
    PlacementRow,
    PolicyMoved,
    RejectionRow,
)
from countenance.records.sources.sources import NewGrant, Source
from countenance.records.store import RecordStore
from countenance.types import Basis, ClassId, ClientClass, FaceRefusal, Purpose, Quality, RejectReason
from support import orders

NOW = datetime(2026, 11, 22, 12, 30, 15, 123456, tzinfo=UTC)


class RecordStoreContract:
    """Subclass it and give `make`."""

    @pytest.fixture
    def records(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordStore]:
        """An empty store on the engine under test."""
        store = self.make(tmp_path_factory)
        yield store
        store.close()

    def make(self, tmp_path_factory: pytest.TempPathFactory) -> RecordStore:
        """An empty store."""
        raise NotImplementedError

    def source(self, records: RecordStore, name: str = "album", **grant: object) -> Source:
        """A source with a grant."""
        values: dict[str, object] = {
            "basis": Basis.HOUSEHOLD, "jurisdictions": frozenset({"CA-ON"}), "purposes": frozenset({Purpose.HOUSEHOLD}),
            "terms": (), "starts_at": NOW, "expires_at": None, "erase_within_days": 30, "key_id": None,
            "evidence_sha256": None, "evidence_blob": None,
        }  # fmt: skip
        return records.sources.add(
            uid=uuid.uuid4(),
            grant_uid=uuid.uuid4(),
            tenant_id=records.sources.ensure_tenant("operator"),
            name=name,
            kind="folder",
            location=b"/caf\xe9",
            jurisdictions=frozenset({"CA-ON"}),
            added_at=NOW,
            grant=NewGrant(**{**values, **grant}),  # type: ignore[arg-type]  # a test's own values
        )

    def enrol(
        self, records: RecordStore, source: Source, class_id: ClassId, *, place: bytes = b"a.jpg",
        sha: bytes = b"\1" * 32, run: int = 1, refusal: FaceRefusal | None = None,
    ) -> uuid.UUID:  # fmt: skip
        """One picture with one face at one place; returns the face's uid."""
        known = records.pictures.known_pictures(source.tenant_id, [sha]).get(sha)
        uid = known.faces[0].uid if known else uuid.uuid4()
        template = None if refusal else b"sealed"
        face = FaceRow(
            uid=uid, box=(1.0, 2.0, 30.0, 40.0), enrolments=(Enrolment(class_id, refusal),),
            landmarks=None if refusal else ((1, 1), (2, 1), (1.5, 2), (1, 3), (2, 3)),
            quality=None if refusal else Quality(29.0, 0.5, 0.75, 1.0, 0.5, 0.25),
            key_id=None if refusal else uid.bytes, template=template,
            space_id=None if refusal else records.sources.ensure_space("toy", "0" * 64, 4),
        )  # fmt: skip
        picture = PictureRow(
            uid=known.uid if known else uuid.uuid4(), sha256=sha, salt=b"s" * 16, width=64, height=48, format="JPEG",
            taken_at=None, faces=(face,), known_id=known.id if known else None,
        )  # fmt: skip
        records.pictures.commit(
            Batch(
                source.tenant_id, source.id, run, records.sources.policy_version(), (picture,),
                (PlacementRow(place, 5, 7, class_id, sha),),
            )
        )  # fmt: skip
        return uid

    # --- sources and policy --------------------------------------------------------------------------------------
    def test_what_is_recorded_of_a_source_is_read_back(self, records: RecordStore) -> None:
        made = self.source(records, expires_at=NOW + timedelta(days=9), terms=(("law", "x"),), key_id=b"k" * 16)
        assert records.sources.get("album") == made
        assert records.sources.all() == (made,)
        assert made.location == b"/caf\xe9"
        assert made.added_at == NOW
        assert made.grant.expires_at == NOW + timedelta(days=9)
        assert made.grant.terms == (("law", "x"),)
        with pytest.raises(NotFound):
            records.sources.get("attic")
        with pytest.raises(WrongUse):
            self.source(records)

    def test_every_change_of_what_policy_reads_moves_its_version(self, records: RecordStore) -> None:
        seen = [records.sources.policy_version()]

        def moved() -> bool:
            seen.append(records.sources.policy_version())
            return seen[-1] > seen[-2]

        source = self.source(records)
        assert moved()
        class_id = records.sources.ensure_class(source.grant, source.jurisdictions)
        assert moved()
        assert records.sources.ensure_class(source.grant, source.jurisdictions) == class_id
        assert not moved()
        assert records.sources.ensure_class(source.grant, frozenset({"CA-QC"})) != class_id
        assert moved()
        records.sources.set_grant_state(source, suspended_at=NOW)
        assert moved()
        order = orders.in_force(records, ["offer"], "source", "album", NOW)
        assert moved()
        client = records.clients.add(
            uid=uuid.uuid4(), name="Gazette", client_class=ClientClass.NEWSROOM, jurisdiction="FR", at=NOW
        )
        assert moved()
        version, classes, in_force, clients = records.policy.facts()
        assert version == seen[-1]
        assert [c.jurisdictions for c in classes] == [frozenset({"CA-ON"}), frozenset({"CA-QC"})]
        assert classes[0].grant.suspended_at == NOW
        assert [o.id for o in in_force] == [order.id]
        assert clients == (client,)
        ended = records.clients.end_contract(client, NOW)
        assert moved()
        assert records.clients.end_contract(client, NOW + timedelta(days=1)) == ended
        assert not moved()
        for decide in (records.orders.stay, records.orders.resume, records.orders.lift):
            decided = decide(order, orders.a_paper("stay", NOW), bytes(16))
            assert moved()
            stopping = [o.id for o in records.policy.facts()[2]]
            assert stopping == ([order.id] if decide == records.orders.resume else [])
        assert len(decided.papers) == 4
        with pytest.raises(WrongUse):
            records.orders.lift(order, orders.a_paper("lift", NOW), bytes(16))

    # --- pictures ------------------------------------------------------------------------------------------------
    def test_a_batch_permitted_under_an_older_policy_writes_nothing(self, records: RecordStore) -> None:
        source = self.source(records)
        class_id = records.sources.ensure_class(source.grant, source.jurisdictions)
        version = records.sources.policy_version()
        records.sources.set_grant_state(source, suspended_at=NOW)
        rejection = RejectionRow(b"b.jpg", 1, 1, RejectReason.DAMAGED, "")
        with pytest.raises(PolicyMoved):
            records.pictures.commit(
                Batch(
                    source.tenant_id, source.id, 1, version, (), (PlacementRow(b"a", 1, 1, class_id, b"x" * 32),),
                    (rejection,),
                )
            )  # fmt: skip
        assert records.gallery.counts()["rejected"] == 0

    def test_changes_come_in_order_and_name_what_is_there_now(self, records: RecordStore) -> None:
        source = self.source(records)
        class_id = records.sources.ensure_class(source.grant, source.jurisdictions)
        first = self.enrol(records, source, class_id)
        self.enrol(records, source, class_id, place=b"b.jpg", sha=b"\2" * 32, refusal=FaceRefusal.TOO_SMALL)
        third = self.enrol(records, source, class_id, place=b"c.jpg", sha=b"\3" * 32)
        space = records.sources.ensure_space("toy", "0" * 64, 4)
        changes, more = records.changes.after(0, space)
        assert not more
        assert [change.face_uid for change in changes] == [str(first), str(third)]
        assert all(change.sealed == b"sealed" for change in changes)
        assert records.changes.after(0, space + 1)[0][0].sealed is None  # another space's
        assert records.changes.after(changes[0].seq, space)[0] == changes[1:]
        face = records.gallery.face(str(first))
        assert face is not None
        records.erasures.hide(Target("face", faces=[face.id]), uid=uuid.uuid4(), at=NOW)
        later, _ = records.changes.after(0, space)
        assert [change.sealed is None for change in later] == [True, False, True]

    def test_visible_is_what_is_placed_permitted_and_not_hidden(self, records: RecordStore) -> None:
        source = self.source(records)
        class_id = records.sources.ensure_class(source.grant, source.jurisdictions)
        uid = self.enrol(records, source, class_id)
        face = records.gallery.face(str(uid))
        assert face is not None
        version = records.sources.policy_version()
        [seen] = (records.gallery.visible([face.id, 999], [class_id], version) or {}).values()
        assert (seen.uid, seen.place, seen.location, seen.quality) == (str(uid), b"a.jpg", b"/caf\xe9", 0.25)
        assert records.gallery.visible([face.id], [class_id + 1], version) == {}
        assert records.gallery.visible([face.id], [], version) == {}
        assert records.gallery.visible([face.id], [class_id], version + 1) is None
        records.erasures.hide(Target("face", faces=[face.id]), uid=uuid.uuid4(), at=NOW)
        assert records.gallery.visible([face.id], [class_id], records.sources.policy_version()) == {}
        assert records.gallery.face(str(uid)) is None

    def test_known_places_are_placements_and_rejections(self, records: RecordStore) -> None:
        source = self.source(records)
        class_id = records.sources.ensure_class(source.grant, source.jurisdictions)
        self.enrol(records, source, class_id)
        rejection = RejectionRow(b"b.jpg", 3, 4, RejectReason.DAMAGED, "why")
        records.pictures.commit(
            Batch(source.tenant_id, source.id, 1, records.sources.policy_version(), rejections=(rejection,))
        )
        known = records.pictures.known_places(source.id, [b"a.jpg", b"b.jpg", b"c.jpg"])
        assert set(known) == {b"a.jpg", b"b.jpg"}
        assert (known[b"a.jpg"].class_id, known[b"a.jpg"].reason) == (class_id, None)
        assert (known[b"b.jpg"].size, known[b"b.jpg"].reason) == (3, RejectReason.DAMAGED)
        assert list(records.gallery.rejected(source.id)) == [(b"b.jpg", "damaged", "why")]

    def test_a_picture_that_lost_its_last_place_is_due(self, records: RecordStore) -> None:
        source = self.source(records)
        class_id = records.sources.ensure_class(source.grant, source.jurisdictions)
        self.enrol(records, source, class_id)
        self.enrol(records, source, class_id, place=b"copy.jpg")
        places = records.pictures.known_places(source.id, [b"a.jpg", b"copy.jpg"])
        assert not records.pictures.drop_placements([places[b"a.jpg"].id])
        due = records.pictures.drop_placements([places[b"copy.jpg"].id])
        assert len(due.pictures) == 1
        assert records.pictures.due() == due

    # --- erasure -------------------------------------------------------------------------------------------------
    def test_an_erasure_is_listed_until_it_is_done(self, records: RecordStore) -> None:
        source = self.source(records)
        class_id = records.sources.ensure_class(source.grant, source.jurisdictions)
        uid = self.enrol(records, source, class_id)
        picture = records.pictures.known_pictures(source.tenant_id, [b"\1" * 32])[b"\1" * 32]
        keep_out = Suppression("bytes", b"d" * 32)
        erasure = records.erasures.hide(
            Target("picture", pictures=[picture.id], suppressions=[keep_out]), uid=uuid.uuid4(), at=NOW
        )
        assert records.erasures.unfinished() == (erasure,)
        assert erasure.counts == {"pictures": 1, "faces": 1, "placements": 1, "persons": 0}
        [faces] = list(_each(records, erasure))
        assert [(face.uid, face.key_id, face.classes) for face in faces] == [(str(uid), uid.bytes, (class_id,))]
        records.erasures.forget_pictures(erasure)
        records.erasures.mark_done(erasure, NOW)
        assert records.erasures.unfinished() == ()
        assert records.gallery.counts() == {"pictures": 0, "faces": 0, "indexed": 0, "rejected": 0}
        assert records.suppressions.of_pictures([b"d" * 32]) == {b"d" * 32: [(None, None)]}

    def test_an_id_is_never_used_twice(self, records: RecordStore) -> None:
        source = self.source(records)
        class_id = records.sources.ensure_class(source.grant, source.jurisdictions)
        uid = self.enrol(records, source, class_id)
        first = records.gallery.face(str(uid))
        assert first is not None
        erasure = records.erasures.hide(Target("picture", pictures=[first.picture_id]), uid=uuid.uuid4(), at=NOW)
        list(_each(records, erasure))
        records.erasures.forget_pictures(erasure)
        second = records.gallery.face(str(self.enrol(records, source, class_id)))
        assert second is not None
        assert second.id > first.id

    def test_a_case_is_opened_once(self, records: RecordStore) -> None:
        assert records.cases.find("2026-1") is None
        case = records.cases.ensure("2026-1", NOW)
        assert records.cases.ensure("2026-1", NOW) == case
        assert records.cases.find("2026-1") == case


def _each(records: RecordStore, erasure: Erasure) -> Iterator[tuple[HiddenFace, ...]]:
    for faces in records.erasures.hidden_faces(erasure):
        yield faces
        records.erasures.forget_faces(erasure, faces)

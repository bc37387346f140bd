"""What a search shows, to whom, and what it leaves behind."""

from datetime import timedelta

import pytest

from countenance.errors import BadPicture, LogUnwritable, NoFace, NotFound, PolicyDenied, SeveralFaces, WrongUse
from countenance.pipeline.clients import ClientWorkflow
from countenance.pipeline.search.search import SearchQuery
from countenance.testing.toy import picture
from countenance.types import Purpose
from support import orders

ALICE, BOB = "alice@10,20,60,80", "bob@100,20,150,80"


@pytest.fixture
def filled(toy, album):
    for number in range(5):
        (album / f"{number}.jpg").write_bytes(picture(f"alice{'~' * number}@10,20,60,80", f"p{number}@90,1,150,50"))
    toy.add_source(album)
    toy.ingest()
    return toy


def test_leads_come_best_first_with_source_and_odds(filled):
    result = filled.search(ALICE)
    assert [lead.rank for lead in result.leads] == [1, 2, 3, 4, 5]
    scores = [lead.score for lead in result.leads]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == 1.0
    assert all(lead.score >= result.threshold for lead in result.leads)
    assert {lead.source for lead in result.leads} == {"album"}
    assert all(lead.fmr.value > 0 for lead in result.leads)
    assert filled.log.kinds[-2:] == ["search.decided", "search.shown"]
    assert result.log_entry == filled.log.kept[-2].id
    assert filled.log.kept[-1].record["faces"] == [lead.face_id for lead in result.leads]
    document = result.as_dict()
    assert document["leads"][0]["band"] == "strong"
    assert document["notice"].startswith("Investigative lead")


def test_the_list_is_cut_at_top_and_never_padded(filled):
    assert len(filled.search(ALICE, top=2).leads) == 2
    assert filled.search("nobody@1,1,50,50").leads == ()


def test_a_threshold_of_zero_is_a_threshold(filled):
    result = filled.search("nobody@1,1,50,50", threshold=0.0, top=100)
    assert result.threshold == 0.0
    assert result.leads
    assert all(lead.score >= 0 for lead in result.leads)
    assert len(filled.search("nobody@1,1,50,50", threshold=-1.0, top=100).leads) == 10


def test_a_rarer_false_lead_asks_for_more(filled):
    assert filled.search(ALICE, fpir=0.0001).threshold > filled.search(ALICE, fpir=0.1).threshold


@pytest.mark.parametrize(
    "question",
    [{"top": 0}, {"top": 1001}, {"threshold": 1.5}, {"threshold": float("nan")}, {"fpir": 0.0}, {"fpir": 1.0},
     {"threshold": 0.5, "fpir": 0.01}],
)  # fmt: skip
def test_a_question_that_makes_no_sense_is_refused(question):
    with pytest.raises(WrongUse):
        SearchQuery(**question)


def test_a_probe_with_several_faces_asks_which(filled):
    with pytest.raises(SeveralFaces) as several:
        filled.search(BOB, ALICE)
    assert len(several.value.boxes) == 2
    assert several.value.as_dict()["boxes"][0] == [100, 20, 150, 80]
    assert len(filled.search(BOB, ALICE, face=1).leads) == 5
    with pytest.raises(WrongUse, match="no face 2"):
        filled.search(BOB, ALICE, face=2)


def test_a_probe_without_a_face_or_that_is_no_picture(filled):
    with pytest.raises(NoFace):
        filled.search()
    with pytest.raises(BadPicture) as bad:
        filled.searcher.search(b"text", SearchQuery())
    assert bad.value.reason == "not_a_picture"
    assert "search.decided" not in filled.log.kinds


def test_a_suspended_grant_is_out_of_the_very_next_search(filled):
    source = filled.records.sources.get("album")
    assert filled.search(ALICE).leads
    filled.records.sources.set_grant_state(source, suspended_at=filled.clock())
    with pytest.raises(PolicyDenied):
        filled.search(ALICE)
    filled.records.sources.set_grant_state(source, suspended_at=None)
    assert filled.search(ALICE).leads


def test_a_grant_that_expires_is_out_of_the_very_next_search(toy, album):
    (album / "a.jpg").write_bytes(picture(ALICE))
    toy.add_source(album, expires=(toy.clock() + timedelta(days=2)).date().isoformat())
    toy.ingest()
    assert toy.search(ALICE).leads
    toy.now = toy.clock() + timedelta(days=4)
    with pytest.raises(PolicyDenied):
        toy.search(ALICE)


def test_an_order_given_while_a_search_runs_binds_that_search(filled):
    visible = filled.records.gallery.visible

    def order_first(*asked):
        filled.records.gallery.visible = visible
        orders.in_force(filled.records, ["offer"], "jurisdiction", "CA", filled.clock())
        return visible(*asked)

    filled.records.gallery.visible = order_first
    with pytest.raises(PolicyDenied):
        filled.search(ALICE)
    assert "search.shown" not in filled.log.kinds


def test_an_erased_face_is_not_shown_even_if_the_index_returns_it(filled):
    filled.search(ALICE)
    index = filled.live.refresh()
    filled.live.refresh = lambda: index  # an index that lags
    first = filled.search(ALICE, top=2).leads
    [hidden] = [lead for lead in first if lead.rank == 1]
    remove, index.remove = index.remove, lambda *a, **k: None
    filled.eraser.erase_face(hidden.face_id)
    index.remove = remove
    leads = filled.search(ALICE, top=2).leads
    assert hidden.face_id not in {lead.face_id for lead in leads}
    assert len(leads) == 2  # replaced by the next above the threshold


def test_dropped_leads_are_replaced_however_many_there_are(toy, album):
    for number in range(60):
        (album / f"{number:02}.jpg").write_bytes(picture(f"alice{'~' * (number % 3)}@10,20,{60 + number},80"))
    toy.add_source(album)
    toy.ingest()
    index = toy.live.refresh()
    toy.live.refresh = lambda: index
    doomed = [lead.face_id for lead in toy.search(ALICE, top=50).leads]
    index.remove, keep = (lambda *a, **k: None), index.remove
    for face in doomed:
        toy.eraser.erase_face(face)
    index.remove = keep
    assert len(toy.search(ALICE, top=10).leads) == 10


def test_no_log_no_leads(filled):
    append = filled.log.append

    def full_after_deciding(kind, record, **more):
        if kind == "search.shown":
            raise LogUnwritable("the log can't be written")
        return append(kind, record, **more)

    filled.log.append = full_after_deciding
    with pytest.raises(LogUnwritable):
        filled.search(ALICE)


# --- an organisation -------------------------------------------------------------------------------------------------
@pytest.fixture
def archive(organisation, album, tmp_path):
    (tmp_path / "deed.pdf").write_text("deed")
    (album / "a.jpg").write_bytes(picture(ALICE))
    organisation.add_source(album, basis="historical", purposes=["archive-description"], evidence=tmp_path / "deed.pdf")
    organisation.ingest()
    return organisation


def test_an_organisation_names_purpose_and_case(archive):
    with pytest.raises(WrongUse, match="purpose"):
        archive.search(ALICE, case="2026-1")
    with pytest.raises(PolicyDenied, match="needs a case"):
        archive.search(ALICE, purpose=Purpose.ARCHIVE_DESCRIPTION)
    with pytest.raises(PolicyDenied):
        archive.search(ALICE, purpose=Purpose.RESEARCH, case="2026-1")
    with pytest.raises(WrongUse, match="case reference"):
        archive.search(ALICE, purpose=Purpose.ARCHIVE_DESCRIPTION, case=" ")
    assert len(archive.search(ALICE, purpose=Purpose.ARCHIVE_DESCRIPTION, case="2026-1").leads) == 1


def test_an_organisation_keeps_the_probe_sealed_with_the_case(archive):
    result = archive.search(ALICE, purpose=Purpose.ARCHIVE_DESCRIPTION, case="2026-1")
    archive.search(ALICE, purpose=Purpose.ARCHIVE_DESCRIPTION, case="2026-1")
    [one, two] = [name for name in archive.blobs.kept if name.startswith("probe-")]
    assert one == f"probe-{result.log_entry}"
    with archive.records.database.read() as connection:
        key = connection.exec_driver_sql("SELECT key_id FROM searches WHERE probe_blob = ?", (one,)).scalar()
    assert picture(ALICE) == archive.keys.open(key, f"case|{result.log_entry}|probe", archive.blobs.kept[one])
    assert picture(ALICE) not in archive.blobs.kept[two]
    assert "2026-1" not in str([entry.record for entry in archive.log.kept])


def test_a_household_keeps_no_probe(filled):
    before = set(filled.blobs.kept)
    filled.search(ALICE)
    assert set(filled.blobs.kept) == before


# --- clients ---------------------------------------------------------------------------------------------------------
FOR_ARCHIVE = {"purpose": Purpose.ARCHIVE_DESCRIPTION, "case": "2026-1"}


@pytest.fixture
def served(archive):
    contracts = ClientWorkflow(archive.stores)
    contracts.add("Gazette", client_class="newsroom", jurisdiction="FR")
    return archive, contracts


def kept_searches(home):
    with home.records.database.read() as connection:
        return connection.exec_driver_sql(
            "SELECT c.name, (SELECT group_concat(hex(f.uid)) FROM shown n JOIN faces f ON f.id = n.face_id "
            "WHERE n.search_id = s.id) FROM searches s LEFT JOIN clients c ON c.id = s.client_id ORDER BY s.id"
        ).all()


def test_who_was_shown_whom_is_kept_with_an_organisations_search(served):
    home, contracts = served
    [lead] = home.search(ALICE, client="Gazette", **FOR_ARCHIVE).leads
    home.search(ALICE, **FOR_ARCHIVE)
    home.search(BOB, client="Gazette", **FOR_ARCHIVE)
    shown = lead.face_id.replace("-", "").upper()
    assert kept_searches(home) == [("Gazette", shown), (None, shown), ("Gazette", None)]
    decided = [entry.record["client"] for entry in home.log.kept if entry.kind == "search.decided"]
    assert decided == [contracts.get("Gazette").uid, None, contracts.get("Gazette").uid]
    assert "Gazette" not in str([entry.record for entry in home.log.kept])


def test_a_client_whose_contract_is_over_or_that_nobody_knows_is_refused_and_logged(served):
    home, contracts = served
    contracts.end("Gazette")
    for name in ("Gazette", "Nobody & Sons"):
        question = SearchQuery(client=name, **FOR_ARCHIVE)
        with pytest.raises(PolicyDenied):
            home.searcher.search(picture(ALICE), question)
        with pytest.raises(PolicyDenied):
            home.searcher.compare(picture(ALICE), picture(ALICE), question)
    assert home.log.kinds[-4:] == ["search.denied"] * 4
    gazette = contracts.get("Gazette").uid
    assert [entry.record["client"] for entry in home.log.kept[-4:]] == [gazette, gazette, "unknown", "unknown"]
    assert kept_searches(home) == []


def test_a_household_has_no_clients(filled):
    with pytest.raises(WrongUse, match="no clients"):
        filled.search(ALICE, client="Gazette")
    with pytest.raises(WrongUse, match="no clients"):
        ClientWorkflow(filled.stores).add("Gazette", client_class="newsroom", jurisdiction="FR")


@pytest.mark.parametrize("scope", ["face", "picture", "source"])
def test_a_lead_that_is_erased_leaves_a_tombstone_with_its_search(served, scope):
    home, _ = served
    [lead] = home.search(ALICE, client="Gazette", **FOR_ARCHIVE).leads
    home.search(ALICE, **FOR_ARCHIVE)
    what = {"face": lead.face_id, "picture": lead.picture.id, "source": home.records.sources.get("album")}[scope]
    getattr(home.eraser, f"erase_{scope}")(what)
    assert kept_searches(home) == [("Gazette", None), (None, None)]
    with home.records.database.read() as connection:
        assert connection.exec_driver_sql("SELECT erased_leads FROM searches").scalars().all() == [1, 1]
        assert connection.exec_driver_sql("SELECT searches FROM recipients").scalars().all() == [1]


@pytest.mark.parametrize("change", ["end", "order", "erase"])
@pytest.mark.parametrize("moment", ["visible", "keep_shown"])
def test_what_comes_into_force_while_a_client_searches_binds_that_search(served, change, moment):
    home, contracts = served
    part = home.records.gallery if moment == "visible" else home.records.cases
    asked = getattr(part, moment)
    [lead] = home.search(ALICE, **FOR_ARCHIVE).leads

    def change_first(*args):
        setattr(part, moment, asked)
        if change == "end":
            contracts.end("Gazette")
        elif change == "order":
            orders.in_force(home.records, ["offer"], "client_class", "newsroom", home.clock())
        else:
            home.eraser.erase_face(lead.face_id)
        return asked(*args)

    setattr(part, moment, change_first)
    if change == "erase":
        assert home.search(ALICE, client="Gazette", **FOR_ARCHIVE).leads == ()
    else:
        with pytest.raises(PolicyDenied):
            home.search(ALICE, client="Gazette", **FOR_ARCHIVE)
    assert kept_searches(home)[-1] == ("Gazette", None)


# --- compare ---------------------------------------------------------------------------------------------------------
def test_compare_needs_no_gallery_and_keeps_nothing(toy):
    score, fmr, entry = toy.searcher.compare(picture(ALICE), picture("alice~@1,1,50,50"), SearchQuery())
    assert 0.8 < score < 1
    assert fmr.value < 1e-4
    assert toy.log.kept[0].id == entry
    assert toy.log.kinds == ["search.decided", "compare.shown"]
    other, _, _ = toy.searcher.compare(picture(ALICE), picture(BOB), SearchQuery())
    assert other < 0.5


def test_an_organisation_compares_for_a_purpose_and_a_case(organisation):
    with pytest.raises(WrongUse):
        organisation.searcher.compare(picture(ALICE), picture(BOB), SearchQuery())
    with pytest.raises(PolicyDenied):
        organisation.searcher.compare(picture(ALICE), picture(BOB), SearchQuery(purpose=Purpose.RESEARCH))
    asked = SearchQuery(purpose=Purpose.RESEARCH, case="2026-1")
    assert organisation.searcher.compare(picture(ALICE), picture(ALICE), asked)[0] == 1.0


# --- other processes -------------------------------------------------------------------------------------------------
def test_another_index_sees_new_faces_and_forgets_erased_ones(filled, album):
    from countenance.pipeline.live_index import LiveIndex
    from countenance.testing.toy import SPACE

    other = LiveIndex(filled.stores, SPACE)
    assert len(other.refresh()) == 10
    (album / "new.jpg").write_bytes(picture("dave@1,1,50,50"))
    filled.ingest()
    assert len(other.refresh()) == 11
    filled.eraser.erase_picture(filled.search("dave@1,1,50,50").leads[0].picture.id)
    assert len(other.refresh()) == 10


def test_an_index_from_segments_gives_the_scores_of_the_first(filled):
    from countenance.pipeline.live_index import LiveIndex
    from countenance.testing.toy import SPACE

    before = filled.search(ALICE)
    reads = []
    filled.stores.keys.open_many = lambda items, inner=filled.keys.open_many: reads.append(len(items)) or inner(items)
    filled.live = LiveIndex(filled.stores, SPACE)
    assert filled.search(ALICE).leads == before.leads
    assert sum(reads) <= 2  # segments, not one by one


def test_only_a_gallery_above_the_number_is_searched_approximately_and_the_answer_says_how_well(filled):
    from countenance.pipeline.live_index import LiveIndex
    from countenance.testing.toy import SPACE

    exact = filled.search(ALICE)
    assert exact.exact
    assert "recall" not in exact.as_dict()
    for above, approximate in ((10, False), (9, True)):
        filled.live = LiveIndex(filled.stores, SPACE, approximate_above=above)
        answer = filled.search(ALICE)
        assert answer.leads == exact.leads
        assert answer.exact is not approximate
        assert answer.as_dict().get("recall") == ({"value": 1.0, "sample": 10} if approximate else None)


def test_a_face_of_the_gallery_finds_the_others_and_not_itself(filled):
    first, *others = filled.search(ALICE).leads
    found = filled.searcher.search_face(first.face_id, SearchQuery())
    assert [lead.face_id for lead in found.leads] == [lead.face_id for lead in others]
    assert found.leads[0].score == pytest.approx(others[0].score, abs=0.002)
    assert found.as_dict()["probe"]["face_id"] == first.face_id
    assert "sha256" not in found.as_dict()["probe"]
    decided, shown = filled.log.kept[-2:]
    assert decided.record["face"] == first.face_id
    assert shown.record["faces"] == [lead.face_id for lead in found.leads]


def test_a_face_that_may_not_be_shown_is_no_probe_and_answers_as_one_that_never_was(filled, tmp_path):
    never, hidden = "5c3c3a54-7b0a-4b8e-9d39-0f4d8d3f3d44", filled.search(ALICE).leads[0].face_id

    def told(face):
        with pytest.raises((NotFound, PolicyDenied)) as error:
            filled.searcher.search_face(face, SearchQuery())
        return error.value.as_dict() | {"message": error.value.message.replace(face, "...")}

    filled.add_source(tmp_path / "other", "other")
    (tmp_path / "other" / "b.jpg").write_bytes(picture(BOB))
    filled.ingest("other")
    filled.records.sources.set_grant_state(filled.records.sources.get("album"), suspended_at=filled.clock())
    assert told(never)["kind"] == "not_found"
    assert told(never) == told(hidden)
    filled.records.sources.set_grant_state(filled.records.sources.get("other"), suspended_at=filled.clock())
    assert told(never) == told(hidden)
    with pytest.raises(WrongUse):
        filled.searcher.search_face("no id", SearchQuery())


def test_a_search_by_a_face_is_kept_with_its_case_without_a_picture(archive, album):
    (album / "b.jpg").write_bytes(picture("alice~@10,20,60,80"))
    archive.ingest()
    one, other = archive.search(ALICE, **FOR_ARCHIVE).leads
    before = set(archive.blobs.kept)
    archive.searcher.search_face(one.face_id, SearchQuery(**FOR_ARCHIVE))
    assert set(archive.blobs.kept) == before
    assert "" not in set(archive.records.gallery.blob_names())
    shown = [of for _, of in kept_searches(archive)]
    assert shown[1:] == [other.face_id.replace("-", "").upper()]

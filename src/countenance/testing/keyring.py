"""What every KeyRing does. Subclass in a test and say how to make one."""

from __future__ import annotations

from abc import ABC, abstractmethod

import pytest

from countenance.errors import KeyDestroyed, SealBroken
from countenance.protocols import KeyRing
from countenance.types import KeyId


class KeyRingContract(ABC):
    """The promises of `protocols.KeyRing`."""

    @abstractmethod
    def make(self) -> KeyRing:
        """A ring over this test's own store; a second call opens the same store again, as another process would."""

    @pytest.fixture
    def ring(self) -> KeyRing:
        """An empty ring."""
        return self.make()

    def test_it_is_a_key_ring(self, ring: KeyRing) -> None:
        assert isinstance(ring, KeyRing)

    def test_what_was_sealed_opens(self, ring: KeyRing) -> None:
        [key] = ring.create()
        for plaintext in (b"", b"x", bytes(range(256)) * 100):
            assert ring.open(key, "t|1|template", ring.seal(key, "t|1|template", plaintext)) == plaintext

    def test_sealed_bytes_hide_and_never_repeat(self, ring: KeyRing) -> None:
        [key] = ring.create()
        one, two = (ring.seal(key, "t|1|template", b"the same secret words") for _ in range(2))
        assert one != two
        assert b"secret" not in one

    def test_key_ids_are_sixteen_bytes_and_differ(self, ring: KeyRing) -> None:
        keys = ring.create(50) + ring.create(50)
        assert {len(key) for key in keys} == {16}
        assert len(set(keys)) == 100
        assert set(ring.ids()) == set(keys)

    def test_no_keys_may_be_asked_for(self, ring: KeyRing) -> None:
        assert ring.create(0) == []
        assert list(ring.ids()) == []

    def test_another_binding_does_not_open(self, ring: KeyRing) -> None:
        [key] = ring.create()
        sealed = ring.seal(key, "t|1|template", b"x")
        for aad in ("t|2|template", "u|1|template", "t|1|crop", ""):
            with pytest.raises(SealBroken):
                ring.open(key, aad, sealed)

    def test_another_key_does_not_open(self, ring: KeyRing) -> None:
        one, two = ring.create(2)
        with pytest.raises(SealBroken):
            ring.open(two, "b", ring.seal(one, "b", b"x"))

    def test_each_flipped_byte_is_noticed(self, ring: KeyRing) -> None:
        [key] = ring.create()
        sealed = ring.seal(key, "b", b"0123456789")
        for place in range(len(sealed)):
            broken = bytearray(sealed)
            broken[place] ^= 1
            with pytest.raises(SealBroken):
                ring.open(key, "b", bytes(broken))

    @pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" * 28])
    def test_what_is_too_short_is_broken(self, ring: KeyRing, sealed: bytes) -> None:
        [key] = ring.create()
        with pytest.raises(SealBroken):
            ring.open(key, "b", sealed)

    def test_a_destroyed_key_neither_opens_nor_seals(self, ring: KeyRing) -> None:
        doomed, kept = ring.create(2)
        sealed, other = ring.seal(doomed, "b", b"x"), ring.seal(kept, "b", b"y")
        assert ring.destroy([doomed]).physically
        with pytest.raises(KeyDestroyed):
            ring.open(doomed, "b", sealed)
        with pytest.raises(KeyDestroyed):
            ring.seal(doomed, "b", b"z")
        assert ring.open(kept, "b", other) == b"y"
        assert list(ring.ids()) == [kept]

    def test_destroying_is_final_in_every_process(self, ring: KeyRing) -> None:
        [key] = ring.create()
        sealed = ring.seal(key, "b", b"x")
        other = self.make()
        assert other.open(key, "b", sealed) == b"x"
        ring.destroy([key])
        with pytest.raises(KeyDestroyed):
            other.open(key, "b", sealed)

    def test_unknown_and_repeated_keys_may_be_destroyed(self, ring: KeyRing) -> None:
        [key] = ring.create()
        assert ring.destroy(iter([key, key, bytes(16)])).physically
        assert ring.destroy([key]).physically
        assert ring.destroy([]).physically
        assert list(ring.ids()) == []

    def test_keys_outlive_the_process(self, ring: KeyRing) -> None:
        [key] = ring.create()
        sealed = ring.seal(key, "b", b"x")
        assert self.make().open(key, "b", sealed) == b"x"

    def test_opening_many_keeps_the_order_and_leaves_holes_for_the_destroyed(self, ring: KeyRing) -> None:
        keys = ring.create(2_345)  # more than a query's worth
        items: list[tuple[KeyId, str, bytes]] = [
            (key, f"t|{n}|template", ring.seal(key, f"t|{n}|template", str(n).encode())) for n, key in enumerate(keys)
        ]
        items = items[1::2] + items[::2] + items[:5]  # in another order, and some twice
        ring.destroy(keys[::3])
        expected = [None if key in keys[::3] else aad.split("|")[1].encode() for key, aad, _ in items]
        assert ring.open_many(items) == expected
        assert ring.open_many([]) == []

    def test_sealing_many_is_as_sealing_each(self, ring: KeyRing) -> None:
        keys = ring.create(1_100)  # more than a query's worth
        items = [(key, f"t|{n}|crop", str(n).encode()) for n, key in enumerate([*keys, *keys[:3]])]
        sealed = [(key, aad, box) for (key, aad, _), box in zip(items, ring.seal_many(items), strict=True)]
        plain = [plaintext for _, _, plaintext in items]
        assert [ring.open(*each) for each in sealed[-9:]] == plain[-9:]
        assert ring.open_many(sealed) == plain
        assert ring.seal_many([]) == []
        ring.destroy(keys[5:6])
        with pytest.raises(KeyDestroyed):
            ring.seal_many(items)

    def test_opening_many_notices_the_broken_one(self, ring: KeyRing) -> None:
        keys = ring.create(3)
        items = [(key, "b", ring.seal(key, "b", b"x")) for key in keys]
        items[1] = (keys[1], "c", items[1][2])
        with pytest.raises(SealBroken):
            ring.open_many(items)

    def test_what_is_in_the_making_is_noted_until_it_is_made(self, ring: KeyRing) -> None:
        keys = ring.create(3, blobs=["a", "b"])
        assert ring.create(0, blobs=["b", "c"]) == []
        found, blobs = self.make().unconfirmed()
        assert (set(found), set(blobs)) == (set(keys), {"a", "b", "c"})
        ring.confirm([keys[0]], blobs=["a", "c"])
        ring.confirm([keys[0]], blobs=["never noted"])
        found, blobs = self.make().unconfirmed()
        assert (set(found), set(blobs)) == ({*keys[1:]}, {"b"})
        assert set(ring.ids()) == set(keys)

    def test_a_destroyed_key_is_not_in_the_making(self, ring: KeyRing) -> None:
        one, two = ring.create(2)
        ring.destroy([one])
        assert ring.unconfirmed()[0] == [two]

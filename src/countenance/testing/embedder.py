"""What every Embedder does. Subclass in a test and say how to make one."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from countenance.errors import PermitRefused
from countenance.permits import EMBEDDING_ACTS, Act, Permit
from countenance.protocols import Embedder
from countenance.testing.forged import live, refused


def synthetic_crops(count: int, *, seed: int = 1) -> NDArray[np.uint8]:
    """(count, 112, 112, 3) uint8 RGB of smooth noise, the same on every machine: integers only, no face, no licence."""
    state = np.random.RandomState(seed)  # its stream is frozen for good (NEP 19)
    coarse = state.randint(0, 256, size=(count, 8, 8, 3))
    x = np.arange(112) * 7 * 16 // 112  # place on the coarse grid in sixteenths
    low, part = x // 16, x % 16
    rows = coarse[:, low] * (16 - part)[:, None, None] + coarse[:, low + 1] * part[:, None, None]
    both = rows[:, :, low] * (16 - part)[:, None] + rows[:, :, low + 1] * part[:, None]
    return (both // 256).astype(np.uint8)


class EmbedderContract(ABC):
    """The promises of `protocols.Embedder`."""

    @classmethod
    @abstractmethod
    def make(cls) -> Embedder:
        """A new embedder."""

    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls) -> Embedder:
        """One for all tests of the class, because loading is slow."""
        return cls.make()

    @pytest.fixture
    def permit(self) -> Permit:
        """A live permit to embed."""
        return live(Act.EMBED)

    @pytest.mark.parametrize("act", sorted(EMBEDDING_ACTS))
    def test_each_embedding_act_suffices(self, embedder: Embedder, act: Act) -> None:
        assert embedder.embed(synthetic_crops(1), live(act)).shape == (1, embedder.space.dimension)

    @pytest.mark.parametrize("count", [0, 1])
    def test_no_live_permit_to_embed_no_template(self, embedder: Embedder, count: int) -> None:
        enough = {f"to {act}" for act in EMBEDDING_ACTS}
        for way, permit in refused(Act.EMBED).items():
            if way not in enough:
                with pytest.raises(PermitRefused):
                    embedder.embed(synthetic_crops(count), permit)

    def test_no_crops_give_no_rows(self, embedder: Embedder, permit: Permit) -> None:
        rows = embedder.embed(synthetic_crops(0), permit)
        assert rows.shape == (0, embedder.space.dimension)
        assert rows.dtype == np.float32

    def test_rows_are_of_unit_length(self, embedder: Embedder, permit: Permit) -> None:
        rows = embedder.embed(synthetic_crops(9), permit)
        assert rows.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)

    def test_black_and_white_crops_have_templates_too(self, embedder: Embedder, permit: Permit) -> None:
        flat = np.zeros((2, 112, 112, 3), np.uint8)
        flat[1] = 255
        np.testing.assert_allclose(np.linalg.norm(embedder.embed(flat, permit), axis=1), 1, atol=1e-5)

    def test_the_same_crops_give_the_same_rows(self, embedder: Embedder, permit: Permit) -> None:
        crops = synthetic_crops(5)
        np.testing.assert_array_equal(embedder.embed(crops, permit), embedder.embed(crops, permit))

    @pytest.mark.parametrize("count", [2, 3, 5, 9])
    def test_a_row_does_not_depend_on_its_neighbours(self, embedder: Embedder, permit: Permit, count: int) -> None:
        crops = synthetic_crops(count)
        together = embedder.embed(crops, permit)
        alone = np.concatenate([embedder.embed(crop[None], permit) for crop in crops])
        assert (together * alone).sum(axis=1).min() >= 0.9999

    def test_crops_are_not_changed_and_may_be_views(self, embedder: Embedder, permit: Permit) -> None:
        crops = synthetic_crops(4)
        crops.flags.writeable = False
        np.testing.assert_allclose(
            embedder.embed(crops[::2], permit), embedder.embed(crops[::2].copy(), permit), atol=1e-6
        )

    def test_channels_are_told_apart(self, embedder: Embedder, permit: Permit) -> None:
        crops = synthetic_crops(1)
        rgb, bgr = embedder.embed(crops, permit), embedder.embed(crops[..., ::-1], permit)
        assert float((rgb * bgr).sum()) < 0.999

    @pytest.mark.parametrize(
        "wrong",
        [
            np.zeros((112, 112, 3), np.uint8),
            np.zeros((1, 3, 112, 112), np.uint8),
            np.zeros((1, 112, 112, 4), np.uint8),
            np.zeros((1, 111, 112, 3), np.uint8),
            np.zeros((1, 112, 112, 3), np.float32),
        ],
        ids=lambda a: f"{a.shape}-{a.dtype}",
    )
    def test_other_shapes_and_dtypes_are_refused(self, embedder: Embedder, permit: Permit, wrong: Any) -> None:
        with pytest.raises(ValueError, match="crops"):
            embedder.embed(wrong, permit)

    def test_several_threads_may_embed_at_once(self, permit: Permit) -> None:
        embedder = self.make()  # not yet loaded, so that the first calls meet
        crops = synthetic_crops(4)
        rows: dict[int, NDArray[np.float32]] = {}
        threads = [
            threading.Thread(target=lambda i=i: rows.update({i: embedder.embed(crops, permit)})) for i in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for i in range(4):
            np.testing.assert_array_equal(rows[i], rows[0])

"""One embedding model at work, and all that must be of the same model: index, eraser, calibration, searcher."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, TypedDict

from countenance.app.settings import approximate_above, core_count
from countenance.pipeline.analyse import FaceAnalyser
from countenance.pipeline.erasure.erase import Eraser
from countenance.pipeline.erasure.suppression_list import SuppressionList
from countenance.pipeline.live_index import LiveIndex
from countenance.pipeline.stores import Stores
from countenance.types import CropSpec, EmbeddingSpace
from countenance.weights.model import Model

if TYPE_CHECKING:
    from countenance.calibrate.calibration import Calibration
    from countenance.calibrate.home_calibrations import HomeCalibrations
    from countenance.embed.onnx import OnnxEmbedder
    from countenance.pipeline.search.search import Searcher

PROBES = 2  # looked at side by side, where there are as many cores


class Looking(TypedDict):
    """What a `FaceAnalyser` of this home is made with."""

    detector: Model
    crops: tuple[CropSpec, ...]


class Engine:
    """Each piece is made when it is first asked for. Safe to use from several threads, also after a switch."""

    def __init__(
        self,
        stores: Stores,
        embedder: OnnxEmbedder,
        kept_out: SuppressionList,
        detector: Callable[[], Model],
        kept: HomeCalibrations,
        calibration_of: Callable[[EmbeddingSpace], Calibration],
    ) -> None:
        self.embedder = embedder
        self.kept_out = kept_out
        self._stores = stores
        self._detector = detector
        self._kept = kept
        self._calibration_of = calibration_of
        self._calibrated: tuple[object, Calibration] | None = None

    def looking(self) -> Looking:
        """With which detector pictures are looked at, and which crops the embedders want to see."""
        return {"detector": self._detector(), "crops": (self.embedder.crop, *self.kept_out.crops)}

    @cached_property
    def analyser(self) -> FaceAnalyser:
        """Child processes for probes and for what is handed in, each started when it is first needed."""
        return FaceAnalyser(workers=min(PROBES, core_count()), **self.looking())

    @cached_property
    def live(self) -> LiveIndex:
        """The index of one process, this one."""
        return LiveIndex(self._stores, self.embedder.space, approximate_above=approximate_above())

    @cached_property
    def eraser(self) -> Eraser:
        """Erases, and finishes what a crash interrupted."""
        return Eraser(self._stores, self.live)

    @property
    def calibration(self) -> Calibration:
        """What a score of this model is worth; read again once any process has put another in its place."""
        stamp = self._kept.stamp(self.embedder.space)
        if self._calibrated is None or self._calibrated[0] != stamp:
            self._calibrated = stamp, self._calibration_of(self.embedder.space)
        return self._calibrated[1]

    @property
    def searcher(self) -> Searcher:
        """Searches, by the calibration of this moment."""
        from countenance.pipeline.search.search import Searcher

        return Searcher(self._stores, self.analyser, self.embedder, self.live, self.calibration)

    def close(self) -> None:
        """Child processes are gone."""
        if "analyser" in self.__dict__:
            self.analyser.close()

"""What a cosine is worth: false-match rates, expected false leads, thresholds and bands for one embedding space.

What holds: a higher score never has worse odds, a larger gallery never a lower threshold, and no rate is shown as
measured that fewer than `SHOWN_FROM` impostors carry. docs/calibration.md has the protocol, the figures and the limits.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Self

import numpy as np

from countenance.calibrate.histogram import BINS, Histogram
from countenance.calibrate.limits import upper_limit
from countenance.calibrate.tail import ExponentialTail
from countenance.errors import NotFound, SpaceMismatch, WrongUse
from countenance.remedies import Remedy
from countenance.types import Band, EmbeddingSpace, Odds

SHOWN_FROM = 10  # impostors at or above a score; a rate from fewer is a bound
DEFAULT_FPIR = 0.01  # searches for a stranger that give a false lead (issue 2)
STRONG_BELOW = 1e-4  # expected false leads: one in 10,000 searches of this size
LEAD_BELOW = -math.log1p(-DEFAULT_FPIR)  # what the default threshold lets through; a lower one adds weak leads


@dataclass(frozen=True, slots=True)
class Calibration:
    """Scores of impostors and of genuine pairs in one space, and the tail beyond them."""

    id: str  # the first 12 hex digits of the sha256 of its JSON
    space: EmbeddingSpace
    impostor: Histogram
    genuine: Histogram
    tail: ExponentialTail
    replicates: tuple[ExponentialTail, ...]  # the tail as other people of the same kind would have given it
    about: Mapping[str, Any]  # protocol, date, versions, numbers of people and pictures

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """The calibration written in `data`. Raises: WrongUse: not a calibration."""
        try:
            fields = json.loads(data)
            return cls(
                id=hashlib.sha256(data).hexdigest()[:12],
                space=EmbeddingSpace(**fields["space"]),
                impostor=_histogram(fields["impostor"]),
                genuine=_histogram(fields["genuine"]),
                tail=_tail(fields["tail"]),
                replicates=tuple(_tail(values) for values in fields["replicates"]),
                about=dict(fields["about"]),
            )
        except (ValueError, KeyError, TypeError) as e:
            raise WrongUse(f"this is not a calibration: {e!r}") from e

    def to_json(self) -> bytes:
        """The bytes that `from_json` reads; `id` is theirs and not among them."""
        fields = {
            "about": dict(self.about),
            "space": {
                "model": self.space.model,
                "weights_sha256": self.space.weights_sha256,
                "dimension": self.space.dimension,
            },
            "tail": _numbers(self.tail),
            "impostor": {"first_bin": self.impostor.first_bin, "counts": self.impostor.counts},
            "genuine": {"first_bin": self.genuine.first_bin, "counts": self.genuine.counts},
            "replicates": [_numbers(tail) for tail in self.replicates],
        }
        lines = (f"{json.dumps(name)}: {json.dumps(value)}" for name, value in fields.items())
        return ("{\n" + ",\n".join(lines) + "\n}\n").encode()

    def fmr(self, score: float) -> Odds:
        """The share of impostor pairs that reach `score`; where fewer than SHOWN_FROM did, an upper bound.

        The bound is the 95 % limit of Clopper and Pearson, and never above the last measured rate.
        """
        trials = self.impostor.total
        count = self.impostor.at_or_above(score)
        if count >= SHOWN_FROM:
            return Odds(count / trials, bound=False)
        return Odds(min(upper_limit(count, trials), SHOWN_FROM / trials), bound=True)

    def expected_false(self, score: float, searched: int) -> Odds:
        """How many of `searched` strangers reach `score` on average. Raises: ValueError: searched < 0."""
        _require_count(searched)
        rate = self.fmr(score)
        return Odds(rate.value * searched, rate.bound)

    def threshold(self, searched: int, fpir: float = DEFAULT_FPIR) -> tuple[float, bool]:
        """The lowest score, in thousandths, that gives a false lead in at most `fpir` of searches for strangers.

        With `searched` independent impostors FPIR = 1 - (1 - FMR) ** searched (ISO/IEC 19795-1). The second value says
        whether the score is `extrapolated`: its rate is below what the data can show, so it comes from the fitted
        tail. No gallery (searched = 0) is treated as one face.

        Raises: ValueError: searched < 0; WrongUse: fpir is not between 0 and 1.
        """
        fmr = fmr_for(searched, fpir)
        allowed = math.floor(fmr * self.impostor.total + 1e-6)  # 99.99999999 pairs are 100
        if allowed >= SHOWN_FROM:
            return self.impostor.lowest_with_at_most(allowed), False
        last_shown = self.impostor.lowest_with_at_most(SHOWN_FROM)
        return max(last_shown, _up(min(self.tail.score_at(fmr), 1.0))), True

    def threshold_interval(self, searched: int, fpir: float = DEFAULT_FPIR) -> tuple[float, float] | None:
        """The 95 % interval, over other people of the same kind, of an extrapolated threshold; None of a measured one.

        Raises: as `threshold`.
        """
        if not self.threshold(searched, fpir)[1]:
            return None
        fmr = fmr_for(searched, fpir)
        low, high = np.quantile([tail.score_at(fmr) for tail in self.replicates], (0.025, 0.975))
        return _up(min(float(low), 1.0)), _up(min(float(high), 1.0))

    def band(self, score: float, searched: int) -> Band:
        """How much evidence a lead of this score carries, by the best estimate of its expected false leads.

        Below what the data can show the estimate is that of the fitted tail: a bound would make every lead of a large
        gallery weak. A band is never a certainty. Raises: ValueError: searched < 0.
        """
        _require_count(searched)
        expected = self._estimated_fmr(score) * max(searched, 1)
        if expected <= STRONG_BELOW:
            return Band.STRONG
        return Band.LEAD if expected <= LEAD_BELOW else Band.WEAK

    def _estimated_fmr(self, score: float) -> float:
        """Measured where that can be shown, else fitted; never rising with the score."""
        rate = self.fmr(score)
        return min(self.tail.fmr(score), SHOWN_FROM / self.impostor.total) if rate.bound else rate.value


def load(space: EmbeddingSpace) -> Calibration:
    """The calibration shipped for `space`.

    Raises: NotFound: none is shipped for this model; SpaceMismatch: it was measured with other weights.
    """
    file = files("countenance.calibrate") / "data" / f"{space.model}.json"
    if not file.is_file():
        raise NotFound(f"no calibration is shipped for {space.model}", Remedy.MEASURE_MODEL, values=(space.model,))
    calibration = Calibration.from_json(file.read_bytes())
    if calibration.space != space:
        raise SpaceMismatch(
            f"the calibration of {space.model} was measured with weights {calibration.space.weights_sha256[:12]}, "
            f"the templates are from {space.weights_sha256[:12]}; its odds would mean nothing",
            Remedy.MEASURE_MODEL,
            values=(space.model,),
        )
    return calibration


def round_up_searched(searched: int) -> int:
    """The number of faces searched as clients see it: rounded up to two significant figures (docs/design.md).

    Raises: ValueError: searched < 0.
    """
    _require_count(searched)
    unit: int = 10 ** max(len(str(searched)) - 2, 0)
    return -(-searched // unit) * unit


def fmr_for(searched: int, fpir: float) -> float:
    """The false-match rate with which `searched` comparisons give a false lead with probability `fpir`.

    Raises: ValueError: searched < 0; WrongUse: fpir is not between 0 and 1.
    """
    _require_count(searched)
    if not 0 < fpir < 1:
        raise WrongUse(
            f"the false positive rate {fpir} is not above 0 and below 1; 0.01 is 1 false lead in 100 searches",
            Remedy.ADD_FIELD, field="fpir", values=(0.01,),
        )  # fmt: skip
    return -math.expm1(math.log1p(-fpir) / max(searched, 1))


def _require_count(searched: int) -> None:
    if searched < 0:
        raise ValueError(f"searched is a number of faces, not {searched}")


def _up(score: float) -> float:
    """The score rounded up to thousandths."""
    return math.ceil(round(score * BINS, 6)) / BINS


def _histogram(fields: Mapping[str, Any]) -> Histogram:
    counts = tuple(int(count) for count in fields["counts"])
    if min(counts, default=-1) < 0 or not any(counts):
        raise ValueError("a histogram has counts, none of them below 0")
    return Histogram(int(fields["first_bin"]), counts)


def _tail(values: Sequence[Any]) -> ExponentialTail:
    tail = ExponentialTail(*map(float, values))
    if not (math.isfinite(tail.start) and 0 < tail.rate < 1 and 0 < tail.scale < math.inf):
        raise ValueError("a tail falls from its start")
    return tail


def _numbers(tail: ExponentialTail) -> list[float]:
    return [float(f"{value:.6g}") for value in (tail.start, tail.rate, tail.scale)]

"""A calibration's figures as Markdown, for docs/calibration.md."""

from __future__ import annotations

from countenance.calibrate.calibration import Calibration

RATES = (1e-2, 1e-3, 1e-4, 2e-5)  # measured: at least ten impostor pairs of 783,042 carry each
GALLERIES = (10, 100, 1_000, 10_000, 100_000, 1_000_000)


def figures(calibration: Calibration) -> str:
    """The figures as tables, the same text for the same calibration."""
    about, tail = calibration.about, calibration.tail
    lines = [
        (
            f"Calibration `{calibration.id}` of `{calibration.space.model}`, measured on {about['date']}: "
            f"{about['people']} people, {about['pictures']:,} pictures ({about['pictures_without_face']} without a "
            f"found face, {about['pictures_with_several_faces']} with several), "
            f"{calibration.genuine.total:,} genuine and {calibration.impostor.total:,} impostor pairs."
        ),
        "",
        "| FMR | score | genuine pairs that reach it |",
        "|---|---|---|",
    ]
    for rate in RATES:
        score = calibration.impostor.lowest_with_at_most(int(rate * calibration.impostor.total))
        lines.append(f"| {rate:.0e} | {score:.3f} | {_reached(calibration, score)} |")
    lines += [
        "",
        "| faces searched | threshold at FPIR 0.01 | 95 % interval over people | genuine pairs that reach it |",
        "|---|---|---|---|",
    ]
    for searched in GALLERIES:
        score, _ = calibration.threshold(searched)
        interval = calibration.threshold_interval(searched)
        where = "measured" if interval is None else f"extrapolated, {interval[0]:.3f} to {interval[1]:.3f}"
        lines.append(f"| {searched:,} | {score:.3f} | {where} | {_reached(calibration, score)} |")
    lines += [
        "",
        (
            f"Fitted tail: FMR(score) = {tail.rate:.3g} * exp(-(score - {tail.start:.4f}) / {tail.scale:.4f}); "
            f"generalised Pareto shape, as a check: {about['tail_shape']:+.3f}."
        ),
        "",
    ]
    return "\n".join(lines)


def _reached(calibration: Calibration, score: float) -> str:
    return f"{100 * calibration.genuine.at_or_above(score) / calibration.genuine.total:.1f} %"

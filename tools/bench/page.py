"""docs/benchmarks.md and its plots, rendered from docs/benchmarks.json and nothing else; a test renders them again."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from bench.machine import ROOT
from countenance.present.chart import Axis, Chart

JSON = ROOT / "docs" / "benchmarks.json"
PAGE = ROOT / "docs" / "benchmarks.md"
COLOURS = ("#0b6e5f", "#b4531b", "#3b5ba9", "#8a3b7e")  # of FLAT, in its order
PLOT = ROOT / "docs" / "images" / "growth.svg"

HEAD = """# Benchmarks

`make bench` measures, writes `docs/benchmarks.json`, and renders this page and its plots from it; a test compares.
`make bench PARTS="homes"` measures one part (`program`, `ingest`, `others`, `search`, `homes`, `erase`, `service`) and
leaves the rest as it was: each says which commit it is of, when it ran and how busy the machine was. Ratios are of one
run on one machine; absolute times are that machine's. Nothing here is a test: a timed test fails on a busy day. What
`others` does is measured where `COUNTENANCE_BENCH_FACE_RECOGNITION` names a Python that has `face_recognition`.
"""


ELSEWHERE = """\
## Measured elsewhere

| what | command | figures |
|---|---|---|
| searches while 1,000 opt-outs are acknowledged; whether an opt-out can be told by its timing | `python tools/measure_opt_outs.py` | [requests.md](requests.md) |
| fused templates of persons, suggested groups | `python tools/people.py PEOPLE_DIR` | [people.md](people.md) |
| detection | `python tools/measure_detection.py PEOPLE_DIR` | [detection.md](detection.md) |
| near duplicates | `python tools/measure_duplicates.py PEOPLE_DIR` | [duplicates.md](duplicates.md) |
"""  # noqa: E501  a table's rows are one line each


def render() -> None:
    """The page and the plots stand beside the figures."""
    figures = json.loads(JSON.read_text("utf-8"))
    PAGE.write_text(page(figures), "utf-8")
    if "homes" in figures:
        PLOT.parent.mkdir(exist_ok=True)
        PLOT.write_text(plot(figures["homes"]), "utf-8")


def page(figures: dict[str, Any]) -> str:
    """The text of docs/benchmarks.md."""
    parts: dict[str, Callable[[dict[str, Any]], str]] = {
        "program": _program, "ingest": _ingest, "others": _others, "search": _search, "homes": _homes,
        "erase": _erase, "service": _service,
    }  # fmt: skip
    return "\n".join([HEAD, *(write(figures[name]) for name, write in parts.items() if name in figures), ELSEWHERE])


def _run(run: dict[str, Any]) -> str:
    busy = max(run["load_before"], run["load_after"])
    others = "" if busy <= run["cores"] else " **The machine was busy with other work: wall times are too long.**"
    return _prose(
        f"Commit `{run['commit']}`, {run['at']}, {run['cores']} cores ({run['machine']}), Python {run['python']}, load",
        f"{run['load_before']} before and {run['load_after']} after.{others}",
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def _prose(*lines: str) -> str:
    """One paragraph, wrapped as the other pages are."""
    return textwrap.fill(" ".join(lines), 120, break_long_words=False, break_on_hyphens=False) + "\n"


def _program(part: dict[str, Any]) -> str:
    rows = [
        ("`countenance --help`", f"{part['help_s']:.2f} s", "0.3 s"),
        (f"`countenance search` of {part['faces']:,} faces", f"{part['search_s']:.2f} s", "2 s (1,000 faces)"),
    ]
    return "## The program\n\nFrom start to end, with a warm page cache, median of 5.\n\n" + "\n".join(
        [_run(part["run"]), _table(("what", "figure", "to be reached"), rows)]
    )


def _ingest(part: dict[str, Any]) -> str:
    rows = []
    for name, told, wanted in (("small", "250 x 250 pixels", 1.25), ("twelve_megapixels", "12 megapixels", 2.0)):
        one = part[name]
        rows.append((
            f"{one['pictures']:,} pictures of {told}", f"{one['faces_a_second']:.1f}",
            f"{one['loop_faces_a_second']:.1f}",
            f"{one['ratio']:.2f}", f"{wanted:.2f}",
        ))  # fmt: skip
    small = part["small"]
    return "\n".join([
        "## Ingest\n",
        _prose(
            "End to end into a new home, against the plain loop that one would write with OpenCV and the same weights",
            "(FaceDetectorYN at full size, alignCrop, FaceRecognizerSF), which keeps nothing and asks nobody. Faces a",
            "second; both sides warmed, taking turns, medians of three.",
        ),
        _run(part["run"]),
        _table(("pictures", "ours", "the loop", "ratio", "to be reached"), rows),
        _prose(
            f"Over the bare time of the two models: {100 * small['over_the_models']:.0f} % (to be reached: at most",
            f"15 %). A face costs {small['ingest_cpu_ms_a_face']:.1f} ms of one core, all told; YuNet's passes take",
            f"{small['bare_yunet_cpu_ms_a_face']:.1f} and SFace {small['bare_sface_cpu_ms_a_face']:.1f} of them.",
        ),
    ])  # fmt: skip


def _others(part: dict[str, Any]) -> str:
    ours, theirs = part["countenance"], part["face_recognition"]
    known = {f"`countenance` {ours['version']}": ours}
    if isinstance(theirs, str):
        told = _prose(f"`face_recognition`: {theirs}. `deepface`: {part['deepface']}.")
    else:
        known[f"`face_recognition` {theirs['version']}"] = theirs
        told = _prose(
            f"A picture costs `face_recognition` {theirs['cpu_ms_a_picture'] / ours['cpu_ms_a_picture']:.1f} times as",
            f"much, and it finds no face in {theirs['without_a_face']:,} of them. It keeps nothing and asks nobody.",
            f"`deepface`: {part['deepface']}.",
        )
    rows = [
        (name, one["faces"], f"{one['cpu_ms_a_picture']:.1f}", f"{one['cpu_ms_a_face']:.1f}",
         f"{one['pictures_a_second']:.1f}", f"{100 * one['rank_1']:.1f} %")
        for name, one in known.items()
    ]  # fmt: skip
    return "\n".join([
        "## What people use instead\n",
        _prose(
            f"{part['pictures']:,} pictures of {part['people']} people, in one run: our whole ingest, and",
            "`face_recognition` as its documentation shows it, a process a core. CPU time of all processes, which a",
            "busy machine changes little; pictures a second are of wall time. Rank 1: of each person the first picture",
            f"is the gallery, the {part['probes']} others are probes; of neither model it is known that it never saw",
            "these people.",
        ),
        _run(part["run"]),
        _table(("library", "faces", "CPU ms a picture", "CPU ms a face", "pictures a second", "rank 1"), rows),
        told,
    ])  # fmt: skip


WANTED = {(1.0, 1): "0.6", (0.01, 1): "0.025", (0.01, 1000): "0.1"}  # (share, classes): of numpy, at most


def _search(part: dict[str, Any]) -> str:
    rows = [
        (
            f"{100 * one['share']:.0f} % in {one['classes']:,}", f"{one['one_ms']:.3g}", f"{one['of_numpy']:.3f}",
            WANTED.get((one["share"], one["classes"]), ""), f"{one['batch_of_64_gain']:.1f}",
            "" if one["recall_at_10"] is None else f"{one['recall_at_10']:.3f}",
        )
        for gallery in part["exact"].values()
        for one in gallery["permitted"]
    ]  # fmt: skip
    text = [
        "## Searching the index\n",
        _prose(
            f"{part['rows']:,} made-up faces of {part['dimension']}-d, one thread; {part['clock']}, beside a scan of",
            f"float32 by numpy in the same run ({part['numpy_float32_ms']:.1f} ms). Recall is against float64, up to",
            "ties at half precision.",
        ),
        _run(part["run"]),
        _table(
            ("permitted, in classes", "ms", "of numpy's", "to be reached", "gain in batches of 64", "recall@10"), rows
        ),
    ]
    approximate = part.get("approximate")
    if approximate:
        found = [
            (f"{100 * one['share']:.0f} %", f"{one['one_ms']:.3g}", f"{one['of_numpy']:.3f}",
             f"{one['recall_at_10_against_exact']:.3f}")
            for one in approximate["permitted"]
        ]  # fmt: skip
        text += [
            _prose(
                f"The approximate index, {approximate['extra_bytes_a_face']} bytes a face more; its recall as it",
                f"measures it itself: {approximate['recall']['value']:.3f}.",
            ),
            _table(("permitted", "ms", "of numpy's", "recall@10 against exact"), found),
        ]
    return "\n".join(text)


FLAT = (  # what, unit, figure of one size
    ("ingest beside the models", "ms of CPU a face", lambda one: one["ingest_ms_a_face"]["cpu"]),
    ("refresh of another process", "ms of CPU a face", lambda one: one["refresh_ms_a_face"]["cpu"]),
    ("one erasure", "ms of CPU", lambda one: one["erase_ms"]["cpu"]),
    ("a scan", "ns a face", lambda one: one["scan_ns_a_face"]),
)


def _homes(part: dict[str, Any]) -> str:
    sizes = part["sizes"]
    newest = sizes[-1]

    def line(what: str, figure: Callable[[dict[str, Any]], str], wanted: str = "") -> tuple[str, ...]:
        return (what, *(figure(one) for one in sizes), wanted)

    rows = [
        line("memory a face, steady", lambda o: f"{o['memory_bytes_a_face']:,.0f} bytes", "400 bytes"),
        line("memory a face, peak", lambda o: f"{o['peak_bytes_a_face']:,.0f} bytes", "600 bytes"),
        line(
            "disk a face without crops", lambda o: f"{o['disk_bytes_a_face_without_crops']:,.0f} bytes", "1,500 bytes"
        ),
        line("a crop on disk", lambda o: f"{o['disk_bytes_a_face']['blobs']:,.0f} bytes"),
        line("opening the index in a new process", lambda o: f"{o['open_s']:.2f} s"),
        line("first answer of the program, warm", lambda o: f"{o['program_search_warm_s']:.2f} s", "3 s"),
        line("the same, page cache dropped", lambda o: _seconds(o["program_search_cold_s"])),
        line("a scan of all, one thread", lambda o: _both(o["scan_ms"], 2) + " ms"),
        line(
            "permit, log and show beside it", lambda o: _both(o["permit_log_show_ms"], 1) + " ms", "5 ms; fsync apart"
        ),
        line("keeping an organisation's probe", lambda o: _both(o["keep_probe_ms"], 1) + " ms"),
        line("before each ingest: what crashes left", lambda o: f"{o['before_an_ingest_ms']['cpu']:.1f} ms of CPU"),
        line("ingest beside the models", lambda o: _both(o["ingest_ms_a_face"], 2) + " ms a face", "flat"),
        line("refresh of another process", lambda o: _both(o["refresh_ms_a_face"], 3) + " ms a face", "flat"),
        line("one erasure, acknowledged", lambda o: _both(o["erase_ms"], 0) + " ms", "1 s"),
        line(
            "the slowest of them", lambda o: f"{o['erase_ms']['worst_wall']:.0f} ms ({o['erase_ms']['count']})", "1 s"
        ),
    ]
    disk = ", ".join(f"{name} {size:,.0f}" for name, size in newest["disk_bytes_a_face"].items())
    return "\n".join([
        "## Large homes\n",
        _prose(
            "One face a picture, three sources in nine policy classes, written through the pipeline's own path: gates,",
            "log, keys, seals, crops, records, change list, segments. Only pictures, crops and templates are made up",
            "(`tools/bench/made_up.py`). Where two figures stand, they are CPU and wall time; the second",
            "waits for fsync, and for others on the machine.",
        ),
        _run(part["run"]),
        _table(("what", *(f"{one['faces']:,} faces" for one in sizes), "to be reached"), rows),
        f"Bytes a face on disk at {newest['faces']:,}: {disk}.\n",
        "![Cost a face against the size of the home](images/growth.svg)\n",
        "Costs that are to be flat within 20 %, but for a scan, whose fixed half millisecond a small home feels:\n",
        _table(
            ("what", *(f"{one['faces']:,} faces" for one in sizes)),
            [(f"{what}, {unit}", *(f"{figure(one):.3g}" for one in sizes)) for what, unit, figure in FLAT],
        ),
    ])  # fmt: skip


def _erase(part: dict[str, Any]) -> str:
    scan = part["scan"]
    rows = [
        (f"{one['count']} erasures{beside}", f"{one['median']:.0f} ms", f"{one['worst']:.0f} ms", "1 s")
        for one, beside in (
            (part["acknowledged_ms"], ""), (part["acknowledged_beside_a_reader_ms"], ", beside a long read"),
        )
    ]  # fmt: skip
    pending = sum(part["pending"]["beside_a_reader"].values())
    left = ", ".join(" ".join(each) for each in scan["erased_found"]) or "nothing"
    lying = ", ".join(" ".join(each) for each in scan["lying_open"]) or "none"
    return "\n".join([
        "## Erasing\n",
        _prose(
            f"Pictures of one face, erased one by one with a receipt each from a home of {part['faces']:,} faces; wall",
            "time until it is acknowledged.",
        ),
        _run(part["run"]),
        _table(("what", "median", "slowest", "to be reached"), rows),
        _prose(
            f"An erasure wrote {part['written_bytes_an_erasure'] / 1e6:.1f} MB; {part['segments']['written_anew']} of",
            f"{part['segments']['all']} segments of the index were written anew by all of them. Beside a long read",
            f"{pending} named the write-ahead log of the records as pending, and rested on the destroyed key.",
        ),
        _prose(
            f"Then a thief with the master key read every file ({scan['bytes_read'] / 1e9:.1f} GB) and opened, with",
            f"the {scan['keys']:,} keys that were left, {scan['templates_opened']:,} templates,",
            f"{scan['crops_opened']:,} crops and {scan['segments_opened']:,} segments.",
            f"Of the {scan['erased']} erased was found: {left}",
            "(templates as float32, float16 and code, crops, keys, ids, hashes, places). Biometrics lying open, of",
            f"anybody: {lying}. Of {scan['controls']} others, on the same way:",
        ),
        _table(("what (where)", "found"), sorted(scan["controls_found"].items())),
        *_restored(part.get("restored")),
    ])  # fmt: skip


def _many(many: dict[str, Any]) -> list[tuple[str, str, str]]:
    width, height = many["pixels"]
    bare, library = many["looking_and_embedding_a_second"], many["library_searches_a_second"]
    return [
        (f"by a picture of {width} x {height}, {many['at_once']} at once for a minute: errors of {many['searches']:,}",
         str(many["errors"]), "0"),
        ("searches a second of these", f"{many['searches_a_second']:.1f}", ""),
        ("the same of the library, by as many threads", f"{library:.1f}", ""),
        ("pictures a second only decoded, detected and embedded, by as many threads", f"{bare:.1f}", ""),
        ("the service's part of the library's searches", f"{many['searches_a_second'] / library:.2f}", ""),
        ("the service's part of what is only decoded, detected and embedded",
         f"{many['searches_a_second'] / bare:.2f}", "0.85"),
        ("CPU of the service for one of these, cores that it kept busy",
         f"{many['cpu_ms_a_search']:.0f} ms, {many['cores_used']:.2f}", ""),
    ]  # fmt: skip


def _service(part: dict[str, Any]) -> str:
    face, picture, memory = part["by_face_ms"], part["by_picture_ms"], part["memory"]
    pages = part["pages"]
    rows = [
        ("search by a face, the library", f"{face['library']:.1f} ms", ""),
        ("the same by /v1", f"{face['service']:.1f} ms", ""),
        ("more by /v1", f"{face['more']:.1f} ms", "3 ms"),
        ("CPU of one by a face: the library, the service",
         f"{part['by_face_cpu_ms']['library']:.1f} ms, {part['by_face_cpu_ms']['service']:.1f} ms", ""),
        ("search by a picture, the library", f"{picture['library']:.1f} ms", ""),
        ("the same by /v1", f"{picture['service']:.1f} ms", ""),
        ("more than deciding, decoding, detecting and embedding", f"{picture['more']:.1f} ms", "10 ms"),
        *(row for many in part["many"] for row in _many(many)),
        (f"memory grown over {memory['searches']:,} searches, after the first tenth",
         f"{memory['grown_bytes'] / 2**20:.1f} MiB of {memory['late_bytes'] / 2**20:.0f}", "none"),
        (f"a page while {pages['taken']['files']:,} pictures are taken in: median of {len(pages['medians_ms'])} kinds",
         f"{pages['median_ms']:.0f} ms", "100 ms"),
        (f"the slowest of them, `{pages['slowest']}`", f"{pages['slowest_median_ms']:.0f} ms", "100 ms"),
    ]  # fmt: skip
    return "\n".join([
        "## The service\n",
        _prose(
            f"An organisation's home of {part['faces']:,} faces, by `/v1` and by the library in turns; medians of wall",
            "times where nothing else is said.",
        ),
        _run(part["run"]),
        _table(("what", "measured", "to be reached"), rows),
    ])  # fmt: skip


def _restored(scan: dict[str, Any] | None) -> list[str]:
    if scan is None:
        return []
    left = ", ".join(" ".join(each) for each in scan["erased_found"]) or "nothing"
    return [
        _prose(
            f"A backup from before the erasures ({scan['backup_bytes'] / 1e9:.1f} GB, made in",
            f"{scan['seconds_to']['backup']:.0f} s) was restored with the log, in",
            f"{scan['seconds_to']['restore']:.0f} s, and read by the same thief:",
            f"{scan['templates_opened']:,} templates, {scan['crops_opened']:,} crops and {scan['segments_opened']:,}",
            f"segments opened. Of the {scan['erased']} erased was found: {left}. Of the {scan['controls']} others:",
        ),
        _table(("what (where)", "found"), sorted(scan["controls_found"].items())),
    ]


def _both(cost: dict[str, float], digits: int) -> str:
    return f"{cost['cpu']:.{digits}f} / {cost['wall']:.{digits}f}"


def _seconds(value: float | None) -> str:
    return "not permitted here" if value is None else f"{value:.2f} s"


def plot(part: dict[str, Any]) -> str:
    """The growth as SVG, the same for the same figures."""
    faces = [one["faces"] for one in part["sizes"]]
    lines = []
    for what, _, cost in FLAT:
        costs = [cost(one) for one in part["sizes"]]
        lines.append((what, list(zip(faces, [each / costs[0] for each in costs], strict=True))))
    chart = Chart(
        "",
        Axis("faces in the home", min(faces) * 0.8, max(faces) * 1.25, log=True),
        Axis(
            "cost against the smallest home", 0, max(y for _, points in lines for _, y in points) * 1.5
        ),  # room for the legend
    )
    chart.band(0.8, 1.2, "flat within 20 %")
    for colour, (what, points) in zip(COLOURS, lines, strict=True):
        chart.line(points, colour, what)
        chart.dots(points, colour)
    return chart.svg(legend_x=80)

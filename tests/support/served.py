"""A home served by `countenance serve`, as a user would, for tests that come in by its doors."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.forked import run_module

# Debian's, without its windows where that one is there: a context costs half as much.
_INSTALLED = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
CHROMIUM = next((each for each in _INSTALLED if each.exists()), _INSTALLED[-1])
WIDTHS = (390, 1280)
END_S = 300  # a service ends in a second; a busy machine may take longer


@dataclass(frozen=True)
class Served:
    """A service that runs."""

    url: str
    link: str | None  # signs the owner of a household in, once
    process: subprocess.Popen[str]
    env: dict[str, str]


@contextmanager
def serving(home: Path, keyfile: Path, *options: str) -> Iterator[Served]:
    """`countenance serve` over that home, on a free port of this machine."""
    env = {**os.environ, "COUNTENANCE_HOME": str(home), "COUNTENANCE_KEYFILE": str(keyfile)}
    command = ("--json", "serve", "--port", 0, *options)
    with run_module(
        "countenance.cli.entry", *command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            lines = []
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line)
                if line.rstrip() == "}":
                    break
            said = json.loads("".join(lines))
            yield Served(said["address"], said["link"], process, env)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(END_S)


def worker_ids(process: subprocess.Popen[str]) -> set[int]:
    """The process ids of those that serve, among the children of `countenance serve --workers N`."""
    found = set()
    for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        with suppress(FileNotFoundError):  # it ended meanwhile
            if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text():
                found.add(int(pid))
    return found


def axe_violations(page: Any) -> list[tuple[str, list[str]]]:
    """What axe-core finds against WCAG 2.2 AA on a Playwright page as it stands: (rule, elements); [] if nothing."""
    from axe_playwright_python.sync_playwright import Axe

    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}})
    return [(v["id"], [node["html"][:200] for node in v["nodes"]]) for v in found.response["violations"]]

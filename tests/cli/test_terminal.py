"""On a terminal: only what is missing is asked, colours are for people alone, and the shell completes words."""

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.program, pytest.mark.slow]

HOUSEHOLD = ("--basis", "household", "--jurisdiction", "CA-ON")
PROGRAM = (sys.executable, "-m", "countenance.cli.main")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def at_terminal(desk, *arguments, answers=(), **environment):
    """(exit code, everything shown) of a run on a terminal of 80 columns; `answers` are (what is asked, what is typed).

    Every question must be asked, in this order.
    """
    environment = desk.environment(TERM="xterm-256color", **environment)
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(desk.root)
        os.execve(PROGRAM[0], [*PROGRAM, *map(str, arguments)], environment)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    shown, seen, waiting, ends = b"", 0, list(answers), time.monotonic() + 300
    while time.monotonic() < ends:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                part = os.read(terminal, 65536)
            except OSError:  # EIO: the other end has gone
                break
            if not part:
                break
            shown += part
        if waiting and waiting[0][0].encode() in shown[seen:] and _sleeps(process):
            seen = len(shown)
            os.write(terminal, waiting.pop(0)[1].encode())
    else:
        os.kill(process, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    os.close(terminal)
    text = shown.decode("utf-8", "replace").replace("\r\n", "\n")
    assert waiting == [], text
    assert "Traceback" not in text
    return code, text


def _sleeps(process):
    """It waits for an answer. Python misses a Ctrl-C that comes between its question and its read."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "S"


# --- source add ------------------------------------------------------------------------------------------------------
def test_a_household_is_asked_four_things_and_again_where_an_answer_does_not_fit(desk, album):
    code, text = at_terminal(
        desk, "source", "add",
        answers=[("Name of the source [album]", "\n"), ("Folder", "/no/such/folder\n"), ("Folder", f"{album.root}\n"),
                 ("Your right", "public\n"), ("Your right", "\n"), ("live?", "Atlantis\n"), ("live?", "CA-ON\n")],
    )  # fmt: skip
    assert code == 0, text
    for never in ("urpose", "Case", "case", "evidence"):
        assert never not in text
    assert "there is no folder /no/such/folder" in text
    assert "is not a jurisdiction" in text
    [source] = desk.quick.does("source", "list")["sources"]
    assert (source["name"], source["basis"], source["jurisdictions"]) == ("album", "household", ["CA-ON"])


def test_what_is_given_is_not_asked(desk, album):
    code, text = at_terminal(desk, "source", "add", "album", album.root, "--basis", "household",
                             answers=[("live?", "FR\n")])  # fmt: skip
    assert code == 0
    assert "Name of" not in text
    assert "Folder" not in text
    code, text = at_terminal(desk, "source", "add", "second", album.root, *HOUSEHOLD)
    assert code == 0
    assert "?" not in text


def test_what_is_no_right_is_refused_before_anything_is_asked(desk, album):
    code, text = at_terminal(desk, "source", "add", "web", album.root, "--basis", "public")
    assert code == 2
    assert "PIPEDA" in text
    assert "live?" not in text


def test_an_organisation_is_asked_for_evidence_law_and_purpose(desk, album, tmp_path):
    (tmp_path / "order.txt").write_text("an order")
    desk.quick.run("init", "--kind", "organisation").ended(0)
    code, text = at_terminal(
        desk, "source", "add", "plates", album.root,
        answers=[("(consent, licence, statute, historical)", "statute\n"), ("live?", "CA-ON\n"),
                 ("evidence", "nothing\n"), ("evidence", "order.txt\n"), ("law", "Act, s. 1\n"),
                 ("authority", "The archive\n"), ("Purpose", "archive-description\n")],
    )  # fmt: skip
    assert code == 0, text
    [source] = desk.quick.does("source", "list")["sources"]
    assert source["terms"] == {"authority": "The archive", "law": "Act, s. 1"}
    assert source["purposes"] == ["archive-description"]


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_ctrl_c_and_ctrl_d_at_a_question(desk, key):
    code, text = at_terminal(desk, "source", "add", answers=[("Name of", key)])
    assert code == 130
    assert "\ninterrupted" in text
    assert desk.quick.does("source", "list")["sources"] == []


def test_nobody_is_asked_where_json_is_wanted(desk):
    code, text = at_terminal(desk, "source", "add", "--json")
    assert code == 2
    assert '"kind": "wrong_use"' in text


# --- erase -----------------------------------------------------------------------------------------------------------
def test_erase_asks_on_a_terminal_and_says_what_would_go(mine):
    code, text = at_terminal(
        mine, "erase", "--source", "album", answers=[("24 pictures and 26 faces for good?", "n\n")]
    )
    assert code == 1
    assert "Nothing was erased" in text
    assert mine.quick.does("status")["faces"] == 26
    code, text = at_terminal(mine, "erase", "--source", "no such", answers=[])
    assert code == 4, "an id that is not there is not asked about"
    code, text = at_terminal(mine, "source", "takedown", "album", answers=[("for good?", "y\n")])
    assert code == 0
    assert mine.quick.does("status")["faces"] == 0


def test_yes_asks_nothing(mine):
    code, text = at_terminal(mine, "erase", "--source", "album", "--yes")
    assert code == 0
    assert "?" not in text


# --- what is seen ----------------------------------------------------------------------------------------------------
def test_colours_are_for_terminals(taken, album):
    code, text = at_terminal(taken, "search", album.probe, "--top", "2")
    assert code == 0
    assert "\x1b[32m" in text
    piped = taken.quick.run("search", album.probe, "--top", 2).ended(0).out
    assert "\x1b" not in piped
    without = [re.sub(r"log entry \w+", "", ESCAPE.sub("", said)).split() for said in (text, piped)]
    assert without[0] == without[1]


def test_no_color_is_heard(taken, album):
    _, text = at_terminal(taken, "search", album.probe, "--top", "2", NO_COLOR="1")
    assert "\x1b" not in text


def test_a_bar_on_the_terminal_and_the_answer_after_it(desk, album):
    desk.quick.run("source", "add", "album", album.root, *HOUSEHOLD).ended(0)
    code, text = at_terminal(desk, "ingest")
    assert code == 0
    assert "[####################]  28/28" in text
    answer = text.rindex("24 added")
    assert "#" not in text[answer:]
    counts = [int(n) for n in re.findall(r"(\d+)/28", ESCAPE.sub("", text))]
    assert counts == sorted(counts), "the bar never runs backward"
    assert counts[-1] == 28


@pytest.mark.parametrize("command", ["status", "source list", "doctor", "log verify", "source show album"])
def test_answers_fit_80_columns_but_for_paths_and_hashes(taken, command):
    out = taken.quick.run(*command.split()).ended(0).out
    assert out
    for line in out.splitlines():
        words = [word for word in line.split() if "/" not in word and len(word) < 60]
        assert len(" ".join(words)) <= 80, line


# --- completion ------------------------------------------------------------------------------------------------------
def completed(desk, shell, words, environment):
    """What the program proposes to the shell."""
    done = subprocess.run([*PROGRAM], env=desk.environment(_COUNTENANCE_COMPLETE=f"{shell}_complete", **environment),
                          capture_output=True, text=True, cwd=desk.root)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_names_the_program_and_says_so_in_json(desk, shell):
    said = desk.quick.run("completion", shell).ended(0)
    assert "_COUNTENANCE_COMPLETE" in said.out
    assert desk.quick.does("completion", shell) == {"shell": shell, "script": said.out.removesuffix("\n")}


@pytest.mark.parametrize(("line", "wanted"), [("countenance sea", "search"), ("countenance source wi", "withdraw"),
                                              ("countenance search --thr", "--threshold"),
                                              ("countenance init --kind org", "organisation")])  # fmt: skip
def test_words_are_completed(desk, line, wanted):
    words = line.split(" ")
    out = completed(desk, "bash", words, {"COMP_WORDS": line, "COMP_CWORD": len(words) - 1})
    assert wanted in out


def test_bash_takes_the_script(desk):
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash here")
    script = desk.quick.run("completion", "bash").out
    (desk.root / "completion.bash").write_text(script)
    done = subprocess.run(
        [bash, "--norc", "-euc", "source ./completion.bash; complete -p countenance"],
        cwd=desk.root, env=desk.environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "countenance" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_take_the_script(desk, shell):
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} here")
    (desk.root / "script").write_text(desk.quick.run("completion", shell).out)
    done = subprocess.run([program, "-n", desk.root / "script"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# --- how a caller may leave the streams and the arguments ------------------------------------------------------------
def test_an_argument_that_is_no_text_is_told(desk):
    for options in ((), ("--json",)):
        said = desk.run(*options, "source", "show", "\udcff")
        assert said.code == 2
        assert "is not text in UTF-8" in said.out + said.err


@pytest.mark.parametrize(("closed", "code"), [("<&-", 0), ("2>&-", 0), (">&-", 1)])
def test_a_stream_that_the_caller_closed_breaks_nothing(desk, closed, code):
    command = f'"{sys.executable}" -m countenance.cli.entry status {closed}'
    done = subprocess.run(["sh", "-c", command], env=desk.environment(), capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert ("standard output" in done.stderr) == (code == 1)

"""`python -m hil_tests run` and `pen hil`: exit codes, progress, summary, and an honest end however a run ends."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hil_tests import runner
from hil_tests.evidence.results import Verdict
from pen_host.cli import hil
from pen_host.errors import ExitCode, NoPenError, UsageError
from tests.cli.conftest import COMMAND
from tests.evidence.fakes import PROCESS_S, environment, run, suite

pytestmark = pytest.mark.xdist_group("runs of the suite")

PASSES = "def test_holds(evidence):\n    evidence.at_most('coil off', 5, 10, 'us')\n"
FAILS = "def test_too_long(evidence):\n    evidence.at_most('coil off', 12, 10, 'us')\n"
SKIPS = "def test_rig():\n    pytest.skip('no rig here')\n"
# a test that waits until it is told to go on, and says that it waits
WAITS = """
def test_waits():
    open({there!r}, "w").close()
    end = time.monotonic() + 60
    while time.monotonic() < end:
        time.sleep(0.05)
"""


def results(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "results.json").read_text(encoding="utf-8"))
    return content


def test_only_a_run_that_passed_has_the_exit_code_0() -> None:
    assert {verdict for verdict in Verdict if runner.EXIT_CODES[verdict] == ExitCode.OK} == {Verdict.PASSED}


@pytest.mark.parametrize(
    ("tests", "code", "verdict"),
    [
        (PASSES + SKIPS, ExitCode.OK, "passed"),
        (PASSES + FAILS, ExitCode.VERIFICATION, "failed"),
        (SKIPS, ExitCode.REFUSED, "incomplete"),
    ],
    ids=["passes", "fails", "only skips"],
)
def test_the_exit_code_is_0_only_when_something_ran_and_nothing_failed(
    tmp_path: Path, tests: str, code: ExitCode, verdict: str
) -> None:
    out = tmp_path / "out"
    done = run("run", "--out", out, "--suite", suite(tmp_path / "suite", tests), "--workers", "0", "--json")
    assert done.returncode == code, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["verdict"] == verdict == results(out)["verdict"]
    assert Path(told["page"]).is_file()


def test_a_run_tells_each_test_and_then_the_worst_values_and_what_did_not_run(tmp_path: Path) -> None:
    folder = suite(tmp_path / "suite", PASSES + FAILS + SKIPS)
    done = run("run", "--out", tmp_path / "out", "--suite", folder, "--workers", "2")
    told = sorted(line.split(maxsplit=1)[1] for line in done.stderr.splitlines())
    assert [line.split()[0] for line in told] == ["failed", "passed", "skipped"]
    assert told[0].endswith("too long: coil off: 12 us, but must be at most 10 us")
    assert all("/3 " in line for line in done.stderr.splitlines())
    (worst,) = [line for line in done.stdout.splitlines() if line.startswith("coil off")]
    assert worst.split() == [
        "coil",
        "off",
        "12",
        "µs",
        "at",
        "most",
        "10",
        "µs",
        "20",
        "%",
        "beyond",
        "HAZ-03",
        "2",
    ]
    assert "FAILED   too long: coil off: 12 us, but must be at most 10 us" in done.stdout
    assert "not run  1: no rig here" in done.stdout
    assert "FAILED  1 of 2 tests FAILED, 1 more did not apply or could not run." in done.stdout
    assert str(tmp_path / "out" / "index.html") in done.stdout


def test_tests_can_be_chosen(tmp_path: Path) -> None:
    folder = suite(tmp_path / "suite", PASSES + FAILS)
    done = run("run", "--out", tmp_path / "out", "--suite", folder, "--workers", "0", "-k", "holds")
    assert done.returncode == ExitCode.OK
    assert [test["title"] for test in results(tmp_path / "out")["tests"]] == ["holds"]


def test_a_folder_that_holds_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("mine")
    done = run("run", "--out", tmp_path, "--json")
    assert done.returncode == ExitCode.USAGE
    assert "already holds thesis.doc" in json.loads(done.stdout)["error"]["sentence"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.doc"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    done = run("run", "--out", tmp_path / "out")
    assert done.returncode == ExitCode.USAGE
    assert "cannot be a folder for evidence" in done.stderr
    assert "Traceback" not in done.stderr


def test_tests_that_cannot_begin_are_told_with_pytests_own_words(tmp_path: Path) -> None:
    folder = suite(tmp_path / "suite", PASSES)
    (folder / "conftest.py").write_text("import no_such_module\n")
    done = run("run", "--out", tmp_path / "out", "--suite", folder, "--workers", "0")
    assert done.returncode == ExitCode.USAGE
    assert "could not begin" in done.stderr
    assert "no_such_module" in done.stderr
    assert "no_such_module" in (tmp_path / "out" / "pytest.txt").read_text()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "required: --out"),
        (["--out", "x", "--pen", "boat"], "No pen is called boat"),
        (["--out", "x", "--pen", "serial"], "No pen is called serial"),
        (["--out", "x", "--images", "a.uf2"], "Images are for --pen chip"),
        (["--out", "x", "--pen", "chip", "--images", "nowhere.uf2"], "nowhere.uf2 does not exist"),
        (["--out", "x", "--suite", "nowhere"], "nowhere does not exist"),
        (["--out", "x", "--workers", "many"], "is no number"),
        (["--out", "x", "--workers", "-1"], "is no number"),
        (["--out", "x", "--pen", "serial:COM3"], "A real pen needs its rig"),
        (["--out", "x", "--rig", "serial:COM4"], "A real pen needs its rig"),
        (
            ["--out", "x", "--pen", "serial:COM3", "--rig", "serial:COM4", "--workers", "2"],
            "One pen serves one process",
        ),
        (["--out", "x", "--fast"], "Unrecognized arguments"),
    ],
)
def test_wrong_words_are_refused_before_anything_happens(words: list[str], sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        runner.asked_for(words)
    assert sentence in refused.value.sentence
    assert "no test was run" in refused.value.sentence


def test_a_chip_without_an_image_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PEN_MICROPYTHON_UF2", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    with pytest.raises(NoPenError, match="PEN_MICROPYTHON_UF2"):
        runner.asked_for(["--pen", "chip", "--out", "x"])
    monkeypatch.setenv("PEN_MICROPYTHON_UF2", str(tmp_path / "gone.uf2"))
    with pytest.raises(UsageError, match="is not a file"):
        runner.asked_for(["--pen", "chip", "--out", "x"])


def test_images_reach_the_tests_and_a_real_pen_has_one_process(tmp_path: Path) -> None:
    images = [tmp_path / "a.uf2", tmp_path / "b.uf2"]
    for image in images:
        image.touch()
    asked = runner.asked_for(["--pen", "chip", "--out", "x", "--images", *map(str, images)])
    assert runner.environment(asked)["PEN_MICROPYTHON_UF2"] == os.pathsep.join(map(str, images))
    words = runner.command(runner.asked_for(["--pen", "serial:COM3", "--rig", "serial:COM4", "--out", "x"]))
    assert words[words.index("--rig") + 1] == "serial:COM4"
    assert words[words.index("-n") + 1] == "0"


def test_an_unknown_command_is_refused() -> None:
    done = run("fly")
    assert done.returncode == ExitCode.USAGE
    assert "no command 'fly'" in done.stderr


# --- ends -------------------------------------------------------------------------------------------------------------------

needs_signals = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")


@contextmanager
def waiting_run(tmp_path: Path, workers: int) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A run that has finished one test and is amid the next."""
    there = tmp_path / "there"
    folder = suite(tmp_path / "suite", PASSES + WAITS.format(there=str(there)))
    out = tmp_path / "out"
    words = ["hil", "run", "--out", str(out), "--suite", str(folder), "--workers", str(workers)]
    process = subprocess.Popen(
        [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )
    try:
        end_s = time.monotonic() + PROCESS_S
        while not (there.exists() and _finished(out)):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end_s, "waited in vain"
            time.sleep(0.05)
        yield process, out
    finally:
        process.kill()
        process.communicate()


def _finished(out: Path) -> bool:
    log = out / "log.jsonl"
    return log.exists() and '"finished"' in log.read_text()


def _tests_process(runner_pid: int) -> int:
    """The process that runs the tests: the runner's only child."""
    children = Path(f"/proc/{runner_pid}/task/{runner_pid}/children").read_text().split()
    (child,) = map(int, children)
    return child


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


@needs_signals
@pytest.mark.parametrize(
    ("number", "workers"),
    [(signal.SIGINT, 0), (signal.SIGINT, 1), (signal.SIGTERM, 0), (signal.SIGHUP, 0)],
    ids=["Ctrl-C", "Ctrl-C with a worker", "polite end", "closed terminal"],
)
def test_ctrl_c_or_a_polite_end_leaves_a_partial_result_that_says_so(
    tmp_path: Path, number: signal.Signals, workers: int
) -> None:
    with waiting_run(tmp_path, workers) as (process, out):
        tests_pid = _tests_process(process.pid)
        process.send_signal(number)
        told, said = process.communicate(timeout=PROCESS_S)
        assert _gone(tests_pid)
    assert process.returncode == ExitCode.REFUSED, said
    assert "Breaking off" in said
    assert (
        "INCOMPLETE  1 of 1 test passed. The run did not end by itself (broken off): 1 never had their turn."
        in told
    )
    content = results(out)
    assert (content["verdict"], content["ending"], content["collected"]) == ("incomplete", "broken off", 2)
    assert [test["title"] for test in content["tests"]] == ["holds"]
    assert "INCOMPLETE" in (out / "index.html").read_text()


@needs_signals
def test_tests_that_are_killed_leave_what_they_had(tmp_path: Path) -> None:
    with waiting_run(tmp_path, 0) as (process, out):
        os.kill(_tests_process(process.pid), signal.SIGKILL)
        told, _ = process.communicate(timeout=PROCESS_S)
    assert process.returncode == ExitCode.REFUSED
    content = results(out)
    assert (content["verdict"], content["ending"], content["ended"]) == ("incomplete", "killed", None)
    assert [test["title"] for test in content["tests"]] == ["holds"]
    assert "INCOMPLETE" in told


@needs_signals
def test_a_second_ctrl_c_kills_tests_that_do_not_heed_the_first(tmp_path: Path) -> None:
    deaf = WAITS.format(there=str(tmp_path / "there")).replace(
        "def test_waits():\n", "def test_waits():\n    signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    )
    folder = suite(tmp_path / "suite", deaf)
    out = tmp_path / "out"
    words = ["hil", "run", "--out", str(out), "--suite", str(folder), "--workers", "0"]
    process = subprocess.Popen(
        [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )
    try:
        end_s = time.monotonic() + PROCESS_S
        while not (tmp_path / "there").exists():
            assert time.monotonic() < end_s
            time.sleep(0.05)
        tests_pid = _tests_process(process.pid)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert "Breaking off" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PROCESS_S)
        assert _gone(tests_pid)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == ExitCode.REFUSED
    assert results(out)["ending"] == "killed"


# --- a terminal ---------------------------------------------------------------------------------------------------------------


@needs_signals
def test_a_terminal_shows_a_bar_with_counts_and_the_test_at_hand(tmp_path: Path) -> None:
    drawn = tmp_path / "drawn"
    # goes on when all of it was drawn: a machine that does other things as well draws when it comes to it
    waits = (
        WAITS.format(there=str(tmp_path / "there"))
        .replace(
            "time.sleep(0.05)",
            f"""time.sleep(0.05)
        if os.path.exists({str(drawn)!r}):
            return""",
        )
        .replace("test_waits", "test_takes_a_while")
    )
    folder = suite(tmp_path / "suite", PASSES + FAILS + waits)
    words = ["run", "--out", str(tmp_path / "out"), "--suite", str(folder), "--workers", "0"]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "hil_tests", *words],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**environment(), "TERM": "xterm"},
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
            if all(word in _plain(shown) for word in ("2/3", "takes a while")):
                drawn.touch()
    except OSError:  # how Linux says that the other side has closed
        pass
    process.communicate(timeout=PROCESS_S)
    os.close(ours)
    text = _plain(shown)
    assert process.returncode == ExitCode.VERIFICATION
    assert "2/3" in text
    assert "1 passed" in text
    assert "1 failed" in text
    assert "takes a while" in text
    assert "must be at most 10 us" in text


def _plain(shown: bytes) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode(errors="replace"))


# --- pen hil ------------------------------------------------------------------------------------------------------------------


def test_an_installed_program_says_where_the_suite_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(hil, "CLONE", tmp_path)
    with pytest.raises(UsageError, match="comes with the source") as refused:
        hil.become("run", [])
    assert refused.value.exit_code == ExitCode.USAGE


def test_pen_hil_is_the_suites_own_program_from_any_folder(tmp_path: Path) -> None:
    folder = suite(tmp_path / "suite", PASSES)
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [*COMMAND, "hil", "run", "--out", "out", "--suite", str(folder), "--workers", "0", "--json"],
        capture_output=True,
        text=True,
        timeout=PROCESS_S,
        check=False,
        cwd=tmp_path,
        # the fake suite imports this clone's tests
        env=bare | {"PYTHONPATH": str(runner.ROOT)},
    )
    assert done.returncode == ExitCode.OK, done.stderr
    assert json.loads(done.stdout)["passed"] == 1
    assert results(tmp_path / "out")["verdict"] == "passed"

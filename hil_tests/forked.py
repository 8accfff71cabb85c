"""Runs one test in a copy of this process: what it does to the emulated chip is gone when it ends."""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
import warnings
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

_CRASHED = 70
"""Exit status of a copy that could not tell how its test went."""


def run_in_copy(item: pytest.Item) -> None:
    """Run the item's setup, call and teardown in a forked process and log its reports here."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        # the copy uses the emulator only, which belongs to the thread that forks
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        os.close(reader)
        _tell_and_end(item, writer)
    os.close(writer)
    try:
        told = _read_all(reader)
        _, status = os.waitpid(child, 0)
        child = 0
    finally:
        os.close(reader)
        if child:
            # a timeout of the test strikes here, in the parent
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    for report in _reports(item, told, status):
        item.ihook.pytest_runtest_logreport(report=report)


def _tell_and_end(item: pytest.Item, writer: int) -> None:
    """In the copy: run the test, hand its reports over, and end without anything of the run's own cleaning up."""
    status = _CRASHED
    try:
        reports = runtestprotocol(item, log=False, nextitem=None)
        data = [
            item.config.hook.pytest_report_to_serializable(config=item.config, report=one) for one in reports
        ]
        with os.fdopen(writer, "w", encoding="utf-8") as pipe:
            json.dump(data, pipe)
        status = 0
    except BaseException:  # noqa: BLE001 - whatever it is, this process must not go on as a second test run
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _read_all(reader: int) -> bytes:
    parts = []
    while part := os.read(reader, 65_536):
        parts.append(part)
    return b"".join(parts)


def _reports(item: pytest.Item, told: bytes, status: int) -> list[pytest.TestReport]:
    if told and not status:
        data: list[dict[str, Any]] = json.loads(told)
        config = item.config
        return [config.hook.pytest_report_from_serializable(config=config, data=one) for one in data]
    report = pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords={},
        outcome="failed",
        longrepr=f"the copy of the process that ran this test ended with status {status} and told nothing",
        when="call",
    )
    return [report]

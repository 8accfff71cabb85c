"""Several tests in copies of one led process: each begins where it was led to, and a copy or a leader that dies is a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.evidence.fakes import PROCESS_S

ROOT = Path(__file__).resolve().parents[2]
CONFTEST = """
import os
import pytest
from hil_tests import forked

COPIES = []
LED = []

def lead(item):
    LED.append(item.name)
    if item.name == "test_leader_dies":
        os._exit(9)

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item):
    if not COPIES:
        COPIES.append(forked.Copies(item.session.items, lead, cores=2, limit_s=LIMIT_S))
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    COPIES[0].report(item)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True

def pytest_sessionfinish():
    for copies in COPIES:
        copies.end()

@pytest.fixture
def led():
    return LED
"""

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


def run(folder: Path, tests: str, limit_s: int = PROCESS_S) -> str:
    (folder / "conftest.py").write_text(f"LIMIT_S = {limit_s}\n{CONFTEST}", encoding="utf-8")
    (folder / "test_led.py").write_text(tests, encoding="utf-8")
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-c",
        os.devnull,
        "-v",
    ]
    done = subprocess.run(
        [*words, "--rootdir", str(folder), str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PROCESS_S,
        check=False,
    )
    return done.stdout


def test_each_test_begins_where_it_was_led_and_leaves_nothing_to_the_next(tmp_path: Path) -> None:
    told = run(
        tmp_path,
        "def test_a(led):\n    assert led == ['test_a']\n    led.append('mine')\n\n"
        "def test_b(led):\n    assert led == ['test_a', 'test_b']\n\n"
        "def test_c(led):\n    assert led == ['test_a', 'test_b', 'test_c']\n",
    )
    assert "3 passed" in told, told


def test_a_copy_that_dies_or_hangs_is_one_failure_and_the_others_end(tmp_path: Path) -> None:
    told = run(
        tmp_path,
        "import os, time\n\ndef test_dies():\n    os._exit(3)\n\n"
        "def test_hangs():\n    time.sleep(600)\n\n"
        "def test_after():\n    pass\n",
        limit_s=5,  # of which the last one, on a busy machine, needs a part
    )
    assert "2 failed, 1 passed" in told, told
    assert told.count("told nothing") >= 2


def test_a_leader_that_dies_fails_what_it_had_not_come_to(tmp_path: Path) -> None:
    told = run(
        tmp_path,
        "def test_first():\n    pass\n\ndef test_leader_dies():\n    pass\n\ndef test_never_begun():\n    pass\n",
    )
    assert "PASSED" not in told.split("test_leader_dies", 1)[1], told
    assert "failed" in told, told

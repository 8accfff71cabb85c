"""A process that writes the record and is killed loses nothing it was told is written, and leaves no half of anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked writers; this system cannot fork")
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_any_moment_nothing_acknowledged_is_lost(tmp_path: Path, seed: int) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.host.journal_crash",
        str(tmp_path / "record.sqlite3"),
        "30",
        str(seed),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("30 crashes, ")

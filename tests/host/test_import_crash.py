"""An import that is killed anywhere leaves whole patients and no stray picture, and a second one brings in the rest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EVERY = 45
"""In the suite; the campaign takes every place."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked importers; this system cannot fork")
@pytest.mark.covers("REQ-1413")
@pytest.mark.parametrize(
    "stride", [EVERY, pytest.param(1, marks=[pytest.mark.campaign, pytest.mark.timeout(900)])]
)
def test_an_import_killed_anywhere_is_whole_patients_and_goes_on(tmp_path: Path, stride: int) -> None:
    command = [sys.executable, "-m", "tests.host.import_crash", str(tmp_path), str(stride)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    kills = int(done.stdout.partition(" kills; ")[0])
    assert kills >= (100 if stride == 1 else 6)

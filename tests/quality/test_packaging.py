"""A wheel holds all four packages, the command and the files for the chip, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "pen_protocol": "protocol/pen_protocol",
    "pen_firmware": "firmware/pen_firmware",
    "pen_sim": "firmware/pen_sim",
    "pen_host": "host/pen_host",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (file,) = folder.glob("*.whl")
    return zipfile.ZipFile(file)


@pytest.mark.xdist_group("wheel")
def test_every_module_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    missing = [
        f"{package}/{file.relative_to(ROOT / folder).as_posix()}"
        for package, folder in PACKAGES.items()
        for file in (ROOT / folder).rglob("*.py")
        if f"{package}/{file.relative_to(ROOT / folder).as_posix()}" not in names
    ]
    assert not missing


@pytest.mark.xdist_group("wheel")
def test_what_the_chip_starts_lies_where_it_cannot_be_imported_by_accident(wheel: zipfile.ZipFile) -> None:
    for name in ("boot.py", "main.py"):
        assert wheel.read(f"pen_firmware/device/{name}") == (ROOT / "firmware" / name).read_bytes()
        assert name not in wheel.namelist()


@pytest.mark.xdist_group("wheel")
def test_nothing_else_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert tops == {*PACKAGES, "derma_pen-0.1.0.dist-info"}


@pytest.mark.xdist_group("wheel")
def test_the_command_is_installed(wheel: zipfile.ZipFile) -> None:
    assert b"pen = pen_host.cli:main" in wheel.read("derma_pen-0.1.0.dist-info/entry_points.txt")

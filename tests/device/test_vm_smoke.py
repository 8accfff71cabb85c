"""The MicroPython VM that other tests build on really is one, and its harness tells the truth."""

from __future__ import annotations

import binascii
import struct
from pathlib import Path

import pytest

from tests import micropython_vm
from tests.micropython_vm import MicroPythonError, run_micropython


def test_it_is_micropython() -> None:
    printed = run_micropython("import sys; print(sys.implementation.name, sys.implementation.version[:2])")
    assert printed == "micropython (1, 27)\n"


def test_crc32_and_struct_agree_with_cpython() -> None:
    printed = run_micropython(
        "import binascii, struct\n"
        "print(binascii.crc32(b'123456789'))\n"
        "print(binascii.hexlify(struct.pack('<BHIi', 1, 2, 3, -4)).decode())\n"
    )
    assert printed.split() == [str(binascii.crc32(b"123456789")), struct.pack("<BHIi", 1, 2, 3, -4).hex()]


def test_packages_are_imported_from_disk(tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    (room / "__init__.py").write_text("")
    (room / "part.py").write_text("from micropython import const\nDEPTH_UM = const(750)\n")
    assert run_micropython("from room.part import DEPTH_UM\nprint(DEPTH_UM)", [tmp_path]) == "750\n"


def test_a_script_can_be_a_file(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("print('from a file')")
    assert run_micropython(script) == "from a file\n"


def test_bytes_outside_ascii_arrive_whole() -> None:
    assert run_micropython("print('µm')") == "µm\n"


def test_an_exception_on_the_vm_is_an_exception_here() -> None:
    with pytest.raises(MicroPythonError, match="ValueError: no such depth"):
        run_micropython("raise ValueError('no such depth')")


def test_the_chip_is_not_there() -> None:
    with pytest.raises(MicroPythonError, match="ImportError"):
        run_micropython("import machine")


def test_an_archive_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="sha512"):
        micropython_vm._unpack(b"something else", tmp_path / "package")


def test_without_node_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(micropython_vm.VmMissingError, match="apt-get install npm"):
        micropython_vm.installed()


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_absence_skips_on_a_desk_and_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome):
        micropython_vm.require_vm()

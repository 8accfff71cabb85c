"""Which pen is meant: a USB id only nominates, the greeting names, and a choice is never guessed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from serial.tools import list_ports

from pen_host import discovery
from pen_host.discovery import Found, choose
from pen_host.errors import BusyPortError, ManyPensError, NoPenError, NotAPenError, SchemaMismatchError

ONE = Found("/dev/ttyACM0", "e66051", "0.1.0", None)
TWO = Found("/dev/ttyACM1", "e66177", "0.1.0", None)
HELD = Found("/dev/ttyACM2", None, None, BusyPortError("/dev/ttyACM2"))
TOASTER = Found("/dev/ttyACM3", None, None, NotAPenError("It is a toaster."))
OLDER = Found("/dev/ttyACM4", None, None, SchemaMismatchError("It is of another release."))


def test_the_only_pen_is_chosen_whatever_else_is_connected() -> None:
    assert choose([TOASTER, HELD, ONE, OLDER]) == "/dev/ttyACM0"


def test_several_pens_are_listed_and_none_is_taken() -> None:
    with pytest.raises(ManyPensError, match="e66051, e66177"):
        choose([ONE, TWO])


def test_a_serial_number_or_its_beginning_chooses() -> None:
    assert choose([ONE, TWO], "e66177") == "/dev/ttyACM1"
    assert choose([ONE, TWO], "E6605") == "/dev/ttyACM0"
    with pytest.raises(ManyPensError):
        choose([ONE, TWO], "e66")


def test_a_serial_number_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(NoPenError, match="ffff; connected: e66051"):
        choose([ONE], "ffff")


def test_a_held_port_or_another_release_says_so() -> None:
    with pytest.raises(BusyPortError):
        choose([TOASTER, HELD])
    with pytest.raises(SchemaMismatchError):
        choose([OLDER])


def test_no_pen_comes_with_advice_and_with_what_was_asked() -> None:
    with pytest.raises(NoPenError, match="Plug the pen in"):
        choose([])
    with pytest.raises(NoPenError, match="ttyACM3: It is a toaster"):
        choose([TOASTER])


def test_only_ports_with_the_right_usb_id_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    ports = [
        SimpleNamespace(device="/dev/ttyS0", vid=None, pid=None),
        SimpleNamespace(device="/dev/ttyACM1", vid=0x2E8A, pid=0x0005),
        SimpleNamespace(device="/dev/ttyACM0", vid=0x2E8A, pid=0x0005),
        SimpleNamespace(device="/dev/ttyUSB0", vid=0x0403, pid=0x6001),
    ]
    monkeypatch.setattr(list_ports, "comports", lambda: ports)
    assert discovery.candidates() == ["/dev/ttyACM0", "/dev/ttyACM1"]


def test_a_greeting_names_the_pen() -> None:
    found = discovery.probe("sim:?seed=5")
    assert found.complaint is None
    assert found.serial is not None
    assert len(found.serial) == 16
    assert found.firmware is not None


def test_a_port_that_cannot_be_opened_is_reported_not_raised() -> None:
    (found,) = discovery.scan(["/dev/no-such-port"])
    assert found.serial is None
    assert isinstance(found.complaint, NoPenError)

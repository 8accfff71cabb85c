"""Outcomes and errors: what a person reads, and what a shell gets."""

from __future__ import annotations

from pen_host import errors
from pen_host.outcomes import Done, Refused, Unknown


def every_error(base: type[errors.PenError]) -> set[type[errors.PenError]]:
    found = {base}
    for child in base.__subclasses__():
        found |= every_error(child)
    return found


def test_exit_codes_are_the_published_ones() -> None:
    assert {code.name: code.value for code in errors.ExitCode} == {
        "OK": 0,
        "USAGE": 2,
        "NO_DEVICE": 3,
        "SEVERAL_DEVICES": 4,
        "PORT_BUSY": 5,
        "PROTOCOL": 6,
        "REFUSED": 7,
        "AUTH": 8,
        "VERIFICATION": 9,
        "JOURNAL": 10,
        "UNKNOWN": 11,
    }


def test_every_error_has_an_exit_code_that_is_not_success() -> None:
    assert all(error.exit_code is not errors.ExitCode.OK for error in every_error(errors.PenError))


def test_an_error_shows_its_sentence() -> None:
    assert str(errors.BusyPortError("/dev/ttyACM0")).startswith(
        "The port /dev/ttyACM0 is held by another program"
    )
    assert "held by screen" in errors.BusyPortError("COM3", "screen").sentence
    assert "SN1, SN2" in errors.ManyPensError(["SN1", "SN2"]).sentence
    assert "cable pulled" in errors.TransportLostError("COM3", "cable pulled").sentence


def test_an_outcome_says_what_it_means() -> None:
    assert Done(0, 0, "HOME").sentence == "HOME is done."
    assert "Treat it as executed" in Unknown("no answer after 3 sendings", 9, "ARM").sentence
    assert Refused(18, 1, "because").sentence == "because"


def test_outcomes_cannot_be_mistaken_for_each_other_or_changed() -> None:
    outcomes = {Done(1, 2), Refused(1, 2, "s"), Unknown("w", 1)}
    assert len(outcomes) == 3

"""The whole firmware on a real MicroPython: a steady pass takes nothing from the heap, a frame only its check sum."""

from __future__ import annotations

from pathlib import Path

import pytest

from pen_firmware.upkeep import REQUEST_BLOCKS
from tests.micropython_vm import ROOT, run_micropython

SCRIPT = Path(__file__).with_name("pass_on_device.py")
BLOCK_BYTES = 16
"""A check sum is a 32-bit word and is boxed: one block of the heap."""

pytestmark = pytest.mark.xdist_group("pass_vm")


@pytest.fixture(scope="module")
def printed() -> dict[str, list[str]]:
    lines = run_micropython(SCRIPT, [ROOT / "protocol", ROOT / "firmware"]).splitlines()
    return {name: rest for name, *rest in map(str.split, lines)}


def test_the_firmware_starts_and_passes_its_self_test(printed: dict[str, list[str]]) -> None:
    assert printed["state"] == ["True", "True"]


@pytest.mark.parametrize("phase", ["idle", "armed", "stroking", "emergency"])
def test_a_steady_pass_allocates_nothing(printed: dict[str, list[str]], phase: str) -> None:
    assert int(printed[phase][0]) == 0
    assert "False" not in printed[phase]


def test_strokes_ran_meanwhile_and_were_counted(printed: dict[str, list[str]]) -> None:
    assert printed["strokes"] == ["True", "True"]


def test_heartbeats_and_status_take_no_more_than_their_check_sums(printed: dict[str, list[str]]) -> None:
    """So that a run of a minute outlasts no heap: see `upkeep.BLOCKS_TO_SHED`."""
    taken, sent, received, armed = printed["frames"]
    assert armed == "True"
    assert int(sent) >= 19
    assert int(received) == 25
    assert int(taken) <= (int(sent) + int(received)) * BLOCK_BYTES
    assert printed["lease"] == ["True"]


def test_no_request_takes_more_than_the_firmware_reckons_with(printed: dict[str, list[str]]) -> None:
    """Its own blocks, and one for each of the two frames."""
    assert 0 < int(printed["requests"][0]) <= (REQUEST_BLOCKS + 2) * BLOCK_BYTES
    assert printed["stopped"] == ["True", "True"]

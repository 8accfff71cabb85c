"""What runs in every pass takes nothing from the heap: a collection of garbage never falls into a stroke."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.micropython_vm import ROOT, run_micropython

SCRIPT = Path(__file__).with_name("allocations_on_device.py")
TIMES = 400
FREE = (
    "sensors_tick",
    "collect",
    "supervisor_step",
    "supervisor_stop",
    "leases",
    "counters_update",
    "needle_tick",
    "needle_stop",
    "depth_tick",
    "depth_stop",
    "decode_noise",
)
BOXED_BYTES = 32
"""A check sum to be sent is a whole 32-bit word and is boxed, once: two blocks of the heap."""

pytestmark = pytest.mark.xdist_group("allocations_vm")


@pytest.fixture(scope="module")
def taken() -> dict[str, list[str]]:
    """What the VM printed, by call."""
    lines = run_micropython(SCRIPT, [ROOT / "protocol", ROOT / "firmware"]).splitlines()
    return {name: rest for name, *rest in map(str.split, lines)}


@pytest.mark.parametrize("call", FREE)
@pytest.mark.covers("REQ-1303")
def test_a_steady_call_allocates_nothing(taken: dict[str, list[str]], call: str) -> None:
    assert int(taken[call][0]) == 0


@pytest.mark.parametrize("call", ["decode_frame", "encode_frame"])
def test_a_frame_costs_no_more_than_its_boxed_check_sum(taken: dict[str, list[str]], call: str) -> None:
    assert int(taken[call][0]) <= TIMES * BOXED_BYTES


def test_the_measurement_sees_an_allocation(taken: dict[str, list[str]]) -> None:
    assert int(taken["allocates"][0]) >= TIMES * 16


def test_the_needle_really_ran_meanwhile(taken: dict[str, list[str]]) -> None:
    """Otherwise its tick would be cheap because it did nothing."""
    edges, acks, mismatch, frames, errors = taken["strokes"]
    assert int(edges) == int(acks) > 100
    assert mismatch == "False"
    assert int(frames) == TIMES + 20
    assert int(errors) > 0

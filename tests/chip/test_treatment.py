"""A treatment on the chip: boot, identity, homing, depth, cartridge, arming, strokes under the trigger, the way out."""

from __future__ import annotations

import itertools

import pytest

from hil_tests.chip import ChipPen
from hil_tests.chip_client import ChipClient
from pen_protocol import limits, messages
from pen_protocol.states import State

pytestmark = [pytest.mark.chip, pytest.mark.timeout(2_400)]
DEPTH_UM = 750
RATE_MHZ = 120_000
BOOT_MS = 4_000
HELD_MS = 400


def test_the_outputs_stay_low_through_boot_and_the_pen_says_who_it_is(boot):
    """main.py as it is shipped: no output rises before a lease of the self-test, no stroke at all."""
    pen = boot()
    client = ChipClient(pen)
    identity = client.hello()

    assert identity.product == messages.PRODUCT
    assert identity.schema_hash == messages.SCHEMA_HASH
    assert identity.runtime.startswith(b"mpy 1.")
    assert client.wait_for(lambda status: status.state == State.IDLE, BOOT_MS)
    assert pen.wiring.edges.needle_rise_ns == []
    assert pen.wiring.edges.steps == 0
    assert pen.resets == 0


def test_a_treatment_from_boot_to_disarm(boot, capsys):
    pen = boot("measured.py")
    client = ChipClient(pen)
    client.hello()
    first_answer_ms = pen.now_ms
    assert client.wait_for(lambda status: status.state == State.IDLE, BOOT_MS)
    client.open_session()
    client.done("HOME")
    assert client.done("SET_DEPTH", depth_um=DEPTH_UM).value == DEPTH_UM
    assert pen.wiring.protrusion_um == DEPTH_UM
    client.done("SET_RATE", rate_mhz=RATE_MHZ)
    cartridge = client.request("CARTRIDGE_READ")
    assert cartridge is not None
    assert cartridge.serial == pen.wiring.wire.device.cartridge.serial
    client.done("CARTRIDGE_USE", serial=cartridge.serial)
    assert pen.wiring.wire.device.burns == 1
    client.done("ARM", depth_um=DEPTH_UM, rate_mhz=RATE_MHZ, plan_hash=1)
    assert client.wait_for(lambda status: status.state == State.ARMED, BOOT_MS)
    assert pen.wiring.edges.needle_rise_ns == []

    pen.set(trigger=True)
    pen.run_ms(HELD_MS)
    released_ns = pen.now_ns
    pen.set(trigger=False)
    pen.run_ms(80)
    rises = list(pen.wiring.edges.needle_rise_ns)
    status = client.get_status()

    assert status.state == State.ARMED
    assert len(rises) >= (HELD_MS - 120) * RATE_MHZ // 1_000_000
    assert status.strokes_total == len(rises), "the pen counts every edge of its needle pad"
    assert pen.wiring.edges.needle_fall_ns[-1] - released_ns <= limits.BUDGET_TRIGGER_MS * 1_000_000
    periods = [(later - earlier) / 1000 for earlier, later in itertools.pairwise(rises)]
    assert max(periods) - min(periods) < 2.0, "no jitter while the CPU lives"
    assert pen.wiring.glitches == 0

    client.done("DISARM")
    figures = _figures(pen, client)
    with capsys.disabled():
        print(f"\nfirst answer after {first_answer_ms:.0f} ms of the chip")
        print("\n".join(figures))
    assert figures[-1] == "end"


def _figures(pen: ChipPen, client: ChipClient) -> list[str]:
    """What the measured pen says once disarmed."""
    end_ms = pen.now_ms + 1_000
    client.raw.clear()
    while pen.now_ms < end_ms and b"FIGURE end" not in client.raw:
        pen.run_ms(5)
        client.poll()
    lines = bytes(client.raw).split(b"FIGURE ")[1:]
    return [line.split(b"\r\n")[0].decode() for line in lines]

"""The real host program on the real firmware on the emulated chip: session, record, strokes, counts."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from hil_tests.chip import ChipPen
from hil_tests.chip_transport import ChipTransport
from pen_host.journal import Journal
from pen_host.names import State
from pen_host.pen import Pen
from pen_host.plans import load_plan
from pen_host.session import Operator, open_session, recover, wait_for_boot
from pen_host.session.events import seen
from pen_host.worker import PenWorker
from pen_protocol import limits

pytestmark = [pytest.mark.chip, pytest.mark.timeout(2_400)]
GREETING_S = 600
"""Wall time for the chip to boot and answer; it computes far slower than it would."""
IMPORTED_MS = 2_000
"""From power to a firmware that reads its stream; a host that greets earlier gives up for the first time."""
DEPTH_UM = 600
RATE_MHZ = 100_000
HELD_MS = 300


def let_pass(pen: Pen, duration_ms: float) -> None:
    """Let this much of the chip's time pass while the worker goes on; it is the worker that runs the chip."""
    transport = pen.worker._transport
    end_s = transport.clock() + duration_ms / 1_000
    while transport.clock() < end_s:
        pen.status()


def test_the_host_treats_and_records_on_the_emulated_chip(boot, tmp_path: Path, capsys) -> None:
    chip: ChipPen = boot()
    chip.run_ms(IMPORTED_MS)
    transport = ChipTransport(chip)
    worker = PenWorker(transport, transport.clock)
    began_s = time.monotonic()
    with Journal.create_or_open(tmp_path / "record.sqlite") as journal, Pen(worker) as pen:
        worker.add_gate("journal", lambda: journal.healthy)
        identity = worker.connect(GREETING_S)
        assert identity.runtime.startswith("mpy 1.")
        wait_for_boot(pen, lambda pause_s: let_pass(pen, pause_s * 1_000))
        operator = Operator("chip test", "rig")
        recover(pen, journal, operator)
        plan = load_plan("demo_scalp")
        session = open_session(pen, journal, operator, plan, None, {})
        session.tighten(plan)
        session.home()
        assert session.set_depth(DEPTH_UM).value == DEPTH_UM
        assert chip.wiring.protrusion_um == DEPTH_UM
        session.set_rate(RATE_MHZ)
        cartridge = seen(pen.cartridge_read())
        assert cartridge is not None
        session.use_cartridge(cartridge)
        session.arm(DEPTH_UM, RATE_MHZ, plan.plan_hash)
        while pen.status().state is State.ARMING:
            pass
        chip.set(trigger=True, contact=True)
        let_pass(pen, HELD_MS)
        assert pen.status().state is State.STROKING
        released_ns = chip.now_ns
        chip.set(trigger=False)
        let_pass(pen, 60)
        session.disarm()
        session.close()
        edges = chip.wiring.edges
        with journal.reader() as reader:
            strokes = reader.strokes(session.session_id)
        assert strokes.total.strokes == len(edges.needle_rise_ns) > 10
        assert strokes.sure
        assert edges.needle_fall_ns[-1] - released_ns <= limits.BUDGET_TRIGGER_MS * 1_000_000
        assert journal.verify().intact
    with capsys.disabled():
        print(
            f"\n{identity.runtime}: {strokes.total.strokes} strokes by host, record and coil alike; "
            f"{chip.now_ms / 1_000:.1f} s of the chip in {time.monotonic() - began_s:.0f} s"
        )

"""The wire under strokes: bytes that are no frames change nothing; a write cut by a loss of power is as if it had not begun."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from hil_tests.benches import Ability, Signal
from hil_tests.evidence.recorder import Evidence
from hil_tests.host import GREETING_S, RATE_MHZ, Station
from hil_tests.stages import Stage
from hil_tests.suite.strokes import stroke
from hil_tests.waves import periods_us
from pen_firmware import pio_programs
from pen_host.names import State

SEED = 20260203
NOISE_BYTES = 120
CUT_AFTER_BYTES = 20
CTRL_C = b"\x03"


@pytest.mark.stage(Stage.ARMED)
@pytest.mark.covers("HAZ-12")
def test_noise_and_the_interpreters_interrupt_change_no_stroke(station: Station, evidence: Evidence) -> None:
    bench = station.bench
    stroke(station)
    noise = random.Random(SEED).randbytes(NOISE_BYTES)
    evidence.note("noise", f"seed {SEED}, {NOISE_BYTES} bytes, among them the interrupt character")
    transport = station.worker._transport
    for piece in (CTRL_C, noise[:60], CTRL_C * 3, noise[60:], b"\x00"):
        transport.write(piece)
        station.let_pass(15)
    station.let_pass(60)
    period_us = pio_programs.needle_period_us(RATE_MHZ)
    worst_us = max(abs(one - period_us) for one in periods_us(bench.edges(Signal.COIL)))
    evidence.at_most("stroke period under noise on the wire", worst_us, bench.resolution_ns / 1_000, "us")
    evidence.equal("resets under noise", bench.resets, 0, "resets")
    assert station.status().state is State.STROKING


@pytest.mark.stage(Stage.GREETED)
@pytest.mark.needs(Ability.FLASH_CUT)
@pytest.mark.covers("SETTINGS_INVALID")
def test_settings_whose_writing_was_cut_are_the_old_ones(station: Station, evidence: Evidence) -> None:
    bench, pen = station.bench, station.pen
    old = pen.settings_read()
    new = replace(old, version=old.version + 1, backlash_um=old.backlash_um + 10)
    happened = bench.cut_next_flash_write(CUT_AFTER_BYTES)
    ticket = pen.worker.submit("SETTINGS_WRITE", _fields(new))
    station.worker.run(lambda: happened() or ticket.outcome is not None, GREETING_S)
    assert happened(), "the power failed amid the write"
    bench.await_boot()
    again = station.reconnect()
    again.worker.connect()
    evidence.equal("resets by the watchdog after the cut", bench.resets, 0, "resets")
    held = again.pen.settings_read()
    evidence.equal("settings version after a cut write", held.version, old.version, "", hazard="HAZ-14")
    assert held == old
    assert bench.edges(Signal.COIL) == []


def _fields(settings: object) -> dict[str, int | bytes]:
    from dataclasses import asdict

    values = asdict(settings)  # type: ignore[call-overload]
    values.pop("valid")
    return values

"""What the world does to a treatment: noise on the wire, nonsense in a cartridge, power lost amid a write of the settings."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from pen_host.errors import PenError, UnknownOutcomeError
from pen_host.journal import Kind
from pen_host.names import State
from pen_host.session import TreatmentAbandonedError
from pen_protocol import limits
from pen_sim.eeprom import Cartridge
from pen_sim.rig import SimPen
from pen_sim.stream import LaneFaults
from tests.host.treatment_bench import Station, small_plan

NOISE_PERIOD_MS = 7


@pytest.mark.parametrize("seed", range(3))
def test_random_bytes_between_the_frames_change_nothing(station: Station, seed: int) -> None:
    draw = random.Random(seed)

    def noise() -> None:
        station.sim.stream.to_pen.send(draw.randbytes(draw.randrange(1, 60)))
        station.sim.stream.to_host.send(draw.randbytes(draw.randrange(1, 60)))
        station.sim.at_ms(NOISE_PERIOD_MS * draw.randrange(1, 20), noise)

    noise()
    result = station.treat()
    assert result.strokes_pen == result.strokes_journal == station.strokes_made()
    assert result.chain_ok


def test_a_bad_cable_costs_time_and_no_stroke(station: Station) -> None:
    station.sim.stream.set_faults(
        # one frame in fifty: three sendings in a row are lost in hardly any treatment, which then would rightly end as unknown
        LaneFaults(lose=0.01, corrupt=0.01, duplicate=0.05, split=0.3, reorder=0.02, delay_us=4_000)
    )
    result = station.treat()
    assert result.strokes_pen == result.strokes_journal == station.strokes_made()


def test_a_question_is_asked_anew_when_a_bad_moment_swallowed_every_answer(station: Station) -> None:
    heard = station.sim.stream.to_host
    heard.faults = LaneFaults(lose=1.0)

    def hear_again() -> None:
        heard.faults = LaneFaults()

    station.sim.at_ms(limits.REQUEST_TRIES * limits.REQUEST_RETRY_MS + 100, hear_again)
    assert station.pen.status().state is State.IDLE
    heard.faults = LaneFaults(lose=1.0)
    with pytest.raises(UnknownOutcomeError, match="did not answer GET_STATUS"):
        station.pen.status()


@pytest.mark.parametrize("seed", range(4))
def test_a_cartridge_full_of_nonsense_is_refused_and_nothing_moves(station: Station, seed: int) -> None:
    def insert_nonsense(number: int) -> None:
        memory = bytearray(random.Random(seed * 10 + number).randbytes(128))
        cartridge = Cartridge(number=900 + number, memory=memory)
        station.hands.change(lambda: station.sim.bench.insert_cartridge(cartridge))

    station.hands.on_cartridge = insert_nonsense
    with pytest.raises(TreatmentAbandonedError, match="cartridges were refused"):
        station.treat()
    assert station.strokes_made() == 0
    assert not station.sim.trace.of("step", station.begun_us)
    assert not [row for row in station.rows(Kind.INTENT) if row.payload["request"] == "CARTRIDGE_USE"]


def test_a_cartridge_for_another_plan_or_out_of_date_is_refused_with_its_reason(station: Station) -> None:
    wrong = [
        Cartridge(number=901, needles=36),
        Cartridge(number=902, expiry_days=400),
        Cartridge(number=903, lot=b" " * 12),
    ]
    inserted = iter([*wrong[1:], Cartridge(number=904)])
    station.sim.bench.insert_cartridge(wrong[0])

    def give(number: int) -> None:
        if number > 1:
            station.hands.change(lambda: station.sim.bench.insert_cartridge(next(inserted)))

    station.hands.on_cartridge = give
    result = station.treat(small_plan(zones=1))
    refused = " ".join(why for kind, why in station.hands.asked if kind == "cartridge")
    assert "36 needles" in refused
    assert "no lot number" in refused
    assert "expiry date" in refused or "last day was" in refused
    assert result.strokes_pen == result.strokes_journal


@pytest.mark.parametrize("after_bytes", [1, 10, 20, 30])
def test_power_lost_amid_a_write_of_the_settings_leaves_the_old_ones(
    station: Station, after_bytes: int
) -> None:
    held = station.pen.settings_read()
    station.pen.settings_write(replace(held, version=held.version + 1, rate_max_mhz=120_000))
    station.sim.bench.inject("flash_cut", after_bytes=after_bytes)
    station.pen.settings_write(replace(held, version=held.version + 2, rate_max_mhz=130_000))
    station.let_pass(3)
    assert station.sim.power_losses == 1
    kept = station.pen.settings_read()
    assert kept.valid
    assert (kept.version, kept.rate_max_mhz) == (held.version + 1, 120_000)
    assert station.treat(small_plan(zones=1)).strokes_pen == station.strokes_made()


def test_settings_that_verify_nowhere_block_and_say_so(tmp_path: Path) -> None:
    first = SimPen(seed=1)
    with Station(tmp_path / "first", first) as station:
        held = station.pen.settings_read()
        for version in (1, 2):
            station.pen.settings_write(replace(held, version=held.version + version))
    flash = first.board.flash
    for slot in list(flash.writes):
        flash.corrupt(slot, 20)
    with Station(tmp_path / "second", SimPen(seed=1, flash=flash)) as station:
        assert not station.pen.settings_read().valid
        with pytest.raises(PenError) as caught:
            station.treat()
        assert "settings" in caught.value.sentence.lower()
        assert station.strokes_made() == 0

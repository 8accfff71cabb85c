"""Cartridge: burned and proven, latched and taken off; used is never usable again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pen_firmware import cartridge as module
from pen_firmware import cartridge_layout as layout
from pen_firmware import wire
from pen_protocol.faults import Refusal
from pen_protocol.states import Condition
from pen_sim.board import SimBoard
from pen_sim.clock import SimClock
from pen_sim.eeprom import Cartridge as SimCartridge
from tests.firmware.cartridge_bench import EXPIRY_DAYS, LOT, Bench, fresh

# --- burning ----------------------------------------------------------------------------------------------------------


def test_a_burned_cartridge_may_be_used_in_this_session_only() -> None:
    device = fresh()
    bench = Bench(device)
    assert bench.burn() == module.RESULT_OK
    assert bench.part.burned_here
    assert bench.part.condition == 0
    assert bench.part.used == module.USED_YES
    assert bytes(device.memory[32:40]) == bytes(8)
    assert bytes(device.memory[:32]) == layout.build_page(LOT, EXPIRY_DAYS, 12)
    assert bytes(device.memory[40:]) == layout.GUARD + b"\xff" * 84
    bench.part.end_session()
    assert not bench.part.burned_here
    assert bench.part.condition == Condition.CARTRIDGE_USED
    assert bench.burn() == Refusal.CARTRIDGE


def test_burning_twice_in_a_session_burns_once() -> None:
    bench = Bench(fresh())
    assert bench.burn() == module.RESULT_OK
    assert bench.burn() == module.RESULT_OK
    assert bench.board.wire.burns == 1
    assert bench.part.burned_here


def test_another_serial_than_asked_for_is_refused_and_not_burned() -> None:
    device = fresh()
    bench = Bench(device)
    assert bench.burn(layout.build_rom(99)) == Refusal.CARTRIDGE
    assert bench.board.wire.burns == 0
    assert bench.part.condition == 0
    assert not bench.part.burned_here


@pytest.mark.parametrize(
    "device",
    [
        SimCartridge(used=True),
        SimCartridge(expiry_days=1),
        SimCartridge(memory=bytearray(128)),
        fresh(present=False),
        fresh(garbage=True),
    ],
)
def test_what_may_not_be_used_is_not_burned(device: SimCartridge) -> None:
    bench = Bench(device)
    before = bytes(device.memory)
    assert bench.burn() == Refusal.CARTRIDGE
    assert bytes(device.memory) == before


@given(st.integers(0, 7))
@pytest.mark.covers("REQ-0502", "CARTRIDGE_USED")
def test_a_torn_burn_leaves_the_cartridge_used_for_ever(written: int) -> None:
    device = fresh(burn_torn_after=written)
    bench = Bench(device)
    assert bench.burn() == Refusal.BURN_FAILED
    assert not bench.part.burned_here
    assert bench.part.condition == Condition.CARTRIDGE_USED
    device.burn_torn_after = None
    bench.change(device)
    assert bench.read() == Condition.CARTRIDGE_USED
    if written:
        assert Bench(device).read() == Condition.CARTRIDGE_USED, "after a reset the mark alone says so"


@pytest.mark.covers("REQ-0501")
def test_a_memory_that_cannot_be_burned_is_never_armed_with() -> None:
    device = fresh(burn_blocked=True)
    bench = Bench(device)
    assert bench.burn() == Refusal.BURN_FAILED
    assert not bench.part.burned_here
    bench.change(device)
    assert bench.read() == Condition.CARTRIDGE_USED


@given(st.integers(0, 100), st.sampled_from(["silent", "unlatched", "aborted"]))
@settings(max_examples=100)
def test_whenever_a_burn_is_cut_short_the_cartridge_is_burned_and_proven_or_not_usable_here(
    passes: int, how: str
) -> None:
    device = fresh()
    bench = Bench(device)
    assert bench.part.request_burn(device.serial)
    for now in range(200):
        if not bench.part.busy:
            break
        if how == "silent":
            bench.board.wire_silent = now >= passes
        elif how == "aborted" and now == passes:
            bench.part.abort()
            break
        bench.tick(latched=how != "unlatched" or now < passes)
    part = bench.part
    assert not part.busy
    if part.burned_here:
        assert part.result == module.RESULT_OK
        assert bytes(device.memory[32:40]) == bytes(8)
        return
    assert part.result != module.RESULT_OK
    bench.board.wire_silent = False
    bench.change(device)
    assert bench.read() == (Condition.CARTRIDGE_USED if device.marked else part.condition)
    if device.marked:
        assert part.used == module.USED_YES


def test_a_scratchpad_that_does_not_read_back_is_not_copied() -> None:
    device = fresh()
    bench = Bench(device)
    wire_device = bench.board.wire
    original = wire_device._write_scratchpad

    def wrong_byte(cartridge: SimCartridge) -> None:
        original(cartridge)
        wire_device._scratchpad[3] = 0x10

    wire_device._write_scratchpad = wrong_byte  # type: ignore[method-assign]
    assert bench.burn() == Refusal.BURN_FAILED
    assert not device.marked
    assert bench.part.condition == 0, "nothing happened to it"
    assert not bench.part.burned_here


def test_the_memory_has_its_time_to_burn() -> None:
    bench = Bench(fresh())
    assert bench.part.request_burn(bench.board.wire.cartridge.serial)  # type: ignore[union-attr]
    seen: list[int] = []
    original = bench.board.wire_reset

    def reset() -> bool:
        seen.append(bench.board.clock.now_us - (bench.board.wire._busy_until_us or bench.board.clock.now_us))
        return original()

    bench.board.wire_reset = reset  # type: ignore[method-assign]
    assert bench.finish() == module.RESULT_OK
    assert all(late_us >= 0 for late_us in seen)


# --- latch ------------------------------------------------------------------------------------------------------------


def test_an_open_latch_blocks_at_once() -> None:
    bench = Bench(fresh())
    bench.read()
    bench.tick(latched=False)
    assert bench.part.condition == Condition.CARTRIDGE_UNLATCHED


def test_a_bounce_of_the_latch_loses_nothing() -> None:
    bench = Bench(fresh())
    assert bench.burn() == module.RESULT_OK
    bench.tick(latched=False)
    bench.tick()
    assert bench.part.condition == 0
    assert bench.part.burned_here


@pytest.mark.covers("REQ-0502")
def test_detached_after_use_means_never_again_here_or_after_a_reset() -> None:
    device = fresh()
    bench = Bench(device)
    assert bench.burn() == module.RESULT_OK
    bench.change(device)
    assert not bench.part.burned_here
    assert bench.part.condition == Condition.CARTRIDGE_ABSENT
    assert bench.read() == Condition.CARTRIDGE_USED
    assert Bench(device).read() == Condition.CARTRIDGE_USED


def test_a_memory_that_forgot_its_mark_is_remembered_by_the_pen() -> None:
    device = fresh()
    bench = Bench(device)
    assert bench.burn() == module.RESULT_OK
    device.memory[32:40] = b"\xff" * 8
    bench.change(device)
    assert bench.read() == Condition.CARTRIDGE_USED


def test_a_proven_mark_that_vanished_ends_the_use() -> None:
    device = fresh()
    bench = Bench(device)
    assert bench.burn() == module.RESULT_OK
    device.memory[32:40] = b"\xff" * 8
    assert bench.read() == Condition.CARTRIDGE_USED
    assert not bench.part.burned_here


def test_a_cartridge_changed_behind_a_latch_that_did_not_open_is_noticed_by_the_next_reading() -> None:
    first, second = fresh(1), fresh(2)
    bench = Bench(first)
    assert bench.burn() == module.RESULT_OK
    bench.board.wire.cartridge = second
    assert bench.read() == 0
    assert not bench.part.burned_here
    bench.board.wire.cartridge = first
    assert bench.read() == Condition.CARTRIDGE_USED


def test_the_last_eight_used_cartridges_are_remembered() -> None:
    devices = [fresh(number) for number in range(1, module.REMEMBERED + 1)]
    bench = Bench(devices[0])
    for device in devices:
        bench.change(device)
        assert bench.burn() == module.RESULT_OK
        device.memory[32:40] = b"\xff" * 8
    for device in devices:
        bench.change(device)
        assert bench.read() == Condition.CARTRIDGE_USED


def test_requests_while_busy_change_nothing() -> None:
    device = fresh()
    bench = Bench(device)
    assert bench.part.request_burn(device.serial)
    assert not bench.part.request_read()
    assert not bench.part.request_burn(layout.build_rom(1))
    assert bench.finish() == module.RESULT_OK
    assert bench.part.burned_here


def test_requests_with_an_open_latch_end_in_the_next_pass() -> None:
    bench = Bench(fresh())
    bench.part.request_burn(layout.build_rom(7))
    bench.tick(latched=False)
    assert bench.part.result == Refusal.CARTRIDGE
    assert bench.longest_us == 0


def test_every_transaction_checks_who_answers() -> None:
    board = SimBoard(SimClock())
    board.wire.cartridge = fresh(1)
    transaction = wire.Transaction(board, 8)
    transaction.expected[:] = layout.build_rom(2)
    transaction.known = True
    transaction.begin(b"", 0, 0)
    while transaction.state == wire.RUNNING:
        transaction.tick()
    assert transaction.state == wire.OTHER_ROM

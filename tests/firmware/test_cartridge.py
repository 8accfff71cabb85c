"""Cartridge: read and judged; used means used, and nothing unclear is ever usable."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pen_firmware import cartridge as module
from pen_firmware import cartridge_layout as layout
from pen_protocol import version
from pen_protocol.states import Condition
from pen_sim.eeprom import Cartridge as SimCartridge
from tests.firmware.cartridge_bench import EXPIRY_DAYS, LOT, Bench, fresh


def test_nothing_is_known_before_a_reading() -> None:
    bench = Bench(fresh())
    bench.tick()
    assert bench.part.condition == Condition.CARTRIDGE_ABSENT
    assert bench.part.used == module.USED_UNKNOWN
    assert not bench.part.burned_here


def test_a_new_cartridge_is_read_whole() -> None:
    device = fresh()
    bench = Bench(device)
    assert bench.read() == 0
    part = bench.part
    assert (part.serial, part.lot, part.expiry_days, part.needles) == (device.serial, LOT, EXPIRY_DAYS, 12)
    assert part.used == module.USED_NO
    assert not part.burned_here


def test_a_pass_spends_at_most_two_bytes_on_the_bus() -> None:
    bench = Bench(fresh())
    assert bench.burn() == module.RESULT_OK
    assert bench.longest_us <= 1_200


def test_the_bus_is_left_alone_unless_something_was_asked_for() -> None:
    bench = Bench(fresh())
    bench.read()
    bench.longest_us = 0
    for _ in range(500):
        bench.tick()
    assert bench.longest_us == 0


def test_budgets_hold() -> None:
    bench = Bench(fresh())
    begun_us = bench.board.clock.now_us
    bench.read()
    assert bench.board.clock.now_us - begun_us < module.READ_BUDGET_MS * 1_000 // 3
    begun_us = bench.board.clock.now_us
    bench.burn()
    assert bench.board.clock.now_us - begun_us < module.BURN_BUDGET_MS * 1_000 // 3


@pytest.mark.parametrize(
    ("device", "condition"),
    [
        (None, Condition.CARTRIDGE_ABSENT),
        (fresh(present=False), Condition.CARTRIDGE_ABSENT),
        (fresh(garbage=True), Condition.CARTRIDGE_UNREADABLE),
        (SimCartridge(used=True), Condition.CARTRIDGE_USED),
        (SimCartridge(expiry_days=version.BUILD_DAY - 1), Condition.CARTRIDGE_EXPIRED),
        (SimCartridge(expiry_days=version.BUILD_DAY), 0),
        (SimCartridge(memory=bytearray(128)), Condition.CARTRIDGE_UNREADABLE),
        (SimCartridge(memory=bytearray(b"\xff" * 128)), Condition.CARTRIDGE_UNREADABLE),
    ],
)
@pytest.mark.covers("REQ-0503", "REQ-0602", "CARTRIDGE_EXPIRED")
def test_every_kind_of_cartridge_gets_its_condition(device: SimCartridge | None, condition: int) -> None:
    assert Bench(device).read() == condition


def test_the_date_given_is_held_against_the_expiry_and_never_goes_back() -> None:
    bench = Bench(fresh())
    bench.part.set_today(EXPIRY_DAYS)
    assert bench.read() == 0
    bench.part.set_today(EXPIRY_DAYS + 1)
    bench.part.set_today(1)
    assert bench.read() == Condition.CARTRIDGE_EXPIRED


@given(st.binary(min_size=128, max_size=128))
@settings(max_examples=40)
@pytest.mark.covers("REQ-0601", "CARTRIDGE_UNREADABLE")
def test_random_memories_are_never_usable(memory: bytes) -> None:
    assert Bench(SimCartridge(memory=bytearray(memory))).read() != 0


@given(st.binary(min_size=8, max_size=8))
@settings(max_examples=60)
def test_a_mark_that_is_not_wholly_new_is_used(mark: bytes) -> None:
    device = fresh()
    device.memory[layout.MARK_OFFSET : layout.MARK_OFFSET + layout.MARK_SIZE] = mark
    condition = Bench(device).read()
    assert condition == (0 if mark == b"\xff" * 8 else Condition.CARTRIDGE_USED)


@given(st.integers(0, 63))
@settings(max_examples=20)
def test_one_fallen_bit_of_the_mark_is_used(bit: int) -> None:
    device = fresh()
    device.memory[layout.MARK_OFFSET + (bit >> 3)] ^= 1 << (bit & 7)
    assert Bench(device).read() == Condition.CARTRIDGE_USED


@given(st.integers(0, 45), st.booleans())
@settings(max_examples=60)
@pytest.mark.covers("REQ-0503")
def test_contact_lost_during_a_reading_never_makes_a_used_cartridge_new(
    passes: int, comes_back: bool
) -> None:
    """An open bus reads all ones, and all ones is what a new mark looks like."""
    bench = Bench(SimCartridge(used=True))

    def contact(now: int) -> None:
        bench.board.wire_silent = now == passes if comes_back else now >= passes

    assert bench.part.request_read()
    bench.finish(contact)
    assert bench.part.condition != 0
    assert bench.part.used != module.USED_NO


@given(st.integers(22, 30), st.integers(1, 8), st.integers(30, 46), st.booleans())
@settings(max_examples=150)
def test_two_losses_of_contact_at_the_worst_moments_do_not_make_a_used_cartridge_new(
    first: int, length: int, second: int, comes_back: bool
) -> None:
    bench = Bench(SimCartridge(used=True))

    def contact(now: int) -> None:
        again = now >= second and not (comes_back and now >= second + 5)
        bench.board.wire_silent = first <= now < first + length or again

    assert bench.part.request_read()
    bench.finish(contact)
    assert bench.part.condition != 0


def test_both_readings_of_the_mark_must_agree() -> None:
    """A memory whose first readings of the mark are all ones, as from a weak contact, is not believed."""
    device = SimCartridge(used=True)
    bench = Bench(device)

    def weak(now: int) -> None:
        reading = bench.part._wire._index >= layout.MARK_OFFSET and bench.part._phase == 1
        bench.board.wire_silent = reading and bench.part._wire._step == 4

    assert bench.part.request_read()
    bench.finish(weak)
    assert bench.part.condition == Condition.CARTRIDGE_UNREADABLE


def test_a_device_that_is_gone_after_the_mark_is_not_believed() -> None:
    """Both readings of the mark are all ones because nobody was there; only the last look at the ROM id tells."""
    device = SimCartridge(used=True)
    bench = Bench(device)

    def gone(now: int) -> None:
        wire_part = bench.part._wire
        mark = bench.part._phase == 1 and wire_part._index >= layout.MARK_OFFSET
        bench.board.wire_silent = (
            wire_part._step == 4 and (mark or bench.part._phase == 2)
        ) or bench.part._phase == 3

    assert bench.part.request_read()
    bench.finish(gone)
    assert bench.part.condition == Condition.CARTRIDGE_ABSENT


class BadRom(SimCartridge):
    """Its ROM id carries a wrong CRC."""

    @property
    def serial(self) -> bytes:
        return super().serial[:7] + bytes([super().serial[7] ^ 1])


def test_a_rom_id_with_a_wrong_crc_is_unreadable() -> None:
    device = BadRom(memory=bytearray(layout.build_memory(LOT, EXPIRY_DAYS, 12)))
    assert Bench(device).read() == Condition.CARTRIDGE_UNREADABLE


@given(st.integers(0, 60))
@settings(max_examples=40)
def test_a_bounce_of_the_contact_is_read_over(passes: int) -> None:
    bench = Bench(fresh())

    def contact(now: int) -> None:
        bench.board.wire_silent = now == passes

    assert bench.part.request_read()
    bench.finish(contact)
    assert bench.part.condition == 0


def test_another_cartridge_in_the_middle_of_a_reading_is_not_mixed_in() -> None:
    first, second = fresh(1), SimCartridge(number=2, used=True)
    for swap_at in range(44):
        bench = Bench(second)

        def swap(now: int, bench: Bench = bench, at: int = swap_at) -> None:
            if now == at:
                bench.board.wire.cartridge = first

        assert bench.part.request_read()
        bench.finish(swap)
        if bench.part.condition == 0:
            assert bench.part.serial == first.serial

"""Cartridge: read, judged, burned and proven; used means used, and nothing unclear is ever usable."""

from __future__ import annotations

import binascii
import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pen_firmware import cartridge as module
from pen_firmware import cartridge_layout as layout
from pen_firmware import wire
from pen_firmware.cartridge import Cartridge
from pen_protocol import version
from pen_protocol.faults import Refusal
from pen_protocol.states import Condition
from pen_sim.board import SimBoard
from pen_sim.clock import SimClock
from pen_sim.eeprom import Cartridge as SimCartridge

LOT = b"LOT-2026-001"
EXPIRY_DAYS = 4_000


def fresh(number: int = 7, **more: object) -> SimCartridge:
    return SimCartridge(number=number, memory=bytearray(layout.build_memory(LOT, EXPIRY_DAYS, 12)), **more)  # type: ignore[arg-type]


class Bench:
    """A cartridge slot: ticks of 5 ms, each of which must leave most of its time to others."""

    def __init__(self, device: SimCartridge | None = None) -> None:
        self.board = SimBoard(SimClock())
        self.part = Cartridge(self.board)
        self.board.wire.cartridge = device
        self.longest_us = 0

    def tick(self, latched: bool = True) -> None:
        begun_us = self.board.clock.now_us
        self.part.tick(self.board.now_ms(), latched)
        spent_us = self.board.clock.now_us - begun_us
        self.longest_us = max(self.longest_us, spent_us)
        self.board.wait_us(5_000 - spent_us)

    def finish(self, before_tick: Callable[[int], None] = lambda passes: None) -> int:
        for passes in range(1_000):
            if not self.part.busy:
                return self.part.result
            before_tick(passes)
            self.tick()
        raise AssertionError("the request never ended")

    def read(self) -> int:
        """Condition after a reading."""
        assert self.part.request_read()
        self.finish()
        return self.part.condition

    def burn(self, serial: bytes | None = None) -> int:
        device = self.board.wire.cartridge
        assert device is not None
        assert self.part.request_burn(device.serial if serial is None else serial)
        return self.finish()

    def change(self, device: SimCartridge | None) -> None:
        """Latch opened, cartridge changed, latch closed."""
        for _ in range(20):
            self.tick(latched=False)
        self.board.wire.cartridge = device
        self.tick()


# --- layout -----------------------------------------------------------------------------------------------------------


def test_crc8_is_dallas() -> None:
    """Check value of CRC-8/MAXIM-DOW, and the ROM id of the application note."""
    assert layout.crc8(b"123456789") == 0xA1
    assert layout.crc8(bytes.fromhex("021cb801000000a2")) == 0


@given(st.binary(max_size=20))
def test_crc8_over_data_and_its_crc_is_zero(data: bytes) -> None:
    assert layout.crc8(data + bytes([layout.crc8(data)])) == 0


@given(st.integers(0, (1 << 48) - 1), st.integers(0, 63))
@pytest.mark.covers("REQ-0601")
def test_no_single_bit_error_passes_for_a_rom_id(serial: int, bit: int) -> None:
    rom = bytearray(layout.build_rom(serial))
    assert layout.rom_valid(rom)
    rom[bit >> 3] ^= 1 << (bit & 7)
    assert not layout.rom_valid(rom)


@given(st.binary(max_size=layout.LOT_SIZE), st.integers(0, 0xFFFF), st.integers(1, 255))
def test_what_page_0_was_built_from_is_read_back(lot: bytes, expiry_days: int, needles: int) -> None:
    page = layout.build_page(lot, expiry_days, needles)
    assert len(page) == layout.PAGE_SIZE
    assert layout.parse_page(page) == (lot.ljust(layout.LOT_SIZE, b"\0"), expiry_days, needles)


@given(st.binary(min_size=32, max_size=32))
def test_random_pages_are_never_taken_for_a_cartridge(page: bytes) -> None:
    assert layout.parse_page(page) is None


@given(st.integers(0, 32 * 8 - 1), st.integers(0, 32 * 8 - 1))
@pytest.mark.covers("REQ-0601")
def test_no_flipped_bit_or_two_pass_for_page_0(first: int, second: int) -> None:
    page = bytearray(layout.build_page(LOT, EXPIRY_DAYS, 12))
    for bit in {first, second}:
        page[bit >> 3] ^= 1 << (bit & 7)
    assert layout.parse_page(page) is None


@pytest.mark.parametrize(
    "content",
    [
        struct.pack(layout.CONTENT_FORMAT, b"DPC2", LOT, EXPIRY_DAYS, 12, layout.LAYOUT),
        struct.pack(layout.CONTENT_FORMAT, layout.MAGIC, LOT, EXPIRY_DAYS, 12, layout.LAYOUT + 1),
        struct.pack(layout.CONTENT_FORMAT, layout.MAGIC, LOT, EXPIRY_DAYS, 0, layout.LAYOUT),
    ],
    ids=["magic", "layout", "no needles"],
)
def test_a_right_check_sum_over_wrong_content_is_refused(content: bytes) -> None:
    assert layout.parse_page(content + struct.pack("<I", binascii.crc32(content))) is None


@pytest.mark.parametrize(
    ("lot", "expiry_days", "needles"),
    [(b"x" * 13, 1, 1), (b"", -1, 1), (b"", 65_536, 1), (b"", 1, 0), (b"", 1, 256)],
)
def test_what_page_0_cannot_carry_is_refused(lot: bytes, expiry_days: int, needles: int) -> None:
    with pytest.raises(ValueError, match=r"cartridge|lot|expiry"):
        layout.build_page(lot, expiry_days, needles)


def test_the_factory_of_the_simulator_writes_the_same_page() -> None:
    device = SimCartridge(lot=LOT, expiry_days=EXPIRY_DAYS, needles=12)
    assert bytes(device.memory) == layout.build_memory(LOT, EXPIRY_DAYS, 12)
    assert layout.build_rom(device.number) == device.serial


# --- reading ----------------------------------------------------------------------------------------------------------


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

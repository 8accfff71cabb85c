"""Clock, physics, cartridge memory, flash and stream of the simulated pen behave as the things they stand for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_firmware import cartridge_layout as layout
from pen_firmware import sensors
from pen_firmware.hal import CLOCK_WRAP, Analog, Input
from pen_sim.board import SimBoard
from pen_sim.clock import FirmwareTime, SimClock, wrapped_difference
from pen_sim.eeprom import Cartridge, WireDevice
from pen_sim.flash import FileFlash, MemoryFlash
from pen_sim.plant import analog
from pen_sim.resets import ChipReset, PowerLost
from pen_sim.stream import LaneFaults, SimStream

# --- clock ------------------------------------------------------------------------------------------------------------


@given(st.integers(0, CLOCK_WRAP - 1), st.integers(-(1 << 29), (1 << 29) - 1))
def test_differences_of_wrapping_clocks_are_signed_and_exact(earlier: int, difference: int) -> None:
    assert wrapped_difference((earlier + difference) % CLOCK_WRAP, earlier) == difference


def test_the_firmware_clocks_wrap_and_start_anew_after_a_reset() -> None:
    clock = SimClock()
    time = FirmwareTime(clock, first_ms=CLOCK_WRAP - 2, first_us=CLOCK_WRAP - 1_500)
    assert (time.now_ms(), time.now_us()) == (CLOCK_WRAP - 2, CLOCK_WRAP - 1_500)
    clock.advance_us(2_000)
    assert (time.now_ms(), time.now_us()) == (0, 500)
    time.restart()
    assert time.now_ms() == CLOCK_WRAP - 2


def test_simulated_time_refuses_to_run_backwards() -> None:
    with pytest.raises(ValueError, match="back"):
        SimClock(10).advance_to(9)


# --- analog channels --------------------------------------------------------------------------------------------------


@given(st.floats(-5, 100))
def test_the_firmware_reads_the_temperature_the_coil_has(celsius: float) -> None:
    assert abs(sensors.coil_temperature_cc(analog.ntc_reading(celsius)) / 100 - celsius) < 0.6


@given(st.integers(3_000, 9_000))
def test_the_firmware_reads_the_supply_there_is(millivolt: int) -> None:
    assert abs(sensors.supply_mv(analog.supply_reading(millivolt)) - millivolt) <= 6


@given(st.integers(0, 1_640))
def test_the_firmware_reads_the_current_there_is(milliampere: int) -> None:
    assert abs(sensors.coil_ma(analog.current_reading(milliampere)) - milliampere) <= 3


def test_wet_and_dry_lie_well_on_their_sides_of_the_threshold() -> None:
    assert analog.FLUID_WET < sensors.FLUID_WET_BELOW < sensors.FLUID_DRY_FROM < analog.FLUID_DRY


# --- coil and needle --------------------------------------------------------------------------------------------------


def board() -> SimBoard:
    made = SimBoard(SimClock())
    made.start_machines()
    return made


def stroke(on: SimBoard, count: int, word: int = 499) -> None:
    """`count` strokes of 1999 us at 149 Hz, lease fed."""
    for _ in range(count):
        on.lease_feed(10_000)
        on.needle_put(word)
        on.wait_us(6_700)
        while on.needle_ack() >= 0:
            pass


def test_every_stroke_gives_a_hall_pulse_later_than_its_edge() -> None:
    b = board()
    stroke(b, 5)
    rises, halls = b.trace.rises("coil"), b.trace.rises("hall")
    assert len(rises) == len(halls) == 5
    assert all(300 < hall - rise < 1_000 for rise, hall in zip(rises, halls, strict=True))


def test_skin_and_a_weak_supply_make_the_needle_later() -> None:
    delays = []
    for skin, millivolt in ((False, 5_000), (True, 5_000), (True, 4_000)):
        b = board()
        b.plant.needle.in_skin = skin
        b.plant.supply_mv = millivolt
        stroke(b, 1)
        delays.append(b.trace.rises("hall")[0] - b.trace.rises("coil")[0])
    assert delays == sorted(delays)


def test_a_pulse_shorter_than_the_way_of_the_needle_moves_nothing() -> None:
    b = board()
    stroke(b, 3, word=50)
    assert len(b.trace.rises("coil")) == 3
    assert b.trace.rises("hall") == []
    assert b.plant.needle.arrivals == 0


def test_the_coil_current_rises_and_decays_and_a_pulse_leaves_heat() -> None:
    b = board()
    b.lease_feed(10_000)
    b.needle_put(499)
    b.wait_us(300)
    early = b.plant.coil.current_ma(b.clock.now_us)
    b.wait_us(1_500)
    late = b.plant.coil.current_ma(b.clock.now_us)
    b.wait_us(3_000)
    assert 0 < early < late < 1_500
    assert b.plant.coil.current_ma(b.clock.now_us) < 1
    assert b.plant.coil.temperature_c(b.clock.now_us) > 25.0


@pytest.mark.parametrize(("start_c", "warms"), [(50.0, True), (59.5, False)])
def test_long_use_at_the_highest_rate_settles_between_the_warning_and_the_trip(
    start_c: float, warms: bool
) -> None:
    b = board()
    b.trace.enabled = False
    b.plant.coil.celsius = start_c
    stroke(b, 4_470)
    assert (b.plant.coil.temperature_c(b.clock.now_us) > start_c) == warms


def test_reading_the_temperature_often_or_once_gives_the_same_heat() -> None:
    often, once = board(), board()
    for _ in range(50):
        stroke(often, 10)
        often.plant.coil.temperature_c(often.clock.now_us)
        stroke(once, 10)
    end_us = often.clock.now_us
    assert often.plant.coil.temperature_c(end_us) == pytest.approx(
        once.plant.coil.temperature_c(end_us), abs=0.02
    )


def test_shorted_turns_trip_the_comparator_which_cuts_the_current_until_cleared() -> None:
    b = board()
    b.plant.coil.shorted = True
    stroke(b, 1)
    assert b.inputs() & Input.OVER_CURRENT
    cut_us = b.trace.of("power")[0].t_us
    assert cut_us - b.trace.rises("coil")[0] < 600
    b.plant.coil.shorted = False
    stroke(b, 1)
    assert len(b.trace.rises("hall")) == 0
    b.clear_over_current()
    stroke(b, 1)
    assert not b.inputs() & Input.OVER_CURRENT
    assert len(b.trace.rises("hall")) == 1


def test_the_stop_contact_takes_the_coil_current_before_any_machine_moves() -> None:
    b = board()
    b.lease_feed(10_000)
    b.needle_put(499)
    b.wait_us(1_000)
    assert b.plant.powered
    b.set_estop(False)
    assert not b.plant.powered
    b.wait_us(5)
    assert not b.inputs() & (Input.NEEDLE | Input.LEASE | Input.SAFE)


def test_a_stuck_driver_draws_current_with_the_pad_low_and_the_stop_contact_still_ends_it() -> None:
    b = board()
    b.plant.gate_stuck = True
    b.plant.drive(b.sync())
    b.wait_us(10_000)
    assert not b.inputs() & Input.NEEDLE
    assert sensors.coil_ma(b.analog(Analog.COIL_CURRENT)) > 1_000
    b.set_estop(False)
    b.wait_us(2_000)
    assert sensors.coil_ma(b.analog(Analog.COIL_CURRENT)) < 20


# --- axis -------------------------------------------------------------------------------------------------------------


def steps(on: SimBoard, count: int, outward: bool) -> None:
    on.step_direction(outward)
    for _ in range(count):
        on.step_put(500)
        on.wait_us(600)


def test_four_hundred_steps_move_a_millimetre_less_the_play() -> None:
    b = board()
    before = b.plant.axis.protrusion_um
    steps(b, 400, outward=True)
    moved = b.plant.axis.protrusion_um - before
    assert moved == pytest.approx(1_000 - b.plant.axis.backlash_nm / 1_000)
    steps(b, 400, outward=False)
    assert b.plant.axis.protrusion_um - before == pytest.approx(0, abs=0.01)


def test_inward_motion_ends_on_the_home_switch_and_outward_leaves_it_with_hysteresis() -> None:
    b = board()
    steps(b, 200, outward=False)
    assert b.step_tripped()
    assert b.inputs() & Input.HOME
    made = b.step_edges()
    assert made < 200
    b.step_restart()
    steps(b, 5, outward=True)
    assert b.inputs() & Input.HOME, "hysteresis"
    steps(b, 60, outward=True)
    assert not b.inputs() & Input.HOME
    assert b.step_edges() == made + 65


def test_the_hard_stop_holds_and_the_motor_loses_steps_that_the_counter_counts() -> None:
    b = board()
    steps(b, 1_500, outward=True)
    assert b.plant.axis.protrusion_um <= 2_600
    assert b.plant.axis.lost_steps > 0
    assert b.step_edges() == 1_500


# --- cartridge memory -------------------------------------------------------------------------------------------------


class Bus:
    """A master at the slave."""

    def __init__(self, cartridge: Cartridge | None) -> None:
        self.device = WireDevice()
        self.device.cartridge = cartridge
        self.now_us = 0

    def send(self, *data: int) -> bool:
        present = self.device.reset()
        for byte in data:
            self.device.write(byte, self.now_us)
        return present

    def take(self, count: int) -> bytes:
        return bytes(self.device.read(self.now_us) for _ in range(count))

    def burn(self, address: int, data: bytes) -> None:
        low, high = address & 0xFF, address >> 8
        self.send(0xCC, layout.CMD_WRITE_SCRATCHPAD, low, high, *data)
        self.send(0xCC, layout.CMD_COPY_SCRATCHPAD, low, high, layout.SCRATCHPAD_FULL)
        self.now_us += 10_000


def test_a_new_cartridge_goes_out_of_date_with_nobody_who_runs_the_simulator() -> None:
    """The host holds it against the day of its own clock: demonstration and tests must run in any year."""
    assert Cartridge().expiry_days > 80 * 365


@given(st.binary(min_size=1, max_size=12), st.integers(0, 65_535), st.integers(1, 255))
def test_a_cartridge_reads_back_what_it_was_made_with(lot: bytes, expiry_days: int, needles: int) -> None:
    cartridge = Cartridge(number=77, lot=lot, expiry_days=expiry_days, needles=needles)
    bus = Bus(cartridge)
    assert bus.send(layout.CMD_READ_ROM)
    assert layout.rom_valid(bus.take(8))
    bus.send(0xCC, layout.CMD_READ_MEMORY, 0, 0)
    assert layout.parse_page(bus.take(32)) == (lot.ljust(12, b"\0"), expiry_days, needles)


@given(st.binary(min_size=8, max_size=8), st.binary(min_size=8, max_size=8))
def test_bits_of_the_mark_only_ever_fall(first: bytes, second: bytes) -> None:
    cartridge = Cartridge()
    bus = Bus(cartridge)
    bus.burn(layout.MARK_OFFSET, first)
    bus.burn(layout.MARK_OFFSET, second)
    mark = bytes(cartridge.memory[layout.MARK_OFFSET : layout.MARK_OFFSET + 8])
    assert mark == bytes(a & b for a, b in zip(first, second, strict=True))


def test_a_burn_needs_the_scratchpads_address_and_end_and_takes_its_time() -> None:
    cartridge = Cartridge()
    bus = Bus(cartridge)
    bus.send(0xCC, layout.CMD_WRITE_SCRATCHPAD, 32, 0, *bytes(8))
    bus.send(0xCC, layout.CMD_READ_SCRATCHPAD)
    assert bus.take(3) == bytes([32, 0, layout.SCRATCHPAD_FULL])
    bus.send(0xCC, layout.CMD_COPY_SCRATCHPAD, 40, 0, layout.SCRATCHPAD_FULL)
    assert not cartridge.marked
    bus.burn(32, bytes(8))
    assert cartridge.marked
    assert bus.device.burns == 1


def test_faulty_cartridges_do_not_answer_answer_noise_or_keep_half_a_mark() -> None:
    assert not Bus(None).send(layout.CMD_READ_ROM)
    assert not Bus(Cartridge(present=False)).send(layout.CMD_READ_ROM)
    noisy = Bus(Cartridge(garbage=True))
    noisy.send(layout.CMD_READ_ROM)
    assert not layout.rom_valid(noisy.take(8))
    torn = Cartridge(burn_torn_after=3)
    Bus(torn).burn(32, bytes(8))
    assert bytes(torn.memory[32:40]) == bytes(3) + b"\xff" * 5
    blocked = Cartridge(burn_blocked=True)
    Bus(blocked).burn(32, bytes(8))
    assert not blocked.marked


# --- flash and chip ---------------------------------------------------------------------------------------------------


@given(st.integers(0, 20))
def test_a_cut_write_keeps_what_was_stored_and_the_power_is_gone(after: int) -> None:
    flash = MemoryFlash()
    flash.write(1, b"old")
    flash.cut_next_write(after)
    with pytest.raises(PowerLost):
        flash.write(1, b"0123456789")
    assert flash.read(1) == (b"0123456789"[:after]).ljust(10, b"\xff")
    assert flash.write(1, b"new")
    assert flash.read(1) == b"new"
    assert flash.writes == {1: 3}


def test_records_in_a_directory_are_there_for_the_next_program(tmp_path: Path) -> None:
    FileFlash(tmp_path).write(2, b"record")
    assert FileFlash(tmp_path).read(2) == b"record"


def test_an_unfed_watchdog_bites_on_time_and_a_fed_one_does_not() -> None:
    b = board()
    b.watchdog_start(1_500)
    b.wait_us(1_400_000)
    b.watchdog_feed()
    b.wait_us(1_499_000)
    with pytest.raises(ChipReset):
        b.wait_us(10_000)
    assert b.clock.now_us == 1_400_000 + 1_500_000


def test_hands_act_at_their_microsecond_while_the_firmware_waits() -> None:
    b = board()
    b.lease_feed(16_000)
    b.needle_put(499)
    b.agenda.at(777, lambda: b.set_estop(False))
    b.wait_us(10_000)
    assert b.trace.of("estop")[0].t_us == 777
    assert 777 < b.trace.of("coil")[-1].t_us <= 782


# --- stream -----------------------------------------------------------------------------------------------------------


def through(faults: LaneFaults, pieces: list[bytes], seed: int = 0) -> bytes:
    clock = SimClock()
    stream = SimStream(clock, seed)
    stream.set_faults(faults)
    received = bytearray()
    buffer = bytearray(64)
    for piece in pieces:
        stream.write(piece)
    for _ in range(400):
        clock.advance_us(1_000)
        count = stream.chip_read(buffer)
        received += buffer[:count]
    return bytes(received)


PIECES = st.lists(st.binary(min_size=1, max_size=40), max_size=20)


@given(PIECES, st.integers(0, 5))
def test_a_stream_without_faults_and_one_that_only_splits_and_delays_lose_nothing(
    pieces: list[bytes], seed: int
) -> None:
    assert through(LaneFaults(), pieces) == b"".join(pieces)
    assert through(LaneFaults(split=0.5, delay_us=2_000), pieces, seed) == b"".join(pieces)


@given(PIECES)
def test_a_stream_that_loses_everything_delivers_nothing(pieces: list[bytes]) -> None:
    assert through(LaneFaults(lose=1.0), pieces) == b""


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=8))
def test_doubling_and_corruption_do_what_they_say(pieces: list[bytes]) -> None:
    assert through(LaneFaults(duplicate=1.0), pieces) == b"".join(piece * 2 for piece in pieces)
    broken = through(LaneFaults(corrupt=1.0), pieces)
    sent = b"".join(pieces)
    assert sum((a ^ b).bit_count() for a, b in zip(sent, broken, strict=True)) == len(pieces)


def test_reordering_swaps_pieces_and_keeps_their_bytes() -> None:
    pieces = [bytes([number]) * 3 for number in range(20)]
    got = through(LaneFaults(reorder=0.5), pieces, seed=3)
    assert got != b"".join(pieces)
    assert sorted(got) == sorted(b"".join(pieces))


def test_the_chips_buffer_holds_512_bytes_and_the_rest_waits_at_the_host() -> None:
    clock = SimClock()
    stream = SimStream(clock)
    stream.write(bytes(2_000))
    clock.advance_us(10_000)
    buffer = bytearray(4_096)
    assert stream.chip_read(buffer) == 512
    total = 512
    while count := stream.chip_read(buffer):
        total += count
    assert total == 2_000


def test_a_pulled_cable_loses_what_is_on_the_way_and_the_chip_fills_up() -> None:
    clock = SimClock()
    stream = SimStream(clock)
    stream.write(b"lost")
    stream.unplug()
    assert stream.write(b"not sent") == 0
    assert stream.chip_write(bytes(200)) == 200
    assert stream.chip_write(bytes(200)) == 56
    assert stream.chip_write(bytes(200)) == 0
    stream.plug()
    clock.advance_us(5_000)
    assert stream.chip_read(bytearray(64)) == 0
    assert stream.read() == b""

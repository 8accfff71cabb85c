# ruff: noqa: D102 - what the calls of the firmware mean stands in hal.Board, once
"""The fake board: `pen_firmware.hal.Board` over simulated machines and physics.

Time passes in one place, `run_to`: it plays the agenda (hands, faults), the machines and the watchdog in order. Board
calls of the firmware take no time, except those that wait on the chip too: `wait_us`, the cartridge bus and a flash write.

What the firmware does at a moment comes before the machines' cycle that begins there (`pen_sim.machines`).

Latching, as on the chip: a stop contact that opens during a lease latches the lease machine until `start_machines`; no
feed and no `needle_restart` brings it back. The edge counters and the hall meter run on through `make_safe`.
"""

from __future__ import annotations

import random

from pen_firmware import hal
from pen_firmware.hal import Input
from pen_sim.agenda import Agenda
from pen_sim.clock import FirmwareTime, SimClock, wrapped_difference
from pen_sim.eeprom import WireDevice
from pen_sim.firmware_faults import InjectedError
from pen_sim.flash import MemoryFlash
from pen_sim.machines import ALWAYS, LeaseMachine, NeedleMachine, PeriodMeter, StepperMachine
from pen_sim.plant import Plant
from pen_sim.resets import ChipReset
from pen_sim.stream import SimStream
from pen_sim.trace import Trace

WIRE_RESET_US = 1_000
WIRE_BYTE_US = 600
WORDS = 4
RUNTIME = b"CPython sim\x00"
_COUNT_MASK = hal.CLOCK_WRAP - 1


class SimBoard(hal.Board):
    """The board of a simulated pen. Built powered, with every output low and no machine running."""

    def __init__(self, clock: SimClock, seed: int = 0, flash: MemoryFlash | None = None) -> None:
        self.clock = clock
        self.time = FirmwareTime(clock)
        self.agenda = Agenda()
        self.trace = Trace()
        self.meter = PeriodMeter()
        self.plant = Plant(self.trace, self.meter, seed)
        self.wire = WireDevice(seed)
        self.flash = flash if flash is not None else MemoryFlash()
        self.stream = SimStream(clock, seed)
        self.lease = LeaseMachine(self._lease_edge)
        self.needle = NeedleMachine(self._needle_edge)
        self.stepper = StepperMachine(self._step_edge, self._axis_ok)
        self.unique = bytes([0xE6, *seed.to_bytes(7, "little", signed=True)])
        self.words = [0] * WORDS
        self.cause = hal.ResetCause.POWER
        self.overflows = 0
        """Words put into a full queue: the chip would have hung there."""
        self.extra_edges = 0
        """Added to the needle's edge counter: a counter that miscounts."""
        self.extra_steps = 0
        """Added to the step counter."""
        self.wire_silent = False
        """The cartridge bus is broken."""
        self._raising = ""
        self._outward = True
        self._synced_us = clock.now_us
        self._watchdog_us = 0
        self._bites_us: int | None = None
        self._random = random.Random(seed + 2)  # noqa: S311 - boot ids, repeatable for a seed

    # --- simulation -----------------------------------------------------------------------------------------------

    def run_to(self, time_us: int) -> None:
        """Let time pass until `time_us`.

        Raises:
            ChipReset: the watchdog was not fed in time; the clock stands where it bit.
            PowerLost: an action of the agenda took the power away.
        """
        while True:
            limit_us = time_us
            if self._bites_us is not None and self._bites_us < limit_us:
                limit_us = self._bites_us
            action_us = self.agenda.next_us(limit_us)
            if action_us is None:
                break
            self._play_to(action_us)
            self.agenda.pop()()
        self._play_to(limit_us)
        if self._bites_us is not None and self._bites_us <= limit_us:
            raise ChipReset

    def sync(self) -> int:
        """Bring machines and physics to the clock's time and return it; before any input changes."""
        now_us = self.clock.now_us
        if now_us != self._synced_us:
            self._catch_up(now_us)
        return now_us

    def set_estop(self, closed: bool) -> None:
        """The stop contact changes now."""
        self.plant.set_estop(self.sync(), closed)

    def raise_in(self, call: str) -> None:
        """The firmware's next use of this board call raises, once. An empty name takes the fault back.

        Raises:
            AttributeError: the board has no such call.
        """
        if self._raising:
            self.__dict__.pop(self._raising, None)
        self._raising = call
        if not call:
            return
        getattr(self, call)

        def fail(*_arguments: object) -> None:
            self.raise_in("")
            raise InjectedError(f"injected: the board call {call} failed")

        setattr(self, call, fail)

    def halt(self) -> None:
        """The chip stops: every machine off, every pad low, watchdog gone."""
        now_us = self.sync()
        self._bites_us = None
        for machine in (self.needle, self.lease, self.stepper):
            machine.reset(now_us)
        self.needle.edges = 0
        self.stepper.edges = 0
        self.meter.halt()
        self.plant.advance(now_us)
        self.stream.chip_reset()

    def start_chip(self, cause: int) -> None:
        """The chip comes out of reset now: clocks start anew, words survive everything but power loss."""
        self.cause = cause
        self.time.restart()
        if cause == hal.ResetCause.POWER:
            self.words = [0] * WORDS

    def _play_to(self, time_us: int) -> None:
        if time_us > self.clock.now_us:
            self.clock.now_us = time_us
        self.sync()

    def _catch_up(self, now_us: int) -> None:
        self._synced_us = now_us
        plant = self.plant
        self.lease.advance(now_us, plant.estop_closed)
        if not self.needle.resting:
            self.needle.advance(now_us, self.lease.gaps() if plant.estop_closed else ALWAYS)
        if not self.stepper.resting:
            self.stepper.advance(now_us)
        plant.advance(now_us)

    def _pass(self, duration_us: int) -> None:
        """The firmware waits; the world goes on."""
        self.run_to(self.clock.now_us + duration_us)

    def _axis_ok(self) -> bool:
        """AXIS_OK node: stop contact closed and not running inwards on the home switch."""
        return self.plant.estop_closed and (self._outward or not self.plant.axis.home_switch)

    def _needle_edge(self, time_us: int, level: int) -> None:
        self.trace.record(time_us, "coil", level)
        self.plant.set_pad(time_us, level)

    def _lease_edge(self, time_us: int, level: int) -> None:
        self.trace.record(time_us, "lease", level)

    def _step_edge(self, time_us: int, level: int) -> None:
        self.trace.record(time_us, "step", level)
        if level:
            self.plant.axis.step(self._outward)

    # --- time -----------------------------------------------------------------------------------------------------

    def now_ms(self) -> int:
        return self.time.now_ms()

    def now_us(self) -> int:
        return self.time.now_us()

    def elapsed_ms(self, later: int, earlier: int) -> int:
        return wrapped_difference(later, earlier)

    def elapsed_us(self, later: int, earlier: int) -> int:
        return wrapped_difference(later, earlier)

    def wait_us(self, duration_us: int) -> None:
        self._pass(max(0, duration_us))

    # --- safe state and machines ------------------------------------------------------------------------------------

    def make_safe(self) -> None:
        now_us = self.sync()
        self.needle.halt(now_us)
        self.lease.halt(now_us)
        self.stepper.halt(now_us)

    def start_machines(self) -> bool:
        self.make_safe()
        for machine in (self.needle, self.lease, self.stepper):
            machine.start(self.clock.now_us)
        if not self.meter.running:
            self.meter.start()
        return True

    def lease_feed(self, ticks: int) -> None:
        self.lease.feed(ticks, self.sync())

    def needle_restart(self) -> None:
        now_us = self.sync()
        self.needle.restart(now_us)

    def needle_room(self) -> int:
        self.sync()
        return self.needle.room()

    def needle_put(self, word: int) -> None:
        if not self.needle.put(word, self.sync()):
            self.overflows += 1

    def needle_ack(self) -> int:
        return self.needle.take_ack(self.sync())

    def needle_tripped(self) -> bool:
        self.sync()
        return self.needle.tripped

    def needle_edges(self) -> int:
        self.sync()
        return (self.needle.edges + self.extra_edges) & _COUNT_MASK

    def hall_period_us(self) -> int:
        self.sync()
        return self.meter.take()

    def step_room(self) -> int:
        self.sync()
        return self.stepper.room()

    def step_put(self, period_us: int) -> None:
        if not self.stepper.put(period_us, self.sync()):
            self.overflows += 1

    def step_idle(self) -> bool:
        self.sync()
        return self.stepper.idle

    def step_edges(self) -> int:
        self.sync()
        return (self.stepper.edges + self.extra_steps) & _COUNT_MASK

    def step_tripped(self) -> bool:
        self.sync()
        return self.stepper.tripped

    def step_restart(self) -> None:
        self.stepper.restart(self.sync())

    def step_direction(self, outward: bool) -> None:
        self.sync()
        self._outward = bool(outward)

    # --- inputs -----------------------------------------------------------------------------------------------------

    def inputs(self) -> int:
        now_us = self.sync()
        plant = self.plant
        mask = plant.contacts()
        if self.lease.pad():
            mask |= Input.LEASE
        if plant.estop_closed and self.lease.pumped(now_us):
            mask |= Input.SAFE
        if self.needle.level:
            mask |= Input.NEEDLE
        return mask

    def analog(self, channel: int) -> int:
        return self.plant.reading(channel, self.sync())

    def clear_over_current(self) -> None:
        now_us = self.sync()
        self.plant.over_current = False
        self.plant.drive(now_us)

    # --- cartridge bus ----------------------------------------------------------------------------------------------

    def wire_reset(self) -> bool:
        self._pass(WIRE_RESET_US)
        return False if self.wire_silent else self.wire.reset()

    def wire_write(self, byte: int) -> None:
        self._pass(WIRE_BYTE_US)
        self.wire.write(byte, self.clock.now_us)

    def wire_read(self) -> int:
        self._pass(WIRE_BYTE_US)
        return 0xFF if self.wire_silent else self.wire.read(self.clock.now_us)

    # --- host stream ------------------------------------------------------------------------------------------------

    def stream_read(self, buffer: bytearray) -> int:
        return self.stream.chip_read(buffer)

    def stream_write(self, buffer: bytes | bytearray | memoryview, length: int) -> int:
        return self.stream.chip_write(bytes(buffer[:length]))

    # --- what survives ------------------------------------------------------------------------------------------------

    def slot_read(self, slot: int, buffer: bytearray) -> int:
        record = self.flash.read(slot)
        count = min(len(record), len(buffer))
        buffer[:count] = record[:count]
        return count

    def slot_write(self, slot: int, buffer: bytes | bytearray | memoryview, length: int) -> bool:
        self._pass(self.flash.write_us)
        return self.flash.write(slot, bytes(buffer[:length]))

    def word_read(self, index: int) -> int:
        return self.words[index]

    def word_write(self, index: int, value: int) -> None:
        if not 0 <= value < hal.CLOCK_WRAP:
            raise ValueError(f"surviving word {index} cannot hold {value}: the chip keeps values below 2^30")
        self.words[index] = value

    # --- chip ---------------------------------------------------------------------------------------------------------

    def watchdog_start(self, timeout_ms: int) -> None:
        self._watchdog_us = timeout_ms * 1_000
        self.watchdog_feed()

    def watchdog_feed(self) -> None:
        if self._watchdog_us:
            self._bites_us = self.clock.now_us + self._watchdog_us

    def reset_cause(self) -> int:
        return self.cause

    def reset(self) -> None:
        raise ChipReset

    def unique_id(self) -> bytes:
        return self.unique

    def random_word(self) -> int:
        return self._random.randrange(1, hal.CLOCK_WRAP)

    def runtime(self) -> bytes:
        return RUNTIME

"""A whole simulated pen: clock, board, physics and the real firmware, moved by the caller.

    pen = SimPen(seed=1)
    pen.stream.write(frame)
    pen.advance_ms(20)
    answer = pen.stream.read()

The firmware runs one pass every `PASS_US` of simulated time; between passes time is skipped, not stepped. A reset makes a
new firmware object on the same board: surviving words and flash stay, and only flash stays through `power_cycle`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from pen_firmware.hal import ResetCause
from pen_firmware.pen import SERVE_US
from pen_sim.bench import Bench
from pen_sim.board import SimBoard
from pen_sim.clock import SimClock
from pen_sim.eeprom import Cartridge
from pen_sim.faults import FaultContext
from pen_sim.firmware_faults import FirmwareFaults, InjectedError
from pen_sim.flash import MemoryFlash
from pen_sim.resets import ChipReset, PowerLost
from pen_sim.stream import SimStream
from pen_sim.trace import Trace

PASS_US = 5_000
"""One pass of the firmware's main loop."""
BOOT_US = 300_000
"""From reset to the firmware's first line: boot ROM, interpreter, imports."""
_NEW = Cartridge(number=0)


class Firmware(Protocol):
    """What the rig needs of the firmware."""

    def boot(self) -> object:
        """Bring the pen up after a reset."""

    def tick(self) -> object:
        """One pass."""

    def fail(self) -> object:
        """An exception got out of a pass: make safe, note why, reset."""


def real_firmware(board: SimBoard) -> Firmware:
    """The pen's firmware on this board."""
    from pen_firmware.pen import Pen

    firmware: Firmware = Pen(board)
    return firmware


class SimPen:
    """A pen on a bench, powered, with a new cartridge latched, its firmware booted.

    Attributes:
        clock: Simulated time; shared when one was given.
        board: The fake board; `board.plant` is the physical truth.
        bench: The operator's hands and the faults.
        stream: The host's end of the USB stream.
        trace: Exact edges of coil, lease, step, hall and stop contact.
        pen: The firmware object (a `pen_firmware.pen.Pen`), None while the pen is off.
        resets: Resets so far, watchdog and commanded.
        crashes: Exceptions that got out of the firmware. Those no fault injected are raised to the caller as well, unless
            `strict` is False: then the pen does what a pen does, it makes itself safe and resets.
        at_prompt: The firmware left its loop for an engineer, or could not boot; outputs safe.
    """

    def __init__(
        self,
        seed: int = 0,
        clock: SimClock | None = None,
        flash: MemoryFlash | None = None,
        eeprom: Cartridge | None = _NEW,
        firmware: Callable[[SimBoard], Firmware] = real_firmware,
        boot: bool = True,
        strict: bool = True,
    ) -> None:
        self.clock = clock if clock is not None else SimClock()
        self.board = SimBoard(self.clock, seed, flash)
        self.firmware_faults = FirmwareFaults()
        self.bench = Bench(FaultContext(self.board, self.firmware_faults))
        self.resets = 0
        self.power_losses = 0
        self.crashes: list[Exception] = []
        self.at_prompt = False
        self.pen: Any = None
        self._strict = strict
        self._build = firmware
        self._starts_us: int | None = None
        self._next_pass_us = 0
        self._looked_us = -1
        if eeprom is not None:
            self.bench.insert_cartridge(Cartridge(number=seed + 1) if eeprom is _NEW else eeprom)
        else:
            self.bench.unlatch()
        if boot:
            self.power_on()

    @property
    def stream(self) -> SimStream:
        """The host's end of the USB stream: `write(bytes)`, `read()`."""
        return self.board.stream

    @property
    def trace(self) -> Trace:
        """Exact edges."""
        return self.board.trace

    @property
    def powered(self) -> bool:
        """The chip has power; it may still be on its way out of reset."""
        return self.pen is not None or self._starts_us is not None or self.at_prompt

    @property
    def now_us(self) -> int:
        """Simulated time."""
        return self.clock.now_us

    # --- time -----------------------------------------------------------------------------------------------------

    def advance_us(self, duration_us: int) -> None:
        """Let `duration_us` of simulated time pass."""
        self.advance_to(self.clock.now_us + duration_us)

    def advance_ms(self, duration_ms: int) -> None:
        """Let `duration_ms` of simulated time pass."""
        self.advance_us(duration_ms * 1_000)

    def advance_to(self, time_us: int) -> None:
        """Let simulated time pass until `time_us`. A pass that waits on the chip may overrun it."""
        while self.clock.now_us < time_us:
            try:
                self._advance(time_us)
            except ChipReset:
                self._reset()
            except PowerLost:
                self.power_losses += 1
                self.power_off()
                self.power_on()

    def run_until(self, predicate: Callable[[], bool], limit_ms: int = 1_000) -> bool:
        """Advance pass by pass until `predicate()` holds; False when `limit_ms` went by without."""
        limit_us = self.clock.now_us + limit_ms * 1_000
        while not predicate():
            if self.clock.now_us >= limit_us:
                return False
            self.advance_to(min(limit_us, self.clock.now_us + PASS_US))
        return True

    def at_ms(self, delay_ms: float, action: Callable[[], object]) -> None:
        """Do something in `delay_ms` of simulated time, exact to the microsecond, also amid a stroke."""

        def act() -> None:
            action()

        self.board.agenda.at(self.clock.now_us + round(delay_ms * 1_000), act)

    # --- power and reset --------------------------------------------------------------------------------------------

    def power_on(self) -> None:
        """Power comes up and the firmware boots, at once in simulated time. Nothing happens to a powered pen."""
        while not self.powered:
            self.board.plant.powered_off = False
            self.board.start_chip(ResetCause.POWER)
            try:
                self._boot()
            except ChipReset:
                self._reset()
            except PowerLost:
                self.power_losses += 1
                self.power_off()

    def power_off(self) -> None:
        """Power is gone: outputs low, words and unsaved counters lost."""
        self._stop_chip()
        self._starts_us = None
        self.at_prompt = False
        self.board.plant.powered_off = True
        self.board.plant.drive(self.board.sync())

    def power_cycle(self, off_ms: int = 100) -> None:
        """Off for `off_ms`, then on and booted."""
        self.power_off()
        self.advance_ms(off_ms)
        self.power_on()

    def reset(self) -> None:
        """What the watchdog does: outputs low at once, `BOOT_US` later the firmware boots with its words intact."""
        if self.powered:
            self._reset()

    def kill(self) -> None:
        """Power off for good, until `power_on`."""
        self.power_off()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _advance(self, time_us: int) -> None:
        """Run passes up to `time_us`; ends early when the chip resets."""
        board = self.board
        while True:
            if self._starts_us is not None:
                board.run_to(min(self._starts_us, time_us))
                if self.clock.now_us < self._starts_us:
                    return
                board.start_chip(ResetCause.WATCHDOG)
                self._boot()
            look_us = self._look_us()
            next_us = min(look_us, self._next_pass_us)
            if not self._runs or next_us > time_us:
                board.run_to(time_us)
                return
            board.run_to(next_us)
            if self._runs:
                self._turn(look_us if next_us == look_us else None)

    def _turn(self, look_us: int | None) -> None:
        """What the main loop does now: serve the host at `look_us`, or a pass."""
        if look_us is None:
            self._pass()
            return
        self._looked_us = look_us
        self._guarded(self.pen.serve)

    def _look_us(self) -> int:
        """When the firmware next finds something on its stream between two passes; the next pass when there is nothing."""
        due_us = self.board.stream.to_pen.due_us
        if due_us is None or self.pen is None or not hasattr(self.pen, "serve"):
            return self._next_pass_us + 1
        begun_us = self._next_pass_us - PASS_US
        looks = -((begun_us - max(due_us, self._looked_us + 1)) // SERVE_US)
        look_us = begun_us + looks * SERVE_US
        return look_us if look_us < self._next_pass_us else self._next_pass_us + 1

    @property
    def _runs(self) -> bool:
        """The firmware has passes to make."""
        return self.pen is not None and not self.firmware_faults.hung

    def _pass(self) -> None:
        started_us = self.clock.now_us
        if self.firmware_faults.slow_us:
            self._wait_slow()
        self._guarded(self.pen.tick)
        self._next_pass_us = max(started_us + PASS_US, self.clock.now_us)
        if getattr(self.pen, "service_exit", False):
            self._to_prompt()

    def _guarded(self, part: Callable[[], object]) -> None:
        """A part of the firmware's main loop: whatever gets out of it ends the firmware, as on the chip."""
        try:
            part()
        except Exception as error:  # noqa: BLE001
            self._crashed(error)
            self.pen.fail()

    def _crashed(self, error: Exception) -> None:
        self.crashes.append(error)
        if self._strict and not isinstance(error, InjectedError):
            raise error

    def _to_prompt(self) -> None:
        """The firmware is left; machines stopped, outputs low. The watchdog, once started, goes on."""
        self.board.make_safe()
        self.pen = None
        self.at_prompt = True

    def _wait_slow(self) -> None:
        faults = self.firmware_faults
        self.board.wait_us(faults.slow_us)
        if faults.slow_passes:
            faults.slow_passes -= 1
            if not faults.slow_passes:
                faults.slow_us = 0

    def _boot(self) -> None:
        self._starts_us = None
        self.at_prompt = False
        self._next_pass_us = self.clock.now_us
        try:
            self.pen = self._build(self.board)
            self.pen.boot()
        except Exception as error:  # noqa: BLE001 - as main.py: a pen that cannot boot stays at the prompt
            self._crashed(error)
            self._to_prompt()
        self._next_pass_us = self.clock.now_us
        if getattr(self.pen, "service_exit", False):
            self._to_prompt()

    def _reset(self) -> None:
        """Watchdog or commanded reset. A hang does not survive it."""
        self.resets += 1
        self._stop_chip()
        self.firmware_faults.hung = False
        self._starts_us = self.clock.now_us + BOOT_US

    def _stop_chip(self) -> None:
        self.board.halt()
        self.pen = None

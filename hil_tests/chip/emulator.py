"""A pen on an emulated RP2040: the real MicroPython, the real firmware, the wiring around them, moved by its caller.

Nothing runs by itself: the chip lives while somebody calls `run_ms`, in the caller's thread, so a test may stop between two
instructions, look, and even copy the whole chip by forking its process. Times are the chip's (emulated).

Where the emulator is known to be wrong, and what is done here instead:

- At most one PIO instruction runs for each CPU instruction, and machines lose time while the core sleeps. Here both blocks
  advance in a clock alarm, once in each microsecond, which is one instruction of every machine of the pen: edges lie on
  whole microseconds.
- A driven pad does not read back: the wiring puts it there.
- Its USB host keeps the chip busy with empty packets; this one is silent unless it has something to say, so that passes
  take the time they take on a chip.
- No cache misses, no erase time: Python code is as fast as it can be at best, and flash writes do not stall.
- Joining FIFOs does not empty them: the firmware empties them itself and asks whether they are empty.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, Self

from rp2040py.boards import BoardSpec, FlashLayout
from rp2040py.device.base_device import BaseDevice, ResetCause
from rp2040py.execute_batch import execute_batch
from rp2040py.memory_map import FLASH_START_ADDRESS

from hil_tests.chip import image as chip_image
from hil_tests.chip.wiring import Wiring
from pen_firmware.pio_programs import MACHINE_HZ
from pen_sim.eeprom import Cartridge

CYCLE_NS = 1_000_000_000 // MACHINE_HZ
"""One cycle of the pen's machines."""
CLOCKS = 125_000_000 // MACHINE_HZ
"""System clocks in one cycle."""
WATCH_NS = 20_000
"""How often an idle PIO block is looked at until its first machine runs."""
PUMP_NS = 250_000
"""How often waiting bytes are handed to the chip's USB."""
CONTACT_NS = 1_000_000
"""How often contacts and sensors reach the pads."""
USB_FIFO = 256
"""Bytes put before the chip at once."""
ENUMERATION_MS = 2_000
"""USB is up within this after power; the guest's imports come later."""
PROMPT_MS = 25.0
"""From USB to main.py's first line. A host's 0x03 arriving earlier would interrupt it; no real host opens that fast."""
COUNTER_BLOCK = 1
COUNTERS = (0, 3)
"""PIO block and machines that count the needle's and the axis' edges."""
COUNT_MAX = (1 << 32) - 1
PAGE_PROGRAM = 0x02
PAGE_HEAD = 4
"""Flash command that writes a page, and its bytes before the data."""


class Surroundings(Protocol):
    """What is wired to a chip."""

    def apply(self) -> None:
        """Put the state of every contact on the pads; asked every millisecond and after a reset."""


class Chip:
    """One emulated chip with any files and wiring. `start()` boots it until it is on USB.

    Attributes:
        mcu: The emulated chip itself.
        wiring: Everything around the chip.
        resets: Watchdog resets, commanded ones included.
        connected: Times the chip came up on USB.
        lock: Held by whoever lets the chip live or looks at it; for callers in several threads.
    """

    def __init__(
        self,
        image: Path,
        files: Mapping[str, bytes],
        wire_up: Callable[[Any, Any], Surroundings],
        flash: bytes | None = None,
        machine_clocks: tuple[int, int] = (CLOCKS, CLOCKS),
        cycle_ns: int = CYCLE_NS,
    ) -> None:
        """Make a chip.

        Args:
            image: MicroPython UF2 file.
            files: Files of the device by path (see `image.device_tree`).
            wire_up: Wires the emulated chip, given it and its clock.
            flash: A file system to boot from instead of `files`.
            machine_clocks: System clocks in one step of each block's fastest machine; divides what lies in `cycle_ns`.
            cycle_ns: How often the machines are moved: inputs change for them no finer than this.
        """
        layout = FlashLayout(chip_image.FILE_SYSTEM_OFFSET, chip_image.BLOCK_COUNT, chip_image.BLOCK_SIZE)
        self._device = BaseDevice(board=BoardSpec(image=image, layout=layout))
        mcu = self.mcu = self._device.mcu
        content = chip_image.file_system(files) if flash is None else flash
        mcu.flash[chip_image.FILE_SYSTEM_OFFSET : chip_image.FILE_SYSTEM_OFFSET + len(content)] = content
        self._simulator = self._device.simulator
        self._clock = self._simulator.clock
        self.wiring: Any = wire_up(mcu, self._clock)
        self.lock = threading.RLock()
        self.resets = 0
        self.connected = 0
        self._cycle_ns = cycle_ns
        self._steps = tuple(
            (block, clocks, range(CLOCKS * cycle_ns // CYCLE_NS // clocks))
            for block, clocks in zip(mcu.pio, machine_clocks, strict=True)
        )
        self._incoming: deque[bytes] = deque()
        self._outgoing: deque[int] = deque()
        self._device.cdc.on_serial_data = lambda data: self._incoming.append(bytes(data))
        self._device.cdc.on_device_connected = self._enumerated
        self._usb = mcu.usb_ctrl
        self._answer_read = self._usb.on_endpoint_read
        self._usb.on_endpoint_read = self._host_asked
        self._waiting_read: tuple[int, int] | None = None
        self._blocks = tuple(mcu.pio)
        self._cycling = False
        self._stop_alarm = self._clock.create_alarm(self._stop)
        self._pump_alarm = self._clock.create_alarm(self._pump)
        self._contact_alarm = self._clock.create_alarm(self._contacts)
        self._watch_alarm = self._clock.create_alarm(self._watch_machines)
        self._cycle_alarm = self._clock.create_alarm(self._cycle)
        mcu.watchdog.on_watchdog_trigger = self._watchdog

    # --- life ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Boot until the chip is on USB (after boot.py, before main.py).

        Raises:
            RuntimeError: It did not come up.
        """
        self.mcu.core.pc = FLASH_START_ADDRESS
        for alarm, period_ns in (
            (self._pump_alarm, PUMP_NS),
            (self._contact_alarm, CONTACT_NS),
            (self._watch_alarm, WATCH_NS),
        ):
            alarm.schedule(period_ns)
        if not self.until(lambda: self.connected > 0, ENUMERATION_MS):
            raise RuntimeError("the emulated chip did not come up on USB: is the image one for RP2040?")
        self.run_ms(PROMPT_MS)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Nothing runs by itself, so nothing is left to end."""

    # --- time ---------------------------------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """Time of the chip since power came up."""
        return int(self._clock.nanos)

    @property
    def now_ms(self) -> float:
        """Time of the chip since power came up."""
        return self.now_ns / 1e6

    def run_ms(self, duration_ms: float) -> None:
        """Let the chip live for this long."""
        with self.lock:
            self.run_to_ns(self._clock.nanos + duration_ms * 1e6)

    def run_to_ns(self, end_ns: float) -> None:
        """Let the chip live until this moment of its time; for callers that hold the lock."""
        simulator = self._simulator
        self._stop_alarm.schedule(max(0.0, end_ns - self._clock.nanos))
        simulator.stopped = False
        while not simulator.stopped:
            execute_batch(simulator, 1)

    def skip_ms(self, duration_ms: float) -> None:
        """Let time pass in which the core executes nothing, as through a flash erase; PIO, USB and watchdog go on."""
        with self.lock:
            self._clock.tick(duration_ms * 1e6)

    def clock_us(self) -> int:
        """What the chip's timer shows."""
        with self.lock:
            return int(self.mcu.timer._micros())

    def jump_clock_us(self, duration_us: int) -> None:
        """The chip's timer jumps ahead. Its library offers no way but its epoch."""
        with self.lock:
            self.mcu.timer._epoch_nanos -= duration_us * 1_000

    def until(self, condition: Callable[[], bool], limit_ms: float, step_ms: float = 2.0) -> bool:
        """Let the chip live until `condition()` holds; False when it did not within the limit."""
        end_ns = self.now_ns + int(limit_ms * 1e6)
        while not condition():
            if self.now_ns >= end_ns:
                return False
            self.run_ms(step_ms)
        return True

    def _stop(self) -> None:
        self._simulator.stopped = True

    # --- hands --------------------------------------------------------------------------------------------------------

    def set(self, **contacts: object) -> None:
        """Set contacts and sensors of the wiring by name, at one instant.

        Raises:
            AttributeError: The wiring has no such contact.
        """
        with self.lock:
            for name in contacts:
                if not hasattr(self.wiring, name):
                    raise AttributeError(f"the wiring has no contact {name}")
            for name, value in contacts.items():
                setattr(self.wiring, name, value)
            self.wiring.apply()

    def at_ns(self, delay_ns: int, action: Callable[[], None]) -> None:
        """Do something after this much of the chip's time, between two instructions."""
        self._clock.create_alarm(action).schedule(delay_ns)

    def flash(self) -> bytes:
        """The file system as it is now."""
        size = chip_image.BLOCK_COUNT * chip_image.BLOCK_SIZE
        start = chip_image.FILE_SYSTEM_OFFSET
        with self.lock:
            return bytes(self.mcu.flash[start : start + size])

    def word(self, address: int) -> int:
        """A word of the chip's memory or registers."""
        with self.lock:
            return int(self.mcu.read_uint32(address))

    def set_word(self, address: int, value: int) -> None:
        """Write a word of the chip's memory or registers, as a debugger would."""
        with self.lock:
            self.mcu.write_uint32(address, value)

    def cut_next_flash_write(self, after_bytes: int) -> Callable[[], bool]:
        """Power fails when the next page of the flash has taken this many bytes, and comes back; tells whether it did."""
        ssi = self.mcu.ssi
        shipped = ssi._apply_command
        happened = []

        def cut() -> None:
            buffer = ssi._tx_buffer
            if not buffer or buffer[0] != PAGE_PROGRAM or not ssi._write_enabled:
                shipped()
                return
            ssi._apply_command = shipped
            del buffer[PAGE_HEAD + after_bytes :]
            shipped()
            happened.append(True)
            self.at_ns(0, lambda: self._reset(ResetCause.POWER_ON))

        ssi._apply_command = cut
        return lambda: bool(happened)

    @property
    def machines_run(self) -> bool:
        """The firmware has got as far as starting a machine since the last reset."""
        return any(machine.enabled for block in self._blocks for machine in block.machines)

    def set_host_open(self, open_: bool) -> None:
        """The host opens or closes the serial port (DTR)."""
        with self.lock:
            self._device.cdc.set_control_lines(dtr=open_, rts=open_)

    def reset_by_button(self) -> None:
        """RUN is pulled low and let go."""
        with self.lock:
            self._reset(ResetCause.RUN_PIN)

    # --- bytes --------------------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send bytes to the chip; they arrive as fast as it takes them."""
        with self.lock:
            self._outgoing.extend(data)

    def read(self) -> bytes:
        """What the chip has sent since the last read."""
        with self.lock:
            data = b"".join(self._incoming)
            self._incoming.clear()
            return data

    # --- inside the chip's time -----------------------------------------------------------------------------------------

    def _watch_machines(self) -> None:
        """Until the first machine runs, from when on both blocks are moved by `_cycle`."""
        if not self._cycling and self.machines_run:
            self._cycling = True
            self._cycle_alarm.schedule(self._cycle_ns)
        if not self._cycling:
            self._watch_alarm.schedule(WATCH_NS)

    def _cycle(self) -> None:
        """Move every machine; `stopped` keeps the emulator from moving them as well."""
        for block, clocks, steps in self._steps:
            for _ in steps:
                block.advance(clocks)
            block.stopped = True
        self._cycle_alarm.schedule(self._cycle_ns)

    def _host_asked(self, endpoint: int, size: int) -> None:
        """The chip is ready for bytes. A host with none stays silent; the emulator's own would send empty packets."""
        if endpoint == 0 or self._device.cdc.tx_fifo.item_count:
            self._answer_read(endpoint, size)
        else:
            self._waiting_read = (endpoint, size)

    def _pump(self) -> None:
        fifo = self._device.cdc.tx_fifo
        while self._outgoing and fifo.item_count < USB_FIFO:
            self._device.cdc.send_serial_byte(self._outgoing.popleft())
        if fifo.item_count and self._waiting_read is not None:
            waiting, self._waiting_read = self._waiting_read, None
            self._answer_read(*waiting)
        self._pump_alarm.schedule(PUMP_NS)

    def _contacts(self) -> None:
        self.wiring.apply()
        self._contact_alarm.schedule(CONTACT_NS)

    def _watchdog(self) -> None:
        self.resets += 1
        self._reset(ResetCause.WATCHDOG)

    def _reset(self, cause: Any) -> None:
        self._outgoing.clear()
        self._waiting_read = None
        self._device.hard_reset(cause=cause)
        if cause is not ResetCause.WATCHDOG:
            # a chip's reset stops its watchdog; the emulator lets it run on, into the middle of the next boot
            watchdog = self.mcu.watchdog
            watchdog._enable = watchdog.timer.enable = watchdog.alarm.enable = False
        self.wiring.apply()

    def _enumerated(self) -> None:
        self.connected += 1


class ChipPen(Chip):
    """One emulated pen."""

    wiring: Wiring

    def __init__(
        self,
        image: Path,
        files: Mapping[str, bytes],
        cartridge: Cartridge | None = None,
        flash: bytes | None = None,
        edges: int = 0,
    ) -> None:
        """Make a pen. See `Chip`.

        Args:
            image: MicroPython UF2 file.
            files: Files of the device.
            cartridge: What is in the tip; None: nothing.
            flash: A file system to boot from instead of `files`.
            edges: What the needle's and the axis' edge counters show at their first start, to begin just below a wrap.
        """
        super().__init__(image, files, lambda mcu, clock: Wiring(mcu, clock, cartridge), flash=flash)
        self._edges = edges
        self._counters = [self.mcu.pio[COUNTER_BLOCK].machines[index] for index in COUNTERS]
        """Counters that have not started yet."""
        self._counter_alarm = self._clock.create_alarm(self._watch_counters)

    def start(self) -> None:
        """Boot until the chip is on USB (after boot.py, before main.py)."""
        self._counter_alarm.schedule(WATCH_NS)
        super().start()

    def _watch_counters(self) -> None:
        """Until the counters run: one whose program has just set X to the complement of zero begins with `edges`."""
        waiting = [machine for machine in self._counters if not (machine.enabled and machine.x)]
        for machine in self._counters:
            if machine not in waiting:
                machine.x = COUNT_MAX - self._edges
        self._counters = waiting
        if waiting:
            self._counter_alarm.schedule(WATCH_NS)

    def miscount(self, edges: int) -> None:
        """The machine that counts the coil's edges has counted this many too many."""
        with self.lock:
            counter = self.mcu.pio[COUNTER_BLOCK].machines[COUNTERS[0]]
            counter.x = (counter.x - edges) & COUNT_MAX

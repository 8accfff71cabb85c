"""A pen on an emulated RP2040: the real MicroPython, the real firmware, the wiring around them, in a thread of its own.

Times are the chip's (emulated) unless a name says `wall`. Known defects of the emulator, all harmless here: no FIFO is
flushed by joining it, state machines lose time while the core sleeps (the firmware never does), a driven pad does not
read back (the wiring does that). Its USB host would keep the chip busy with empty packets; this one is silent unless it
has something to say, so that passes take the time they take on a chip.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from rp2040py.boards import BoardSpec, FlashLayout
from rp2040py.device.base_device import BaseDevice

from hil_tests import chip_image
from hil_tests.chip_wiring import Wiring
from pen_sim.eeprom import Cartridge

PUMP_NS = 250_000
"""How often waiting bytes are handed to the chip's USB."""
CONTACT_NS = 1_000_000
"""How often contacts and sensors reach the pads."""
USB_FIFO = 256
"""Bytes put before the chip at once."""
START_WALL_S = 120.0
PROMPT_MS = 25.0
"""From USB to main.py's first line. A host's 0x03 arriving earlier would interrupt it; no real host opens that fast."""
_T = TypeVar("_T")


class ChipPen:
    """One emulated pen. `start()` boots it; use it as a context manager to be sure it ends."""

    def __init__(
        self,
        image: Path,
        files: Mapping[str, bytes],
        cartridge: Cartridge | None = None,
        flash: bytes | None = None,
    ) -> None:
        """Make a pen.

        Args:
            image: MicroPython UF2 file.
            files: Files of the device by path (see `chip_image.device_tree`).
            cartridge: What is in the tip; None: nothing.
            flash: A file system to boot from instead of `files`.
        """
        layout = FlashLayout(chip_image.FILE_SYSTEM_OFFSET, chip_image.BLOCK_COUNT, chip_image.BLOCK_SIZE)
        self._device = BaseDevice(board=BoardSpec(image=image, layout=layout))
        mcu = self._device.mcu
        content = chip_image.file_system(files) if flash is None else flash
        mcu.flash[chip_image.FILE_SYSTEM_OFFSET : chip_image.FILE_SYSTEM_OFFSET + len(content)] = content
        self._clock = self._device.simulator.clock
        self.wiring = Wiring(mcu, self._clock, cartridge)
        self.resets = 0
        """Watchdog resets, commanded ones included."""
        self.connected = 0
        """Times the chip came up on USB."""
        self._incoming: deque[bytes] = deque()
        self._arrived = threading.Condition()
        self._outgoing: deque[int] = deque()
        self._thread = threading.Thread(target=self._run, name="chip", daemon=True)
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pump_alarm = self._clock.create_alarm(self._pump)
        self._contact_alarm = self._clock.create_alarm(self._contacts)
        self._device.cdc.on_serial_data = self._take
        self._usb = mcu.usb_ctrl
        self._answer_read = self._usb.on_endpoint_read
        self._usb.on_endpoint_read = self._host_asked
        self._waiting_read: tuple[int, int] | None = None
        mcu.watchdog.on_watchdog_trigger = self._watchdog

    # --- life ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Boot until the chip is on USB (after boot.py, before main.py).

        Raises:
            RuntimeError: It did not come up, or the emulator failed.
        """
        self._thread.start()
        if not self._ready.wait(START_WALL_S):
            raise RuntimeError("the emulated chip did not come up on USB: is the image one for RP2040?")
        self._check()
        self.run_ms(PROMPT_MS)

    def close(self) -> None:
        """Stop the emulator and its thread."""
        self._device.stop()
        if self._thread.is_alive():
            self._thread.join(START_WALL_S)

    def __enter__(self) -> ChipPen:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except (RuntimeError, TimeoutError, ValueError, OverflowError, IndexError) as failure:
            self._failure = failure
        finally:
            self._ready.set()
            with self._arrived:
                self._arrived.notify_all()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._device.astart(START_WALL_S)
        self.connected += 1
        self._device.cdc.on_device_connected = self._enumerated
        self._pump_alarm.schedule(PUMP_NS)
        self._contact_alarm.schedule(CONTACT_NS)
        self._ready.set()
        while self._device.simulator.executing:
            await asyncio.sleep(0.05)
        error = self._device.simulator.engine_room_error
        if error is not None:
            raise RuntimeError(f"the emulator failed: {error}") from error

    def _check(self) -> None:
        if self._failure is not None:
            raise RuntimeError(f"the emulated chip failed: {self._failure}") from self._failure

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
        done = threading.Event()

        def arm() -> None:
            self._clock.create_alarm(done.set).schedule(int(duration_ms * 1e6))

        self._schedule(arm)
        while not done.wait(0.2):
            self._check()
            if not self._thread.is_alive():
                raise RuntimeError("the emulated chip has ended while time was to pass")

    def until(self, condition: Callable[[], bool], limit_ms: float, step_ms: float = 2.0) -> bool:
        """Let the chip live until `condition()` holds; False when it did not within the limit."""
        end_ns = self.now_ns + int(limit_ms * 1e6)
        while not condition():
            if self.now_ns >= end_ns:
                return False
            self.run_ms(step_ms)
        return True

    # --- hands --------------------------------------------------------------------------------------------------------

    def set(self, **contacts: object) -> None:
        """Set contacts and sensors of the wiring by name, at one instant, as seen by the chip.

        Raises:
            AttributeError: The wiring has no such contact.
        """
        for name in contacts:
            if not hasattr(self.wiring, name):
                raise AttributeError(f"the wiring has no contact {name}")
        self.call(lambda: self._set(contacts))

    def _set(self, contacts: Mapping[str, object]) -> None:
        for name, value in contacts.items():
            setattr(self.wiring, name, value)
        self.wiring.apply()

    def at_ns(self, delay_ns: int, action: Callable[[], None]) -> None:
        """Do something in the emulator's thread after this much of the chip's time."""
        self._schedule(lambda: self._clock.create_alarm(action).schedule(delay_ns))

    def every_ns(self, period_ns: int, action: Callable[[], None]) -> Callable[[], None]:
        """Do something in the emulator's thread again and again, in the chip's time; returns what ends it."""
        going = True

        def turn() -> None:
            if going:
                action()
                alarm.schedule(period_ns)

        def end() -> None:
            nonlocal going
            going = False

        alarm = self._clock.create_alarm(turn)
        self._schedule(lambda: alarm.schedule(period_ns))
        return end

    def call(self, action: Callable[[], _T]) -> _T:
        """Run a function in the emulator's thread, between two instructions; its result."""

        async def run() -> _T:
            return action()

        return self._device.simulator.call(run(), START_WALL_S)

    def flash(self) -> bytes:
        """The file system as it is now."""
        size = chip_image.BLOCK_COUNT * chip_image.BLOCK_SIZE
        start = chip_image.FILE_SYSTEM_OFFSET
        return self.call(lambda: bytes(self._device.mcu.flash[start : start + size]))

    def mcu(self) -> Any:
        """The emulated chip itself, for what no contact offers."""
        return self._device.mcu

    def set_host_open(self, open_: bool) -> None:
        """The host opens or closes the serial port (DTR)."""
        self._device.set_control_lines(dtr=open_, rts=open_)

    # --- bytes --------------------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send bytes to the chip; they arrive as fast as it takes them."""
        self._schedule(lambda: self._outgoing.extend(data))

    def write_now(self, data: bytes) -> None:
        """`write` for what already runs in the emulator's thread."""
        self._outgoing.extend(data)

    def read(self, timeout_wall_s: float = 0.0) -> bytes:
        """What the chip has sent since the last read; waits at most this long for the first byte."""
        with self._arrived:
            if not self._incoming and timeout_wall_s > 0:
                self._arrived.wait(timeout_wall_s)
            data = b"".join(self._incoming)
            self._incoming.clear()
        self._check()
        return data

    def _take(self, data: bytes | bytearray) -> None:
        with self._arrived:
            self._incoming.append(bytes(data))
            self._arrived.notify_all()

    # --- the emulator's thread ------------------------------------------------------------------------------------------

    def _schedule(self, action: Callable[[], object]) -> None:
        self._device.simulator.schedule_threadsafe(lambda: (action(), None)[1])

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
        self._outgoing.clear()
        self._waiting_read = None
        self._device.hard_reset(cause=_watchdog_cause())
        self.wiring.apply()

    def _enumerated(self) -> None:
        self.connected += 1


def _watchdog_cause() -> Any:
    from rp2040py.device.base_device import ResetCause

    return ResetCause.WATCHDOG

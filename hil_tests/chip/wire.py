"""A 1-Wire slave on a pad of the emulated chip: turns pulses into the bytes of a simulated cartridge memory."""

from __future__ import annotations

from typing import Any

from pen_sim.eeprom import WireDevice

RESET_LOW_NS = 400_000
"""A pulse longer than this resets the bus (a master pulls 480 us)."""
ONE_BELOW_NS = 30_000
"""A shorter pulse is a 1 (a master pulls 6 us for a 1, 60 us for a 0)."""
PRESENCE_AFTER_NS = 20_000
PRESENCE_NS = 120_000
ZERO_HOLD_NS = 35_000
"""A slave holds a 0 this long; the master samples 15 us after its falling edge."""


class BitDevice(WireDevice):
    """A cartridge memory that can say whether the next bits are its own."""

    def answering(self, now_us: int) -> bool:
        """True when the device speaks in the next time slots."""
        return bool(self._answer) and now_us >= self._busy_until_us


class WireSlave:
    """Listens to one pad, drives it low in answer. All calls come from the emulator's own thread."""

    def __init__(self, pin: Any, clock: Any, device: BitDevice) -> None:
        self.device = device
        self._pin = pin
        self._clock = clock
        self._master_low = False
        self._slave_low = False
        self._fell_ns = 0
        self._bits = 0
        self._bit_count = 0
        self._sending: int | None = None
        self._present_alarm = clock.create_alarm(self._answer_presence)
        self._release_alarm = clock.create_alarm(self._release)
        pin.set_input_value(True)
        pin.add_listener(lambda level, _before: self._master(level == 0))

    def _master(self, low: bool) -> None:
        if low == self._master_low:
            return
        self._master_low = low
        if low:
            self._fell()
        else:
            self._rose(self._clock.nanos - self._fell_ns)
        self._settle()

    def _fell(self) -> None:
        self._fell_ns = self._clock.nanos
        if self._sending is not None and not (self._sending >> self._bit_count) & 1:
            self._hold(ZERO_HOLD_NS)

    def _rose(self, low_ns: int) -> None:
        if low_ns > RESET_LOW_NS:
            self._sending = None
            self._bits = self._bit_count = 0
            if self.device.reset():
                self._present_alarm.schedule(PRESENCE_AFTER_NS)
            return
        if self._sending is None:
            self._bits |= (low_ns < ONE_BELOW_NS) << self._bit_count
        self._bit_count += 1
        if self._bit_count < 8:
            return
        if self._sending is None:
            self.device.write(self._bits, self._clock.nanos // 1000)
        self._bits = self._bit_count = 0
        self._sending = self._next_byte()

    def _next_byte(self) -> int | None:
        """What the memory wants to say next; None while it listens."""
        if not self.device.answering(self._clock.nanos // 1000):
            return None
        return self.device.read(self._clock.nanos // 1000)

    def _answer_presence(self) -> None:
        self._hold(PRESENCE_NS)
        self._settle()

    def _hold(self, duration_ns: int) -> None:
        self._slave_low = True
        self._release_alarm.schedule(duration_ns)

    def _release(self) -> None:
        self._slave_low = False
        self._settle()

    def _settle(self) -> None:
        """The line is low when either side pulls it."""
        self._pin.set_input_value(not (self._master_low or self._slave_low))

"""Simulated time: one integer of microseconds that the caller moves, and the wrapping views the firmware reads."""

from __future__ import annotations

from pen_firmware.hal import CLOCK_WRAP

FIRST_MS = CLOCK_WRAP - 4_000
"""Default first reading of the firmware's millisecond clock: it wraps four seconds after start."""
FIRST_US = CLOCK_WRAP - 2_500_000
"""Default first reading of the firmware's microsecond clock: it wraps two and a half seconds after start."""

_MASK = CLOCK_WRAP - 1
_HALF = CLOCK_WRAP // 2


class SimClock:
    """Microseconds since the simulation began. It never wraps and moves only when its owner moves it."""

    __slots__ = ("now_us",)

    def __init__(self, now_us: int = 0) -> None:
        self.now_us = now_us

    def advance_us(self, duration_us: int) -> int:
        """Let `duration_us` pass and return the new time.

        Raises:
            ValueError: the duration is negative; simulated time does not run backwards.
        """
        if duration_us < 0:
            raise ValueError(
                f"simulated time cannot go back by {-duration_us} us: give a duration of 0 or more"
            )
        self.now_us += duration_us
        return self.now_us

    def advance_to(self, time_us: int) -> int:
        """Let time pass until `time_us` and return it. Raises ValueError for a time that has passed."""
        return self.advance_us(time_us - self.now_us)


class FirmwareTime:
    """The clocks the firmware sees: they start anew at each reset and wrap at 2^30.

    They start just below the wrap, so that every run of every test crosses it. (On the chip they start at zero; an hour
    of uptime would pass before a wrapped reading was seen.)
    """

    __slots__ = ("_clock", "_first_ms", "_first_us", "_started_us")

    def __init__(self, clock: SimClock, first_ms: int = FIRST_MS, first_us: int = FIRST_US) -> None:
        self._clock = clock
        self._first_ms = first_ms
        self._first_us = first_us
        self._started_us = clock.now_us

    def restart(self) -> None:
        """The chip came out of reset now."""
        self._started_us = self._clock.now_us

    @property
    def uptime_us(self) -> int:
        """Microseconds since the last reset, not wrapped."""
        return self._clock.now_us - self._started_us

    def now_ms(self) -> int:
        """Milliseconds as the firmware reads them."""
        return (self._first_ms + (self._clock.now_us - self._started_us) // 1000) & _MASK

    def now_us(self) -> int:
        """Microseconds as the firmware reads them."""
        return (self._first_us + self._clock.now_us - self._started_us) & _MASK


def wrapped_difference(later: int, earlier: int) -> int:
    """Signed difference of two wrapping readings, -2^29..2^29-1."""
    return ((later - earlier + _HALF) & _MASK) - _HALF

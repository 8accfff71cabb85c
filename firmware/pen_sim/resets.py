"""What ends a run of the firmware from outside. Not an `Exception`: no handler of the firmware may swallow it."""

from __future__ import annotations


class ChipReset(BaseException):
    """The chip resets: watchdog or commanded. The words survive."""


class PowerLost(BaseException):
    """Power is gone: nothing but flash survives."""

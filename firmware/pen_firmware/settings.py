"""Settings of this pen: two slots, checked after loading against the message table's ranges, safe defaults otherwise.

Content: the fields of the SETTINGS message as on the wire, then one byte for the quarantine.
"""

import struct

from pen_firmware.hal import Slot
from pen_firmware.slots import Load, TwoSlots
from pen_protocol import limits
from pen_protocol.messages import BY_NUMBER, SETTINGS_WRITE

_MAGIC = 0x53435044  # "DPCS"
_LAYOUT = 1
_MESSAGE = BY_NUMBER[SETTINGS_WRITE]
_FORMAT = _MESSAGE.struct_format + "B"

DEFAULTS = (
    0,
    limits.DEPTH_CAP_UM,
    limits.RATE_MAX_MHZ,
    2000,
    0,
    50,
    limits.COIL_TRIP_CC,
    limits.SESSION_ARMED_MAX_S,
    limits.STROKING_MAX_MS,
)
"""Values of a pen nobody has calibrated: no limit looser than the protocol's, 2 ms coil on-time."""


class Settings:
    """Values in force as attributes named like the fields of SETTINGS_WRITE. `valid` is False when what was held is lost.

    `quarantined` is True from the first wet reading until an engineer clears it; `stored` tells whether the flash
    already knows.
    """

    def __init__(self, board):
        self._slots = TwoSlots(
            board, Slot.SETTINGS_A, Slot.SETTINGS_B, _MAGIC, _LAYOUT, struct.calcsize(_FORMAT)
        )
        self.valid = False
        self.quarantined = False
        self.stored = False
        self._take(DEFAULTS)

    def load(self):
        """Read the newest whole record. At boot only: a pen without one is given the defaults, which are written."""
        found = self._slots.load()
        if found == Load.EMPTY:
            self.valid = True
            self.stored = self._write()
            return
        if found == Load.DAMAGED:
            return
        values = struct.unpack(_FORMAT, self._slots.content)
        self.quarantined = values[-1] != 0
        self.stored = True
        if out_of_range(values) < 0:
            self._take(values)
            self.valid = True

    def same(self, values):
        """True when `values` (in the order of the fields) are those in force."""
        return self.valid and values == self.values()

    def values(self):
        """The values in force, in the order of the fields."""
        return (
            self.version,
            self.depth_cap_um,
            self.rate_max_mhz,
            self.on_us,
            self.home_offset_um,
            self.backlash_um,
            self.coil_trip_cc,
            self.session_armed_max_s,
            self.stroking_max_ms,
        )

    def write(self, values):
        """Store and use `values`, all within range; False when the flash refused and the old ones stay. Disarmed only."""
        before = self.values()
        self._take(values)
        if self._write():
            self.valid = True
            self.stored = True
            return True
        self._take(before)
        return False

    def quarantine(self):
        """Fluid was seen: blocked from now on. `store` it as soon as the pen is disarmed."""
        if not self.quarantined:
            self.quarantined = True
            self.stored = False

    def store(self):
        """Write what is held when the flash does not know it yet; True when it does now. Disarmed only."""
        if not self.stored and self.valid:
            self.stored = self._write()
        return self.stored

    def clear_quarantine(self):
        """An engineer has inspected the pen; False when the flash refused and the quarantine stays. Disarmed only.

        While the settings are lost nothing is written: that would make defaults look like settings.
        """
        self.quarantined = False
        if not self.valid:
            return True
        if self._write():
            self.stored = True
            return True
        self.quarantined = True
        return False

    def intact(self):
        """True when the record in force reads back whole."""
        return self._slots.intact()

    def _take(self, values):
        (
            self.version,
            self.depth_cap_um,
            self.rate_max_mhz,
            self.on_us,
            self.home_offset_um,
            self.backlash_um,
            self.coil_trip_cc,
            self.session_armed_max_s,
            self.stroking_max_ms,
        ) = values[: len(DEFAULTS)]

    def _write(self):
        struct.pack_into(_FORMAT, self._slots.content, 0, *(self.values() + (1 if self.quarantined else 0,)))
        return self._slots.save()


def out_of_range(values):
    """Index of the first value outside the message table's range, -1 when all fit."""
    for index, field in enumerate(_MESSAGE.fields):
        if values[index] < field.low or values[index] > field.high:
            return index
    return -1

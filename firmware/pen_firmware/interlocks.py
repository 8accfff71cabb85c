"""Readings to conditions: pure. Unknown is blocked: every reading starts out as its blocking value."""

from pen_protocol import limits
from pen_protocol.states import Condition

_ESTOP_OPEN = 1 << Condition.ESTOP_OPEN
_ESTOP_MISSING = 1 << Condition.ESTOP_MISSING
_CARTRIDGE_UNLATCHED = 1 << Condition.CARTRIDGE_UNLATCHED
_CARTRIDGE_NOT_BURNED = 1 << Condition.CARTRIDGE_NOT_BURNED
_NOT_HOMED = 1 << Condition.NOT_HOMED
_STEP_MISMATCH = 1 << Condition.STEP_MISMATCH
_AXIS_MOVING = 1 << Condition.AXIS_MOVING
_TRIGGER_STUCK = 1 << Condition.TRIGGER_STUCK
_HOST_LEASE = 1 << Condition.HOST_LEASE
_FIRMWARE_LEASE = 1 << Condition.FIRMWARE_LEASE
_RATE_DROOP = 1 << Condition.RATE_DROOP
_STROKE_MISMATCH = 1 << Condition.STROKE_MISMATCH
_COIL_HOT = 1 << Condition.COIL_HOT
_COIL_SENSOR = 1 << Condition.COIL_SENSOR
_OVER_CURRENT = 1 << Condition.OVER_CURRENT
_SUPPLY_LOW = 1 << Condition.SUPPLY_LOW
_CHARGER = 1 << Condition.CHARGER
_FLUID = 1 << Condition.FLUID
_SETTINGS_INVALID = 1 << Condition.SETTINGS_INVALID
_SELF_TEST = 1 << Condition.SELF_TEST
_CLOCK = 1 << Condition.CLOCK
_SESSION_TIME = 1 << Condition.SESSION_TIME
_STROKING_TIME = 1 << Condition.STROKING_TIME
_SETPOINTS = 1 << Condition.SETPOINTS
_GATE_STUCK = 1 << Condition.GATE_STUCK


class Readings:
    """What one pass saw, as plain attributes; one object, filled again every pass.

    Analog readings count only once `sensors_ready`; until then coil and supply are unknown, which blocks. Fluid and
    over-current are not assumed: they would latch a stop at every start before anything was measured.
    """

    def __init__(self):
        self.estop_closed = False
        self.estop_present = False
        self.latched = False
        self.charger = True
        self.sensors_ready = False
        self.coil_fault = True
        self.coil_cc = 0
        self.coil_trip_cc = limits.COIL_TRIP_CC
        self.coil_ma = 0
        self.supply_mv = 0
        self.over_current = False
        self.fluid = False
        self.gate_stuck = False
        self.cartridge = Condition.CARTRIDGE_ABSENT
        """0 for a good one, else the number of its condition."""
        self.burned = False
        self.homed = False
        self.step_mismatch = False
        self.axis_moving = False
        self.trigger_held_ms = 0
        """How long the trigger has been held without strokes."""
        self.host_lease_expired = False
        self.late_pass = False
        self.droop = False
        self.stroke_mismatch = False
        self.settings_valid = False
        self.self_test_passed = False
        self.clock_sound = False
        self.armed_left_ms = 0
        self.stroking_left_ms = 0
        self.setpoints = False


def collect(r):
    """Condition mask of readings `r`; bits are `1 << Condition`. Allocates nothing."""
    return _hands(r) | _cartridge(r) | _axis(r) | _needle(r) | _electrics(r) | _self(r)


def lowest(mask):
    """Number of the lowest condition in a mask, 0 for none."""
    if mask == 0:
        return 0
    number = 0
    while not mask & 1:
        mask >>= 1
        number += 1
    return number


def _hands(r):
    mask = 0
    if not r.estop_closed:
        mask |= _ESTOP_OPEN
    if not r.estop_present:
        mask |= _ESTOP_MISSING
    if r.trigger_held_ms >= limits.TRIGGER_STUCK_MS:
        mask |= _TRIGGER_STUCK
    if r.host_lease_expired:
        mask |= _HOST_LEASE
    if r.armed_left_ms <= 0:
        mask |= _SESSION_TIME
    if r.stroking_left_ms <= 0:
        mask |= _STROKING_TIME
    if not r.setpoints:
        mask |= _SETPOINTS
    return mask


def _cartridge(r):
    mask = 0
    if not r.latched:
        mask |= _CARTRIDGE_UNLATCHED
    if r.cartridge:
        mask |= 1 << r.cartridge
    if not r.burned:
        mask |= _CARTRIDGE_NOT_BURNED
    return mask


def _axis(r):
    mask = 0
    if not r.homed:
        mask |= _NOT_HOMED
    if r.step_mismatch:
        mask |= _STEP_MISMATCH
    if r.axis_moving:
        mask |= _AXIS_MOVING
    return mask


def _needle(r):
    mask = 0
    if r.late_pass:
        mask |= _FIRMWARE_LEASE
    if r.droop:
        mask |= _RATE_DROOP
    if r.stroke_mismatch:
        mask |= _STROKE_MISMATCH
    if r.gate_stuck:
        mask |= _GATE_STUCK
    return mask


def _electrics(r):
    mask = 0
    if r.over_current:
        mask |= _OVER_CURRENT
    if r.charger:
        mask |= _CHARGER
    if r.fluid:
        mask |= _FLUID
    if not r.sensors_ready:
        return mask | _COIL_SENSOR | _SUPPLY_LOW
    if r.coil_fault:
        mask |= _COIL_SENSOR
    elif r.coil_cc >= r.coil_trip_cc:
        mask |= _COIL_HOT
    if r.coil_ma > limits.COIL_CURRENT_MAX_MA:
        mask |= _OVER_CURRENT
    if r.supply_mv < limits.SUPPLY_MIN_MV:
        mask |= _SUPPLY_LOW
    return mask


def _self(r):
    mask = 0
    if not r.settings_valid:
        mask |= _SETTINGS_INVALID
    if not r.self_test_passed:
        mask |= _SELF_TEST
    if not r.clock_sound:
        mask |= _CLOCK
    return mask

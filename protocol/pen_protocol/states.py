"""States of the pen's supervisor and the conditions that block or stop it.

A condition is a fault code below 30; its bit in the condition mask is `1 << code`, so a mask stays below 2^30 and costs
no allocation on MicroPython. Unknown is blocked: a condition is raised until its absence has been seen.
"""


class State:
    """Supervisor state, one byte on the wire."""

    BOOT = 0
    IDLE = 1
    ARMING = 2
    """Arm accepted; the trigger must be seen released first."""
    ARMED = 3
    STROKING = 4
    STOPPED = 5
    """Latched: only a few messages are answered, CLEAR_FAULT naming the first cause is the way out."""
    SERVICE = 6
    """Engineer's state: drive blocked, left by a reset."""


STATE_NAMES = ("BOOT", "IDLE", "ARMING", "ARMED", "STROKING", "STOPPED", "SERVICE")


class Condition:
    """Something that blocks arming or stops the pen. The value is the fault code and the bit number."""

    ESTOP_OPEN = 1
    ESTOP_MISSING = 2
    CARTRIDGE_ABSENT = 3
    CARTRIDGE_UNLATCHED = 4
    CARTRIDGE_USED = 5
    CARTRIDGE_EXPIRED = 6
    CARTRIDGE_UNREADABLE = 7
    CARTRIDGE_NOT_BURNED = 8
    """The used mark for this session has not been burned and read back."""
    NOT_HOMED = 9
    STEP_MISMATCH = 10
    AXIS_MOVING = 11
    TRIGGER_STUCK = 12
    HOST_LEASE = 13
    FIRMWARE_LEASE = 14
    """A pass of the main loop was late or incomplete."""
    RATE_DROOP = 15
    STROKE_MISMATCH = 16
    """Words sent, acknowledgements, pad edges and hall pulses do not agree."""
    COIL_HOT = 17
    COIL_SENSOR = 18
    OVER_CURRENT = 19
    SUPPLY_LOW = 20
    CHARGER = 21
    FLUID = 22
    """Fluid sensor wet, now or ever since an engineer last cleared the quarantine."""
    SETTINGS_INVALID = 23
    SELF_TEST = 24
    """The self-test failed or has not run since boot."""
    CLOCK = 25
    SESSION_TIME = 26
    STROKING_TIME = 27
    SETPOINTS = 28
    """Depth or rate has not been set and confirmed in this session."""
    GATE_STUCK = 29
    """The coil driver conducts while it is told to be off."""


CONDITION_NAMES = (
    "",
    "ESTOP_OPEN",
    "ESTOP_MISSING",
    "CARTRIDGE_ABSENT",
    "CARTRIDGE_UNLATCHED",
    "CARTRIDGE_USED",
    "CARTRIDGE_EXPIRED",
    "CARTRIDGE_UNREADABLE",
    "CARTRIDGE_NOT_BURNED",
    "NOT_HOMED",
    "STEP_MISMATCH",
    "AXIS_MOVING",
    "TRIGGER_STUCK",
    "HOST_LEASE",
    "FIRMWARE_LEASE",
    "RATE_DROOP",
    "STROKE_MISMATCH",
    "COIL_HOT",
    "COIL_SENSOR",
    "OVER_CURRENT",
    "SUPPLY_LOW",
    "CHARGER",
    "FLUID",
    "SETTINGS_INVALID",
    "SELF_TEST",
    "CLOCK",
    "SESSION_TIME",
    "STROKING_TIME",
    "SETPOINTS",
    "GATE_STUCK",
)


def bits(*conditions: int) -> int:
    """Mask with the bit of every given condition set."""
    mask = 0
    for condition in conditions:
        mask |= 1 << condition
    return mask


ALL_CONDITIONS = (1 << 30) - 2

STOPS_ALWAYS = bits(
    Condition.ESTOP_OPEN,
    Condition.FLUID,
    Condition.OVER_CURRENT,
    Condition.GATE_STUCK,
)
"""Latch STOPPED from every state."""

STOPS_STROKING = ALL_CONDITIONS & ~bits(Condition.AXIS_MOVING)
"""Latch STOPPED while strokes run. A shallower move is allowed while stroking, so AXIS_MOVING alone does not stop."""

STOPS_ARMED = STOPS_STROKING & ~bits(Condition.SETPOINTS)
"""Latch STOPPED while ARMING or ARMED. New set-points may be given there; they only hold back the first stroke."""

BLOCKS_ARM = ALL_CONDITIONS & ~bits(Condition.HOST_LEASE)
"""Refuse ARM. The host's lease starts with ARM: before it the host owes no heartbeat."""

BLOCKS_STROKE = ALL_CONDITIONS
"""Hold back the first stroke of a trigger hold."""

BLOCKS_MOTION = bits(
    Condition.ESTOP_OPEN,
    Condition.ESTOP_MISSING,
    Condition.CARTRIDGE_UNLATCHED,
    Condition.SUPPLY_LOW,
    Condition.CHARGER,
    Condition.FLUID,
    Condition.SETTINGS_INVALID,
    Condition.CLOCK,
    Condition.GATE_STUCK,
)
"""Refuse HOME and SET_DEPTH, and abort a move on its way."""


class Flag:
    """Bits of STATUS.flags: what the pen's inputs say now."""

    TRIGGER = 1
    CONTACT = 2
    CARTRIDGE_LATCHED = 4
    HOMED = 8
    DEPTH_SET = 16
    RATE_SET = 32
    AXIS_MOVING = 64
    COIL_WARM = 128
    """Coil above the warning temperature."""
    EVENTS_LOST = 256
    """Events were overwritten before a host pulled them: the record has a hole that the totals still cover."""
    UNLOCKED = 512
    """This session may go deeper than the default cap."""
    COUNTERS_UNSURE = 1024
    """Power was lost while armed: strokes of that time are not in the totals."""


class UnlockReason:
    """Why a session may exceed the default cap. NONE keeps the cap."""

    NONE = 0
    PHYSICIAN_SUPERVISED = 1
    THICK_SCAR_TISSUE = 2
    BENCH_TEST = 3


class ServiceAction:
    """What SERVICE asks for. Everything but REBOOT needs the pen disarmed with no session open."""

    REBOOT = 1
    ENTER_REPL = 2
    """Leave the firmware with outputs safe, for flashing."""
    CLEAR_QUARANTINE = 3
    """An engineer has inspected the pen after fluid ingress."""

"""Numbers of faults, refusals and events. The sentences for people are the host's (`pen_host.advice`)."""


class Fault:
    """First cause of a stop beyond the conditions 1-29 of `states.Condition`, whose numbers are fault codes too."""

    NONE = 0
    STOP_COMMAND = 32
    FIRMWARE_EXCEPTION = 33
    RESET_WHILE_ARMED = 34
    POWER_LOSS_WHILE_ARMED = 35
    AXIS_STALL = 36
    HOMING_FAILED = 37
    NEEDLE_TRIPPED = 38
    """The needle's PIO program latched off by itself: the gate opened while strokes were due."""


FAULT_NAMES = {
    0: "NONE",
    32: "STOP_COMMAND",
    33: "FIRMWARE_EXCEPTION",
    34: "RESET_WHILE_ARMED",
    35: "POWER_LOSS_WHILE_ARMED",
    36: "AXIS_STALL",
    37: "HOMING_FAILED",
    38: "NEEDLE_TRIPPED",
}


class Refusal:
    """Why a request was refused. REFUSED.detail says more as noted."""

    NONE = 0
    MALFORMED = 1
    """Payload length does not fit the message."""
    UNKNOWN_MESSAGE = 2
    SCHEMA_MISMATCH = 3
    """Host and pen were built from different message tables."""
    NO_SESSION = 4
    WRONG_SESSION = 5
    SESSION_OPEN = 6
    NONCE_USED = 7
    STALE_SEQUENCE = 8
    """Older than the last executed request and its answer is no longer kept. detail: last executed sequence."""
    SEQUENCE_REUSED = 9
    """Same sequence, other content."""
    BUSY = 10
    """A longer request is under way. detail: its message id."""
    STOPPED = 11
    """Stop is latched. detail: first cause."""
    WRONG_STATE = 12
    """detail: state."""
    OUT_OF_RANGE = 13
    """detail: index of the field."""
    ABOVE_CAP = 14
    """detail: the cap in the field's unit."""
    OFF_STEP = 15
    """Depth is no multiple of the step. detail: step in um."""
    WOULD_LOOSEN = 16
    """detail: index of the field."""
    DEEPER_WHILE_STROKING = 17
    BLOCKED = 18
    """detail: the lowest blocking condition."""
    NOT_HOMED = 19
    CARTRIDGE = 20
    """detail: the cartridge condition."""
    BURN_FAILED = 21
    VERSION_CONFLICT = 22
    """Settings changed since they were read. detail: version held."""
    WRONG_CAUSE = 23
    """detail: first cause held."""
    CAUSE_PRESENT = 24
    """detail: the condition still present."""
    ABORTED = 25
    """Stopped or disarmed before it was complete. detail: first cause."""
    MOTION_FAILED = 26
    """detail: fault code."""
    SELF_TEST_FAILED = 27
    """detail: number of the failed check."""
    FLASH_FAILED = 28
    PLAN_MISMATCH = 29
    """ARM names another depth or rate than the pen holds. detail: index of the field."""
    EVENTS_UNREAD = 30
    """Too many events not yet pulled: arming could lose some."""
    SERVICE_LOCKED = 31


REFUSAL_NAMES = (
    "NONE",
    "MALFORMED",
    "UNKNOWN_MESSAGE",
    "SCHEMA_MISMATCH",
    "NO_SESSION",
    "WRONG_SESSION",
    "SESSION_OPEN",
    "NONCE_USED",
    "STALE_SEQUENCE",
    "SEQUENCE_REUSED",
    "BUSY",
    "STOPPED",
    "WRONG_STATE",
    "OUT_OF_RANGE",
    "ABOVE_CAP",
    "OFF_STEP",
    "WOULD_LOOSEN",
    "DEEPER_WHILE_STROKING",
    "BLOCKED",
    "NOT_HOMED",
    "CARTRIDGE",
    "BURN_FAILED",
    "VERSION_CONFLICT",
    "WRONG_CAUSE",
    "CAUSE_PRESENT",
    "ABORTED",
    "MOTION_FAILED",
    "SELF_TEST_FAILED",
    "FLASH_FAILED",
    "PLAN_MISMATCH",
    "EVENTS_UNREAD",
    "SERVICE_LOCKED",
)


class Event:
    """What a numbered event says. Every event also carries the cumulative stroke totals at its time."""

    BOOTED = 1
    """arg: reset cause, value: boot counter."""
    SESSION_OPENED = 2
    """value: session nonce."""
    SESSION_CLOSED = 3
    """value: session nonce."""
    HOMED = 4
    """value: difference of fast and slow approach in um."""
    DEPTH_REACHED = 5
    """value: measured depth_um."""
    RATE_SET = 6
    """value: rate_mhz."""
    LIMITS_TIGHTENED = 7
    ARMED = 8
    DISARMED = 9
    RUN_STARTED = 10
    """Trigger held: strokes begin. value: depth_um."""
    RUN_ENDED = 11
    """Strokes ended. arg: first cause, 0 for a released trigger; value: truncated strokes of the run."""
    STOPPED = 12
    """arg: first cause."""
    FAULT_CLEARED = 13
    """arg: cause, value: operator."""
    CARTRIDGE_BURNED = 14
    """value: low 30 bits of the cartridge's serial."""
    CARTRIDGE_REMOVED = 15
    SETTINGS_WRITTEN = 16
    """value: version."""
    SELF_TEST = 17
    """arg: 0 passed, else number of the failed check."""
    RECOVERED = 18
    """After a reset: totals restored from the words that survive it. arg: 1 sure, 0 power was lost while armed."""
    SERVICE = 19
    """arg: action."""
    QUARANTINED = 20
    """Fluid sensor wet."""


EVENT_NAMES = {
    1: "BOOTED",
    2: "SESSION_OPENED",
    3: "SESSION_CLOSED",
    4: "HOMED",
    5: "DEPTH_REACHED",
    6: "RATE_SET",
    7: "LIMITS_TIGHTENED",
    8: "ARMED",
    9: "DISARMED",
    10: "RUN_STARTED",
    11: "RUN_ENDED",
    12: "STOPPED",
    13: "FAULT_CLEARED",
    14: "CARTRIDGE_BURNED",
    15: "CARTRIDGE_REMOVED",
    16: "SETTINGS_WRITTEN",
    17: "SELF_TEST",
    18: "RECOVERED",
    19: "SERVICE",
    20: "QUARANTINED",
}

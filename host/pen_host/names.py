"""Names of the numbers on the wire, as enumerations for typed host code.

Every value is taken from `pen_protocol`, where it is defined; a test holds that no member is missing. A pen
with newer firmware may send a number that has no name here: the `*_name` functions then give the number itself,
never an error.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

from pen_protocol import faults, messages, states


class State(IntEnum):
    """Supervisor state of the pen."""

    BOOT = states.State.BOOT
    IDLE = states.State.IDLE
    ARMING = states.State.ARMING
    ARMED = states.State.ARMED
    STROKING = states.State.STROKING
    STOPPED = states.State.STOPPED
    SERVICE = states.State.SERVICE


class Condition(IntEnum):
    """What blocks arming or stops the pen: number of the bit in the condition mask, and a fault code."""

    ESTOP_OPEN = states.Condition.ESTOP_OPEN
    ESTOP_MISSING = states.Condition.ESTOP_MISSING
    CARTRIDGE_ABSENT = states.Condition.CARTRIDGE_ABSENT
    CARTRIDGE_UNLATCHED = states.Condition.CARTRIDGE_UNLATCHED
    CARTRIDGE_USED = states.Condition.CARTRIDGE_USED
    CARTRIDGE_EXPIRED = states.Condition.CARTRIDGE_EXPIRED
    CARTRIDGE_UNREADABLE = states.Condition.CARTRIDGE_UNREADABLE
    CARTRIDGE_NOT_BURNED = states.Condition.CARTRIDGE_NOT_BURNED
    NOT_HOMED = states.Condition.NOT_HOMED
    STEP_MISMATCH = states.Condition.STEP_MISMATCH
    AXIS_MOVING = states.Condition.AXIS_MOVING
    TRIGGER_STUCK = states.Condition.TRIGGER_STUCK
    HOST_LEASE = states.Condition.HOST_LEASE
    FIRMWARE_LEASE = states.Condition.FIRMWARE_LEASE
    RATE_DROOP = states.Condition.RATE_DROOP
    STROKE_MISMATCH = states.Condition.STROKE_MISMATCH
    COIL_HOT = states.Condition.COIL_HOT
    COIL_SENSOR = states.Condition.COIL_SENSOR
    OVER_CURRENT = states.Condition.OVER_CURRENT
    SUPPLY_LOW = states.Condition.SUPPLY_LOW
    CHARGER = states.Condition.CHARGER
    FLUID = states.Condition.FLUID
    SETTINGS_INVALID = states.Condition.SETTINGS_INVALID
    SELF_TEST = states.Condition.SELF_TEST
    CLOCK = states.Condition.CLOCK
    SESSION_TIME = states.Condition.SESSION_TIME
    STROKING_TIME = states.Condition.STROKING_TIME
    SETPOINTS = states.Condition.SETPOINTS
    GATE_STUCK = states.Condition.GATE_STUCK


class Fault(IntEnum):
    """First cause of a stop beyond the conditions."""

    NONE = faults.Fault.NONE
    STOP_COMMAND = faults.Fault.STOP_COMMAND
    FIRMWARE_EXCEPTION = faults.Fault.FIRMWARE_EXCEPTION
    RESET_WHILE_ARMED = faults.Fault.RESET_WHILE_ARMED
    POWER_LOSS_WHILE_ARMED = faults.Fault.POWER_LOSS_WHILE_ARMED
    AXIS_STALL = faults.Fault.AXIS_STALL
    HOMING_FAILED = faults.Fault.HOMING_FAILED
    NEEDLE_TRIPPED = faults.Fault.NEEDLE_TRIPPED


class Refusal(IntEnum):
    """Why the pen refused a request."""

    NONE = faults.Refusal.NONE
    MALFORMED = faults.Refusal.MALFORMED
    UNKNOWN_MESSAGE = faults.Refusal.UNKNOWN_MESSAGE
    SCHEMA_MISMATCH = faults.Refusal.SCHEMA_MISMATCH
    NO_SESSION = faults.Refusal.NO_SESSION
    WRONG_SESSION = faults.Refusal.WRONG_SESSION
    SESSION_OPEN = faults.Refusal.SESSION_OPEN
    NONCE_USED = faults.Refusal.NONCE_USED
    STALE_SEQUENCE = faults.Refusal.STALE_SEQUENCE
    SEQUENCE_REUSED = faults.Refusal.SEQUENCE_REUSED
    BUSY = faults.Refusal.BUSY
    STOPPED = faults.Refusal.STOPPED
    WRONG_STATE = faults.Refusal.WRONG_STATE
    OUT_OF_RANGE = faults.Refusal.OUT_OF_RANGE
    ABOVE_CAP = faults.Refusal.ABOVE_CAP
    OFF_STEP = faults.Refusal.OFF_STEP
    WOULD_LOOSEN = faults.Refusal.WOULD_LOOSEN
    DEEPER_WHILE_STROKING = faults.Refusal.DEEPER_WHILE_STROKING
    BLOCKED = faults.Refusal.BLOCKED
    NOT_HOMED = faults.Refusal.NOT_HOMED
    CARTRIDGE = faults.Refusal.CARTRIDGE
    BURN_FAILED = faults.Refusal.BURN_FAILED
    VERSION_CONFLICT = faults.Refusal.VERSION_CONFLICT
    WRONG_CAUSE = faults.Refusal.WRONG_CAUSE
    CAUSE_PRESENT = faults.Refusal.CAUSE_PRESENT
    ABORTED = faults.Refusal.ABORTED
    MOTION_FAILED = faults.Refusal.MOTION_FAILED
    SELF_TEST_FAILED = faults.Refusal.SELF_TEST_FAILED
    FLASH_FAILED = faults.Refusal.FLASH_FAILED
    PLAN_MISMATCH = faults.Refusal.PLAN_MISMATCH
    EVENTS_UNREAD = faults.Refusal.EVENTS_UNREAD
    SERVICE_LOCKED = faults.Refusal.SERVICE_LOCKED


class EventCode(IntEnum):
    """What a numbered event of the pen says."""

    BOOTED = faults.Event.BOOTED
    SESSION_OPENED = faults.Event.SESSION_OPENED
    SESSION_CLOSED = faults.Event.SESSION_CLOSED
    HOMED = faults.Event.HOMED
    DEPTH_REACHED = faults.Event.DEPTH_REACHED
    RATE_SET = faults.Event.RATE_SET
    LIMITS_TIGHTENED = faults.Event.LIMITS_TIGHTENED
    ARMED = faults.Event.ARMED
    DISARMED = faults.Event.DISARMED
    RUN_STARTED = faults.Event.RUN_STARTED
    RUN_ENDED = faults.Event.RUN_ENDED
    STOPPED = faults.Event.STOPPED
    FAULT_CLEARED = faults.Event.FAULT_CLEARED
    CARTRIDGE_BURNED = faults.Event.CARTRIDGE_BURNED
    CARTRIDGE_REMOVED = faults.Event.CARTRIDGE_REMOVED
    SETTINGS_WRITTEN = faults.Event.SETTINGS_WRITTEN
    SELF_TEST = faults.Event.SELF_TEST
    RECOVERED = faults.Event.RECOVERED
    SERVICE = faults.Event.SERVICE
    QUARANTINED = faults.Event.QUARANTINED


class Flag(IntFlag):
    """Bits of a status: what the inputs of the pen say."""

    TRIGGER = states.Flag.TRIGGER
    CONTACT = states.Flag.CONTACT
    CARTRIDGE_LATCHED = states.Flag.CARTRIDGE_LATCHED
    HOMED = states.Flag.HOMED
    DEPTH_SET = states.Flag.DEPTH_SET
    RATE_SET = states.Flag.RATE_SET
    AXIS_MOVING = states.Flag.AXIS_MOVING
    COIL_WARM = states.Flag.COIL_WARM
    EVENTS_LOST = states.Flag.EVENTS_LOST
    UNLOCKED = states.Flag.UNLOCKED
    COUNTERS_UNSURE = states.Flag.COUNTERS_UNSURE


class UnlockReason(IntEnum):
    """Why a session may exceed the default depth cap."""

    NONE = states.UnlockReason.NONE
    PHYSICIAN_SUPERVISED = states.UnlockReason.PHYSICIAN_SUPERVISED
    THICK_SCAR_TISSUE = states.UnlockReason.THICK_SCAR_TISSUE
    BENCH_TEST = states.UnlockReason.BENCH_TEST


class ServiceAction(IntEnum):
    """What the service request asks for."""

    REBOOT = states.ServiceAction.REBOOT
    ENTER_REPL = states.ServiceAction.ENTER_REPL
    CLEAR_QUARANTINE = states.ServiceAction.CLEAR_QUARANTINE


STOPPABLE = frozenset({State.ARMING, State.ARMED, State.STROKING})
"""States in which the host owes the pen a heartbeat."""


def _name(enumeration: type[IntEnum], number: int, kind: str) -> str:
    return enumeration(number).name if number in enumeration._value2member_map_ else f"{kind} {number}"


def state_name(number: int) -> str:
    """Name of a supervisor state."""
    return _name(State, number, "state")


def cause_name(number: int) -> str:
    """Name of a first cause: a condition below 30, a fault above; NONE for 0."""
    if number in Condition._value2member_map_:
        return Condition(number).name
    return _name(Fault, number, "cause")


def refusal_name(number: int) -> str:
    """Name of a refusal."""
    return _name(Refusal, number, "refusal")


def event_name(number: int) -> str:
    """Name of a pen event."""
    return _name(EventCode, number, "event")


def message_name(number: int) -> str:
    """Name of a message."""
    message = messages.BY_NUMBER.get(number)
    return message.name if message else f"message {number:#04x}"


def condition_names(mask: int) -> tuple[str, ...]:
    """Names of the conditions in a mask, lowest number first."""
    return tuple(cause_name(number) for number in range(1, 30) if mask >> number & 1)

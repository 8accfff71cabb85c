"""The pen's states as one table of rows: pure. Rows that stop from any state stand first, and the first that fits wins.

A row reads: from these states, when any of these conditions is present and none of those, and this signal is given,
go to that state and do this. What no row allows does not happen.
"""

from pen_firmware.interlocks import lowest
from pen_protocol.faults import Fault
from pen_protocol.states import (
    BLOCKS_ARM,
    BLOCKS_STROKE,
    STOPS_ALWAYS,
    STOPS_ARMED,
    STOPS_STROKING,
    State,
    bits,
)
from pen_protocol.states import Condition as Cond


class Signal:
    """What asks for a transition beside conditions: bits of one mask."""

    STOP = 1
    """The STOP message."""
    FAULT = 2
    """Something failed that is no condition: `Supervisor.step` is told its code."""
    READY = 4
    """Every sensor has been read and the self-test at boot has ended."""
    ARM = 8
    DISARM = 16
    CLEAR = 32
    """CLEAR_FAULT that `Supervisor.may_clear` has approved."""
    SERVICE = 64
    TRIGGER_DOWN = 128
    """A hand holds the trigger."""
    TRIGGER_UP = 256
    """The trigger has been seen released."""


class Action:
    """What a transition makes the pen do: bits of one mask."""

    NEEDLE_OFF = 1
    """End the lease at once; never allocates, never waits."""
    AXIS_HOLD = 2
    """Stop the axis where it is; its position is no longer trusted."""
    LATCHED = 4
    """A stop has been latched: note its first cause."""
    DISARMED = 8
    """Leave the armed states: nothing is due from the host any more."""
    RUN_ENDED = 16
    ARMED = 32
    RUN_STARTED = 64
    CLEARED = 128


ANY = 0x7F
_ARMED = bits(State.ARMING, State.ARMED, State.STROKING)
_HALT = Action.NEEDLE_OFF | Action.AXIS_HOLD

LATCHING = (
    # from states, any of these conditions, signal -> STOPPED, always with _HALT | LATCHED
    (ANY, 0, Signal.STOP),
    (ANY, STOPS_ALWAYS, 0),
    (bits(State.STROKING), STOPS_STROKING, 0),
    (bits(State.ARMING, State.ARMED), STOPS_ARMED, 0),
    (ANY, 0, Signal.FAULT),
)
"""Rows that latch a stop, first. While STOPPED they find nothing to do: the first cause is kept."""

ORDERLY = (
    # from states, none of these conditions, signal, to state, actions
    (ANY, 0, Signal.SERVICE, State.SERVICE, _HALT),
    (bits(State.STOPPED), STOPS_ALWAYS, Signal.CLEAR, State.IDLE, Action.CLEARED),
    (_ARMED, 0, Signal.DISARM, State.IDLE, Action.NEEDLE_OFF),
    (bits(State.BOOT), 0, Signal.READY, State.IDLE, 0),
    (bits(State.IDLE), BLOCKS_ARM, Signal.ARM, State.ARMING, Action.ARMED),
    (bits(State.ARMING), 0, Signal.TRIGGER_UP, State.ARMED, 0),
    (bits(State.ARMED), BLOCKS_STROKE, Signal.TRIGGER_DOWN, State.STROKING, Action.RUN_STARTED),
    (bits(State.STROKING), 0, Signal.TRIGGER_UP, State.ARMED, Action.NEEDLE_OFF),
)
"""Every other way from state to state."""

CURED_IDLE = bits(
    Cond.NOT_HOMED,
    Cond.STEP_MISMATCH,
    Cond.SETPOINTS,
    Cond.SELF_TEST,
    Cond.SETTINGS_INVALID,
    Cond.CARTRIDGE_NOT_BURNED,
)
"""Conditions that only requests refused while STOPPED can cure: they do not hold CLEAR_FAULT back, they block ARM."""

FOLLOWS = bits(Cond.NOT_HOMED, Cond.AXIS_MOVING, Cond.SETPOINTS, Cond.CARTRIDGE_NOT_BURNED)
"""Conditions that follow from others: never the first cause when another one is there too."""
_ESTOP_OPEN = 1 << Cond.ESTOP_OPEN
_ESTOP_MISSING = 1 << Cond.ESTOP_MISSING


def _by_state(rows):
    return tuple([tuple([row for row in rows if row[0] & 1 << state]) for state in range(7)])


_LATCHING_FROM = _by_state(LATCHING)
_ORDERLY_FROM = _by_state(ORDERLY)


class Supervisor:
    """Holds the state and, while STOPPED, the first cause and the event that recorded it."""

    def __init__(self):
        self.state = State.BOOT
        self.first_cause = Fault.NONE
        self.cause_event = 0
        self.cleared_cause = Fault.NONE
        self.cleared_event = 0

    def step(self, conditions, signals, fault):
        """Take at most one transition; return the mask of `Action`s it asks for, 0 when nothing changed.

        Args:
            conditions: Condition mask of this pass.
            signals: Mask of `Signal`s.
            fault: Fault code that goes with Signal.FAULT.
        """
        state = self.state
        if state != State.STOPPED:
            for _, stops, signal in _LATCHING_FROM[state]:
                if signals & signal or conditions & stops:
                    return self._latch(_cause(signal, conditions, stops, fault))
        for _, blocks, signal, target, actions in _ORDERLY_FROM[state]:
            if signals & signal and not conditions & blocks:
                return self._move(target, actions)
        return 0

    def may_clear(self, conditions):
        """Condition that forbids CLEAR_FAULT, 0 when the first cause is gone and nothing else would stop at once."""
        held = STOPS_ALWAYS
        if self.first_cause < Fault.STOP_COMMAND:
            held |= 1 << self.first_cause
        return lowest(conditions & held & ~CURED_IDLE)

    def names_cause(self, cause, event_id):
        """True when both name the stop now latched."""
        return self.state == State.STOPPED and cause == self.first_cause and event_id == self.cause_event

    def names_cleared(self, cause, event_id):
        """True when both name the stop cleared last."""
        return cause == self.cleared_cause and event_id == self.cleared_event

    def armed(self):
        """True in the states where a trigger can or will be able to start strokes."""
        return bool(_ARMED & 1 << self.state)

    def _latch(self, cause):
        actions = self._move(State.STOPPED, _HALT | Action.LATCHED)
        self.first_cause = cause
        self.cause_event = 0
        return actions

    def _move(self, target, actions):
        was = 1 << self.state
        self.state = target
        if was == 1 << State.STROKING:
            actions |= Action.RUN_ENDED
        if was & _ARMED and not _ARMED & 1 << target:
            actions |= Action.DISARMED
        if actions & Action.CLEARED:
            self.cleared_cause = self.first_cause
            self.cleared_event = self.cause_event
        if target != State.STOPPED:
            self.first_cause = Fault.NONE
            self.cause_event = 0
        return actions


def _cause(signal, conditions, stops, fault):
    """First cause of a stop: the STOP message, the fault, or the condition that explains the others best."""
    if signal == Signal.STOP:
        return Fault.STOP_COMMAND
    if signal == Signal.FAULT:
        return fault
    stopping = conditions & stops
    if stopping & _ESTOP_OPEN and conditions & _ESTOP_MISSING:
        return Cond.ESTOP_MISSING
    return lowest(stopping & ~FOLLOWS) or lowest(stopping)

"""The transition table: every state with every condition and every signal, against the rules in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_firmware.supervisor import CURED_IDLE, Action, Signal, Supervisor
from pen_protocol.faults import Fault
from pen_protocol.states import (
    ALL_CONDITIONS,
    BLOCKS_ARM,
    CONDITION_NAMES,
    STATE_NAMES,
    STOPS_ALWAYS,
    Condition,
    State,
    bits,
)

STATES = range(len(STATE_NAMES))
CONDITIONS = range(1, len(CONDITION_NAMES))
ARMED_STATES = (State.ARMING, State.ARMED, State.STROKING)
SIGNALS = {name: value for name, value in vars(Signal).items() if name.isupper()}

# What each condition does, in words: the states it stops beside those four that stop from any state.
STOPS_FROM_ANYWHERE = {Condition.ESTOP_OPEN, Condition.FLUID, Condition.OVER_CURRENT, Condition.GATE_STUCK}
HARMLESS_STROKING = {Condition.AXIS_MOVING}
HARMLESS_ARMED = {Condition.AXIS_MOVING, Condition.SETPOINTS}

# Where each signal leads with no condition present; no entry: nowhere.
LEADS = {
    "STOP": dict.fromkeys(set(STATES) - {State.STOPPED}, State.STOPPED),
    "FAULT": dict.fromkeys(set(STATES) - {State.STOPPED}, State.STOPPED),
    "READY": {State.BOOT: State.IDLE},
    "ARM": {State.IDLE: State.ARMING},
    "DISARM": dict.fromkeys(ARMED_STATES, State.IDLE),
    "CLEAR": {State.STOPPED: State.IDLE},
    "SERVICE": dict.fromkeys(STATES, State.SERVICE),
    "TRIGGER_DOWN": {State.ARMED: State.STROKING},
    "TRIGGER_UP": {State.ARMING: State.ARMED, State.STROKING: State.ARMED},
}


def supervisor_in(state: int) -> Supervisor:
    supervisor = Supervisor()
    supervisor.state = state
    if state == State.STOPPED:
        supervisor.first_cause = Fault.AXIS_STALL
        supervisor.cause_event = 17
    return supervisor


def stops(state: int, condition: int) -> bool:
    if state == State.STOPPED:
        return False
    if condition in STOPS_FROM_ANYWHERE:
        return True
    if state == State.STROKING:
        return condition not in HARMLESS_STROKING
    return state in (State.ARMING, State.ARMED) and condition not in HARMLESS_ARMED


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda c: CONDITION_NAMES[c])
@pytest.mark.parametrize("state", STATES, ids=lambda s: STATE_NAMES[s])
def test_every_condition_in_every_state(state: int, condition: int) -> None:
    """A condition latches a stop where the rules say so and changes nothing elsewhere."""
    supervisor = supervisor_in(state)
    actions = supervisor.step(1 << condition, 0, Fault.NONE)
    if stops(state, condition):
        assert supervisor.state == State.STOPPED
        assert supervisor.first_cause == condition
        assert actions & Action.NEEDLE_OFF
        assert actions & Action.AXIS_HOLD
        assert actions & Action.LATCHED
    else:
        assert supervisor.state == state
        assert actions == 0


@pytest.mark.parametrize("name", LEADS)
@pytest.mark.parametrize("state", STATES, ids=lambda s: STATE_NAMES[s])
def test_every_signal_in_every_state(state: int, name: str) -> None:
    supervisor = supervisor_in(state)
    actions = supervisor.step(0, SIGNALS[name], Fault.NEEDLE_TRIPPED)
    expected = LEADS[name].get(state, state)
    assert STATE_NAMES[supervisor.state] == STATE_NAMES[expected]
    if state == State.STROKING and expected != state:
        assert actions & Action.RUN_ENDED
    if state in (State.ARMED, State.STROKING) and expected not in (state, State.STROKING):
        assert actions & Action.NEEDLE_OFF
    if state in ARMED_STATES and expected not in ARMED_STATES:
        assert actions & Action.NEEDLE_OFF
        assert actions & Action.DISARMED
    if expected == state and name != "SERVICE":
        assert actions == 0


def test_the_rules_above_name_every_signal() -> None:
    assert set(LEADS) == set(SIGNALS)


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda c: CONDITION_NAMES[c])
def test_every_condition_but_the_hosts_lease_refuses_arm(condition: int) -> None:
    supervisor = supervisor_in(State.IDLE)
    supervisor.step(1 << condition, Signal.ARM, Fault.NONE)
    assert (supervisor.state == State.ARMING) == (condition == Condition.HOST_LEASE)


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda c: CONDITION_NAMES[c])
def test_every_condition_holds_back_the_first_stroke(condition: int) -> None:
    supervisor = supervisor_in(State.ARMED)
    actions = supervisor.step(1 << condition, Signal.TRIGGER_DOWN, Fault.NONE)
    assert supervisor.state != State.STROKING
    assert not actions & Action.RUN_STARTED


@pytest.mark.parametrize("signal", sorted(SIGNALS))
@pytest.mark.parametrize("state", STATES, ids=lambda s: STATE_NAMES[s])
def test_a_stop_wins_over_any_other_signal(state: int, signal: str) -> None:
    if state == State.STOPPED:
        return
    supervisor = supervisor_in(state)
    supervisor.step(0, SIGNALS[signal] | Signal.STOP, Fault.AXIS_STALL)
    assert (supervisor.state, supervisor.first_cause) == (State.STOPPED, Fault.STOP_COMMAND)


@pytest.mark.parametrize("first", [*CONDITIONS, Fault.STOP_COMMAND, Fault.AXIS_STALL])
def test_the_first_cause_is_kept_whatever_follows(first: int) -> None:
    """Inside a stop neither conditions nor STOP nor faults change the cause or its event."""
    supervisor = supervisor_in(State.STOPPED)
    supervisor.first_cause = first
    supervisor.cause_event = 5
    assert supervisor.step(ALL_CONDITIONS, Signal.STOP | Signal.FAULT, Fault.HOMING_FAILED) == 0
    assert (supervisor.first_cause, supervisor.cause_event) == (first, 5)


@pytest.mark.parametrize("present", CONDITIONS, ids=lambda c: CONDITION_NAMES[c])
@pytest.mark.parametrize("cause", CONDITIONS, ids=lambda c: CONDITION_NAMES[c])
def test_a_stop_is_cleared_only_when_its_cause_is_gone(cause: int, present: int) -> None:
    """And when nothing is there that would stop again at once. What only IDLE can cure does not hold it back."""
    supervisor = supervisor_in(State.STOPPED)
    supervisor.first_cause = cause
    curable = CURED_IDLE >> present & 1
    holds = (present == cause or STOPS_ALWAYS >> present & 1) and not curable
    assert supervisor.may_clear(1 << present) == (present if holds else 0)


@pytest.mark.parametrize(
    ("together", "cause"),
    [
        ((Condition.ESTOP_OPEN, Condition.ESTOP_MISSING), Condition.ESTOP_MISSING),
        ((Condition.ESTOP_OPEN, Condition.CHARGER), Condition.ESTOP_OPEN),
        ((Condition.NOT_HOMED, Condition.STEP_MISMATCH), Condition.STEP_MISMATCH),
        ((Condition.CARTRIDGE_UNLATCHED, Condition.CARTRIDGE_NOT_BURNED), Condition.CARTRIDGE_UNLATCHED),
        ((Condition.CARTRIDGE_NOT_BURNED, Condition.NOT_HOMED), Condition.CARTRIDGE_NOT_BURNED),
        ((Condition.SETPOINTS, Condition.COIL_HOT, Condition.OVER_CURRENT), Condition.OVER_CURRENT),
    ],
)
def test_of_several_conditions_the_one_that_explains_is_the_cause(
    together: tuple[int, ...], cause: int
) -> None:
    supervisor = supervisor_in(State.STROKING)
    supervisor.step(bits(*together), 0, Fault.NONE)
    assert CONDITION_NAMES[supervisor.first_cause] == CONDITION_NAMES[cause]


def test_nothing_that_stops_from_any_state_is_among_what_idle_can_cure() -> None:
    assert not CURED_IDLE & STOPS_ALWAYS
    assert not CURED_IDLE & ~BLOCKS_ARM


def test_clearing_forgets_the_cause_and_remembers_what_was_cleared() -> None:
    supervisor = supervisor_in(State.STOPPED)
    assert supervisor.names_cause(Fault.AXIS_STALL, 17)
    assert not supervisor.names_cause(Fault.AXIS_STALL, 16)
    assert not supervisor.names_cause(Fault.HOMING_FAILED, 17)
    actions = supervisor.step(0, Signal.CLEAR, Fault.NONE)
    assert actions == Action.CLEARED
    assert (supervisor.first_cause, supervisor.cause_event) == (Fault.NONE, 0)
    assert supervisor.names_cleared(Fault.AXIS_STALL, 17)
    assert not supervisor.names_cause(Fault.AXIS_STALL, 17)


steps = st.lists(
    st.tuples(
        st.one_of(
            st.just(0), st.just(0), st.sets(st.sampled_from(CONDITIONS)).map(lambda s: sum(1 << c for c in s))
        ),
        st.sets(st.sampled_from(sorted(SIGNALS.values())), max_size=2).map(sum),
    ),
    max_size=60,
)


@given(st.sampled_from(STATES), steps)
def test_no_sequence_breaks_the_rules_of_safety(start: int, sequence: list[tuple[int, int]]) -> None:
    """Strokes begin only from ARMED with nothing present; leaving them always switches the needle off; and so on."""
    supervisor = supervisor_in(start)
    for conditions, signals in sequence:
        before = supervisor.state
        cause = supervisor.first_cause
        actions = supervisor.step(conditions, signals, Fault.AXIS_STALL)
        after = supervisor.state
        if after == State.STROKING and before != State.STROKING:
            assert before == State.ARMED
            assert conditions == 0
            assert actions & Action.RUN_STARTED
        if before == State.STROKING and after != State.STROKING:
            assert actions & Action.NEEDLE_OFF
            assert actions & Action.RUN_ENDED
        if before in ARMED_STATES and after not in ARMED_STATES:
            assert actions & Action.DISARMED
            assert actions & Action.NEEDLE_OFF
        if before == State.STOPPED:
            assert after in (State.STOPPED, State.IDLE, State.SERVICE)
            assert after != State.IDLE or signals & Signal.CLEAR
            assert after != State.STOPPED or supervisor.first_cause == cause
        if after == State.STOPPED and before != State.STOPPED:
            assert actions & Action.LATCHED
            assert supervisor.first_cause != Fault.NONE
        assert (supervisor.first_cause != Fault.NONE) == (after == State.STOPPED)

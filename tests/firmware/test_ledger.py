"""The ledger: ids rise for ever and totals never fall behind, whatever ends the pen's power."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_firmware.counters import Mark
from pen_firmware.events import CAPACITY
from pen_firmware.hal import ResetCause
from pen_firmware.ledger import RESERVE_ARMED, RESERVE_DISARMED, Ledger
from pen_protocol import limits
from pen_protocol.faults import Event, Fault
from tests.firmware.power_cuts import Flash, PowerCutError


def started(flash: Flash, cause: int) -> tuple[Ledger, int]:
    ledger = Ledger(flash)
    fault = ledger.recover(cause)
    return ledger, fault


def stroke(ledger: Ledger, count: int, contact: bool = True) -> None:
    ledger.counters.update(ledger.counters._edges + count, 0, contact)
    ledger.mirror()


def test_totals_survive_a_watchdog_reset_to_the_stroke() -> None:
    flash = Flash()
    ledger, _ = started(flash, ResetCause.POWER)
    ledger.marks = Mark.ARMED
    stroke(ledger, 123)
    stroke(ledger, 7, contact=False)
    again, fault = started(flash, ResetCause.WATCHDOG)
    assert fault == Fault.RESET_WHILE_ARMED
    assert (again.counters.strokes_total, again.counters.contact_total) == (130, 123)
    assert not again.unsure()


def test_a_hang_under_strokes_makes_the_totals_unsure() -> None:
    """The lease ends the last strokes after the last copy of the totals."""
    flash = Flash()
    ledger, _ = started(flash, ResetCause.POWER)
    ledger.marks = Mark.ARMED | Mark.STROKING
    stroke(ledger, 50)
    again, fault = started(flash, ResetCause.WATCHDOG)
    assert fault == Fault.RESET_WHILE_ARMED
    assert again.unsure()
    again.acknowledge(again.events.next_id)
    assert not again.unsure()


def test_an_exception_says_so_and_its_totals_are_sure() -> None:
    flash = Flash()
    ledger, _ = started(flash, ResetCause.POWER)
    ledger.marks = Mark.ARMED | Mark.STROKING
    stroke(ledger, 50)
    ledger.counters.note_exception()
    again, fault = started(flash, ResetCause.WATCHDOG)
    assert fault == Fault.FIRMWARE_EXCEPTION
    assert again.counters.strokes_total == 50
    assert not again.unsure()


def test_an_asked_for_reset_latches_nothing() -> None:
    flash = Flash()
    ledger, _ = started(flash, ResetCause.POWER)
    stroke(ledger, 5)
    again, fault = started(flash, ResetCause.WATCHDOG)
    assert fault == Fault.NONE
    assert again.counters.strokes_total == 5


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("bit", [0, 1, 13, 26, 29])
def test_damaged_words_are_not_believed(index: int, bit: int) -> None:
    flash = Flash()
    ledger, _ = started(flash, ResetCause.POWER)
    ledger.save(True)
    stroke(ledger, 5)
    flash.words[index] ^= 1 << bit
    again, fault = started(flash, ResetCause.WATCHDOG)
    assert fault == Fault.POWER_LOSS_WHILE_ARMED
    assert again.unsure()


def test_power_lost_while_armed_is_noticed_and_says_so() -> None:
    flash = Flash()
    ledger, _ = started(flash, ResetCause.POWER)
    assert ledger.save(True)
    stroke(ledger, 40)
    again, fault = started(flash, ResetCause.POWER)
    assert fault == Fault.POWER_LOSS_WHILE_ARMED
    assert again.unsure()
    assert again.events.hole_id
    # and only once: the next start is an ordinary one
    _, fault = started(flash, ResetCause.POWER)
    assert fault == Fault.NONE


def test_power_lost_while_disarmed_is_ordinary() -> None:
    flash = Flash()
    ledger, _ = started(flash, ResetCause.POWER)
    stroke(ledger, 3)
    ledger.save(False)
    again, fault = started(flash, ResetCause.POWER)
    assert fault == Fault.NONE
    assert again.counters.strokes_total == 3
    assert not again.unsure()
    assert not again.events.hole_id


def test_contact_total_beyond_its_word_is_restored_whole() -> None:
    """The word keeps the low 26 bits; the record knows the rest, also when the low ones wrapped since."""
    flash = Flash()
    ledger, _ = started(flash, ResetCause.POWER)
    ledger.counters.contact_total = (1 << 26) - 10
    ledger.save(False)
    stroke(ledger, 20)
    again, _ = started(flash, ResetCause.WATCHDOG)
    assert again.counters.contact_total == (1 << 26) + 10


def test_unread_events_outlive_power() -> None:
    flash = Flash()
    ledger, _ = started(flash, ResetCause.POWER)
    number = ledger.log(Event.HOMED, 0, -3, 1_000)
    ledger.save(False)
    again, _ = started(flash, ResetCause.POWER)
    again.acknowledge(number)
    assert again.events.oldest_id() == number


def test_a_record_lost_on_both_sides_jumps_far_ahead_and_is_unsure() -> None:
    flash = Flash()
    ledger, _ = started(flash, ResetCause.POWER)
    ledger.save(False)
    issued = ledger.events.next_id
    flash.slots = dict.fromkeys(flash.slots, b"rubbish")
    again, _ = started(flash, ResetCause.POWER)
    assert again.unsure()
    assert again.events.oldest_id() > issued + RESERVE_ARMED


def test_numbering_is_unsound_when_no_record_could_be_written() -> None:
    flash = Flash()
    flash.refuses = True
    ledger, _ = started(flash, ResetCause.POWER)
    assert not ledger.numbering_sound()
    flash.refuses = False
    assert ledger.save(False)
    assert ledger.numbering_sound()
    for _ in range(RESERVE_DISARMED):
        ledger.log(Event.HOMED, 0, 0, 0)
    assert not ledger.numbering_sound()


actions = st.lists(
    st.one_of(
        st.tuples(st.just("log"), st.integers(1, 60)),
        st.tuples(st.just("stroke"), st.integers(1, 500)),
        st.tuples(st.just("save"), st.booleans()),
        st.tuples(st.just("cut"), st.integers(0, 3_000)),
        st.tuples(st.just("reset"), st.just(ResetCause.WATCHDOG)),
        st.tuples(st.just("reset"), st.just(ResetCause.POWER)),
        st.tuples(st.just("acknowledge"), st.integers(0, CAPACITY)),
    ),
    max_size=25,
)


@given(actions)
def test_ids_rise_for_ever_and_totals_never_fall_behind_the_record(sequence: list[tuple[str, int]]) -> None:
    """Whatever resets and power cuts come: no id is given out twice, and watchdog resets lose no stroke."""
    flash = Flash()
    ledger, _ = started(flash, ResetCause.POWER)
    last_id = ledger.events.next_id - 1
    saved = 0
    strokes = 0
    for action, value in sequence:
        if action == "log":
            for _ in range(value if ledger.numbering_sound() else 0):
                number = ledger.log(Event.HOMED, 0, 0, 0)
                assert number > last_id
                last_id = number
                if not ledger.numbering_sound():
                    # the pen is blocked from here until the record is written again
                    break
        elif action == "stroke":
            stroke(ledger, value)
            strokes += value
        elif action == "acknowledge":
            ledger.acknowledge(ledger.events.oldest_id() + value)
            assert ledger.events.consistent()
        elif action == "save":
            assert ledger.save(bool(value))
            saved = strokes
        elif action == "cut":
            flash.cut_after = value
            with pytest.raises(PowerCutError):
                ledger.save(False)
            flash.cut_after = None
            ledger, _ = started(flash, ResetCause.POWER)
            assert ledger.counters.strokes_total in (saved, strokes)
            saved = strokes = ledger.counters.strokes_total
        else:
            ledger, _ = started(flash, value)
            expected = strokes if value == ResetCause.WATCHDOG else saved
            assert ledger.counters.strokes_total == expected
            saved = strokes = expected
        first = ledger.events.next_id - 1
        assert first >= last_id
        last_id = first


def test_limits_of_ids_fit_the_wire() -> None:
    assert RESERVE_ARMED < limits.WORD_MAX


@pytest.mark.covers("REQ-1402", "REQ-1003")
@pytest.mark.parametrize("damage", [b"", b"rubbish"], ids=["lost", "rotten"])
@pytest.mark.parametrize("armed", [True, False])
def test_ids_never_repeat_and_totals_are_not_called_sure_when_the_newest_record_is_gone(
    armed: bool, damage: bytes
) -> None:
    flash = Flash()
    ledger, _ = started(flash, ResetCause.POWER)
    assert ledger.save(False)
    newest = dict(flash.slots)
    assert ledger.save(armed)
    (slot,) = [slot for slot, held_now in flash.slots.items() if newest.get(slot) != held_now]
    last_id = 0
    while ledger.numbering_sound():
        last_id = ledger.log(Event.HOMED, 0, 0, 0)
    stroke(ledger, 5)
    flash.slots[slot] = damage
    again, _ = started(flash, ResetCause.POWER)
    assert again.events.next_id > last_id
    assert again.events.oldest_id() > last_id or again.events.hole_id > last_id
    assert again.unsure()


@pytest.mark.covers("REQ-1003", "REQ-1301", "POWER_LOSS_WHILE_ARMED")
def test_a_reset_while_the_start_writes_its_record_comes_to_the_same_again() -> None:
    flash = Flash()
    ledger, _ = started(flash, ResetCause.POWER)
    assert ledger.save(True)
    stroke(ledger, 5)
    flash.words = [0, 0, 0, 0]
    flash.cut_after = 0
    with pytest.raises(PowerCutError):
        started(flash, ResetCause.POWER)
    flash.cut_after = None
    again, fault = started(flash, ResetCause.WATCHDOG)
    assert fault == Fault.POWER_LOSS_WHILE_ARMED
    assert again.unsure()

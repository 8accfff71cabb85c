"""Two slots, settings and the ledger: a power cut at any byte leaves the record that was in force."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_firmware.counters import Mark
from pen_firmware.events import CAPACITY
from pen_firmware.hal import ResetCause, Slot
from pen_firmware.ledger import RESERVE_ARMED, RESERVE_DISARMED, Ledger
from pen_firmware.settings import DEFAULTS, Settings
from pen_firmware.slots import CRC_SIZE, HEAD_SIZE, Load, TwoSlots
from pen_protocol import limits
from pen_protocol.faults import Event, Fault
from pen_protocol.limits import WORD_MAX
from pen_protocol.messages import BY_NUMBER, SETTINGS_WRITE

MAGIC = 0x12345678
SIZE = 20


class PowerCutError(Exception):
    """Power went during a write."""


class Flash:
    """The slots and words of a board; `cut_after` bytes of the next write power goes."""

    def __init__(self) -> None:
        self.slots: dict[int, bytes] = {}
        self.words = [0, 0, 0, 0]
        self.cut_after: int | None = None
        self.refuses = False
        self.writes = 0

    def slot_read(self, slot: int, buffer: bytearray) -> int:
        content = self.slots.get(slot, b"")[: len(buffer)]
        buffer[: len(content)] = content
        return len(content)

    def slot_write(self, slot: int, buffer: bytearray, length: int) -> bool:
        if self.refuses:
            return False
        self.writes += 1
        content = bytes(buffer[:length])
        if self.cut_after is not None:
            old = self.slots.get(slot, b"")
            self.slots[slot] = content[: self.cut_after] + old[self.cut_after :]
            raise PowerCutError
        self.slots[slot] = content
        return True

    def word_read(self, index: int) -> int:
        return self.words[index]

    def word_write(self, index: int, value: int) -> None:
        assert 0 <= value <= WORD_MAX
        self.words[index] = value


def two_slots(flash: Flash) -> TwoSlots:
    return TwoSlots(flash, Slot.RECORD_A, Slot.RECORD_B, MAGIC, 1, SIZE)


def save(flash: Flash, content: bytes) -> None:
    record = two_slots(flash)
    record.load()
    record.content[:] = content
    assert record.save()


def held(flash: Flash) -> tuple[int, bytes]:
    record = two_slots(flash)
    return record.load(), bytes(record.content)


def content(number: int) -> bytes:
    return bytes((number + index) % 256 for index in range(SIZE))


# --- two slots ----------------------------------------------------------------------------------------------------------


def test_nothing_written_is_empty_and_zero() -> None:
    assert held(Flash()) == (Load.EMPTY, bytes(SIZE))


def test_the_newest_wins_over_many_writes() -> None:
    flash = Flash()
    for number in range(9):
        save(flash, content(number))
        assert held(flash) == (Load.FOUND, content(number))


@pytest.mark.parametrize("writes", [0, 1, 2, 3])
def test_a_power_cut_at_any_byte_leaves_the_old_record_or_the_new(writes: int) -> None:
    """Also during the very first write: then there is still none."""
    for cut in range(HEAD_SIZE + SIZE + CRC_SIZE + 1):
        flash = Flash()
        for number in range(writes):
            save(flash, content(number))
        before = held(flash)
        flash.cut_after = cut
        with pytest.raises(PowerCutError):
            save(flash, content(writes))
        flash.cut_after = None
        assert held(flash) in (before, (Load.FOUND, content(writes))), cut
        save(flash, content(99))
        assert held(flash) == (Load.FOUND, content(99)), cut


@pytest.mark.parametrize("bit", range(8 * (HEAD_SIZE + SIZE + CRC_SIZE)))
def test_a_flipped_bit_is_never_read_as_a_record(bit: int) -> None:
    flash = Flash()
    save(flash, content(1))
    save(flash, content(2))
    newest = bytearray(flash.slots[Slot.RECORD_B])
    newest[bit // 8] ^= 1 << bit % 8
    flash.slots[Slot.RECORD_B] = bytes(newest)
    assert held(flash) == (Load.FOUND, content(1))


def test_both_damaged_is_damaged_not_empty() -> None:
    flash = Flash()
    save(flash, content(1))
    save(flash, content(2))
    flash.slots = dict.fromkeys(flash.slots, b"rubbish")
    assert held(flash) == (Load.DAMAGED, bytes(SIZE))


def test_a_record_of_another_layout_or_length_is_none_of_ours() -> None:
    flash = Flash()
    save(flash, content(1))
    other = TwoSlots(flash, Slot.RECORD_A, Slot.RECORD_B, MAGIC, 2, SIZE)
    assert other.load() != Load.FOUND
    longer = TwoSlots(flash, Slot.RECORD_A, Slot.RECORD_B, MAGIC, 1, SIZE - 1)
    assert longer.load() != Load.FOUND


def test_a_write_the_flash_refuses_leaves_what_is_held_and_what_is_stored() -> None:
    flash = Flash()
    record = two_slots(flash)
    record.load()
    record.content[:] = content(1)
    assert record.save()
    record.content[:] = content(2)
    flash.refuses = True
    assert not record.save()
    assert bytes(record.content) == content(2)
    assert held(flash) == (Load.FOUND, content(1))
    flash.refuses = False
    assert record.save()
    assert held(flash) == (Load.FOUND, content(2))


class Liar(Flash):
    """Says it has written and has not."""

    def slot_write(self, slot: int, buffer: bytearray, length: int) -> bool:
        self.slots[slot] = bytes(buffer[: length - 1]) + b"\x00"
        return True


def test_a_write_that_does_not_read_back_is_no_write() -> None:
    record = two_slots(Liar())
    record.load()
    assert not record.save()


def test_intact_notices_damage_after_the_write() -> None:
    flash = Flash()
    record = two_slots(flash)
    record.load()
    assert record.intact()
    assert record.save()
    assert record.intact()
    flash.slots[Slot.RECORD_A] = flash.slots[Slot.RECORD_A][:-1]
    assert not record.intact()


# --- settings -----------------------------------------------------------------------------------------------------------


def loaded(flash: Flash) -> Settings:
    settings = Settings(flash)
    settings.load()
    return settings


def settings_values(version: int) -> tuple[int, ...]:
    return (version, 1_000, 120_000, 1_800, -20, 60, 5_500, 900, 30_000)


def test_a_new_pen_has_safe_defaults_and_keeps_them() -> None:
    flash = Flash()
    settings = loaded(flash)
    assert settings.valid
    assert settings.values() == DEFAULTS
    assert flash.writes == 1
    assert loaded(flash).values() == DEFAULTS
    assert flash.writes == 1


def test_defaults_are_within_the_tables_ranges() -> None:
    fields = BY_NUMBER[SETTINGS_WRITE].fields
    assert len(fields) == len(DEFAULTS)
    for field, value in zip(fields, DEFAULTS, strict=True):
        assert field.low <= value <= field.high, field.name


def test_settings_read_as_they_were_written() -> None:
    flash = Flash()
    settings = loaded(flash)
    assert settings.write(settings_values(1))
    again = loaded(flash)
    assert again.valid
    assert again.values() == settings_values(1)
    assert again.depth_cap_um == 1_000
    assert again.stroking_max_ms == 30_000


def test_a_power_cut_at_any_byte_of_a_settings_write_leaves_old_or_new() -> None:
    for cut in range(80):
        flash = Flash()
        settings = loaded(flash)
        assert settings.write(settings_values(1))
        flash.cut_after = cut
        with pytest.raises(PowerCutError):
            settings.write(settings_values(2))
        flash.cut_after = None
        again = loaded(flash)
        assert again.valid, cut
        assert again.values() in (settings_values(1), settings_values(2)), cut


def test_a_power_cut_at_any_byte_of_the_very_first_write_leaves_the_defaults() -> None:
    for cut in range(80):
        flash = Flash()
        flash.cut_after = cut
        with pytest.raises(PowerCutError):
            loaded(flash)
        flash.cut_after = None
        settings = loaded(flash)
        assert settings.valid, cut
        assert settings.values() == DEFAULTS


def test_both_slots_damaged_is_invalid_and_the_defaults_hold() -> None:
    flash = Flash()
    settings = loaded(flash)
    settings.write(settings_values(1))
    flash.slots = {slot: record[:-1] + b"\x00\x00" for slot, record in flash.slots.items()}
    damaged = loaded(flash)
    assert not damaged.valid
    assert damaged.values() == DEFAULTS


@pytest.mark.parametrize("index", range(1, len(DEFAULTS)))
@pytest.mark.parametrize("end", ["low", "high"])
def test_a_whole_record_with_a_value_out_of_range_is_not_used(index: int, end: str) -> None:
    """A record of a firmware with other limits, with a right check sum: invalid, never clamped into something else."""
    flash = Flash()
    settings = loaded(flash)
    field = BY_NUMBER[SETTINGS_WRITE].fields[index]
    values = list(settings_values(1))
    values[index] = field.high + 1 if end == "high" else field.low - 1
    if values[index] < 0 and field.code.isupper():
        return
    assert settings.write(tuple(values))
    again = loaded(flash)
    assert not again.valid
    assert again.values() == DEFAULTS


def test_a_refused_write_leaves_the_old_settings_in_force() -> None:
    flash = Flash()
    settings = loaded(flash)
    flash.refuses = True
    assert not settings.write(settings_values(1))
    assert settings.values() == DEFAULTS


def test_quarantine_outlives_power_and_a_change_of_settings() -> None:
    flash = Flash()
    settings = loaded(flash)
    settings.quarantine()
    assert not settings.stored
    assert settings.store()
    assert loaded(flash).quarantined
    assert settings.write(settings_values(1))
    assert loaded(flash).quarantined
    assert settings.clear_quarantine()
    assert not loaded(flash).quarantined


def test_a_quarantine_the_flash_will_not_clear_stays() -> None:
    flash = Flash()
    settings = loaded(flash)
    settings.quarantine()
    settings.store()
    flash.refuses = True
    assert not settings.clear_quarantine()
    assert settings.quarantined


def test_clearing_the_quarantine_does_not_make_lost_settings_look_whole() -> None:
    flash = Flash()
    loaded(flash).write(settings_values(1))
    flash.slots = dict.fromkeys(flash.slots, b"rubbish")
    damaged = loaded(flash)
    damaged.quarantine()
    assert damaged.clear_quarantine()
    assert not loaded(flash).valid


# --- ledger -------------------------------------------------------------------------------------------------------------


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

"""What a pen remembers through resets, power losses and damage, and what it then refuses to assume."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_firmware.counters import Mark
from pen_firmware.events import CAPACITY
from pen_firmware.hal import ResetCause, Slot
from pen_firmware.ledger import Ledger
from pen_firmware.settings import Settings
from pen_protocol.faults import Fault

covers = pytest.mark.covers


class CutError(Exception):
    """Power went away in the middle of a write."""


class Memory:
    """A board as far as memory goes: two slots a record and four words."""

    def __init__(self) -> None:
        self.cut = False
        self.slots: dict[int, bytes] = {}
        self.words = [0, 0, 0, 0]

    def slot_read(self, slot: int, buffer: bytearray) -> int:
        held = self.slots.get(slot, b"")[: len(buffer)]
        buffer[: len(held)] = held
        return len(held)

    def slot_write(self, slot: int, buffer: bytearray, length: int) -> bool:
        if self.cut:
            self.cut = False
            self.slots[slot] = bytes(buffer[: length // 2])
            raise CutError
        self.slots[slot] = bytes(buffer[:length])
        return True

    def word_read(self, index: int) -> int:
        return self.words[index]

    def word_write(self, index: int, value: int) -> None:
        assert 0 <= value < 1 << 30
        self.words[index] = value

    def lose_power(self) -> None:
        self.words = [0x1234567, 0, 0x2AAAAAAA, 99]


def booted(board: Memory, cause: int) -> tuple[Ledger, int]:
    ledger = Ledger(board)
    fault = ledger.recover(cause)
    ledger.counters.start(0, 0)
    return ledger, fault


def armed(board: Memory, *marks: int) -> Ledger:
    ledger, fault = booted(board, ResetCause.POWER)
    assert fault == Fault.NONE
    ledger.save(True)
    ledger.marks = sum(marks)
    ledger.mirror()
    return ledger


@covers("REQ-1301", "RESET_WHILE_ARMED")
def test_a_watchdog_reset_while_armed_is_the_first_cause_after_it() -> None:
    board = Memory()
    armed(board, Mark.ARMED)
    assert booted(board, ResetCause.WATCHDOG)[1] == Fault.RESET_WHILE_ARMED


@covers("REQ-1301", "FIRMWARE_EXCEPTION")
def test_an_exception_is_the_first_cause_after_the_reset_it_made() -> None:
    board = Memory()
    ledger = armed(board, Mark.ARMED, Mark.STROKING)
    ledger.counters.note_exception()
    assert booted(board, ResetCause.WATCHDOG)[1] == Fault.FIRMWARE_EXCEPTION


@covers("REQ-1301", "POWER_LOSS_WHILE_ARMED", "REQ-1003")
def test_power_lost_while_armed_is_told_and_the_totals_are_not_called_sure() -> None:
    board = Memory()
    armed(board, Mark.ARMED)
    board.lose_power()
    ledger, fault = booted(board, ResetCause.POWER)
    assert fault == Fault.POWER_LOSS_WHILE_ARMED
    assert ledger.unsure()


@covers("REQ-1301")
def test_a_reset_of_an_idle_pen_is_no_fault() -> None:
    board = Memory()
    booted(board, ResetCause.POWER)
    assert booted(board, ResetCause.WATCHDOG)[1] == Fault.NONE
    board.lose_power()
    assert booted(board, ResetCause.POWER)[1] == Fault.NONE


@covers("REQ-1003")
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 1), st.booleans()), max_size=60))
def test_every_actuation_counts_and_totals_survive_a_reset(passes: list[tuple[int, int, bool]]) -> None:
    board = Memory()
    ledger = armed(board, Mark.ARMED, Mark.STROKING)
    edges = cut = 0
    for new_edges, new_cut, contact in passes:
        edges += new_edges
        cut += new_cut
        ledger.counters.update(edges, cut, contact)
        ledger.mirror()
    again, _ = booted(board, ResetCause.WATCHDOG)
    assert again.counters.strokes_total == edges
    assert again.counters.contact_total == sum(new for new, _, contact in passes if contact)


@covers("REQ-1402")
@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.sampled_from(["watchdog", "power", "armed power", "cut"])),
        min_size=1,
        max_size=8,
    )
)
def test_event_numbers_never_repeat_over_resets_power_losses_and_cut_writes(
    lives: list[tuple[int, str]],
) -> None:
    board = Memory()
    given_out: list[int] = []
    cause = ResetCause.POWER
    for events, end in lives:
        ledger, _ = booted(board, cause)
        if end == "armed power":
            ledger.save(True)
        for index in range(events):
            if end != "armed power" and not ledger.numbering_sound():
                ledger.save(False)  # armed the flash must not be written: what was reserved has to last
            given_out.append(ledger.log(1, 0, index, index))
        cause = ResetCause.WATCHDOG if end == "watchdog" else ResetCause.POWER
        if cause == ResetCause.POWER:
            board.lose_power()
        if end == "cut":
            board.cut = True
            with pytest.raises(CutError):
                ledger.save(False)
    assert len(set(given_out)) == len(given_out)


@covers("REQ-1402")
def test_an_event_is_kept_until_a_pull_has_passed_it() -> None:
    ledger, _ = booted(Memory(), ResetCause.POWER)
    first = ledger.log(1, 0, 0, 0)
    for _ in range(CAPACITY // 2):
        ledger.log(1, 0, 0, 0)
    ledger.acknowledge(first)
    assert ledger.events.oldest_id() == first
    ledger.acknowledge(first + 1)
    assert ledger.events.oldest_id() == first + 1


@covers("REQ-1305", "SETTINGS_INVALID")
@given(st.integers(0, 400))
def test_settings_damaged_in_any_byte_of_their_only_copy_are_not_used(at: int) -> None:
    board = Memory()
    settings = Settings(board)
    settings.load()
    assert settings.valid
    held = {slot: bytearray(data) for slot, data in board.slots.items()}
    for slot, data in held.items():
        data[at % len(data)] ^= 0x40
        board.slots[slot] = bytes(data)
    board.slots.setdefault(Slot.SETTINGS_B, b"something was here")
    again = Settings(board)
    again.load()
    assert not again.valid


@covers("REQ-0701", "FLUID")
def test_the_quarantine_outlives_resets_until_an_engineer_ends_it() -> None:
    board = Memory()
    settings = Settings(board)
    settings.load()
    settings.quarantine()
    assert settings.store()
    for _ in range(3):
        again = Settings(board)
        again.load()
        assert again.quarantined
    assert again.clear_quarantine()
    after = Settings(board)
    after.load()
    assert not after.quarantined

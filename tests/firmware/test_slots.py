"""Two slots: a power cut at any byte leaves the record that was in force or the new one."""

from __future__ import annotations

import pytest

from pen_firmware.hal import Slot
from pen_firmware.slots import CRC_SIZE, HEAD_SIZE, Load, TwoSlots
from tests.firmware.power_cuts import Flash, PowerCutError

MAGIC = 0x12345678
SIZE = 20


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

"""What stands in a cartridge's memory: no flipped bit and no random page passes for it."""

from __future__ import annotations

import binascii
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_firmware import cartridge_layout as layout
from pen_sim.eeprom import Cartridge as SimCartridge
from tests.firmware.cartridge_bench import EXPIRY_DAYS, LOT


def test_crc8_is_dallas() -> None:
    """Check value of CRC-8/MAXIM-DOW, and the ROM id of the application note."""
    assert layout.crc8(b"123456789") == 0xA1
    assert layout.crc8(bytes.fromhex("021cb801000000a2")) == 0


@given(st.binary(max_size=20))
def test_crc8_over_data_and_its_crc_is_zero(data: bytes) -> None:
    assert layout.crc8(data + bytes([layout.crc8(data)])) == 0


@given(st.integers(0, (1 << 48) - 1), st.integers(0, 63))
@pytest.mark.covers("REQ-0601")
def test_no_single_bit_error_passes_for_a_rom_id(serial: int, bit: int) -> None:
    rom = bytearray(layout.build_rom(serial))
    assert layout.rom_valid(rom)
    rom[bit >> 3] ^= 1 << (bit & 7)
    assert not layout.rom_valid(rom)


@given(st.binary(max_size=layout.LOT_SIZE), st.integers(0, 0xFFFF), st.integers(1, 255))
def test_what_page_0_was_built_from_is_read_back(lot: bytes, expiry_days: int, needles: int) -> None:
    page = layout.build_page(lot, expiry_days, needles)
    assert len(page) == layout.PAGE_SIZE
    assert layout.parse_page(page) == (lot.ljust(layout.LOT_SIZE, b"\0"), expiry_days, needles)


@given(st.binary(min_size=32, max_size=32))
def test_random_pages_are_never_taken_for_a_cartridge(page: bytes) -> None:
    assert layout.parse_page(page) is None


@given(st.integers(0, 32 * 8 - 1), st.integers(0, 32 * 8 - 1))
@pytest.mark.covers("REQ-0601")
def test_no_flipped_bit_or_two_pass_for_page_0(first: int, second: int) -> None:
    page = bytearray(layout.build_page(LOT, EXPIRY_DAYS, 12))
    for bit in {first, second}:
        page[bit >> 3] ^= 1 << (bit & 7)
    assert layout.parse_page(page) is None


@pytest.mark.parametrize(
    "content",
    [
        struct.pack(layout.CONTENT_FORMAT, b"DPC2", LOT, EXPIRY_DAYS, 12, layout.LAYOUT),
        struct.pack(layout.CONTENT_FORMAT, layout.MAGIC, LOT, EXPIRY_DAYS, 12, layout.LAYOUT + 1),
        struct.pack(layout.CONTENT_FORMAT, layout.MAGIC, LOT, EXPIRY_DAYS, 0, layout.LAYOUT),
    ],
    ids=["magic", "layout", "no needles"],
)
def test_a_right_check_sum_over_wrong_content_is_refused(content: bytes) -> None:
    assert layout.parse_page(content + struct.pack("<I", binascii.crc32(content))) is None


@pytest.mark.parametrize(
    ("lot", "expiry_days", "needles"),
    [(b"x" * 13, 1, 1), (b"", -1, 1), (b"", 65_536, 1), (b"", 1, 0), (b"", 1, 256)],
)
def test_what_page_0_cannot_carry_is_refused(lot: bytes, expiry_days: int, needles: int) -> None:
    with pytest.raises(ValueError, match=r"cartridge|lot|expiry"):
        layout.build_page(lot, expiry_days, needles)


def test_the_factory_of_the_simulator_writes_the_same_page() -> None:
    device = SimCartridge(lot=LOT, expiry_days=EXPIRY_DAYS, needles=12)
    assert bytes(device.memory) == layout.build_memory(LOT, EXPIRY_DAYS, 12)
    assert layout.build_rom(device.number) == device.serial

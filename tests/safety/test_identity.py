"""A cartridge whose identity is not whole is no cartridge."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_firmware import cartridge_layout as layout

covers = pytest.mark.covers


@covers("REQ-0601", "CARTRIDGE_UNREADABLE")
@given(st.binary(max_size=12), st.integers(0, 0xFFFF), st.integers(1, 255), st.integers(0, 255))
def test_one_flipped_bit_of_its_page_is_enough(lot: bytes, expiry_days: int, needles: int, bit: int) -> None:
    page = layout.build_page(lot, expiry_days, needles)
    assert layout.parse_page(page) is not None
    damaged = bytearray(page)
    damaged[bit // 8] ^= 1 << bit % 8
    assert layout.parse_page(damaged) is None


@covers("REQ-0601")
@given(st.integers(0, (1 << 48) - 1), st.integers(0, 63))
def test_one_flipped_bit_of_its_rom_id_is_enough(serial: int, bit: int) -> None:
    rom = layout.build_rom(serial)
    assert layout.rom_valid(rom)
    damaged = bytearray(rom)
    damaged[bit // 8] ^= 1 << bit % 8
    assert not layout.rom_valid(damaged)

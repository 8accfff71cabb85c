"""What a cartridge carries: ROM id and memory layout, in numbers the pen, the simulator and the engineer's tools share.

The memory is a DS2431 (or DS28E07): four pages of 32 bytes, a ROM id of family, 48-bit serial and CRC-8. Page 0 is
written and locked at manufacture. Page 1 is locked in EPROM mode, in which bits only ever go from 1 to 0: no program
can undo the used mark.

Page 0: magic "DPC1" | lot 12 s | expiry u16 (days since 2020-01-01) | needles u8 | layout u8 | 8 spare | CRC-32 u32.
Page 1: used mark, 8 bytes: all 0xFF is new, anything else is used; a whole burn leaves all 0x00. Behind it a guard, 4 bytes
that are never all ones: an open bus reads as a new mark, but not as a mark with its guard in its place.
"""

import binascii
import struct

FAMILY = 0x2D
"""First byte of the ROM id of every memory of this kind."""
ROM_SIZE = 8
PAGE_SIZE = 32
MEMORY_SIZE = 128
MAGIC = b"DPC1"
LAYOUT = 1
"""Version of page 0's layout."""
LOT_SIZE = 12
CONTENT_FORMAT = "<4s12sHBB8x"
CONTENT_SIZE = 28
"""Bytes of page 0 that the CRC-32 behind them covers."""
MARK_OFFSET = 32
"""Address of the used mark: the first bytes of page 1."""
MARK_SIZE = 8
"""One scratchpad write: the mark is burned in one copy."""
GUARD = b"\x96\x5a\x3c\x69"
"""What follows the mark; written at manufacture."""
MARK_AND_GUARD = MARK_SIZE + len(GUARD)
"""Bytes of one reading of the mark."""
MARK_NEW = 0xFF
MARK_BURNED = 0x00
NEEDLES_MAX = 255
EXPIRY_MAX_DAYS = 0xFFFF

CMD_READ_ROM = 0x33
CMD_READ_MEMORY = 0xF0
CMD_WRITE_SCRATCHPAD = 0x0F
CMD_READ_SCRATCHPAD = 0xAA
CMD_COPY_SCRATCHPAD = 0x55
SCRATCHPAD_FULL = 0x07
"""E/S byte of a scratchpad whose eight bytes all arrived."""
PROGRAM_MS = 10
"""Time a copy takes; the bus is left alone meanwhile."""


def crc8(data):
    """Dallas CRC-8 (x^8+x^5+x^4+1, reflected) of `data`; over a whole ROM id it is 0."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8C if crc & 1 else 0)
    return crc


def rom_valid(rom):
    """True for a ROM id of this family with a right CRC-8."""
    return len(rom) == ROM_SIZE and rom[0] == FAMILY and crc8(rom) == 0


def build_rom(serial):
    """ROM id (8 bytes) of a 48-bit serial number.

    Raises:
        ValueError: The serial needs more than 48 bits.
    """
    if serial < 0 or serial >= 1 << 48:
        raise ValueError("a cartridge's serial has 48 bits: take one from 0 to 2^48-1")
    body = bytes([FAMILY]) + struct.pack("<Q", serial)[:6]
    return body + bytes([crc8(body)])


def build_page(lot, expiry_days, needles):
    """Page 0 (32 bytes) of a cartridge.

    Args:
        lot: Lot name, at most 12 bytes, padded with zeros.
        expiry_days: Last day of use, days since 2020-01-01.
        needles: Number of needles, 1..255.

    Raises:
        ValueError: A value that page 0 cannot carry.
    """
    if len(lot) > LOT_SIZE:
        raise ValueError("a lot name has at most 12 bytes: shorten it")
    if expiry_days < 0 or expiry_days > EXPIRY_MAX_DAYS:
        raise ValueError("expiry is counted in days since 2020-01-01: take 0..65535")
    if needles < 1 or needles > NEEDLES_MAX:
        raise ValueError("a cartridge has 1..255 needles")
    content = struct.pack(CONTENT_FORMAT, MAGIC, lot, expiry_days, needles, LAYOUT)
    return content + struct.pack("<I", binascii.crc32(content))


def build_memory(lot, expiry_days, needles):
    """Whole memory (128 bytes) of a new cartridge. Raises ValueError like `build_page`."""
    marked = build_page(lot, expiry_days, needles) + bytes([MARK_NEW]) * MARK_SIZE + GUARD
    return marked + bytes([MARK_NEW]) * (MEMORY_SIZE - len(marked))


def parse_page(page):
    """(lot, expiry_days, needles) of page 0, or None when its CRC, magic, layout or needle count is wrong."""
    content = bytes(page[:CONTENT_SIZE])
    (crc,) = struct.unpack("<I", bytes(page[CONTENT_SIZE:PAGE_SIZE]))
    if binascii.crc32(content) != crc:
        return None
    magic, lot, expiry_days, needles, layout = struct.unpack(CONTENT_FORMAT, content)
    if magic != MAGIC or layout != LAYOUT or needles == 0:
        return None
    return lot, expiry_days, needles

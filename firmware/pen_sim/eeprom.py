"""Cartridges and the 1-Wire memory in them (DS2431: four pages of 32 bytes, scratchpad, a page in EPROM mode)."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from pen_firmware import cartridge_layout as layout

PROGRAM_US = 10_000
"""The device needs this long to copy its scratchpad; read before, it answers 0xFF."""
SKIP_ROM = 0xCC
MATCH_ROM = 0x55
COPIED = 0xAA
"""What the device answers once a copy is made."""
COPIED_FLAG = 0x80
"""In the E/S register: this scratchpad has been copied."""


def crc16(data: bytes) -> int:
    """Check sum the DS2431 sends behind a scratchpad transfer (reflected 0x8005), already inverted."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc ^ 0xFFFF


@dataclass
class Cartridge:
    """A cartridge: what is printed on it and the memory inside."""

    number: int = 0x00C0FFEE01
    """Number of its ROM id: two cartridges never share one."""
    lot: bytes = b"LOT-2026-001"
    expiry_days: int = 36_000
    """Days since 2020-01-01; in 2118, for a simulated pen is treated with on the day it is run, whenever that is."""
    needles: int = 12
    used: bool = False
    memory: bytearray = field(default_factory=bytearray)
    """The whole memory; written from the fields above unless given."""
    present: bool = True
    """False: the memory does not answer."""
    garbage: bool = False
    """True: every byte read is noise."""
    burn_blocked: bool = False
    """True: copying to the used-mark page has no effect."""
    burn_torn_after: int | None = None
    """A copy stops after this many bytes: the cartridge was pulled out."""

    def __post_init__(self) -> None:
        if not self.memory:
            self.memory = factory_memory(self)

    @property
    def serial(self) -> bytes:
        """The eight bytes the pen knows it by."""
        return bytes(layout.build_rom(self.number))

    @property
    def marked(self) -> bool:
        """The used mark has been burned, whole or in part."""
        mark = self.memory[layout.MARK_OFFSET : layout.MARK_OFFSET + layout.MARK_SIZE]
        return any(byte != layout.MARK_NEW for byte in mark)


def factory_memory(cartridge: Cartridge) -> bytearray:
    """Memory of a cartridge as the factory leaves it (or used, when its `used` says so)."""
    memory = bytearray(layout.build_memory(cartridge.lot, cartridge.expiry_days, cartridge.needles))
    if cartridge.used:
        memory[layout.MARK_OFFSET : layout.MARK_OFFSET + layout.MARK_SIZE] = bytes(layout.MARK_SIZE)
    return memory


class WireDevice:
    """The slave on the bus: state of one transaction between two reset pulses."""

    def __init__(self, seed: int = 0) -> None:
        self.cartridge: Cartridge | None = None
        self.burns = 0
        """Copies that changed the used-mark page."""
        self._noise = random.Random(seed)  # noqa: S311 - line noise, repeatable for a seed
        self._received = bytearray()
        self._answer = bytearray()
        self._selected = False
        self._scratchpad = bytearray(layout.MARK_SIZE)
        self._scratch_address = 0
        self._scratch_end = 0
        self._copied = False
        self._busy_until_us = 0

    def reset(self) -> bool:
        """Reset pulse; True when a device pulls the line low in answer."""
        self._received.clear()
        self._answer.clear()
        self._selected = False
        return self.cartridge is not None and self.cartridge.present

    def write(self, byte: int, now_us: int) -> None:
        """One byte from the master."""
        if self.cartridge is None or not self.cartridge.present:
            return
        self._answer.clear()
        self._received.append(byte & 0xFF)
        if not self._selected:
            self._select(self.cartridge)
            return
        self._command(self.cartridge, now_us)

    def read(self, now_us: int) -> int:
        """One byte to the master; an idle or empty bus reads 0xFF."""
        if self.cartridge is None or not self.cartridge.present:
            return 0xFF
        if self.cartridge.garbage:
            return self._noise.randrange(256)
        if now_us < self._busy_until_us:
            return 0xFF
        return self._answer.pop(0) if self._answer else 0xFF

    # --- ROM commands ---------------------------------------------------------------------------------------------

    def _select(self, cartridge: Cartridge) -> None:
        received = self._received
        if received[0] == layout.CMD_READ_ROM:
            self._answer.extend(cartridge.serial)
            self._selected = True
            received.clear()
        elif received[0] == SKIP_ROM:
            self._selected = True
            received.clear()
        elif received[0] == MATCH_ROM and len(received) == 9:
            self._selected = bytes(received[1:]) == cartridge.serial
            received.clear()

    # --- memory commands --------------------------------------------------------------------------------------------

    def _command(self, cartridge: Cartridge, now_us: int) -> None:
        received = self._received
        command = received[0]
        if command == layout.CMD_READ_MEMORY and len(received) == 3:
            address = received[1] | received[2] << 8
            self._answer.extend(cartridge.memory[address:])
        elif command == layout.CMD_WRITE_SCRATCHPAD and len(received) > 3:
            self._write_scratchpad(cartridge)
        elif command == layout.CMD_READ_SCRATCHPAD and len(received) == 1:
            self._read_scratchpad()
        elif command == layout.CMD_COPY_SCRATCHPAD and len(received) == 4:
            self._copy_scratchpad(cartridge, now_us)

    def _write_scratchpad(self, cartridge: Cartridge) -> None:
        """The DS2431 takes whole rows of eight; in EPROM mode it stores what the memory would become."""
        received = self._received
        address = received[1] | received[2] << 8
        offset = (address + len(received) - 4) & (layout.MARK_SIZE - 1)
        byte = received[-1]
        target = (address & ~(layout.MARK_SIZE - 1)) + offset
        if _in_mark_page(target):
            byte &= cartridge.memory[target]
        self._scratchpad[offset] = byte
        self._scratch_address = address
        self._scratch_end = offset
        self._copied = False
        if offset == layout.MARK_SIZE - 1:
            self._answer.extend(crc16(bytes(received)).to_bytes(2, "little"))

    def _read_scratchpad(self) -> None:
        address = self._scratch_address
        head = bytes([address & 0xFF, address >> 8, self._status()])
        data = bytes(self._scratchpad[address & (layout.MARK_SIZE - 1) :])
        check = crc16(bytes([layout.CMD_READ_SCRATCHPAD]) + head + data)
        self._answer.extend(head + data + check.to_bytes(2, "little"))

    def _status(self) -> int:
        """E/S register: where the last byte went, with the flag of a copy that was made."""
        return self._scratch_end | (COPIED_FLAG if self._copied else 0)

    def _copy_scratchpad(self, cartridge: Cartridge, now_us: int) -> None:
        received = self._received
        address = self._scratch_address
        expected = bytes([address & 0xFF, address >> 8, self._status()])
        if bytes(received[1:4]) != expected or address + layout.MARK_SIZE > layout.MEMORY_SIZE:
            return
        burning = _in_mark_page(address)
        count = layout.MARK_SIZE if cartridge.burn_torn_after is None else cartridge.burn_torn_after
        if not (burning and cartridge.burn_blocked):
            cartridge.memory[address : address + count] = self._scratchpad[:count]
            self.burns += burning
        self._copied = True
        self._busy_until_us = now_us + PROGRAM_US
        self._answer.extend(bytes([COPIED]) * layout.MARK_SIZE)


def _in_mark_page(address: int) -> bool:
    """Addresses of the page locked in EPROM mode, where bits only fall."""
    return address // layout.PAGE_SIZE == layout.MARK_OFFSET // layout.PAGE_SIZE

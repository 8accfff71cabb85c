"""Cartridge pages and ROM ids: built, read back, damaged."""

from bench import Random

from pen_firmware import cartridge_layout as layout

random = Random(21)
for _ in range(150):
    rom = layout.build_rom(random.below(1 << 30) << 18 | random.below(1 << 18))
    print(rom, layout.crc8(rom), layout.rom_valid(rom))
    page = layout.build_page(random.bytes(random.below(13)), random.below(65536), 1 + random.below(255))
    print(page, layout.parse_page(page))
    at = random.below(32)
    broken = page[:at] + bytes([page[at] ^ 1 << random.below(8)]) + page[at + 1 :]
    print(layout.parse_page(broken))
    at = random.below(8)
    print(layout.rom_valid(rom[:at] + bytes([rom[at] ^ 1 << random.below(8)]) + rom[at + 1 :]))
for bad in ((b"x" * 13, 0, 1), (b"", -1, 1), (b"", 65536, 1), (b"", 0, 0), (b"", 0, 256)):
    try:
        layout.build_page(*bad)
    except ValueError as refused:
        print(refused)
print(layout.build_memory(b"LOT7", 3000, 12))

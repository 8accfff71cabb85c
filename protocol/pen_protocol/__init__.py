"""The wire between host and pen: one definition, run unchanged on MicroPython and CPython.

Modules: `version`, `limits`, `states`, `faults`, `messages` (the table), `codec` (payload bytes), `framing` (COBS and
CRC-32).
The subset is MicroPython's: no enum, dataclass or typing; only struct and binascii are imported.
"""

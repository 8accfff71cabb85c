"""One transaction with the cartridge's memory: reset, ROM id, command, answer; at most two bytes a pass.

Every transaction reads the ROM id anew and compares it, so that an answer always belongs to the cartridge that is
thought to be there, and a bus that lost contact (it reads all ones) is found out.
"""

from . import cartridge_layout as layout

BYTES_PER_TICK = 2
"""A byte takes 0.6 ms, the reset 1 ms: a pass spends at most 1.2 ms on the bus."""
OUT_SIZE = 11
"""Longest command: write scratchpad, two address bytes, eight data bytes."""

RUNNING = 0
DONE = 1
ABSENT = 2
"""Nothing answered the reset pulse."""
BAD_ROM = 3
"""The ROM id's family or CRC is wrong."""
OTHER_ROM = 4
"""Another cartridge than before answered."""

_RESET = 0
_SELECT = 1
_ROM = 2
_OUT = 3
_IN = 4
_END = 5


class Transaction:
    """Begun with `begin`, driven with `tick` until `state` is no longer RUNNING.

    Attributes:
        state: RUNNING, DONE or what went wrong.
        rom: ROM id that answered last.
        expected: ROM id that must answer, once `known`.
        answer: Bytes read, from `answer_at` on.
    """

    def __init__(self, board, answer_size):
        self._board = board
        self.state = DONE
        self.rom = bytearray(layout.ROM_SIZE)
        self.expected = bytearray(layout.ROM_SIZE)
        self.known = False
        self.answer = bytearray(answer_size)
        self._out = bytearray(OUT_SIZE)
        self._out_length = 0
        self._in_at = 0
        self._in_end = 0
        self._step = _END
        self._index = 0

    def begin(self, command, answer_at, answer_length):
        """Queue a transaction: `command` bytes (none: only the ROM id), then `answer_length` bytes to read."""
        self._out_length = len(command)
        self._out[: self._out_length] = command
        self._in_at = answer_at
        self._in_end = answer_at + answer_length
        self._step = _RESET
        self._index = 0
        self.state = RUNNING

    def cancel(self):
        """Leave the bus where it is; the next reset pulse ends whatever the memory was told."""
        self._step = _END
        self.state = DONE

    def tick(self):
        """Reset pulse, or two bytes."""
        if self._step == _RESET:
            if self._board.wire_reset():
                self._step = _SELECT
            else:
                self._end(ABSENT)
            return
        left = BYTES_PER_TICK
        while left > 0 and self.state == RUNNING:
            self._byte()
            left -= 1

    def _byte(self):
        step = self._step
        if step == _SELECT:
            self._board.wire_write(layout.CMD_READ_ROM)
            self._next(_ROM)
        elif step == _ROM:
            self.rom[self._index] = self._board.wire_read()
            self._index += 1
            if self._index == layout.ROM_SIZE:
                self._judge_rom()
        elif step == _OUT:
            self._board.wire_write(self._out[self._index])
            self._index += 1
            if self._index == self._out_length:
                self._after_out()
        else:
            self.answer[self._index] = self._board.wire_read()
            self._index += 1
            if self._index == self._in_end:
                self._end(DONE)

    def _judge_rom(self):
        if not layout.rom_valid(self.rom):
            self._end(BAD_ROM)
        elif self.known and self.rom != self.expected:
            self._end(OTHER_ROM)
        elif self._out_length:
            self._next(_OUT)
        else:
            self._end(DONE)

    def _after_out(self):
        if self._in_end > self._in_at:
            self._next(_IN)
            self._index = self._in_at
        else:
            self._end(DONE)

    def _next(self, step):
        self._step = step
        self._index = 0

    def _end(self, state):
        self._step = _END
        self.state = state

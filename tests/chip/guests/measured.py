# ruff: noqa: E402 - the interrupt character goes first
"""Runs on the chip in place of main.py: the pen as it is, and what a pass costs it. Says so after the strokes."""

import gc
import time
from array import array

import micropython

micropython.kbd_intr(-1)

_BOOT_MS = time.ticks_ms()

from pen_firmware.board_rp2040 import Board
from pen_firmware.pen import Pen
from pen_protocol.states import State

PASSES = 400

_IMPORTED_MS = time.ticks_ms()
gc.collect()
_IMPORTED_FREE = gc.mem_free()


class Measured(Pen):
    """Keeps the length of each pass while strokes run, and of those before."""

    def __init__(self, board, heap):
        Pen.__init__(self, board, heap)
        self.stroking = array("H", bytearray(2 * PASSES))
        self.idle = array("H", bytearray(2 * PASSES))
        self.stroking_count = 0
        self.idle_count = 0
        self.alloc_first = 0
        self.alloc_last = 0
        self.said = False

    def tick(self):
        Pen.tick(self)
        if self.supervisor.state == State.STROKING:
            if self.stroking_count < PASSES:
                self.stroking[self.stroking_count] = min(self.tick_us, 65_535)
                self.stroking_count += 1
                self.alloc_last = gc.mem_alloc()
                if self.stroking_count == 1:
                    self.alloc_first = self.alloc_last
        elif self.idle_count < PASSES:
            self.idle[self.idle_count] = min(self.tick_us, 65_535)
            self.idle_count += 1
        elif self.stroking_count and not self.said and self.supervisor.state != State.ARMED:
            self.said = True
            self.say()

    def say(self):
        gc.collect()
        free = gc.mem_free()
        self.board.make_safe()
        for name, kept, count in (
            ("idle", self.idle, self.idle_count),
            ("stroking", self.stroking, self.stroking_count),
        ):
            ordered = sorted(kept[:count])
            print("FIGURE", name, "passes", count, "p50_us", ordered[count // 2], "worst_us", ordered[-1])
        print("FIGURE heap free_after_import", _IMPORTED_FREE, "free_running", free)
        print("FIGURE heap allocated_while_stroking", self.alloc_last - self.alloc_first)
        print("FIGURE import_ms", time.ticks_diff(_IMPORTED_MS, _BOOT_MS))
        print("FIGURE end")


board = Board()
pen = Measured(board, gc)
pen.boot()
pen.run()

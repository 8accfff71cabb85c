"""The rig: answers requests, sends what the sampler saw, and ends the run when anything of it may be lost.

Pure: time, lines and bytes are the board's, which is handed in (`board.Board` on the chip, a fake one in the tests).
Nothing here drives or times a line; it writes words for machines and carries words from memory to the laptop.
"""

from hil_tests.rig import messages, pins, programs
from hil_tests.rig.messages import Reason
from pen_protocol.codec import header_number, header_sequence, header_session
from pen_protocol.framing import Decoder, Encoder

WATCHDOG_MS = 1_500
"""A rig that hangs is reset after this, and lets go of the pen."""
FLUSH_MS = 20
"""No word waits longer than this to be sent."""
STREAM_BYTES = 64
POWERED = 1 << pins.SWITCHES.index("COIL_WIRE") | 1 << pins.SWITCHES.index("PEN_POWER")
"""Switches at the start of a run: the pen has its supply, its sensors read what they read at rest."""

_ALWAYS = (messages.GREET, messages.START, messages.PULL, messages.LEAVE)
"""Messages that belong to no run."""


class Rig:
    """`tick` again and again, which `serve` does.

    Attributes:
        run: Number of the run, 0 without one.
        reason: Why there is none: a `messages.Reason`.
    """

    def __init__(self, board):
        self.board = board
        self.run = 0
        self.reason = Reason.NO_RUN
        self.left = False
        self._boot_id = board.random_word()
        self._begun = False
        self._plays_hall = False
        self._sent_words = 0
        self._flush = False
        self._flushed_ms = 0
        self._heard_ms = 0
        self._lost_run = 0
        self._lost_words = 0
        self._decoder = Decoder()
        self._encoder = Encoder()
        self._length = 0
        self._written = 0
        self._received = bytearray(STREAM_BYTES)
        self._at = 0
        self._end = 0
        self._handlers = {
            messages.GREET: self._greet,
            messages.START: self._start,
            messages.BEAT: self._beat,
            messages.HANDS: self._hands,
            messages.CANCEL: self._cancel,
            messages.SWITCH: self._switch,
            messages.RUN_LOW: self._run_low,
            messages.SKIP: self._skip,
            messages.NOW: self._now,
            messages.PULL: self._pull,
            messages.END: self._end_run,
            messages.LEAVE: self._leave,
        }

    def serve(self):
        """Pass after pass until the laptop asks for the prompt."""
        self.board.release()
        while not self.left or self._busy():
            self.tick()

    def tick(self):
        """One pass: what may have been lost, then one frame out or one frame in."""
        if self.run:
            self._watch()
        if self._busy():
            self._written += self.board.stream_write(self._encoder.wire, self._written, self._length)
        elif self._lost_run:
            self._tell_lost()
        elif not self._receive() and not self._send_edges():
            self.board.rest()
        self.board.watchdog_feed()

    # --- the run --------------------------------------------------------------------------------------------------------

    def _watch(self):
        """End the run when a word is or will be missing, or nobody is there to hold the hands."""
        board = self.board
        if board.fifo_overrun():
            self._lose(Reason.FIFO_FULL)
        elif board.words_written() - self._sent_words > board.ring_words:
            self._lose(Reason.RING_FULL)
        elif board.elapsed_ms(board.now_ms(), self._heard_ms) > messages.SILENCE_MS:
            self._lose(Reason.HOST_SILENT)

    def _lose(self, reason):
        self.board.release()
        self._lost_run = self.run
        self._lost_words = self._sent_words
        self.run = 0
        self.reason = reason

    def _tell_lost(self):
        values = (self.reason, self._lost_words)
        self._out(messages.pack(self._encoder, messages.LOST, 0, self._lost_run, values))
        self._lost_run = 0

    def _send_edges(self):
        """A frame of words when there are many, or some that have waited; False when there is nothing to do."""
        if not self.run:
            return False
        board = self.board
        waiting = board.words_written() - self._sent_words
        waited_ms = board.elapsed_ms(board.now_ms(), self._flushed_ms)
        if not waiting or (waiting < messages.EDGES_MAX and not self._flush and waited_ms < FLUSH_MS):
            return False
        count = min(waiting, messages.EDGES_MAX)
        board.copy_words(self._sent_words, count, self._encoder.body, messages.EDGES_HEAD)
        if board.words_written() - self._sent_words > board.ring_words:
            return True  # written over while they were copied: the next pass says so
        self._out(messages.pack_edges(self._encoder, self.run, self._sent_words, count))
        self._sent_words += count
        self._flush = waiting > count and self._flush
        self._flushed_ms = board.now_ms()
        return True

    # --- frames ---------------------------------------------------------------------------------------------------------

    def _busy(self):
        return self._written < self._length

    def _out(self, length):
        self._length = length
        self._written = 0

    def _receive(self):
        """Take bytes up to the end of the next frame and answer it; False when there were none."""
        if self._at == self._end:
            self._at = 0
            self._end = self.board.stream_read(self._received)
            if not self._end:
                return False
        self._at = self._decoder.feed(self._received, self._at, self._end)
        if self._decoder.length:
            self._answer(self._decoder.frame, self._decoder.length)
        return True

    def _answer(self, frame, length):
        number = header_number(frame)
        sequence = header_sequence(frame)
        run = header_session(frame)
        values = messages.unpack(frame, length)
        handler = self._handlers.get(number)
        if handler is None or values is None:
            known = number in messages.BY_NUMBER
            return self._refuse(number, sequence, run, Reason.OUT_OF_RANGE if known else Reason.UNKNOWN)
        if number not in _ALWAYS:
            if not self.run or run != self.run:
                return self._refuse(number, sequence, run, self.reason)
            self._heard_ms = self.board.now_ms()
        answer = handler(values, sequence, run)
        if answer is None:
            return None
        if answer < 0:
            return self._refuse(number, sequence, run, -answer)
        return self._out(messages.pack(self._encoder, messages.DONE, sequence, run, (number, answer)))

    def _refuse(self, number, sequence, run, reason):
        self._out(messages.pack(self._encoder, messages.REFUSED, sequence, run, (number, reason)))

    # --- requests: each gives the value of DONE, a negative reason to refuse, or None when it answers otherwise -----------

    def _greet(self, values, sequence, run):
        board = self.board
        identity = (
            messages.PRODUCT,
            messages.SCHEMA_HASH,
            values[1],
            messages.VERSION,
            self._boot_id,
            board.unique_id(),
            board.clock_hz(),
            board.runtime(),
        )
        self._out(messages.pack(self._encoder, messages.GREETING, sequence, run, identity))

    def _start(self, values, _sequence, run):
        if not run:
            return -Reason.OUT_OF_RANGE
        board = self.board
        if not self._begun:
            board.watchdog_start(WATCHDOG_MS)
            self._begun = True
        board.halt()
        self._plays_hall = bool(values[1])
        board.start(values[0], self._plays_hall)
        board.switch(POWERED)
        self.run = run
        self.reason = Reason.NO_RUN
        self._lost_run = 0
        self._sent_words = 0
        self._flush = True
        self._heard_ms = self._flushed_ms = board.now_ms()
        return 0

    def _beat(self, _values, _sequence, _run):
        return None

    def _hands(self, values, _sequence, _run):
        levels, amid, delay_us = values
        if not self.board.hands_room():
            return -Reason.BUSY
        self.board.hands_put(programs.hand_word(levels, delay_us, amid))
        return 0

    def _cancel(self, _values, _sequence, _run):
        self.board.hands_cancel()
        return 0

    def _switch(self, values, _sequence, _run):
        self.board.switch(values[0])
        return 0

    def _run_low(self, values, _sequence, _run):
        self.board.run_low(values[0])
        return 0

    def _skip(self, values, _sequence, _run):
        if not self._plays_hall:
            return -Reason.OUT_OF_RANGE
        return 0 if self.board.skip(values[0]) else -Reason.BUSY

    def _now(self, _values, _sequence, _run):
        before = self.board.words_written()
        self.board.toggle_now()
        self._flush = True
        return before

    def _pull(self, values, _sequence, _run):
        return self.board.pull(values[0])

    def _end_run(self, _values, _sequence, _run):
        self.board.release()
        self.run = 0
        self.reason = Reason.ENDED
        return 0

    def _leave(self, _values, _sequence, _run):
        if self._begun:
            return -Reason.BUSY
        self.left = True
        return 0

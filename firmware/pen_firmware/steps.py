"""One leg of the depth axis: words into the step queue, edges of the step pad back, speed along the way."""

RAMP_US = (2500, 2310, 2150, 2020, 1910, 1810, 1730, 1650, 1590, 1530, 1470, 1420, 1380, 1330, 1290)
"""Periods of the first and, backwards, the last steps of a fast leg: 400 to 800 steps/s."""
FAST_US = 1250
"""800 steps/s, 2 mm/s: the queue of four words and the one being made outlast a pass of 5 ms."""
SLOW_US = 5000
"""200 steps/s, 0.5 mm/s: the approach that counts."""
MASK = (1 << 30) - 1
EDGES_PASS_MAX = 8
"""More edges than this between two counts no queue of four words makes: the counter itself is wrong."""


class Steps:
    """Makes steps and counts them. The position follows the edges of the pad, never the words sent.

    Attributes:
        position: Steps from zero protrusion, outward positive.
        outward: Direction of the leg.
        made: Edges seen in this leg.
    """

    def __init__(self, board):
        self._board = board
        self.position = 0
        self.outward = True
        self.made = 0
        self._sent = 0
        self._length = 0
        self._slow = False
        self._raw = board.step_edges()

    def begin(self, outward, length, slow):
        """Prepare a leg of `length` steps (none when negative). Only with the machine idle."""
        self.outward = outward
        self._length = length if length > 0 else 0
        self._slow = slow
        self._sent = 0
        self.made = 0
        self._board.step_direction(outward)

    def halt(self):
        """No further step: the machine goes to its start with an empty queue. Never allocates, never waits."""
        self._board.step_restart()

    def rebase(self):
        """Take the counter's present value as the origin."""
        self._raw = self._board.step_edges()
        self.made = self._sent

    def count(self):
        """Follow the step pad; False when there were steps nobody asked for.

        Edges between a `halt` and the last count were asked for: their words had been sent.
        """
        raw = self._board.step_edges()
        if raw == self._raw:
            return True
        new = (raw - self._raw) & MASK
        self._raw = raw
        if new > EDGES_PASS_MAX:
            # no distance follows from a counter that jumps or runs backwards
            return False
        self.made += new
        self.position += new if self.outward else -new
        return self.made <= self._sent

    def queued_all(self):
        """True when every word of the leg was sent."""
        return self._sent >= self._length

    def agree(self):
        """True when as many edges were seen as words were sent. Exact once the machine is idle."""
        return self.made == self._sent

    def feed(self):
        """Queue as many steps as there is room for."""
        board = self._board
        room = board.step_room()
        while room > 0 and self._sent < self._length:
            board.step_put(self._period_us())
            self._sent += 1
            room -= 1

    def _period_us(self):
        """Period of the next step: slow, or fast with a ramp at both ends."""
        if self._slow:
            return SLOW_US
        rest = self._length - 1 - self._sent
        from_end = self._sent if self._sent < rest else rest
        return RAMP_US[from_end] if from_end < len(RAMP_US) else FAST_US

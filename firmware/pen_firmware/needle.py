"""The needle: one word makes one stroke, and four independent numbers must agree about it.

Words are sent a few milliseconds ahead, at most `QUEUED_MAX` wait in the queue, so a firmware that hangs runs dry
within three strokes even before its lease ends. Every end of a run trips the machine on purpose (lease fed with 0).

What must agree, and why exactly. S words sent, A acknowledgements read, E rising edges of the pad, H hall periods read,
all counted from the start of the run, looked at once a pass in this order: acks, then edges, then new words.
  - each acknowledgement carries number and period of the oldest word not yet acknowledged: no tolerance.
  - A <= E <= S: a stroke is acknowledged after its edge, an edge needs a word: no tolerance, the later read bounds the
    earlier one.
  - E of the last pass <= A: an edge seen `ON_MAX_MS` ago or longer is acknowledged by now, for no word can hold the
    coil on that long. After a shorter pass one stroke may still be running; after a trip one stays unacknowledged.
  - S - A <= 3 before new words: after the last pass two words waited at most, one was being made.
  - E - H: a stroke under way has not reached the sensor (1), the first pulse of a run closes no period (1): 0..2 when
    nothing is lost. Pulses are compared over windows of `HALL_WINDOW` strokes; starting a window with one difference
    and ending it with the other gives -2..2. `HALL_MISSED_MAX` missed pulses a window are borne: a sensor can miss a
    weak stroke in firm skin. None too many is borne: a pulse without a stroke is a needle moved by something else.
"""

from array import array

from pen_protocol import limits

from . import pio_programs
from .hal import Input

QUEUED_MAX = 2
"""Words waiting in the queue after a pass, beside the one being made."""
IN_FLIGHT_MAX = QUEUED_MAX + 1
MASK = (1 << 30) - 1
SEQ_MASK = pio_programs.NEEDLE_SEQ_MASK
EDGES_PASS_MAX = 8
"""More edges than this in one pass no machine makes: the counter itself is wrong."""
ON_MAX_MS = pio_programs.NEEDLE_ON_MAX_US // 1000 + 1
"""Clock difference, in whole ms, that is surely longer than any on-time."""
SETTLE_US = 2 * pio_programs.SAFE_DECAY_US
"""From `stop` to the last edge there can be: SAFE falls with its charge pump, the machine looks every few us."""
HALL_PASS_MAX = 8
"""Hall periods read in one pass."""
HALL_WINDOW = 64
"""Strokes over which hall pulses and edges are compared."""
HALL_LAG = 2
"""Difference of edges and hall periods that follows from when they are read."""
HALL_MISSED_MAX = 2
"""Hall pulses a window may miss."""
HALL_MEAN = 4
"""Periods the measured rate is the mean of: a missed stroke in three shows at once."""
PERIOD_CLAMP_US = 1 << 20
"""Longest period put into the mean; keeps sums small."""
RATE_CHANGE_WORDS = 10
"""Words sent after a change of rate before hall periods can only stem from the new one: 3 in flight, 4 in the mean."""
HOLD_MS = 100
"""`mismatch` is reported this long after it was last seen, so that nobody who asks once a pass misses it."""
AGE_MAX_MS = 60_000
"""A measurement older than this is no measurement."""
AGE_NEVER_MS = 65_535
"""What `measured_age_ms` says when there is none."""
_RING = 8
_MHZ_US = 1_000_000_000


class Needle:
    """Sends strokes, counts them, measures them. `stop` is always safe to call.

    Order of a start: `set`, feed the lease, `start`, then `tick` every pass. The first word waits until the SAFE node
    reads high. After `stop` the next `tick` (or `start`) settles the counts; `settle` may also be called itself, at
    least `SETTLE_US` after `stop`.

    Attributes:
        running: True from `start` to `stop`.
        edges_total: Rising pad edges since boot modulo 2^30: every actuation, truncated ones included.
        acks_total: Complete strokes since boot modulo 2^30.
        truncated_total: Strokes that began and were cut short.
        rate_measured_mhz: Mean of the last hall periods as a rate; 0 when the needle does not move.
        period_us: Period in force.
    """

    def __init__(self, board):
        self._board = board
        self._acks_due = array("I", [0] * _RING)
        self._hall = array("I", [0] * HALL_MEAN)
        self.running = False
        self.edges_total = 0
        self.acks_total = 0
        self.truncated_total = 0
        self.rate_measured_mhz = 0
        self.period_us = 0
        self._base = 0
        self._slow_us = 0
        self._slow_words = 0
        self._sent = 0
        self._acked = 0
        self._edges = 0
        self._edges_before = 0
        self._edges_ms = 0
        self._hall_count = 0
        self._hall_sum = 0
        self._window_edges = 0
        self._window_hall = 0
        self._hall_seen = 0
        self._primed = False
        self._settled = True
        self._wrong = False
        self._wrong_ms = 0
        self._wrong_new = False
        self._good_ms = 0
        self._pulse_ms = 0
        self._pulse_seen = False
        self._raw_edges = board.needle_edges()

    # --- set-points -------------------------------------------------------------------------------------------------

    def set(self, period_us, on_us):
        """Period and coil on-time of the next words. Allowed while running.

        Raises:
            ValueError: Outside what a word can carry, or more than the largest duty.
        """
        if on_us * 100 > period_us * limits.COIL_DUTY_MAX_PERCENT or on_us > limits.COIL_ON_MAX_US:
            raise ValueError("on-time beyond what the coil bears: no stroke was set, ask for a shorter one")
        base = pio_programs.needle_word(on_us, period_us, 0)
        if self.running and period_us != self.period_us:
            # until the words of the old rate are through, the slower of the two rates is due
            self._slow_us = max(self._slow_us, period_us)
            self._slow_words = RATE_CHANGE_WORDS
        else:
            self._slow_us = period_us
        self._base = base
        self.period_us = period_us

    # --- run --------------------------------------------------------------------------------------------------------

    def start(self, now_ms):
        """Begin a run. The lease must have been fed. No stroke before `set` was called.

        Raises:
            ValueError: `set` was never called.
        """
        if self.period_us == 0:
            raise ValueError("no rate was set: the needle stays off, set rate and on-time first")
        self.settle()
        self._board.needle_restart()
        self._drain_stale()
        self._sent = 0
        self._acked = 0
        self._edges = 0
        self._edges_before = 0
        self._hall_count = 0
        self._hall_sum = 0
        self._hall_seen = 0
        self._window_edges = 0
        self._window_hall = 0
        self._slow_us = self.period_us
        self._slow_words = 0
        self._good_ms = now_ms
        self._primed = False
        self._settled = False
        self.running = True

    def tick(self, now_ms):
        """One pass: acknowledgements, edges, hall pulses, checks, then new words."""
        if not self.running:
            self._tick_stopped(now_ms)
            return
        self._read_acks()
        self._read_edges()
        self._check(now_ms)
        self._read_hall(now_ms)
        self._age(now_ms)
        if not self._wrong_new:
            self._send()
        self._hold(now_ms)

    def stop(self):
        """End the run now: the lease is taken away and the machine latches off. Never allocates, never waits."""
        self._board.lease_feed(0)
        self.running = False

    def settle(self):
        """Bring the counts of a stopped run to their end: an edge without acknowledgement is a truncated stroke.

        To be called in a later pass than `stop`: a stroke may begin until SAFE has decayed
        (`pio_programs.SAFE_DECAY_US` and a few us for the lease's last turn).
        """
        if self.running or self._settled:
            return
        self._settled = True
        self._read_acks()
        self._read_edges()
        truncated = self._edges - self._acked
        if truncated < 0 or truncated > 1:
            self._wrong_new = True
        if truncated > 0:
            self.truncated_total = (self.truncated_total + truncated) & MASK

    def rebase(self):
        """The board's counters began anew (`start_machines`): take their present values as the origin.

        Call `settle` before the machines are started again if a run was cut by `make_safe`.
        """
        self._raw_edges = self._board.needle_edges()
        self._settled = True

    # --- what the supervisor asks -----------------------------------------------------------------------------------

    def droop(self, now_ms):
        """True when the running needle has been below 80 % of its due rate, or silent, for more than 200 ms.

        The time counts from the last pulse at which the mean of the last periods was good, or from the start.
        """
        if not self.running:
            return False
        return self._board.elapsed_ms(now_ms, self._good_ms) > limits.RATE_DROOP_MS

    def mismatch(self):
        """True while words, acknowledgements, edges and hall pulses disagree, and `HOLD_MS` of passes longer."""
        return self._wrong or self._wrong_new

    def tripped(self):
        """True when the machine latched itself off during a run: SAFE fell though strokes were due."""
        return self.running and self._board.needle_tripped()

    def measured_age_ms(self, now_ms):
        """Age of `rate_measured_mhz` in ms; `AGE_NEVER_MS` when there is no measurement."""
        if not self._pulse_seen:
            return AGE_NEVER_MS
        return max(self._board.elapsed_ms(now_ms, self._pulse_ms), 0)

    # --- one pass ---------------------------------------------------------------------------------------------------

    def _tick_stopped(self, now_ms):
        if not self._settled:
            self.settle()
        else:
            before = self.edges_total
            self._read_edges()
            if self.edges_total != before:
                # an actuation nobody asked for
                self._wrong_new = True
        self._read_hall(now_ms)
        self._age(now_ms)
        self._hold(now_ms)

    def _read_acks(self):
        """Every acknowledgement must be the one due next: number and period."""
        board = self._board
        ack = board.needle_ack()
        while ack >= 0:
            if self._acked >= self._sent or ack != self._acks_due[self._acked & (_RING - 1)]:
                self._wrong_new = True
            self._acked = (self._acked + 1) & MASK
            self.acks_total = (self.acks_total + 1) & MASK
            ack = board.needle_ack()

    def _read_edges(self):
        """Add the new pad edges to the totals; the board's counter wraps at 2^30."""
        raw = self._board.needle_edges()
        new = (raw - self._raw_edges) & MASK
        self._raw_edges = raw
        if new > EDGES_PASS_MAX:
            # the counter is not to be believed; what was acknowledged is the best that is known
            self._wrong_new = True
            new = max(self._acked - self._edges, 0)
        self._edges = (self._edges + new) & MASK
        self.edges_total = (self.edges_total + new) & MASK

    def _check(self, now_ms):
        """The invariants of the module's head but those of acknowledgements one by one and of the hall sensor."""
        acked = self._acked
        edges = self._edges
        if acked > edges or edges > self._sent or self._sent - acked > IN_FLIGHT_MAX:
            self._wrong_new = True
        missing = self._edges_before - acked
        if missing > 1 or (missing == 1 and self._overdue(now_ms)):
            self._wrong_new = True
        self._edges_before = edges
        self._edges_ms = now_ms

    def _overdue(self, now_ms):
        """True when a stroke seen in the last pass must have been acknowledged by now."""
        if self._board.elapsed_ms(now_ms, self._edges_ms) <= ON_MAX_MS:
            return False
        return not self._board.needle_tripped()

    def _read_hall(self, now_ms):
        """Read the periods that came in, a bounded number: noise on the sensor must not hold up the pass."""
        board = self._board
        left = HALL_PASS_MAX
        while left > 0:
            period_us = board.hall_period_us()
            if period_us < 0:
                break
            left -= 1
            self._hall_seen += 1
            if self.running and self._hall_seen > 1:
                # the first period of a run spans the pause before it
                self._take_period(period_us, now_ms)
        if self.running:
            self._check_hall()

    def _take_period(self, period_us, now_ms):
        if period_us > PERIOD_CLAMP_US:
            period_us = PERIOD_CLAMP_US
        slot = self._hall_count & (HALL_MEAN - 1)
        filled = self._hall_count + 1
        if filled > HALL_MEAN:
            filled = HALL_MEAN
            self._hall_sum -= self._hall[slot]
        self._hall[slot] = period_us
        self._hall_sum += period_us
        self._hall_count += 1
        mean_us = self._hall_sum // filled
        if mean_us == 0:
            mean_us = 1
        self.rate_measured_mhz = _MHZ_US // mean_us
        self._pulse_ms = now_ms
        self._pulse_seen = True
        if mean_us * limits.RATE_DROOP_PERCENT <= self._slow_us * 100:
            self._good_ms = now_ms

    def _check_hall(self):
        """Compare edges and hall periods of the present window."""
        edges = self._edges - self._window_edges
        ahead = edges - (self._hall_seen - self._window_hall)
        if ahead > HALL_LAG + HALL_MISSED_MAX or ahead < -HALL_LAG:
            self._wrong_new = True
        if edges >= HALL_WINDOW:
            self._window_edges = self._edges
            self._window_hall = self._hall_seen

    def _age(self, now_ms):
        """A needle that gives no pulse does not move; forget old measurements before the clock wraps over them."""
        if not self._pulse_seen:
            return
        age_ms = self._board.elapsed_ms(now_ms, self._pulse_ms)
        if age_ms > limits.RATE_DROOP_MS:
            self.rate_measured_mhz = 0
        if age_ms > AGE_MAX_MS or age_ms < 0:
            self._pulse_seen = False

    def _send(self):
        """Fill the queue up to `QUEUED_MAX` words, unless the machine latched off or may not move yet."""
        board = self._board
        if not self._primed:
            if not board.inputs() & Input.SAFE:
                return
            self._primed = True
        if board.needle_tripped():
            return
        # asked anew for every word: the machine takes the first word of a run at once, and a third one must wait behind it
        left = IN_FLIGHT_MAX
        while left > 0 and board.needle_room() > pio_programs.NEEDLE_QUEUE - QUEUED_MAX:
            left -= 1
            word = self._base | (self._sent & SEQ_MASK) << pio_programs.NEEDLE_SEQ_SHIFT
            self._acks_due[self._sent & (_RING - 1)] = word >> pio_programs.NEEDLE_ON_BITS
            board.needle_put(word)
            self._sent = (self._sent + 1) & MASK
            if self._slow_words > 0:
                self._slow_words -= 1
                if self._slow_words == 0:
                    self._slow_us = self.period_us

    def _hold(self, now_ms):
        if self._wrong_new:
            self._wrong_new = False
            self._wrong = True
            self._wrong_ms = now_ms
        elif self._wrong and not self.running:
            self._wrong = self._board.elapsed_ms(now_ms, self._wrong_ms) < HOLD_MS

    def _drain_stale(self):
        """Nothing of an earlier run may count for this one."""
        board = self._board
        while board.needle_ack() >= 0:
            pass
        left = HALL_PASS_MAX
        while left > 0 and board.hall_period_us() >= 0:
            left -= 1

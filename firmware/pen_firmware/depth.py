"""The depth axis: homing, moves, and the checks that say the needle stands where the numbers say.

400 steps per millimetre, 2.5 um a step; positions are integer steps from zero protrusion, outward positive, and follow
the edges of the step pad, never the words sent. `home_offset_um` is how far zero protrusion lies outward of the point
where the home switch closes (as CiA 402 counts it). It is calibrated with outward arrivals, so the screw's lost motion
is part of it.

Every move arrives outward: a shallower target is passed by the backlash and approached again, so the needle is never
deeper than the deeper end of a move. A counter cannot see a motor that turns without moving the needle; the home switch
can. Whenever a move comes near it, the axis goes on to the switch, and it must close where the count expects it.
"""

from pen_protocol import limits
from pen_protocol.faults import Fault
from pen_protocol.states import Condition

from .hal import Input
from .steps import FAST_US, SLOW_US, Steps

_PAIR_UM = 5
"""Two steps are 5 um."""
STOP_STEPS = limits.DEPTH_STOP_UM * 2 // _PAIR_UM
"""The mechanical stop: no move goes further out."""
TOLERANCE_STEPS = limits.DEPTH_TOLERANCE_UM * 2 // _PAIR_UM
"""The home switch must close within this of where the count expects it."""
NEAR_STEPS = 2 * TOLERANCE_STEPS
"""Distance to the switch from which the axis goes slowly."""
BEYOND_STEPS = TOLERANCE_STEPS
"""A shallower target is passed by at least this, whatever the backlash: every arrival is outward."""
CLEAR_STEPS = 80
"""200 um beyond the backlash: the switch must have opened (its own hysteresis is about 40 um)."""
CLEAR_TRIES = 3
"""Legs outward before a switch that stays closed is called stuck: the inner hard stop lies 400 um behind it."""
TRAVEL_STEPS = STOP_STEPS + 2 * CLEAR_STEPS
"""Longest way to the switch, from the outer stop."""

SETTLE_PASSES = 4
"""Passes (20 ms) between a trip and the look at the home switch: a bouncing contact has come to rest."""
HOLD_MS = 500
"""`mismatch` is reported this long after a move, so that nobody who asks once a pass misses it."""

HOME_BUDGET_MS = 9_000
"""Homing from the outer stop with the largest backlash takes 4.5 s; twice that is a failure."""
LEG_BUDGET_MS = 500
"""Allowance of a move for turning round, settling and late passes."""

RESULT_NONE = 0
RESULT_OK = 1

_IDLE = 0
_HOME_CLEAR = 1
_HOME_FAST = 2
_HOME_BACK = 3
_HOME_SLOW = 4
_PASS_BEYOND = 5
_SEEK_FAST = 6
_SEEK_SLOW = 7
_SEEK_CLEAR = 8
_ARRIVE = 9


def steps_of(distance_um):
    """Steps in a distance in um, rounded towards the shallower side."""
    return distance_um * 2 // _PAIR_UM


def um_of(steps):
    """Distance in um of a number of steps, rounded down."""
    return steps * _PAIR_UM // 2


class Depth:
    """Moves the needle's protrusion. One `tick` a pass; `stop` is always safe to call.

    Attributes:
        busy: True while a move or homing is under way.
        homed: True while the position is known.
        result: 0 none yet, `RESULT_OK`, else what failed: Fault.AXIS_STALL, Fault.HOMING_FAILED,
            Condition.STEP_MISMATCH, or Condition.NOT_HOMED for a move that was not begun.
        requested_um: Target of the last move.
        measured_um: Protrusion by the edges of the step pad.
        home_difference_um: Fast approach of the last homing against the slow one.
    """

    def __init__(self, board):
        self._board = board
        self.busy = False
        self.homed = False
        self.result = RESULT_NONE
        self.requested_um = 0
        self.home_difference_um = 0
        self._switch = 0
        self._backlash = BEYOND_STEPS
        self._clear_left = 0
        self._offset_um = 0
        self._backlash_um = 0
        self._target = 0
        self._phase = _IDLE
        self._settling = 0
        self._fast_hit = 0
        self._budget_ms = 0
        self._begun_ms = 0
        self._begun = False
        self._wrong = False
        self._wrong_new = False
        self._wrong_ms = 0
        self._steps = Steps(board)

    # --- set-points and requests ------------------------------------------------------------------------------------

    def configure(self, home_offset_um, backlash_um):
        """Take the calibration. Another one than before un-homes the axis: its zero has moved. Not while busy."""
        if home_offset_um == self._offset_um and backlash_um == self._backlash_um:
            return
        self._offset_um = home_offset_um
        self._backlash_um = backlash_um
        self._switch = -steps_of(home_offset_um)
        self._backlash = max(steps_of(backlash_um), BEYOND_STEPS)
        self.homed = False

    def home(self):
        """Find the home switch twice, fast and slowly, and go to zero protrusion."""
        self._begin(HOME_BUDGET_MS)
        self.homed = False
        self._steps.position = 0
        self._target = 0
        self.requested_um = 0
        if self._on_switch():
            self._clear_left = CLEAR_TRIES - 1
            self._leg(_HOME_CLEAR, True, self._backlash + CLEAR_STEPS, False)
        else:
            self._leg(_HOME_FAST, False, TRAVEL_STEPS, False)

    def move(self, depth_um):
        """Go to a protrusion in um.

        Raises:
            ValueError: Beyond the mechanical stop, or negative: nothing moves.
        """
        if depth_um < 0 or depth_um > limits.DEPTH_STOP_UM:
            raise ValueError(
                "depth outside 0..2500 um: the axis did not move, ask for a depth within its travel"
            )
        if not self.homed:
            self.result = Condition.NOT_HOMED
            return
        self._begin(self.budget_ms(depth_um))
        self.requested_um = depth_um
        self._target = steps_of(depth_um)
        if not self.homed:
            # the last look at the counter, a moment ago, found steps nobody asked for
            self._fail(Condition.STEP_MISMATCH)
        elif self._steps.position <= self._switch and not self._on_switch():
            # the count says it rests on the switch, the switch says it does not
            self._fail(Fault.AXIS_STALL)
        elif self._target > self._steps.position:
            self._leg(_ARRIVE, True, self._target - self._steps.position, False)
        elif self._target == self._steps.position:
            self._leg(_ARRIVE, True, 0, False)
        elif self._target == 0 or self._target - self._backlash <= self._switch + NEAR_STEPS:
            self._seek()
        else:
            self._leg(_PASS_BEYOND, False, self._steps.position - self._target + self._backlash, False)

    def retract(self):
        """Go to zero protrusion by way of the home switch."""
        self.move(0)

    def stop(self):
        """End the queue and hold the axis where it is; its position is unsure from now. Never allocates, never waits."""
        self._steps.halt()
        self.busy = False
        self.homed = False
        self.result = RESULT_NONE
        self._phase = _IDLE

    def rebase(self):
        """The board's step counter began anew (`start_machines`): the position is lost."""
        self._steps.rebase()
        self.homed = False

    # --- what the supervisor asks -----------------------------------------------------------------------------------

    @property
    def measured_um(self):
        """Protrusion in um by the step counter; means nothing while not homed."""
        return um_of(self._steps.position)

    def budget_ms(self, target_um=-1):
        """Time a move to `target_um` may take from where the axis stands; -1 for homing. Beyond it the move failed."""
        if target_um < 0:
            return HOME_BUDGET_MS
        away = abs(steps_of(target_um) - self._steps.position) + 2 * (
            self._backlash + NEAR_STEPS + CLEAR_STEPS
        )
        slow = NEAR_STEPS + TOLERANCE_STEPS
        return 2 * (away * FAST_US + slow * SLOW_US) // 1000 + LEG_BUDGET_MS

    def mismatch(self):
        """True when pad edges and step words disagreed in the last `HOLD_MS`; the axis is un-homed by it."""
        return self._wrong or self._wrong_new

    # --- one pass ---------------------------------------------------------------------------------------------------

    def tick(self, now_ms):
        """One pass: count edges, feed the leg under way, and at its end check it and begin the next."""
        board = self._board
        idle = board.step_idle()
        self._count()
        if not self.busy:
            self._hold(now_ms)
            return
        if not self._begun:
            self._begun = True
            self._begun_ms = now_ms
        if board.elapsed_ms(now_ms, self._begun_ms) > self._budget_ms:
            self._fail(self._failure())
        elif board.step_tripped():
            self._after_trip()
        elif not self._steps.queued_all():
            self._steps.feed()
        elif idle:
            self._leg_ended()
        self._hold(now_ms)

    def _count(self):
        """Follow the step pad. Steps nobody asked for make the position unsure."""
        if self._steps.count():
            return
        if self.busy:
            self._fail(Condition.STEP_MISMATCH)
        self._wrong_new = True
        self.homed = False

    def _after_trip(self):
        """The machine latched off: stop contact open, or home switch closed on the way in.

        While the stop contact is open nothing is decided here: the supervisor stops the pen for it and calls `stop`.
        """
        inputs = self._board.inputs()
        if not inputs & Input.ESTOP_CLOSED:
            self.homed = False
            self._settling = 0
            return
        self._settling += 1
        if self._settling < SETTLE_PASSES:
            return
        self._steps.halt()
        if self._steps.outward or not inputs & Input.HOME:
            self._fail(self._failure())
            return
        self._hit()

    def _leg_ended(self):
        """All words of the leg were made: as many edges must have been seen."""
        if not self._steps.agree():
            self._wrong_new = True
            self._fail(Condition.STEP_MISMATCH)
            return
        phase = self._phase
        if not self._steps.outward and self._on_switch():
            self._hit()
        elif phase == _HOME_CLEAR or phase == _HOME_BACK:
            self._off_switch(phase)
        elif phase == _SEEK_CLEAR:
            self._seek_again()
        elif phase == _SEEK_FAST:
            self._leg(_SEEK_SLOW, False, NEAR_STEPS + TOLERANCE_STEPS, True)
        elif phase == _PASS_BEYOND:
            self._arrive()
        elif phase == _ARRIVE:
            self._arrived()
        else:
            # a search that used up its travel without finding the switch
            self._fail(self._failure())

    # --- legs -------------------------------------------------------------------------------------------------------

    def _begin(self, budget_ms):
        """A request starts: the machine is brought to its start, the counter's present value is the origin."""
        self._steps.halt()
        self._count()
        self._steps.rebase()
        self._budget_ms = budget_ms
        self._begun = False
        self.busy = True
        self.result = RESULT_NONE

    def _leg(self, phase, outward, length, slow):
        """Prepare a leg; only called with the machine idle. Outward legs end at the mechanical stop at the latest."""
        if outward and phase == _ARRIVE and self._steps.position + length > STOP_STEPS:
            length = STOP_STEPS - self._steps.position
        self._phase = phase
        self._settling = 0
        self._steps.begin(outward, length, slow)

    def _seek(self):
        """Go to the home switch: fast until near, then slowly, so that it is seen closing."""
        away = self._steps.position - self._switch
        if self._on_switch():
            self._seek_from_switch(away)
        elif away > NEAR_STEPS:
            self._leg(_SEEK_FAST, False, away - NEAR_STEPS, False)
        else:
            self._leg(_SEEK_SLOW, False, away + TOLERANCE_STEPS, True)

    def _seek_from_switch(self, away):
        """Closed already: lost motion and the switch's hysteresis keep it closed a little way out.

        Inward the gate lets nothing through. Without strokes the axis leaves the switch and comes back to see it close;
        while strokes are permitted it never goes outward for that: it stays, if the target is within tolerance.
        """
        if away > self._backlash + CLEAR_STEPS:
            self._fail(Fault.AXIS_STALL)
        elif not self._board.inputs() & Input.SAFE:
            self._leg(_SEEK_CLEAR, True, self._backlash + CLEAR_STEPS - away, False)
        elif self._steps.position - self._target <= TOLERANCE_STEPS:
            self._arrive()
        else:
            self._fail(Fault.AXIS_STALL)

    def _seek_again(self):
        """Moved off the switch: it must be open now."""
        if self._on_switch():
            self._fail(Fault.AXIS_STALL)
        else:
            self._seek()

    def _arrive(self):
        self._leg(_ARRIVE, True, self._target - self._steps.position, False)

    def _hit(self):
        """The home switch closed on the way in."""
        phase = self._phase
        if phase == _HOME_FAST:
            self._fast_hit = self._steps.position
            self._leg(_HOME_BACK, True, self._backlash + CLEAR_STEPS, False)
        elif phase == _HOME_SLOW:
            self._datum()
        elif phase == _SEEK_SLOW and abs(self._steps.position - self._switch) <= TOLERANCE_STEPS:
            # seen closing, for it was open when the leg began: a fresh datum
            self._steps.position = self._switch
            self._arrive()
        else:
            self._fail(self._failure())

    def _off_switch(self, phase):
        """Backed off: the switch must be open, then it is approached again."""
        if self._on_switch():
            self._still_on_switch(phase)
        elif phase == _HOME_CLEAR:
            self._leg(_HOME_FAST, False, TRAVEL_STEPS, False)
        else:
            self._leg(_HOME_SLOW, False, self._backlash + CLEAR_STEPS + TOLERANCE_STEPS, True)

    def _still_on_switch(self, phase):
        """At the start the axis may have stood well behind the switch; later it cannot."""
        if phase == _HOME_CLEAR and self._clear_left > 0:
            self._clear_left -= 1
            self._leg(_HOME_CLEAR, True, self._backlash + CLEAR_STEPS, False)
        else:
            self._fail(Fault.HOMING_FAILED)

    def _datum(self):
        """Both approaches are in: compare them, take the slow one as the datum, go to zero protrusion."""
        difference = self._steps.position - self._fast_hit
        self.home_difference_um = um_of(difference)
        if abs(difference) > TOLERANCE_STEPS or self._switch > TOLERANCE_STEPS:
            # the approaches differ, or the needle would still protrude where the switch closes
            self._fail(Fault.HOMING_FAILED)
            return
        self._steps.position = self._switch
        self._arrive()

    def _arrived(self):
        """At the target by the counter; far from the switch, it must be open."""
        if self._steps.position - self._switch > self._backlash + CLEAR_STEPS and self._on_switch():
            self._fail(Fault.AXIS_STALL)
            return
        self._phase = _IDLE
        self.busy = False
        self.homed = True
        self.result = RESULT_OK

    def _fail(self, result):
        """The axis stays where it is, un-homed."""
        self._steps.halt()
        self._phase = _IDLE
        self.busy = False
        self.homed = False
        self.result = result

    def _failure(self):
        """What a leg that did not go as it must is called."""
        if self._phase >= _HOME_CLEAR and self._phase <= _HOME_SLOW:
            return Fault.HOMING_FAILED
        return Fault.AXIS_STALL

    def _on_switch(self):
        return bool(self._board.inputs() & Input.HOME)

    def _hold(self, now_ms):
        if self._wrong_new:
            self._wrong_new = False
            self._wrong = True
            self._wrong_ms = now_ms
        elif self._wrong:
            self._wrong = self._board.elapsed_ms(now_ms, self._wrong_ms) < HOLD_MS

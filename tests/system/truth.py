"""What is physically true of a simulated pen, and whether its coil ever did what it must not.

Judged are the exact edges of the coil's pad and the world around the chip: contacts, hands, the carriage. What the pen says
of itself is not asked, with one exception, named where it is used: its state at each pass.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from pen_firmware.hal import Input
from pen_protocol import limits, messages
from pen_protocol.states import State
from pen_sim.rig import SimPen

SENSED_US = 250_000
"""Fluid, supply and coil are read in turns and filtered: gone within this, beyond the baseline's tables. (J)"""
TRIP_US = 100
"""From the pass that ends a run to the pad: lease, gate and needle machine."""
STOP_US = 20_000
"""From STOP on the wire to the last stroke: the cable, a pass, and a machine already wound up."""
SPACING_MIN_US = 6_704
"""Rate cap: 149 Hz, less than one timer step rounded."""
CARRIAGE_TOLERANCE_UM = limits.DEPTH_TOLERANCE_UM
OFF = -1
"""State of a pen without power or in reset."""


class WatchedPen(SimPen):
    """Tells of the state after each pass, and of every reset."""

    tell: Callable[[int, int], None] = staticmethod(lambda _t_us, _state: None)

    def _pass(self) -> None:
        super()._pass()
        self.tell(self.now_us, self.pen.supervisor.state if self.pen is not None else OFF)

    def _stop_chip(self) -> None:
        super()._stop_chip()
        self.tell(self.now_us, OFF)


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that must be so for a stroke, and how long the pen may take to see that it is not."""

    name: str
    holds: Callable[[SimPen], bool]
    budget_us: int
    by_program: bool = True
    """Seen by the program: when that hangs, the lease ends the strokes."""


def _contact(bit: int) -> Callable[[SimPen], bool]:
    return lambda pen: bool(pen.board.plant.contacts() & bit)


TRIGGER_US = limits.BUDGET_TRIGGER_MS * 1_000
RULES = (
    Rule("trigger held", _contact(Input.TRIGGER), TRIGGER_US),
    Rule("stop contact closed", _contact(Input.ESTOP_CLOSED), limits.BUDGET_ESTOP_US, by_program=False),
    Rule("stop button there", _contact(Input.ESTOP_PRESENT), TRIGGER_US),
    Rule("latch closed", _contact(Input.LATCH), TRIGGER_US),
    Rule("no charger", lambda pen: not pen.board.plant.charger, TRIGGER_US),
    Rule("no over-current", lambda pen: not pen.board.plant.over_current, TRIGGER_US),
    Rule("dry", lambda pen: not pen.board.plant.fluid_wet, SENSED_US),
    Rule("supply", lambda pen: pen.board.plant.supply_mv >= limits.SUPPLY_MIN_MV, SENSED_US),
    Rule("coil sensor", lambda pen: pen.board.plant.sensor_reading is None, SENSED_US),
    Rule("program runs", lambda pen: not pen.firmware_faults.hung, limits.LEASE_MS * 1_000, by_program=False),
)


class Judge:
    """Looks at what has happened since it looked last.

    Attributes:
        edges: Rising edges of the coil's pad so far.
        passes: (time, state) at each change of the pen's state.
    """

    def __init__(
        self, pen: WatchedPen, history: dict[int, list[int]], link_delay_us: Callable[[], int]
    ) -> None:
        self.pen = pen
        self.edges = 0
        self.passes: list[tuple[int, int]] = [(pen.now_us, State.BOOT)]
        self._history = history
        self._link_delay_us = link_delay_us
        self._broken_since: dict[str, int | None] = {rule.name: None for rule in RULES}
        self._broken_past: dict[str, list[tuple[int, int]]] = {rule.name: [] for rule in RULES}
        self._slow_until_us = -1
        self._unplugged_us = -1
        self._rise_us = -1
        self._last_rise_us = -1
        self._last_on_us = 0
        self.cap_um = limits.DEPTH_CAP_UM
        self.axis_true = True
        """False while steps no longer tell where the carriage stands: a blow, a stall, a worn nut."""
        pen.tell = self._take_state
        self.note()

    # --- taking notes -------------------------------------------------------------------------------------------------

    def note(self) -> None:
        """Something in the world has changed now."""
        now_us = self.pen.now_us
        for rule in RULES:
            since_us = self._broken_since[rule.name]
            if rule.holds(self.pen):
                if since_us is not None:
                    self._broken_past[rule.name].append((since_us, now_us))
                    self._broken_since[rule.name] = None
            elif since_us is None:
                self._broken_since[rule.name] = now_us
        if self.pen.firmware_faults.slow_us or self.pen.firmware_faults.hung:
            self._slow_until_us = 1 << 62
        elif self._slow_until_us > now_us:
            self._slow_until_us = now_us + limits.LEASE_MS * 1_000
        if not self.pen.stream.plugged:
            self._unplugged_us = 1 << 62
        elif self._unplugged_us > now_us:
            self._unplugged_us = now_us
        plant = self.pen.board.plant
        if plant.axis.stalled or plant.axis.switch_forced is not None or self.pen.board.extra_steps:
            self.axis_true = False

    def _take_state(self, t_us: int, state: int) -> None:
        if state != self.passes[-1][1]:
            self.passes.append((t_us, state))
            if state == OFF:
                self.note()

    # --- judging --------------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Judge everything since the last look."""
        trace = self.pen.trace
        coil = sorted((edge.t_us, -edge.level) for edge in trace if edge.signal == "coil")
        trace.clear()
        for t_us, level in coil:
            if level:
                self._rise(t_us)
            else:
                self._fall(t_us)
        on_since_us = self._rise_us
        if on_since_us >= 0:
            assert self.pen.now_us - on_since_us <= limits.COIL_ON_MAX_US, f"coil on since {on_since_us} us"
        self._carriage()
        self._forget()

    def _rise(self, t_us: int) -> None:
        self.edges += 1
        if self._last_rise_us >= 0:
            spacing_us = t_us - self._last_rise_us
            assert spacing_us >= SPACING_MIN_US, f"strokes {spacing_us} us apart at {t_us} us"
            duty = self._last_on_us * 100 / spacing_us
            assert duty <= limits.COIL_DUTY_MAX_PERCENT, f"duty {duty:.0f} % at {t_us} us"
        self._rise_us = self._last_rise_us = t_us
        for rule in RULES:
            self._held(rule, t_us)
        self._state_allows(t_us)
        self._host_alive(t_us)
        self._not_told_to_stop(t_us)

    def _fall(self, t_us: int) -> None:
        if self._rise_us < 0:
            return
        self._last_on_us = t_us - self._rise_us
        self._rise_us = -1
        assert self._last_on_us <= limits.COIL_ON_MAX_US, f"coil on for {self._last_on_us} us until {t_us} us"

    def _held(self, rule: Rule, t_us: int) -> None:
        budget_us = rule.budget_us
        if rule.by_program and t_us <= self._slow_until_us:
            budget_us = max(budget_us, limits.LEASE_MS * 1_000)
        for begun_us, ended_us in self._spans(rule.name):
            assert not begun_us + budget_us < t_us < ended_us, (
                f"stroke at {t_us} us, {t_us - begun_us} us after it ceased to be so: {rule.name}"
            )

    def _state_allows(self, t_us: int) -> None:
        """Here the pen's own state is asked: which way it came to strokes since it last stopped or started."""
        way = [(at_us, state) for at_us, state in self.passes if at_us <= t_us]
        at_us, state = way[-1]
        if state != State.STROKING:
            before = way[-2][1] if len(way) > 1 else state
            assert before == State.STROKING, f"stroke at {t_us} us in state {state}"
            assert t_us - at_us <= TRIP_US, f"stroke at {t_us} us, {t_us - at_us} us after strokes ended"
            assert state != OFF, f"stroke at {t_us} us in reset"
            return
        self._armed_by_the_host(way, t_us)

    def _armed_by_the_host(self, way: list[tuple[int, int]], t_us: int) -> None:
        """Since the last stop or start the host has asked for all that must come before, and the hand let go once."""
        last_us = max((at for at, state in way if state in (OFF, State.STOPPED, State.BOOT)), default=0)
        stopped = any(at == last_us and state == State.STOPPED for at, state in way)
        # over a slow cable, what was sent before the stop may still have been on its way when the pen had stopped
        since_us = last_us - self._link_delay_us()
        needed = (
            messages.HOME,
            messages.SET_DEPTH,
            messages.ARM,
            *((messages.CLEAR_FAULT,) if stopped else ()),
        )
        for number in needed:
            name = messages.BY_NUMBER[number].name
            assert self._sent(number, t_us) >= since_us, f"stroke at {t_us} us, no {name} since {last_us} us"
        begun_us = way[-1][0]
        armed_us = max((at for at, state in way if state == State.ARMING), default=-1)
        assert armed_us >= last_us, (
            f"stroke at {t_us} us, armed last at {armed_us} us, stopped at {last_us} us"
        )
        let_go = any(begun <= begun_us and ended > armed_us for begun, ended in self._spans("trigger held"))
        assert let_go, f"stroke at {t_us} us although the trigger was never let go since ARM at {armed_us} us"

    def _host_alive(self, t_us: int) -> None:
        heard_us = max(self._sent(messages.HEARTBEAT, t_us), self._sent(messages.ARM, t_us))
        limit_us = limits.BUDGET_HOST_SILENT_MS * 1_000 + self._link_delay_us()
        assert t_us - heard_us <= limit_us, f"stroke at {t_us} us, host silent since {heard_us} us"

    def _not_told_to_stop(self, t_us: int) -> None:
        """Over a good cable a STOP that was sent ends strokes until the host has armed again."""
        if self._link_delay_us():
            return
        stop_us = self._sent(messages.STOP, t_us - STOP_US)
        if stop_us > self._unplugged_us and stop_us >= 0:
            assert self._sent(messages.ARM, t_us) > stop_us, (
                f"stroke at {t_us} us, STOP was sent at {stop_us} us"
            )

    def _sent(self, number: int, t_us: int) -> int:
        """When the host sent such a message last, before a time; -1 for never."""
        times = self._history.get(number, [])
        index = bisect_right(times, t_us)
        return times[index - 1] if index else -1

    def _spans(self, name: str) -> list[tuple[int, int]]:
        """When something was not so, from and to."""
        since_us = self._broken_since[name]
        return [*self._broken_past[name], *([(since_us, 1 << 62)] if since_us is not None else [])]

    def _carriage(self) -> None:
        """The needle plate is never further out than the deepest cap in force."""
        if not self.axis_true:
            return
        axis = self.pen.board.plant.axis
        out_um = axis.protrusion_um
        assert out_um <= self.cap_um + CARRIAGE_TOLERANCE_UM, f"{out_um} um out, cap {self.cap_um} um"
        pen = self.pen.pen
        if pen is None or not (pen.session.depth_set and pen.depth.homed) or pen.depth.busy:
            return
        assert abs(out_um - pen.session.depth_um) <= CARRIAGE_TOLERANCE_UM, (
            f"{out_um} um out, {pen.session.depth_um} um said to be reached"
        )

    def _forget(self) -> None:
        """What no edge to come can be judged by."""
        old_us = self.pen.now_us - 5_000_000
        for spans in self._broken_past.values():
            while len(spans) > 1 and spans[0][1] < old_us:
                spans.pop(0)
        starts = [at for at, (_, state) in enumerate(self.passes) if state in (OFF, State.STOPPED)]
        if starts:
            del self.passes[: starts[-1]]

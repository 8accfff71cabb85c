"""Checks the wiring between rig and pen, line by line, before any test: each line is moved and looked for at its other end.

Nothing here strokes. The pen's outputs move as they do in its own self-test and homing, with the coil never driven: its
line is only looked at. A line whose wire cannot be tried without harm or without strokes is said to be untried.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from hil_tests.benches.contract import Sensor
from hil_tests.benches.rig import HOT_C, REST_C, WARM_C, RigBench
from hil_tests.host import OPERATOR, Station
from hil_tests.rig import pins
from hil_tests.rig.client import RESTING
from pen_host.errors import PenError
from pen_host.link.readings import Status
from pen_host.names import Flag, State
from pen_host.outcomes import Done, Outcome
from pen_host.worker.core import random_word
from pen_protocol import limits
from pen_protocol.states import Condition

PEN = "pen"
"""Stands in place of a line when the pen itself does not answer."""
SEEN_S = 1.0
"""A pen shows a contact within some passes, a filtered reading within half a second."""
PASSES_MS = 25.0
"""Some more passes: what else moved has been seen as well."""
IDLE_S = 3.0
GATE_NS = 1_000_000
"""SAFE follows the lease's wave within this: the pump fills in microseconds."""
RESTART_MS = 2_500.0
"""From a reset to a pen that is on USB and has started its firmware."""
RESTART_TRIES = 3
LOW_MV = limits.SUPPLY_MIN_MV - 1
FULL_MV = limits.SUPPLY_MIN_MV


class Verdict(enum.StrEnum):
    """What became of a line."""

    OK = "ok"
    BAD = "bad"
    UNTRIED = "untried"


@dataclass(frozen=True)
class Finding:
    """One line of the wiring."""

    line: str
    verdict: Verdict
    text: str

    def sentence(self) -> str:
        """For a terminal."""
        mark = {Verdict.OK: "OK  ", Verdict.BAD: "BAD ", Verdict.UNTRIED: "--  "}[self.verdict]
        entry = next((each for each in pins.LINES if each[0] == self.line), None)
        where = f"GP{entry[1]}" if entry else ""
        return f"{mark}{self.line:<14}{where:<5} {self.text}"

    def record(self) -> dict[str, str]:
        """For a file."""
        return {key: str(value) for key, value in asdict(self).items()}


def _condition(number: int) -> Callable[[Status], bool]:
    return lambda status: bool(status.conditions >> number & 1)


def _not(sign: Callable[[Status], bool]) -> Callable[[Status], bool]:
    return lambda status: not sign(status)


HAND_SIGNS: dict[str, Callable[[Status], bool]] = {
    "ESTOP": _not(_condition(Condition.ESTOP_OPEN)),
    "ESTOP_PRESENT": _not(_condition(Condition.ESTOP_MISSING)),
    "TRIGGER": lambda status: Flag.TRIGGER in status.flags,
    "LATCH": lambda status: Flag.CARTRIDGE_LATCHED in status.flags,
    "CONTACT": lambda status: Flag.CONTACT in status.flags,
    "CHARGER": _condition(Condition.CHARGER),
}
"""How the pen's STATUS shows that a hand is closed."""

SENSOR_SIGNS: tuple[tuple[str, Sensor, float, float, Callable[[Status], bool]], ...] = (
    ("COIL_WARM", Sensor.COIL_C, WARM_C, REST_C, lambda status: Flag.COIL_WARM in status.flags),
    ("COIL_HOT", Sensor.COIL_C, HOT_C, REST_C, _condition(Condition.COIL_HOT)),
    ("COIL_WIRE", Sensor.COIL_OPEN, 1, 0, _condition(Condition.COIL_SENSOR)),
    ("SUPPLY_LOW", Sensor.SUPPLY_MV, LOW_MV, FULL_MV, _condition(Condition.SUPPLY_LOW)),
)
"""Switch, sensor, value that shows, value at rest, how STATUS shows it."""

UNTRIED = {
    "HALL": "seen with the first strokes only: the suite's stroke tests compare it",
    "FLUID_WET": "a wet reading would put the pen into quarantine: the suite's fluid test tries it",
    "PEN_POWER": "the pen would be gone from USB: seen to be on, for it answers",
}

PULLS = 8
"""A line that toggles, as the lease does in the pen's self-test, does not look loose in so many rounds but once in 65,536."""


class Doctor:
    """One round of checks on a bench whose rig has begun a run."""

    def __init__(self, bench: RigBench, *, reset: bool = True) -> None:
        """Prepare.

        Args:
            bench: The bench.
            reset: Try PEN_RUN as well, which restarts the pen.
        """
        self._bench = bench
        self._rig = bench.rig
        self._reset = reset

    def findings(self) -> Iterator[Finding]:
        """Every line, one after the other. Leaves the hands as an operator's at rest.

        Raises:
            RigLostError: The rig lost its run on the way.
        """
        bad = False
        for finding in self._loose():
            bad = bad or finding.verdict is Verdict.BAD
            yield finding
        station = self._greet()
        if station is None:
            yield Finding(
                "pen", Verdict.BAD, "does not answer on its port: check its USB cable, supply and --pen"
            )
            return
        for finding in self._hands(station):
            bad = bad or finding.verdict is Verdict.BAD
            yield finding
        yield from self._sensors(station)
        if bad:
            text = "not tried while other lines are bad: correct those first"
            for line in ("LEASE", "SAFE", "STEP", "DIRECTION"):
                yield Finding(line, Verdict.UNTRIED, text)
        else:
            yield from self._outputs(station)
        yield from (Finding(line, Verdict.UNTRIED, text) for line, text in UNTRIED.items())
        yield (
            self._run_line(station)
            if self._reset
            else Finding("PEN_RUN", Verdict.UNTRIED, "left out: it restarts the pen")
        )
        self._bench.close()

    # --- the rig's inputs ---------------------------------------------------------------------------------------------------

    def _loose(self) -> Iterator[Finding]:
        """A wire that is driven does not follow the rig's own pull every time: one that toggles may by chance."""
        follows, down = self._follows()
        for line in pins.PULLED:
            bit = 1 << pins.gpio(line)
            if follows & bit:
                signal = next(entry[3] for entry in pins.LINES if entry[0] == line)
                text = f"nothing drives it: check the wire to the pen's {signal}, its 1 kohm and the common ground"
                yield Finding(line, Verdict.BAD, text)
            elif line == "COIL" and down & bit:
                yield Finding(
                    line, Verdict.BAD, "is HIGH at rest: take the pen's supply away, then look at its gate"
                )
            elif line == "COIL":
                yield Finding(line, Verdict.OK, "driven, low at rest; strokes are left to the suite")

    def _follows(self) -> tuple[int, int]:
        """Lines that went with the pull in every round, as a mask; and those ever seen high while pulled down."""
        follows, high = -1, 0
        for _ in range(PULLS):
            up = self._rig.request("PULL", 1)
            down = self._rig.request("PULL", 0)
            follows &= up & ~down
            high |= down
        return follows, high

    # --- what the pen sees --------------------------------------------------------------------------------------------------

    def _greet(self) -> Station | None:
        try:
            station = Station(self._bench)
            station.worker.connect()
        except PenError:
            return None
        return station

    def _hands(self, station: Station) -> Iterator[Finding]:
        self._settle(station, {name: name in RESTING for name in pins.HANDS})
        for line in pins.HANDS:
            yield self._hand(station, line)
        self._clear(station)

    def _settle(self, station: Station, wanted: dict[str, bool]) -> None:
        """Wait until the pen sees the hands so, or its time is up."""
        station.worker.run(lambda: _seen(station.status()) == wanted, SEEN_S)

    def _hand(self, station: Station, line: str) -> Finding:
        """Move one hand there and back; the pen must see that one and no other."""
        resting = line in RESTING
        before = _seen(station.status())
        self._rig.hand(line, not resting)
        moved = self._moved(station, line, before)
        self._rig.hand(line, resting)
        self._settle(station, before)
        if moved == {line} and self._shows(station, HAND_SIGNS[line], resting):
            return Finding(line, Verdict.OK, "the pen sees it open and close")
        if not moved:
            part = next(entry[4] for entry in pins.LINES if entry[0] == line)
            return Finding(
                line, Verdict.BAD, f"the pen does not see it move: check the wire and its part ({part})"
            )
        others = ", ".join(sorted(moved - {line}))
        if others:
            return Finding(line, Verdict.BAD, f"the pen saw {others} move with it: wires swapped or bridged")
        return Finding(
            line, Verdict.BAD, "the pen does not see it go back: bridged, or the pen's resistor is missing"
        )

    def _moved(self, station: Station, line: str, before: dict[str, bool]) -> set[str]:
        """Hands whose state the pen sees otherwise than before."""

        def look() -> bool:
            return _seen(station.status())[line] != before[line]

        station.worker.run(look, SEEN_S)
        station.let_pass(PASSES_MS)
        after = _seen(station.status())
        return {name for name in pins.HANDS if after[name] != before[name]}

    def _sensors(self, station: Station) -> Iterator[Finding]:
        for line, sensor, value, rest, sign in SENSOR_SIGNS:
            self._bench.sensor(sensor, value)
            seen = self._shows(station, sign, True)
            self._bench.sensor(sensor, rest)
            gone = self._shows(station, sign, False)
            if seen and gone:
                yield Finding(line, Verdict.OK, "the pen's reading follows it")
                continue
            when = "does not follow" if not seen else "stays"
            signal, part = next((entry[3], entry[4]) for entry in pins.LINES if entry[0] == line)
            yield Finding(
                line, Verdict.BAD, f"the pen's reading of {signal} {when}: check the wire and {part}"
            )

    def _shows(self, station: Station, sign: Callable[[Status], bool], wanted: bool) -> bool:
        return station.worker.run(lambda: sign(station.status()) is wanted, SEEN_S)

    # --- the pen's outputs --------------------------------------------------------------------------------------------------

    def _outputs(self, station: Station) -> Iterator[Finding]:
        pen = station.pen
        if not station.reaches(State.IDLE, IDLE_S) or not _done(pen.open_session(OPERATOR, random_word())):
            status = station.status()
            text = f"the pen is {status.state.name} and gives no session: pen status says why"
            yield from (Finding(line, Verdict.BAD, text) for line in ("LEASE", "SAFE", "STEP", "DIRECTION"))
            return
        since_ns = self._bench.now_ns
        tested = pen.self_test()
        yield from self._lease(since_ns, tested)
        since_ns = self._bench.now_ns
        homed = pen.home()
        yield from self._axis(since_ns, homed)
        pen.close_session()

    def _lease(self, since_ns: int, tested: Outcome) -> Iterator[Finding]:
        """The self-test renews one lease: a wave on LEASE, SAFE with it."""
        alive = [edge.t_ns for edge in self._rig.edges("ALIVE", since_ns) if edge.level]
        safe = [edge for edge in self._rig.edges("SAFE", since_ns) if edge.level]
        if alive:
            yield Finding("LEASE", Verdict.OK, "its wave runs during the pen's self-test")
        else:
            yield Finding(
                "LEASE", Verdict.BAD, f"no wave during the pen's self-test ({_words(tested)}): check the wire"
            )
        if alive and any(abs(edge.t_ns - alive[0]) < GATE_NS for edge in safe):
            yield Finding("SAFE", Verdict.OK, "follows the lease's wave")
        else:
            yield Finding(
                "SAFE", Verdict.BAD, "does not follow the lease's wave: check the wire and the charge pump"
            )

    def _axis(self, since_ns: int, homed: Outcome) -> Iterator[Finding]:
        """Homing goes both ways."""
        for line, what in (("STEP", "steps"), ("DIRECTION", "turns")):
            if self._rig.edges(line, since_ns):
                yield Finding(line, Verdict.OK, f"{what} while the axis homes")
            else:
                yield Finding(
                    line, Verdict.BAD, f"stands still while the axis homes ({_words(homed)}): check the wire"
                )

    def _run_line(self, station: Station) -> Finding:
        before = station.status().boot_id
        self._bench.reset()
        # a byte that comes before the firmware has taken the port over would interrupt its start
        self._bench.run_ms(RESTART_MS)
        for _ in range(RESTART_TRIES):
            try:
                again = station.reconnect()
                again.worker.connect()
                self._clear(again)
                after = again.status().boot_id
            except PenError:
                self._bench.run_ms(RESTART_MS)
                continue
            if after == before:
                break
            return Finding("PEN_RUN", Verdict.OK, "the pen restarts when it is pulled low")
        else:
            return Finding(
                "PEN_RUN", Verdict.BAD, "the pen did not come back after a reset: check its supply"
            )
        return Finding(
            "PEN_RUN", Verdict.BAD, "the pen does not restart when it is pulled low: check the wire to RUN"
        )

    def _clear(self, station: Station) -> None:
        """The stop that an opened contact latched: its cause is gone."""
        station.worker.run(lambda: station.status().state is not State.BOOT, IDLE_S)
        status = station.status()
        if status.state is State.STOPPED:
            station.pen.clear_fault(status.first_cause, status.cause_event, OPERATOR)


def _seen(status: Status) -> dict[str, bool]:
    return {name: sign(status) for name, sign in HAND_SIGNS.items()}


def _done(outcome: Outcome) -> bool:
    return isinstance(outcome, Done)


def _words(outcome: Outcome) -> str:
    return "done" if _done(outcome) else str(getattr(outcome, "sentence", outcome))

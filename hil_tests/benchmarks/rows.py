"""Lines of the comparison: one figure of ours beside the same figure of one peer, and how many times better ours is."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from hil_tests.benchmarks import programs
from hil_tests.benchmarks.measures import Figures, OffFigures, StepFigures, StrokeFigures

RESOLUTION_US = 1.0
"""The emulated pen's machines move on whole microseconds, so nothing smaller was resolved."""
US, MS, PER_S, COUNT = "us", "ms", "steps/s", "strokes"

STROKES = "strokes while the heap is collected"
HANG = "coil off after while True: pass"
REQUEST = "set a rate and read it back"
STEPS = "steps of the depth axis"


class Better(enum.StrEnum):
    """Which way is better."""

    LESS = "less"
    MORE = "more"


class Bound(enum.StrEnum):
    """What is known of a value."""

    EXACT = ""
    AT_MOST = "<="
    """Below what was resolved."""
    AT_LEAST = ">="
    """It had not ended when the bench stopped looking."""


@dataclass(frozen=True)
class Value:
    """A measured value."""

    amount: float
    bound: Bound = Bound.EXACT

    def __str__(self) -> str:
        return f"{self.bound}{_short(self.amount)}"


@dataclass(frozen=True)
class Row:
    """One line."""

    section: str
    figure: str
    unit: str
    better: Better
    ours: Value | None
    peer_is: str
    peer: Value | None
    note: str = ""

    @property
    def ratio(self) -> Value | None:
        """How many times better ours is, below 1 worse; None when one side has no figure or is 0.

        Two values below the resolution are equal as far as anybody knows: exactly 1.
        """
        if self.ours is None or self.peer is None:
            return None
        worse, good = (self.peer, self.ours) if self.better is Better.LESS else (self.ours, self.peer)
        if not good.amount:
            return None
        if good.bound is worse.bound:
            return Value(worse.amount / good.amount)
        at_least = good.bound is Bound.AT_MOST or worse.bound is Bound.AT_LEAST
        return Value(worse.amount / good.amount, Bound.AT_LEAST if at_least else Bound.AT_MOST)


def resolved(amount_us: float) -> Value:
    """A time in us, no finer than what was resolved."""
    return Value(amount_us) if amount_us > RESOLUTION_US else Value(RESOLUTION_US, Bound.AT_MOST)


def all_rows(figures: Mapping[str, Figures]) -> list[Row]:
    """Every line of the comparison, from the figures of all programs by name.

    Raises:
        KeyError: A program is missing.
    """
    return [*_stroke_rows(figures), *_hang_rows(figures), *_request_rows(figures), *_step_rows(figures)]


# --- strokes ----------------------------------------------------------------------------------------------------------

STROKE_NOTES = {
    programs.TIMER_SOFT: "callbacks wait for the collection; bunched ones merge strokes and hold the coil on",
    programs.TIMER_HARD: "an interrupt; nobody counts strokes, and a hang does not end it",
    programs.PWM: "no jitter either - and no count, no acknowledgement, no dead-man: see what follows",
}


def _stroke_rows(figures: Mapping[str, Figures]) -> Iterator[Row]:
    ours = _strokes(figures[programs.STROKES_PEN])
    parts: tuple[tuple[str, str, Callable[[StrokeFigures], Value]], ...] = (
        ("period off the one asked for, p99", US, lambda one: resolved(one.off_p99_us)),
        ("period off the one asked for, worst", US, lambda one: resolved(one.off_worst_us)),
        ("edge late on its grid, worst", US, lambda one: resolved(one.late_worst_us)),
        ("coil on longer than asked, worst", US, lambda one: resolved(one.on_excess_us)),
        ("strokes missing", COUNT, lambda one: Value(one.missing)),
    )
    for name, note in STROKE_NOTES.items():
        peer = figures[name]
        if peer.strokes is None:
            yield Row(STROKES, parts[0][0], US, Better.LESS, parts[0][2](ours), name, None, peer.lacks)
            continue
        for figure, unit, read in parts:
            yield Row(STROKES, figure, unit, Better.LESS, read(ours), name, read(peer.strokes), note)
            note = ""
    whole, soft = _strokes(figures[programs.PEN]), _strokes(figures[programs.TIMER_SOFT])
    note = "the firmware collects while disarmed only; forced under strokes, this is a late pass: it stops"
    yield Row(
        STROKES, "whole firmware: period off the one asked for, worst", US, Better.LESS, *_alone(whole), note
    )
    yield Row(
        STROKES,
        "one collection: whole firmware's heap; the hoard",
        MS,
        Better.LESS,
        _collection(whole),
        programs.TIMER_SOFT,
        _collection(soft),
    )


def _strokes(figures: Figures) -> StrokeFigures:
    assert figures.strokes is not None, f"the strokes of {figures.program} are always measured"
    return figures.strokes


def _alone(one: StrokeFigures) -> tuple[Value, str, None]:
    return resolved(one.off_worst_us), "-", None


def _collection(one: StrokeFigures) -> Value | None:
    return None if one.collect_ms is None else Value(one.collect_ms.p50)


# --- hang -------------------------------------------------------------------------------------------------------------

HANG_NOTES = {
    programs.LOOP: "hangs with the coil on, which then is on all the time",
    programs.TIMER_SOFT: "callbacks run on in a hung program; where they feed the watchdog it never ends",
    programs.TIMER_HARD: "interrupts run on in a hung program",
    programs.PWM: "runs on until the watchdog resets the chip",
    programs.PWM_ALONE: "never ends; watched as long as the figure says",
}


def _hang_rows(figures: Mapping[str, Figures]) -> Iterator[Row]:
    ours = figures[programs.PEN].off
    assert ours is not None, "the pen's own hang is always measured"
    for name, note in HANG_NOTES.items():
        peer = figures[name]
        value = None if peer.off is None else _off(peer.off)
        text = peer.lacks or note
        yield Row(HANG, "coil off after the hang", MS, Better.LESS, _off(ours), name, value, text)


def _off(one: OffFigures) -> Value:
    return Value(one.off_ms) if one.ended else Value(one.off_ms, Bound.AT_LEAST)


# --- requests ---------------------------------------------------------------------------------------------------------

TRIP_NOTES = {
    programs.WIRE: "ours waits for the next pass, which guards the needle; a REPL has nothing else to do",
    programs.CALLER: "mpremote looks every 10 ms for an answer that is not there yet",
}


def _request_rows(figures: Mapping[str, Figures]) -> Iterator[Row]:
    ours, peer = figures[programs.PEN].trips_ms, figures[programs.MPREMOTE].trips_ms
    for seen, note in TRIP_NOTES.items():
        for name in ("p50", "p99"):
            yield Row(
                REQUEST,
                f"first byte to last of the answer, {seen}, {name}",
                MS,
                Better.LESS,
                Value(getattr(ours[seen], name)),
                programs.MPREMOTE,
                Value(getattr(peer[seen], name)),
                note,
            )
            note = ""


# --- steps ------------------------------------------------------------------------------------------------------------


def _step_rows(figures: Mapping[str, Figures]) -> Iterator[Row]:
    ours, peer = figures[programs.STEPS_PEN].steps, figures[programs.STEPS_LOOP].steps
    leg = figures[programs.PEN].steps[programs.FIRMWARE_LEG]
    cruise = peer[programs.CRUISE]
    notes = {
        programs.CRUISE: "ours on the board alone",
        programs.COLLECTED: "a collection outlasts the queue of ours: steps wait for words, none is lost or uncounted",
        programs.LEAST: "",
    }
    yield from _interval_rows("800 steps/s, whole firmware", leg, cruise, "the loop does nothing but step")
    for name, note in notes.items():
        yield from _interval_rows(name, ours[name], peer[name], note)
    least, machine, fastest = programs.LEAST, programs.MACHINE, peer[programs.UNTIMED]
    yield _rate(least, ours[least], peer[least], "both asked for 59 us; ours crosses the board for each word")
    yield _rate(machine, ours[machine], peer[least], "both asked for 59 us, the shortest step of our machine")
    yield from _interval_rows(machine, ours[machine], peer[least], "")
    note = "the floor of 59 us is meant: no word can ask for a faster step"
    yield _rate("as fast as can be", ours[machine], fastest, note, "native loop that does not wait")


def _interval_rows(name: str, ours: StepFigures, peer: StepFigures, note: str) -> Iterator[Row]:
    for what, read in (("p99", lambda one: one.off_p99_us), ("worst", lambda one: one.off_worst_us)):
        yield Row(
            STEPS,
            f"{name}: interval off the one asked for, {what}",
            US,
            Better.LESS,
            resolved(read(ours)),
            programs.STEPS_LOOP,
            resolved(read(peer)),
            note,
        )
        note = ""


def _rate(
    name: str, ours: StepFigures, peer: StepFigures, note: str, peer_is: str = programs.STEPS_LOOP
) -> Row:
    return Row(
        STEPS,
        f"{name}: rate",
        PER_S,
        Better.MORE,
        Value(ours.rate_per_s),
        peer_is,
        Value(peer.rate_per_s),
        note,
    )


def _short(amount: float) -> str:
    """At most three significant digits, whole numbers from 100 on, no exponent."""
    return f"{amount:.0f}" if abs(amount) >= 100 else f"{amount:.3g}"

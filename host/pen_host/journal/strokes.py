"""From the pen's numbered events to strokes of runs, zones and sessions.

Every event carries the pen's cumulative totals, so strokes are differences between events: an event pulled twice adds
nothing, and one that was lost takes no strokes with it, only their place. Where the place is not known, strokes count
for the zone that was selected: too many there rather than too few.

Everything here is pure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pen_host.models import PenEvent
from pen_protocol.faults import Event
from pen_protocol.limits import WORD_MAX

_MODULUS = WORD_MAX + 1
_BACKWARD = _MODULUS // 2
"""A difference beyond half the counter's range is a counter that went back, not one that wrapped."""


@dataclass(frozen=True, slots=True)
class Count:
    """Strokes, and how many of them with the tip on skin."""

    strokes: int = 0
    contact: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.strokes + other.strokes, self.contact + other.contact)


@dataclass(frozen=True, slots=True)
class ZoneMark:
    """From this event number on, runs are in this zone."""

    from_event_id: int
    zone: str


@dataclass(frozen=True, slots=True)
class Witness:
    """Totals that the host saw in a STATUS, between the events `next_event - 1` and `next_event`."""

    next_event: int
    strokes_total: int
    contact_total: int


class GapKind(StrEnum):
    """Why a count is less certain than it looks."""

    EVENTS_MISSING = "events missing"
    """Event numbers are missing: their strokes are counted, but run and zone are not certain."""
    COUNTER_WENT_BACK = "counter went back"
    """The pen lost its newest counts: strokes in between may be missing."""
    POWER_LOST = "power lost while armed"
    """The pen says that strokes may be missing from its totals."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A place where counts are less certain.

    Attributes:
        kind: What happened.
        first_id: First missing event, or the event at which it was noticed.
        last_id: Last missing event, or the same.
        count: Strokes that fell into the gap, already contained in the counts.
        nonce: Session in which it lies, None outside.
    """

    kind: GapKind
    first_id: int
    last_id: int
    count: Count
    nonce: int | None


@dataclass(frozen=True, slots=True)
class Run:
    """One hold of the trigger.

    Attributes:
        first_id: Its RUN_STARTED.
        last_id: Its RUN_ENDED, None while it runs or when it was cut short.
        nonce: The pen's session.
        zone: Where, as selected.
        depth_um: Needle protrusion setting.
        count: Strokes.
        truncated: Strokes that ended before their time.
        cause: First cause of its end, 0 for a released trigger.
    """

    first_id: int
    last_id: int | None
    nonce: int | None
    zone: str | None
    depth_um: int
    count: Count
    truncated: int
    cause: int


@dataclass(frozen=True, slots=True)
class StrokeReport:
    """Strokes of one pen.

    Attributes:
        runs: Every run, in order.
        parts: Strokes by session nonce and zone; None stands for outside any.
        gaps: Where counts are less certain.
    """

    runs: tuple[Run, ...]
    parts: dict[tuple[int | None, str | None], Count]
    gaps: tuple[Gap, ...]

    @property
    def total(self) -> Count:
        """All strokes between the first and the last event."""
        return sum(self.parts.values(), Count())

    @property
    def sure(self) -> bool:
        """Whether no strokes can be missing from the counts."""
        return all(gap.kind is GapKind.EVENTS_MISSING for gap in self.gaps)

    @property
    def zones(self) -> dict[str | None, Count]:
        """Strokes by zone."""
        zones: dict[str | None, Count] = {}
        for (_, zone), count in self.parts.items():
            zones[zone] = zones.get(zone, Count()) + count
        return zones

    def of_session(self, nonce: int) -> StrokeReport:
        """The part that belongs to one session of the pen."""
        return StrokeReport(
            tuple(run for run in self.runs if run.nonce == nonce),
            {place: count for place, count in self.parts.items() if place[0] == nonce},
            tuple(gap for gap in self.gaps if gap.nonce == nonce),
        )


def tally(
    events: Iterable[PenEvent], marks: Iterable[ZoneMark] = (), witnesses: Iterable[Witness] = ()
) -> StrokeReport:
    """Counts the strokes that a pen's events account for.

    Args:
        events: Events of one pen in any order; of several with one number the first counts.
        marks: Zones as they were selected.
        witnesses: Totals seen in between, which keep strokes that the pen itself lost.
    """
    unique: dict[int, PenEvent] = {}
    for event in events:
        unique.setdefault(event.event_id, event)
    points: list[tuple[int, int, int, PenEvent | Witness]] = [
        (event.event_id, 1, 0, event) for event in unique.values()
    ]
    points += [(seen.next_event, 0, seen.strokes_total, seen) for seen in witnesses]
    walk = _Walk(sorted(marks, key=lambda mark: mark.from_event_id))
    for *_, point in sorted(points, key=lambda entry: entry[:3]):
        if isinstance(point, Witness):
            walk.witness(point)
        else:
            walk.event(point)
    return walk.report()


def difference(before: int, after: int) -> int | None:
    """How far a counter of 30 bits went from one reading to the next, None when it went back."""
    step = (after - before) % _MODULUS
    return step if step < _BACKWARD else None


@dataclass(slots=True)
class _OpenRun:
    start: PenEvent
    zone: str | None
    count: Count = field(default_factory=Count)

    def ended(self, nonce: int | None, end: PenEvent | None) -> Run:
        return Run(
            self.start.event_id,
            end.event_id if end else None,
            nonce,
            self.zone,
            self.start.value,
            self.count,
            end.value if end else 0,
            end.arg if end else 0,
        )


class _Walk:
    """One pass over events in order."""

    def __init__(self, marks: Sequence[ZoneMark]) -> None:
        self._marks = marks
        self._mark_ids = [mark.from_event_id for mark in marks]
        self._totals: tuple[int, int] | None = None
        self._last_id: int | None = None
        self._nonce: int | None = None
        self._since = 0
        self._run: _OpenRun | None = None
        self._booted = False
        self._runs: list[Run] = []
        self._parts: dict[tuple[int | None, str | None], Count] = {}
        self._gaps: list[Gap] = []

    def witness(self, seen: Witness) -> None:
        """Totals between two events."""
        self._leave_boot()
        self._count(seen.next_event, seen.strokes_total, seen.contact_total)

    def event(self, event: PenEvent) -> None:
        """The next event: first its strokes, under what was going on until now, then what it changes."""
        if event.code != Event.RECOVERED:
            self._leave_boot()
        count = Count()
        # A pen may say that it booted before it has its totals back; RECOVERED then says what they are.
        if event.code != Event.BOOTED or not self._behind(event):
            count = self._count(event.event_id, event.strokes_total, event.contact_total)
        if self._last_id is not None and event.event_id > self._last_id + 1:
            self._gap(GapKind.EVENTS_MISSING, self._last_id + 1, event.event_id - 1, count)
        self._last_id = event.event_id
        self._change(event)

    def report(self) -> StrokeReport:
        """What was found, with a run that is still going on as it stands."""
        self._end_run(None)
        return StrokeReport(tuple(self._runs), self._parts, tuple(self._gaps))

    def _change(self, event: PenEvent) -> None:
        if event.code == Event.SESSION_OPENED:
            self._end_session()
            self._nonce, self._since = event.value, event.event_id
        elif event.code == Event.SESSION_CLOSED:
            self._end_session()
        elif event.code == Event.BOOTED:
            # What RECOVERED restores next still belongs to the session that the reset ended.
            self._booted = True
        elif event.code == Event.RECOVERED and event.arg == 0:
            self._gap(GapKind.POWER_LOST, event.event_id, event.event_id, Count())
        elif event.code == Event.RUN_STARTED:
            self._end_run(None)
            self._run = _OpenRun(event, self._zone(event.event_id))
        elif event.code == Event.RUN_ENDED:
            self._end_run(event)

    def _leave_boot(self) -> None:
        if self._booted:
            self._end_session()

    def _end_session(self) -> None:
        self._end_run(None)
        self._nonce = None
        self._booted = False

    def _end_run(self, end: PenEvent | None) -> None:
        if self._run:
            self._runs.append(self._run.ended(self._nonce, end))
        self._run = None

    def _zone(self, event_id: int) -> str | None:
        """The zone selected last within the session."""
        index = bisect_right(self._mark_ids, event_id) - 1
        if self._nonce is None or index < 0 or self._mark_ids[index] < self._since:
            return None
        return self._marks[index].zone

    def _behind(self, event: PenEvent) -> bool:
        """Whether the totals of an event are older than the newest known."""
        return self._totals is not None and difference(self._totals[0], event.strokes_total) is None

    def _count(self, event_id: int, strokes_total: int, contact_total: int) -> Count:
        """Adds what the totals have grown by to whatever was going on."""
        before, self._totals = self._totals, (strokes_total, contact_total)
        if before is None:
            return Count()
        strokes = difference(before[0], strokes_total)
        contact = difference(before[1], contact_total)
        if strokes is None or contact is None:
            self._gap(GapKind.COUNTER_WENT_BACK, event_id, event_id, Count())
        count = Count(strokes or 0, contact or 0)
        if self._run:
            self._run.count += count
        if count != Count():
            zone = self._run.zone if self._run else self._zone(event_id)
            place = (self._nonce, zone)
            self._parts[place] = self._parts.get(place, Count()) + count
        return count

    def _gap(self, kind: GapKind, first_id: int, last_id: int, count: Count) -> None:
        self._gaps.append(Gap(kind, first_id, last_id, count, self._nonce))

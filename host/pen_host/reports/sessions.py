"""What the chain says about one pen session: the pen, what was asked and measured, holds, trips, samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from pen_host.journal import JournalReader, Kind, Row, Run, StrokeReport
from pen_host.records.seals import EPOCH
from pen_host.trace import Columns, Mark, Sample, thinned

_STROKING = "STROKING"
_DRAWN_SAMPLES = 2_000
"""A picture on paper shows no more. (J)"""


@dataclass(frozen=True, slots=True)
class TripTold:
    """A stop of the pen.

    Attributes:
        at: When.
        cause: Its first cause, by name.
        zone: In which zone.
        cleared_by: Who cleared it; None while nobody did.
    """

    at: datetime
    cause: str
    zone: str | None
    cleared_by: str | None


@dataclass(frozen=True, slots=True)
class SessionTold:
    """A pen session.

    Attributes:
        session_id: Its id.
        opened_at: When it was opened.
        closed_at: When it was closed; None for one that was left open.
        ended: Why it was closed.
        operator: Who.
        pen_serial: The pen.
        firmware: Its firmware.
        runtime: What that ran on.
        zones: Zones in the order they were selected.
        depth_measured_um: By zone, what the pen reported as reached, last.
        trips: Stops.
        report: Strokes.
        samples: What was measured, thinned to what a picture can show.
        rates_mhz: By a zone's index, the middle of the rates measured while stroking; of every sample.
        marks: Named moments.
    """

    session_id: str
    opened_at: datetime
    closed_at: datetime | None
    ended: str
    operator: str
    pen_serial: str
    firmware: str
    runtime: str
    zones: tuple[str, ...]
    depth_measured_um: dict[str, int]
    trips: tuple[TripTold, ...]
    report: StrokeReport
    samples: tuple[Sample, ...]
    rates_mhz: dict[int, int]
    marks: tuple[Mark, ...]

    def runs(self, zone: str) -> tuple[Run, ...]:
        """Holds of the trigger in a zone."""
        return tuple(run for run in self.report.runs if run.zone == zone)

    def rate_measured_mhz(self, zone: str) -> int | None:
        """Middle of the rates measured while stroking in a zone; None where nothing was sampled."""
        return self.rates_mhz.get(self.zones.index(zone)) if zone in self.zones else None


def told(reader: JournalReader, session_id: str) -> SessionTold:
    """One session from its entries.

    Raises:
        UsageError: The record has no such session.
        TraceError: Its samples are of another version, or damaged.
    """
    report = reader.strokes(session_id)
    rows = list(reader.rows(session_id))
    opened = next(row for row in rows if row.kind == Kind.SESSION_OPENED)
    closed = next((row for row in rows if row.kind == Kind.SESSION_CLOSED), None)
    zones = tuple(dict.fromkeys(str(row.payload["zone"]) for row in rows if row.kind == Kind.ZONE_SELECTED))
    chunks = [row.payload for row in rows if row.kind == Kind.SAMPLES]
    rates = _Rates()
    samples = thinned(chunks, _DRAWN_SAMPLES, rates.take)
    return SessionTold(
        session_id,
        _at(opened),
        _at(closed) if closed else None,
        str(closed.payload.get("reason", "not known")) if closed else "left open",
        opened.actor,
        opened.pen_serial or "",
        str(opened.payload.get("firmware", "not known")),
        str(opened.payload.get("runtime", "not known")),
        zones,
        _depths(rows),
        _trips(rows),
        report,
        tuple(samples),
        rates.middle(),
        tuple(
            Mark((row.utc_ns - opened.utc_ns) // 1_000_000, str(row.payload["cause"]).lower(), trip=True)
            for row in rows
            if row.kind == Kind.TRIP
        ),
    )


class _Rates:
    """Rates that were measured while stroking, by zone."""

    def __init__(self) -> None:
        self._found: dict[int, list[int]] = {}

    def take(self, found: Columns) -> None:
        """The values of one chunk."""
        for zone, state, rate in zip(found["zone"], found["state"], found["rate_measured_mhz"], strict=True):
            if state == _STROKING and rate:
                self._found.setdefault(zone, []).append(rate)

    def middle(self) -> dict[int, int]:
        """The middle of each zone's."""
        return {zone: round(median(rates)) for zone, rates in self._found.items()}


def _depths(rows: Sequence[Row]) -> dict[str, int]:
    """What the pen said it reached, by the zone that was selected then."""
    zone, found = "", {}
    for row in rows:
        payload = row.payload
        if row.kind == Kind.ZONE_SELECTED:
            zone = str(payload["zone"])
        elif row.kind == Kind.OUTCOME and payload["request"] == "SET_DEPTH" and payload["outcome"] == "done":
            found[zone] = int(payload["value"])
    return found


def _trips(rows: Sequence[Row]) -> tuple[TripTold, ...]:
    found = []
    for number, row in enumerate(rows):
        if row.kind != Kind.TRIP:
            continue
        cleared = next(
            (
                str(later.payload["operator"])
                for later in rows[number:]
                if later.kind == Kind.INTENT and later.payload["request"] == "CLEAR_FAULT"
            ),
            None,
        )
        zone = row.payload.get("zone")
        found.append(TripTold(_at(row), str(row.payload["cause"]), str(zone) if zone else None, cleared))
    return tuple(found)


def _at(row: Row) -> datetime:
    return EPOCH + timedelta(microseconds=row.utc_ns // 1_000)

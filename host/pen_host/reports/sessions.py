"""What the chain says about one pen session: the pen, what was asked and measured, holds, trips, samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from pen_host.journal import JournalReader, Kind, Row, Run, StrokeReport
from pen_host.records.seals import EPOCH
from pen_host.trace import Mark, Sample, unpack

_STROKING = "STROKING"


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
        operator: Who.
        pen_serial: The pen.
        firmware: Its firmware.
        runtime: What that ran on.
        zones: Zones in the order they were selected.
        depth_measured_um: By zone, what the pen reported as reached, last.
        trips: Stops.
        report: Strokes.
        samples: What was measured.
        marks: Named moments.
    """

    session_id: str
    opened_at: datetime
    closed_at: datetime | None
    operator: str
    pen_serial: str
    firmware: str
    runtime: str
    zones: tuple[str, ...]
    depth_measured_um: dict[str, int]
    trips: tuple[TripTold, ...]
    report: StrokeReport
    samples: tuple[Sample, ...]
    marks: tuple[Mark, ...]

    def runs(self, zone: str) -> tuple[Run, ...]:
        """Holds of the trigger in a zone."""
        return tuple(run for run in self.report.runs if run.zone == zone)

    def rate_measured_mhz(self, zone: str) -> int | None:
        """Middle of the rates measured while stroking in a zone; None where nothing was sampled."""
        index = self.zones.index(zone) if zone in self.zones else -1
        rates = [
            one.rate_measured_mhz
            for one in self.samples
            if one.zone == index and one.state == _STROKING and one.rate_measured_mhz
        ]
        return round(median(rates)) if rates else None


def told(reader: JournalReader, session_id: str) -> SessionTold:
    """One session from its entries.

    Raises:
        UsageError: The record has no such session.
        ValueError: Its samples are of another version.
    """
    report = reader.strokes(session_id)
    rows = list(reader.rows(session_id))
    opened = next(row for row in rows if row.kind == Kind.SESSION_OPENED)
    closed = next((row for row in rows if row.kind == Kind.SESSION_CLOSED), None)
    zones = tuple(dict.fromkeys(str(row.payload["zone"]) for row in rows if row.kind == Kind.ZONE_SELECTED))
    return SessionTold(
        session_id,
        _at(opened),
        _at(closed) if closed else None,
        opened.actor,
        opened.pen_serial or "",
        str(opened.payload.get("firmware", "not known")),
        str(opened.payload.get("runtime", "not known")),
        zones,
        _depths(rows),
        _trips(rows),
        report,
        tuple(unpack(dict(row.payload) for row in rows if row.kind == Kind.SAMPLES)),
        tuple(
            Mark((row.utc_ns - opened.utc_ns) // 1_000_000, str(row.payload["cause"]).lower(), trip=True)
            for row in rows
            if row.kind == Kind.TRIP
        ),
    )


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

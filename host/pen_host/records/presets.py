"""The presets a clinic can choose from: the shipped ones, and its own as versions in its record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path

from sqlalchemy import ColumnElement, RowMapping, select

from pen_host.models import Plan
from pen_host.presets import Planned, Preset, PresetError, ZoneChoice, shipped_presets, to_plan
from pen_host.records.models import Visit
from pen_host.records.own_presets import OwnPresets
from pen_host.records.store import Store
from pen_host.records.tables import visits


class Presets:
    """The presets a clinic can choose from.

    Args:
        path: The record.
        store: It; None where there is none yet.

    Attributes:
        own: The clinic's own, with their versions.
    """

    def __init__(self, path: Path, store: Store | None) -> None:
        self._store = store
        self.own = OwnPresets(path, store)

    def all(self) -> tuple[Preset, ...]:
        """Shipped presets, then those of the clinic's own that can be used."""
        return (*shipped_presets(), *self.own.book().presets())

    def unusable(self) -> tuple[str, ...]:
        """Presets of the clinic's own that cannot be used here, a sentence each."""
        return (*self.own.book().unusable(), *self.own.left_behind())

    def get(self, preset_id: str) -> Preset:
        """One preset, as it is in force.

        Raises:
            PresetError: There is none, or it cannot be used.
        """
        return self.chosen(preset_id)[0]

    def chosen(self, preset_id: str) -> tuple[Preset, str | None]:
        """One preset as it is in force, and the digest of its version where it is the clinic's own: for a visit to name.

        Raises:
            PresetError: There is none, or it cannot be used.
        """
        shipped = _shipped(preset_id)
        if shipped is not None:
            return shipped, None
        book = self.own.book()
        newest = book.newest(preset_id)
        if newest is not None:
            return newest.preset, newest.digest
        known = ", ".join(preset.preset_id for preset in (*shipped_presets(), *book.presets()))
        raise PresetError(preset_id[:40], [f"there is no such preset; known are {known}"])

    def of_visit(self, visit: Visit) -> Preset:
        """The preset that a visit was planned by, as it was.

        Raises:
            PresetError: The visit names none, its version is not in this record, or cannot be used here.
        """
        if visit.preset_id is None:
            raise PresetError("own plan", ["the plan of this visit came from no preset"])
        shipped = _shipped(visit.preset_id) if visit.preset_digest is None else None
        if shipped is not None:
            return shipped
        planned = Planned(visit.preset_id, visit.preset_digest, visit.opened_at, self._station(visit))
        version = self.own.book().planned_by(planned)
        if version is None:
            why = "the version that the visit was planned by is not in this record"
            raise PresetError(visit.preset_id, [why])
        return version.preset

    def titles(self) -> dict[str, str]:
        """Titles by name, of every preset that somebody may have been treated by; the name where it cannot be used here."""
        own = self.own.book()
        known = {preset.preset_id: preset.title for preset in (*shipped_presets(), *own.presets())}
        return known | {name: name for name in own.names if name not in known}

    def versions_told(self) -> Callable[[str | None, str | None, datetime, Callable[[], str]], str]:
        """What the version is called that a visit was planned by; see `Planned` for what is asked with.

        Empty for a preset that comes with the program, and for a plan of one's own. The station is looked for only where no
        digest names the version.
        """
        book = cache(self.own.book)

        def of(preset_id: str | None, digest: str | None, at: datetime, station: Callable[[], str]) -> str:
            if preset_id is None or (digest is None and _shipped(preset_id) is not None):
                return ""
            return book().told(Planned(preset_id, digest, at, "" if digest else station()))

        return of

    def versions_of_visits(self) -> Callable[[Visit], str]:
        """The same of a visit."""
        told = self.versions_told()
        return lambda visit: told(
            visit.preset_id, visit.preset_digest, visit.opened_at, lambda: self._station(visit)
        )

    def sessions(self) -> Callable[[RowMapping], int | None]:
        """How many sessions the course of a visit has, by the version it was planned by; asked with a visit's row.

        None where its preset gives no number, or is not known here.
        """
        book = cache(self.own.book)

        def of(visit: RowMapping) -> int | None:
            preset_id, digest = visit["preset_id"], visit["preset_digest"]
            if preset_id is None:
                return None
            shipped = _shipped(preset_id) if digest is None else None
            if shipped is not None:
                return shipped.course.sessions
            # asked of old visits alone: the station is in no index
            station = "" if digest or not book().versions(preset_id) else self._station_of_day(visit)
            version = book().planned_by(Planned(preset_id, digest, visit["at"], station))
            return None if version is None or version.problem else version.preset.course.sessions

        return of

    def to_plan(self, preset_id: str, choices: Sequence[ZoneChoice], *, needles: int | None = None) -> Plan:
        """A plan from a preset and the areas measured on the patient; within every range of the preset.

        Raises:
            PresetError: There is no such preset, or a choice is outside it.
        """
        return to_plan(self.get(preset_id), choices, needles=needles)

    def _station(self, visit: Visit) -> str:
        return self._station_where(visits.c.id == visit.visit_id)

    def _station_of_day(self, visit: RowMapping) -> str:
        mine = (visits.c.patient_id == visit["patient_id"]) & (visits.c.day == visit["day"])
        return self._station_where(mine & (visits.c.at == visit["at"]))

    def _station_where(self, condition: ColumnElement[bool]) -> str:
        row = self._store.row(select(visits.c.station_id).where(condition)) if self._store else None
        return row["station_id"] if row else ""


def _shipped(preset_id: str) -> Preset | None:
    return next((one for one in shipped_presets() if one.preset_id == preset_id), None)

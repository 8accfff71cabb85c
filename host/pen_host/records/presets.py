"""The presets a clinic can choose from: the shipped ones, and its own as versions in its record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path

from sqlalchemy import ColumnElement, RowMapping, select

from pen_host.errors import RefusedError
from pen_host.journal import Draft, JournalUnwritableError, Kind
from pen_host.models import Plan
from pen_host.presets import (
    Book,
    Planned,
    Preset,
    PresetError,
    Version,
    ZoneChoice,
    digest_of,
    must_be_its_own,
    parse_preset,
    shipped_presets,
    to_plan,
)
from pen_host.presets.folder import FOLDER, Filed, bare, filed
from pen_host.presets.loader import SIZE_MAX
from pen_host.records.keys import new_key
from pen_host.records.models import Person, Visit
from pen_host.records.store import Store, Writing
from pen_host.records.tables import own_presets, visits


class OwnPresets:
    """The clinic's own presets, every version of them, of whichever station.

    Args:
        path: The record.
        store: It; None where there is none yet, which holds no presets.
    """

    def __init__(self, path: Path, store: Store | None) -> None:
        self._path = path
        self._store = store

    def book(self) -> Book:
        """All of them, as they are now.

        Raises:
            JournalError: The record cannot be read.
        """
        return Book() if self._store is None else Book(map(_version, self._store.rows(select(own_presets))))

    def left_behind(self) -> tuple[str, ...]:
        """Files of the folder that is read no more which the record does not have, a sentence each."""
        files = tuple(filed(self._path.parent / FOLDER))
        if self._store is None:
            return tuple(
                f"The file {FOLDER}/{one.name} is taken in as soon as a record is begun." for one in files
            )
        if not files:
            return ()
        book = self.book()
        known = {one.digest for name in book.names for one in book.versions(name)}
        return tuple(map(_left, (one for one in files if digest_of(one.text) not in known)))

    def add(self, text: str, by: Person) -> Version:
        """Takes a new preset in.

        Args:
            text: TOML, as a file has it.
            by: Who does it.

        Raises:
            PresetError: It cannot be used, its name or title is taken, or its ground is another preset's.
            JournalError: It cannot be written.
        """
        content = _content(text)
        preset = parse_preset(content, "as it was typed")

        def judge(book: Book) -> int:
            if preset.preset_id in {*(one.preset_id for one in shipped_presets()), *book.names}:
                why = f"{preset.preset_id} is taken by another preset"
                raise PresetError(preset.preset_id, [f"preset_id {why}"], {"preset_id": why})
            must_be_its_own(preset, (*shipped_presets(), *book.presets()))
            return 1

        return self._save(preset, content, by, judge)

    def change(self, preset_id: str, text: str, replaces: str, by: Person) -> Version:
        """Puts a new version of an own preset in force; those before stay.

        Args:
            preset_id: Which.
            text: TOML of the whole preset, under the same name.
            replaces: Digest of the version it was made from.
            by: Who does it.

        Raises:
            PresetError: It comes with the program, there is none, it cannot be used, says nothing new, its title is taken, or
                its ground was given for other numbers.
            RefusedError: Another version came in force meanwhile.
            JournalError: It cannot be written; the version before is in force.
        """
        if preset_id in {one.preset_id for one in shipped_presets()}:
            raise PresetError(
                preset_id, ["it comes with the program and is never changed; make an own one from it"]
            )
        if self.book().newest(preset_id) is None:
            raise PresetError(preset_id[:40], ["the clinic has no preset of its own by that name"])
        content = _content(text)
        preset = parse_preset(content, preset_id)
        if preset.preset_id != preset_id:
            why = f"it is {preset_id} and stays so; visits name it by that"
            raise PresetError(preset_id, [f"preset_id: {why}"], {"preset_id": why})

        def judge(book: Book) -> int:
            before = book.versions(preset_id)[0]
            if before.digest != replaces:
                raise RefusedError(
                    f"{before.saved_by or 'Somebody'} saved version {before.number} of {preset_id} meanwhile, so yours was "
                    "not. Open the preset again and make your change to that version."
                )
            if before.problem is None and before.preset == preset:
                raise PresetError(preset_id, ["nothing was changed, so there is no new version"])
            must_be_its_own(preset, (*shipped_presets(), *book.presets()))
            return before.number + 1

        return self._save(preset, content, by, judge)

    def _save(self, preset: Preset, text: str, by: Person, judge: Callable[[Book], int]) -> Version:
        """Adds a row; `judge` refuses it or says its number, within the transaction, so that nobody comes in between."""
        if self._store is None:
            raise JournalUnwritableError(self._path, "there is no such file")
        made: list[Version] = []

        def change(writing: Writing) -> Sequence[Draft]:
            number = judge(Book(map(_version, writing.rows(select(own_presets)))))
            made.append(
                Version(
                    *(new_key(), preset.preset_id, number, text, digest_of(text)),
                    *(writing.at, writing.by.name, writing.station_id),
                )
            )
            put(writing, made[-1])
            return [Draft(Kind.PRESET, {"change": "saved", **told(made[-1])})]

        self._store.write(change, by)
        return made[-1]


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


def take_in(writing: Writing, folder: Path) -> list[Draft]:
    """Takes the files of the folder in as rows, once: as their record gets the table of them. The files stay as they are.

    Args:
        writing: The transaction; nothing of it is kept unless all is.
        folder: Where they lie; need not be there.
    """
    seen: set[tuple[object, ...]] = set()
    kept, left = [], []
    for one in filed(folder):
        if one.problem:
            left.append({"file": one.name, "sha256": one.sha256, "why": one.problem})
            continue
        digest = digest_of(one.text)
        same = (one.preset_id, one.number, digest, one.saved_at, one.saved_by)
        # a save that was cut short had put the version in force aside already
        if same in seen:
            continue
        seen.add(same)
        version = Version(
            *(new_key(), one.preset_id, one.number, one.text, digest),
            *(one.saved_at, one.saved_by, writing.station_id),
        )
        put(writing, version)
        kept.append({"file": one.name, "sha256": one.sha256, **told(version)})
    return [Draft(Kind.PRESET, {"change": "taken_in", "files": kept, "left": left})] if kept or left else []


def put(writing: Writing, version: Version) -> None:
    """Adds a version's row, within a transaction."""
    writing.add(
        own_presets,
        id=version.version_id,
        preset_id=version.preset_id,
        version=version.number,
        text=version.text,
        digest=version.digest,
        saved_at=version.saved_at,
        saved_by=version.saved_by,
    )


def told(version: Version) -> dict[str, object]:
    """What the chain says of a version."""
    return {
        "id": version.version_id,
        "preset": version.preset_id,
        "version": version.number,
        "digest": version.digest,
    }


def _left(one: Filed) -> str:
    why = f" ({one.problem})" if one.problem else ""
    return (
        f"The file {FOLDER}/{one.name} is no preset of this record{why}, so nobody can plan with it. Take it in with "
        "pen plan add, or take it away."
    )


def _version(row: RowMapping) -> Version:
    return Version(
        row["id"],
        row["preset_id"],
        row["version"],
        row["text"],
        row["digest"],
        row["saved_at"],
        row["saved_by"],
        row["station_id"],
    )


def _content(text: str) -> str:
    """What is kept of a text.

    Raises:
        PresetError: It is too large.
    """
    content = bare(text)
    if len(content.encode(errors="surrogatepass")) > SIZE_MAX:
        raise PresetError(
            "as it was typed", [f"it is larger than {SIZE_MAX // 1024} KiB, so it is no preset"]
        )
    return content


def _shipped(preset_id: str) -> Preset | None:
    return next((one for one in shipped_presets() if one.preset_id == preset_id), None)

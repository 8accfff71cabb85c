"""The clinic's own presets as rows of its record: read as a book, judged and added in one transaction, taken in from files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import RowMapping, select

from pen_host.errors import RefusedError
from pen_host.journal import Draft, JournalUnwritableError, Kind
from pen_host.presets import (
    Book,
    Preset,
    PresetError,
    Version,
    digest_of,
    must_be_its_own,
    parse_preset,
    shipped_presets,
)
from pen_host.presets.folder import FOLDER, Filed, bare, filed
from pen_host.presets.loader import SIZE_MAX
from pen_host.records.keys import new_key
from pen_host.records.models import Person
from pen_host.records.store import Store, Writing
from pen_host.records.tables import own_presets


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

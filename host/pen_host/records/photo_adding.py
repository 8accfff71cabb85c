"""Pictures come in before the rows that name them; whatever ends that midway leaves none that no row names.

Which files are about to be written is noted beside the record first, durably. The note goes when the record has been asked which
of them it names by now: at the end, whether that was good or not, and after a killed process when the record is opened next. Only
what was noted is ever removed, so a folder that lies beside another record, or an older one, loses nothing.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import select

from pen_host.errors import JournalError
from pen_host.journal import JournalUnwritableError, sqlite
from pen_host.records import photo_files, photo_folder
from pen_host.records.photo_files import Encoded
from pen_host.records.store import Store
from pen_host.records.tables import photographs

ENDING = ".adding"
"""Ends the name of the note, which begins with the record's."""
_ONE_AT_A_TIME = threading.Lock()


@contextmanager
def adding(store: Store, pictures: Sequence[Encoded]) -> Iterator[None]:
    """Has pictures in their files; write the rows that name them within.

    Args:
        store: The record, open for writing.
        pictures: Those that are there already are left as they are.

    Raises:
        JournalError: One cannot be written; none of them is left.
    """
    with _ONE_AT_A_TIME:
        there = photo_folder.digests_of(store.path, (one.sha256 for one in pictures))
        new = {one.sha256: one for one in pictures if one.sha256 not in there}
        if not new:
            yield
            return
        _note(store.path, new)
        try:
            for one in new.values():
                photo_files.keep(store, one)
            _durable(store.path.parent / photo_folder.FOLDER)
            yield
        finally:
            # rows that are written stay written whatever happens here; the note stays then, for the next opening
            with suppress(JournalError):
                _settle(store)


def settle(store: Store) -> None:
    """Removes pictures that a process was about to add when it was killed, and that no row names.

    Args:
        store: The record, open for writing.
    """
    # a file that cannot be removed now is no reason to treat nobody: it is tried again at every opening
    with _ONE_AT_A_TIME, suppress(JournalError):
        _settle(store)


def _settle(store: Store) -> None:
    note = _place(store.path)
    if not note.exists():
        return
    try:
        noted = {line for line in note.read_text("ascii").split() if len(line) == photo_folder.NAME_LETTERS}
        rows = store.rows(select(photographs.c.sha256).where(photographs.c.sha256.in_(noted)))
        photo_folder.remove(store.path, sorted(noted - {row["sha256"] for row in rows}))
        note.unlink()
    except (OSError, UnicodeError) as error:
        raise JournalUnwritableError(note, str(error)) from error


def _note(record: Path, names: Iterable[str]) -> None:
    """Adds to what is noted: something of before may not be settled yet."""
    note = _place(record)
    try:
        with note.open("a", encoding="ascii") as file:
            # on lines of their own, even after one that was cut short
            file.write("".join(f"\n{name}" for name in names) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise JournalUnwritableError(note, error.strerror or str(error)) from error
    _durable(note.parent)


def _durable(folder: Path) -> None:
    try:
        sqlite.sync_folder(folder)
    except OSError as error:
        raise JournalUnwritableError(folder, error.strerror or str(error)) from error


def _place(record: Path) -> Path:
    return record.with_name(record.name + ENDING)

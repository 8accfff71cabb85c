"""The layout of the clinical tables: a line of migrations of its own, in the journal's file."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from pen_host.journal import Draft, Journal, JournalNewerError, JournalUnwritableError, Kind, layout, sqlite
from pen_host.presets.folder import FOLDER
from pen_host.records.models import Person
from pen_host.records.own_presets import take_in
from pen_host.records.store import Writing
from pen_host.records.tables import own_presets

SCRIPTS = Path(__file__).parent / "migrations"
VERSION_TABLE = "clinic_version"
NEWEST = "c0004"
"""Revision of the last migration; a test compares it with the scripts."""

_MIGRATION = Person(name="pen", role="system")


def bring_up_to_date(journal: Journal) -> None:
    """Gives the record today's clinical tables, in one transaction; a record that has some is copied first.

    With the table of own presets come those that lie as files beside the record.

    Raises:
        JournalError: The tables are newer than this program, the record could not be copied or not migrated; it is as it
            was.
    """
    held = _held(journal.path)
    if held == NEWEST:
        return
    told: dict[str, object] = {"to": NEWEST}
    if held:
        if held not in layout.revisions(SCRIPTS):
            raise JournalNewerError(journal.path, held)
        told["copy"] = layout.copy_before(journal.path, NEWEST).name

    def change(connection: Connection) -> Sequence[Draft]:
        has_presets = connection.dialect.has_table(connection, own_presets.name)
        layout.migrate(journal.path, connection, SCRIPTS)
        drafts = [Draft(Kind.JOURNAL_MIGRATED, told)]
        if not has_presets:
            writing = Writing(connection, journal.station_id, datetime.now(UTC), _MIGRATION)
            drafts += take_in(writing, journal.path.parent / FOLDER)
        return drafts

    journal.change_layout(change)


def must_be_current(path: Path) -> None:
    """Refuses to read a record whose clinical tables are not those of this program.

    Raises:
        JournalNewerError: A newer program made them.
        JournalUnwritableError: There are none yet, or they are older; opening the record for writing brings them up to date.
    """
    with closing(sqlite.connect_reader(path)) as raw:
        of_entries, held = layout.revision(raw), layout.revision(raw, VERSION_TABLE)
    if of_entries not in {"", layout.NEWEST} and of_entries not in layout.revisions(layout.SCRIPTS):
        raise JournalNewerError(path, of_entries)
    if held == NEWEST:
        return
    if not held:
        raise JournalUnwritableError(path, "it has no clinical record yet")
    if held not in layout.revisions(SCRIPTS):
        raise JournalNewerError(path, held)
    raise JournalUnwritableError(path, "its clinical tables are of an older layout; open it once for writing")


def has_tables(path: Path) -> bool:
    """Whether a record has clinical tables, of whichever layout.

    Raises:
        JournalError: It cannot be read.
    """
    return bool(_held(path))


def _held(path: Path) -> str:
    """The layout that a record's clinical tables have, or nothing where there are none."""
    with closing(sqlite.connect_reader(path)) as raw:
        return layout.revision(raw, VERSION_TABLE)

"""The journal: the one writer of a record. What `append` returns is on the disk."""

from __future__ import annotations

import platform
import secrets
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine, create_engine, event, insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from pen_host.journal import encrypting, layout, record_keys, sqlite
from pen_host.journal.chain import COLUMNS, GENESIS, Head
from pen_host.journal.errors import (
    EntryError,
    JournalDamagedError,
    JournalUnhealthyError,
    JournalUnwritableError,
)
from pen_host.journal.kinds import SIGNED, Kind
from pen_host.journal.location import check_place, default_path
from pen_host.journal.lock import WriterLock
from pen_host.journal.next_rows import NextRows, payload_text
from pen_host.journal.pen_events import sort_events
from pen_host.journal.reader import JournalReader
from pen_host.journal.rows import Draft, EventsAppended, Row
from pen_host.journal.seals import Seals
from pen_host.journal.signing import SignedHead, Signer, under_other_key
from pen_host.journal.tables import entries, signed_heads
from pen_host.journal.turn import Turn
from pen_host.journal.verify import Progress, Report, verify_record
from pen_host.models import PenEvent
from pen_host.vault import Vault, VaultError, this_vault

SYSTEM = "system"
"""Actor and role of what the program does by itself."""

VERIFIED_AT_OPEN = 100_000
"""The newest entries are verified at every opening; all of them take `verify()`. About half a second. (J)"""


class Journal:
    """Append-only, hash-chained record of one station. Safe to use from several threads.

    Get one from `create_or_open`; close it, or use it in a `with`.
    """

    def __init__(
        self,
        path: Path,
        lock: WriterLock,
        raw: sqlite3.Connection,
        utc_ns: Callable[[], int],
        monotonic_ns: Callable[[], int],
        vault: Vault | None = None,
    ) -> None:
        self.path = path
        self._lock = lock
        self._raw = raw
        self._engine = _engine(raw)
        self._utc_ns = utc_ns
        self._monotonic_ns = monotonic_ns
        self._turn = Turn()
        self._chain = NextRows(secrets.token_hex(8))
        self._failure = ""
        self._closed = False
        self._seals = Seals(raw)
        self._signer: Signer | None = None
        self._evidence_failure = ""
        self._other_key = ""
        self.vault = this_vault() if vault is None else vault

    @classmethod
    def create_or_open(
        cls,
        path: Path | None = None,
        *,
        station_id: str | None = None,
        utc_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        vault: Vault | None = None,
    ) -> Self:
        """Opens a record for writing, after making or migrating and then checking it.

        Args:
            path: The file; this user's own record when not given.
            station_id: Name for a new record's station; drawn when not given.
            utc_ns: The clock.
            monotonic_ns: Time that is never set.
            vault: Where the station's key lies; this computer's when not given.

        Raises:
            JournalError: The place is unsafe, somebody else writes, the file is damaged, newer, or cannot be written.
        """
        path = path or default_path()
        check_place(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise JournalUnwritableError(path, str(error)) from error
        lock = WriterLock(path)
        try:
            raw = sqlite.connect_writer(path, vault=vault)
            try:
                journal = cls(path, lock, raw, utc_ns, monotonic_ns, vault)
                journal._start(station_id or secrets.token_hex(8))
            except BaseException:
                raw.close()
                raise
        except BaseException:
            lock.release()
            raise
        return journal

    @property
    def healthy(self) -> bool:
        """Whether the last entry could be written, so that the next one can be expected to be."""
        return not self._failure and not self._closed

    @property
    def failure(self) -> str:
        """The sentence of the failure that made the journal unhealthy, or nothing."""
        return self._failure

    @property
    def evidence_failure(self) -> str:
        """Why heads of this record are not signed, or not kept outside it; nothing while they are."""
        return self._evidence_failure

    @property
    def other_key(self) -> str:
        """That this record was signed last with another key than this computer's; nothing where it was not."""
        return self._other_key

    @property
    def head(self) -> Head:
        """The newest entry, to be kept elsewhere as a witness."""
        return self._chain.head

    @property
    def station_id(self) -> str:
        """The station whose chain this is."""
        return self._chain.head.station_id

    def append(
        self,
        kind: str,
        payload: Mapping[str, object],
        *,
        actor: str = SYSTEM,
        role: str = SYSTEM,
        session_id: str | None = None,
        subject: str | None = None,
        pen_serial: str | None = None,
    ) -> Row:
        """Writes one entry; it is durable when this returns.

        Args:
            kind: One of `Kind`, except those the journal writes itself.
            payload: What happened; must have canonical JSON, and the keys its kind requires.
            actor: Who did it.
            role: In what role.
            session_id: The treatment it belongs to.
            subject: Pseudonymous reference to the patient.
            pen_serial: The pen it is about.

        Raises:
            JournalError: Nothing was written; `healthy` says whether the next entry can be.
        """
        if kind == Kind.PEN_EVENT:
            raise EntryError("events of the pen come in through append_events")
        draft = Draft(kind, payload, session_id, subject, pen_serial)
        return self.append_all([draft], actor=actor, role=role)[0]

    def append_all(
        self, drafts: Sequence[Draft], *, actor: str = SYSTEM, role: str = SYSTEM
    ) -> tuple[Row, ...]:
        """Writes several entries with one commit: all of them or none.

        Raises:
            JournalError: Nothing was written.
        """
        texts = [payload_text(draft) for draft in drafts]
        with self._turn:
            self._must_be_healthy()
            return self._write(lambda _: (list(drafts), texts), actor, role)

    def together(
        self,
        change: Callable[[Connection], Sequence[Draft]],
        *,
        actor: str = SYSTEM,
        role: str = SYSTEM,
        foreign: bool = False,
    ) -> tuple[Row, ...]:
        """Changes other tables of the record's file and writes the entries that tell of it: all of it is durable, or none.

        Every row that was changed is sealed by an entry of its own kind; see `pen_host.journal.seals`.

        Args:
            change: Gets the connection within the transaction and returns the entries. Whatever it raises undoes
                everything; an error of SQLAlchemy that it lets through counts as a failure of the record.
            actor: Who did it.
            role: In what role.
            foreign: The rows come from another station, so they are not sent on from here.

        Raises:
            JournalError: Nothing was changed and nothing written.
        """

        def choose(connection: Connection) -> tuple[list[Draft], list[str]]:
            self._seals.clear()
            drafts = [*change(connection)]
            drafts += self._seals.drafts(foreign=foreign)
            return drafts, [payload_text(draft) for draft in drafts]

        with self._turn:
            self._must_be_healthy()
            return self._write(choose, actor, role)

    def change_layout(self, change: Callable[[Connection], Sequence[Draft]]) -> tuple[Row, ...]:
        """Changes the layout of other tables, and seals anew what is not as it was.

        Args:
            change: As in `together`.

        Raises:
            JournalError: A row is not as its seal says, or the layout cannot be changed; nothing was changed.
        """

        def choose(connection: Connection) -> tuple[list[Draft], list[str]]:
            self._seals.clear()
            unfit = self._seals.note_unfit()
            if unfit:
                raise JournalDamagedError(
                    self.path,
                    f"{unfit} rows of its tables are not as they were written; pen log verify names them",
                )
            self._seals.forget_tables()
            drafts = [*change(connection)]
            self._seals.watch()
            self._seals.note_unfit()
            drafts += self._seals.drafts()
            return drafts, [payload_text(draft) for draft in drafts]

        with self._turn:
            self._must_be_healthy()
            try:
                return self._write(choose, SYSTEM, SYSTEM)
            finally:
                self._seals.watch()

    def append_events(
        self,
        pen_serial: str,
        events: Sequence[PenEvent],
        *,
        session_id: str | None = None,
        subject: str | None = None,
    ) -> EventsAppended:
        """Takes over numbered events of a pen; those that are in the record already are left out.

        Acknowledge to the pen only what this has returned for.

        Raises:
            JournalError: Nothing was written.
        """
        with self._turn:
            self._must_be_healthy()
            sorted_out: list[tuple[tuple[int, ...], tuple[int, ...]]] = []

            def choose(connection: Connection) -> tuple[list[Draft], list[str]]:
                new, known, conflicts = sort_events(connection, self.station_id, pen_serial, events)
                sorted_out.append((known, conflicts))
                drafts = [
                    Draft(draft.kind, draft.payload, session_id, subject, pen_serial, draft.event_id)
                    for draft in new
                ]
                return drafts, [payload_text(draft) for draft in drafts]

            rows = self._write(choose, "pen", SYSTEM)
            known, conflicts = sorted_out[0]
            return EventsAppended(tuple(row for row in rows if row.kind == Kind.PEN_EVENT), known, conflicts)

    def recover(self, *, actor: str, role: str) -> Row:
        """Makes the journal healthy again once the cause of its failure is gone.

        Raises:
            JournalError: It is not gone.
        """
        with self._turn:
            if self._closed:
                raise JournalUnwritableError(self.path, "it was closed")
            cause = self._failure
            sqlite.check_file(self.path, self._raw)
            self._chain.head = self._read_head() or self._chain.head
            draft = Draft(Kind.JOURNAL_RECOVERED, {"cause": cause})
            row = self._write(lambda _: ([draft], [payload_text(draft)]), actor, role)[0]
            self._failure = ""
            return row

    def flush_log(self) -> None:
        """Empties SQLite's write-ahead log into the file, so that nothing older than the file lies beside it.

        Where there is no such log this does nothing. Entries are durable without it.

        Raises:
            JournalError: The log could not be emptied; nothing is lost.
        """
        with self._turn:
            self._must_be_healthy()
            try:
                self._raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            except sqlite3.Error as error:
                raise sqlite.translated(self.path, error) from error

    def verify(self, progress: Progress | None = None, known: Sequence[Head] = ()) -> Report:
        """Verifies the whole chain, from a connection of its own; writing goes on meanwhile.

        Args:
            progress: Called with entries checked and entries in all.
            known: Heads kept elsewhere.
        """
        return verify_record(self.path, progress=progress, known=[*known, self._chain.head])

    def reader(self) -> JournalReader:
        """A view of the record that cannot write."""
        return JournalReader(self.path)

    def close(self) -> None:
        """Writes the closing entry and lets the next writer in; harmless when repeated."""
        with self._turn:
            if self._closed:
                return
            try:
                if self.healthy:
                    draft = Draft(Kind.JOURNAL_CLOSED, {})
                    self._write(lambda _: ([draft], [payload_text(draft)]), SYSTEM, SYSTEM)
            finally:
                self._closed = True
                self._engine.dispose()
                self._raw.close()
                self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self, station_id: str) -> None:
        """Makes or migrates the tables, checks the file, and writes that it was opened."""
        new = sqlite.is_empty(self._raw)
        if not new:
            sqlite.check_file(self.path, self._raw)
            # only a record that opens and is whole takes the place of what an encryption cut short left beside it
            encrypting.finish(self.path)
        saved = layout.bring_up_to_date(self.path, self._raw, self._engine)
        if new:
            sqlite.sync_folder(self.path.parent)
        missing = sqlite.missing_guards(self._raw)
        if missing:
            raise JournalDamagedError(
                self.path, f"its guards against changes are gone ({', '.join(missing)})"
            )
        head = self._read_head()
        first = [] if head else [Draft(Kind.JOURNAL_CREATED, {"station_id": station_id})]
        self._chain.head = head or Head(station_id, 0, GENESIS)
        if head:
            self._verify_newest()
        if saved:
            first.append(Draft(Kind.JOURNAL_MIGRATED, {"to": layout.NEWEST, "copy": saved.name}))
        try:
            self._signer = Signer(self.station_id, self.vault)
            self._other_key = self._signed_by_another(self._signer.public)
        except VaultError as error:
            self._evidence_failure = error.sentence

        def choose(_: Connection) -> tuple[list[Draft], list[str]]:
            self._seals.watch()
            drafts = [*first, *self._first_seals(), Draft(Kind.JOURNAL_OPENED, self._surroundings())]
            return drafts, [payload_text(draft) for draft in drafts]

        self._write(choose, SYSTEM, SYSTEM)

    def _signed_by_another(self, own: str) -> str:
        """What is to be said where the newest signed head is not this computer's."""
        row = self._raw.execute(
            "SELECT station_id, seq, hash, utc_ns, public_key, signature FROM signed_heads"
            " ORDER BY station_id DESC, seq DESC LIMIT 1"
        ).fetchone()
        if row is None or row[4] == own:
            return ""
        station, seq, found, utc_ns, public, signature = row
        newest = SignedHead(Head(station, seq, found), utc_ns, public, signature)
        return under_other_key([newest], own, self.vault.where)

    def _first_seals(self) -> list[Draft]:
        """Seals for the rows of a record that was written before rows were sealed."""
        if self._raw.execute("SELECT 1 FROM entries WHERE kind = ? LIMIT 1", (str(Kind.ROWS),)).fetchone():
            return []
        self._seals.note_unfit()
        return self._seals.drafts()

    def _verify_newest(self) -> None:
        report = verify_record(self.path, after=max(0, self._chain.head.seq - VERIFIED_AT_OPEN))
        if not report.intact:
            raise JournalDamagedError(self.path, report.damages[0].sentence.rstrip("."))

    def _surroundings(self) -> dict[str, object]:
        """What durability rests on, so that a record says under which settings it was written."""
        used = sqlite.version(self._raw)
        chosen = sqlite.durability(tuple(int(part) for part in used.split(".")))
        return {
            "sqlite": used,
            "journal_mode": chosen.journal_mode,
            "synchronous": chosen.synchronous,
            "encrypted": record_keys.is_encrypted(self.path),
            "python": platform.python_version(),
            "system": platform.system(),
            **({"key": self._signer.public} if self._signer else {"unsigned": self._evidence_failure}),
        }

    def _read_head(self) -> Head | None:
        row = self._raw.execute(
            "SELECT station_id, seq, hash FROM entries ORDER BY station_id DESC, seq DESC LIMIT 1"
        ).fetchone()
        return Head(*row) if row else None

    def _must_be_healthy(self) -> None:
        if self._closed:
            raise JournalUnwritableError(self.path, "it was closed")
        if self._failure:
            raise JournalUnhealthyError(self.path, self._failure)

    def _write(
        self, choose: Callable[[Connection], tuple[list[Draft], list[str]]], actor: str, role: str
    ) -> tuple[Row, ...]:
        """Chooses, chains and commits entries in one transaction; the caller has the turn."""
        try:
            with self._engine.begin() as connection:
                drafts, texts = choose(connection)
                now = (self._utc_ns(), self._monotonic_ns())
                rows = self._chain.rows(drafts, texts, now, (actor, role))
                if rows:
                    values = [dict(zip(COLUMNS, row.raw(), strict=True)) for row in rows]
                    connection.execute(insert(entries), values)
                signed = self._sign(connection, rows)
        except (SQLAlchemyError, sqlite3.Error) as error:
            failure = layout.failure(self.path, error)
            self._failure = failure.sentence
            raise failure from error
        if rows:
            self._chain.written(rows[-1])
        if signed:
            self._anchor(rows[-1].head)
        return rows

    def _sign(self, connection: Connection, rows: Sequence[Row]) -> bool:
        """Signs the head in the transaction that writes it, where one of the rows asks for it."""
        if self._signer is None or not any(row.kind in SIGNED for row in rows):
            return False
        head = rows[-1].head
        signed = self._signer.sign(head, rows[-1].utc_ns)
        values = {"public_key": signed.public, "signature": signed.signature, "utc_ns": signed.utc_ns}
        connection.execute(
            insert(signed_heads).values(station_id=head.station_id, seq=head.seq, hash=head.hash, **values)
        )
        return True

    def _anchor(self, head: Head) -> None:
        """Keeps a head outside the record. The entry is on the disk by now, so a failure is told, not raised."""
        assert self._signer is not None, "it has signed"
        try:
            self._signer.anchor(head)
        except VaultError as error:
            self._evidence_failure = error.sentence


def _engine(raw: sqlite3.Connection) -> Engine:
    """SQLAlchemy's view of the one connection; every transaction takes the write lock at once."""
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine

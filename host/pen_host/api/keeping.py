"""Keeping the record: whether it is as it was written, and saving it somewhere else. One of each at a time.

A verification only reads and is made in the workshop's process. A backup is made here, for it needs the record's one writer and
the patients' keys, which an erasure must not meet half way; it is not begun while a treatment is under way.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path

from ..backups import back_up, recovery_code, verify_backup
from ..backups.making import MANIFEST
from ..errors import PenError, UsageError
from ..journal import Journal, Kind, audit_record
from ..vault import this_vault
from .house import House
from .models import Line, Model, Pin
from .people import Person
from .problems import Code, Problem, ProblemError, of_error
from .workshop import Workshop, log_failure, made_of

KEPT_MAX = 20
"""Backups that are listed, newest first. (J)"""
FAILED = (
    "The backup broke off in a way that the program does not understand, so it is none; the record is not touched by it. Look "
    "whether the drive is there, and save again; if it happens again, show an engineer the program's output."
)
REMIND_DAYS = 7
"""A record that was on one disk alone for longer is told about. (J)"""


class WorkState(StrEnum):
    """Where a verification or a backup stands."""

    NONE = "none"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"


class SaveAsked(Model):
    """Where to save."""

    folder: Line
    """It must be there: a drive that is not plugged in is no place."""


class CodeAsked(Model):
    """The code that opens the backups elsewhere."""

    pin: Pin
    """Of who is signed in."""


class CodeView(Model):
    """To be printed and locked away."""

    recovery_code: str


class Verified(Model):
    """What the newest verification found."""

    state: WorkState = WorkState.NONE
    by: str | None = None
    at: datetime | None = None
    intact: bool | None = None
    sentence: str = ""
    damages: tuple[str, ...] = ()
    """Which row, what, when; a sentence each."""
    not_checked: tuple[str, ...] = ()


class Saved(Model):
    """What came of the newest backup made here."""

    state: WorkState = WorkState.NONE
    by: str | None = None
    sentence: str = ""
    damaged: tuple[str, ...] = ()
    """Photographs that are not in it, for they are not what was stored any more."""


class KeptBackup(Model):
    """One that lies in the folder."""

    name: str
    made_at: datetime
    entries: int


class SafeView(Model):
    """How the record is kept."""

    verified: Verified
    saved: Saved
    last_saved_at: datetime | None
    """The newest backup that the record tells of, wherever it lies; None when there was never one."""
    overdue: bool
    folder: str
    kept: tuple[KeptBackup, ...]
    """In that folder; empty as well when it is not there now."""


class SafeDesk:
    """See the module. Any thread may ask; not for an event loop.

    Args:
        journal: The record.
        house: Remembers the folder.
        workshop: Verifies.
        treating: Whether a treatment is under way.
    """

    def __init__(
        self, journal: Journal, house: House, workshop: Workshop, treating: Callable[[], bool]
    ) -> None:
        self._journal = journal
        self._house = house
        self._workshop = workshop
        self._treating = treating
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="backup")
        self._verifying: tuple[str, Future[Verified | Problem]] | None = None
        self._saving: tuple[str, Future[Saved]] | None = None

    @property
    def other_key(self) -> str:
        """That the record was signed last with another key than this computer's when it was opened; nothing otherwise."""
        return self._journal.other_key

    @property
    def stage(self) -> object:
        """Another value when something was begun or ended; costs nothing to ask."""
        return tuple(job and (id(job[1]), job[1].done()) for job in (self._verifying, self._saving))

    def view(self) -> SafeView:
        """How the record is kept."""
        last = self.last_saved_at()
        folder = self._house.rules.backup_folder
        return SafeView(
            verified=self._verified(),
            saved=self._saved(),
            last_saved_at=last,
            overdue=self.is_overdue(datetime.now(UTC)),
            folder=folder,
            kept=_kept(Path(folder), self._journal.station_id) if folder else (),
        )

    def last_saved_at(self) -> datetime | None:
        """When the record was saved last, as it says itself."""
        with self._journal.reader() as reader:
            rows = list(reader.saying(Kind.BACKUP, {"change": "saved"}))
        return datetime.fromtimestamp(rows[-1].utc_ns / 1e9, UTC) if rows else None

    def is_overdue(self, now: datetime) -> bool:
        """Whether the record, or what is new in it, has been on this disk alone for too long.

        Args:
            now: The moment.
        """
        since = self.last_saved_at()
        if since is None:
            with self._journal.reader() as reader:
                first = next(reader.rows(), None)
            since = now if first is None else datetime.fromtimestamp(first.utc_ns / 1e9, UTC)
        return (now - since).days > REMIND_DAYS

    def verify(self, by: Person) -> SafeView:
        """Begin a verification of everything; returns at once.

        Raises:
            ProblemError: One is being made.
        """
        with self._lock:
            if self._verifying is not None and not self._verifying[1].done():
                raise _busy("The record is being verified", self._verifying[0])
            self._verifying = (by.name, self._workshop.begin(_verify, self._journal.path))
        return self.view()

    def save(self, asked: SaveAsked, by: Person) -> SafeView:
        """Begin a backup; returns at once. The folder is remembered.

        Raises:
            ProblemError: One is being made, or a treatment is under way.
            UsageError: The folder is no place.
        """
        folder = _place(asked.folder)
        with self._lock:
            if self._saving is not None and not self._saving[1].done():
                raise _busy("A backup is being made", self._saving[0])
            if self._treating():
                raise ProblemError(
                    Code.WRONG_STEP,
                    HTTPStatus.CONFLICT,
                    "A treatment is under way, so no backup was begun: nothing may hold up the pen. Save when it is closed.",
                )
            self._house.decide({"backup_folder": str(folder)})
            coming = self._thread.submit(self._save, folder, by.name)
            self._saving = (by.name, coming)
        coming.add_done_callback(log_failure)
        return self.view()

    def code(self) -> str:
        """The recovery code of this station's backups.

        Raises:
            VaultError: The keys cannot be fetched.
        """
        return recovery_code(self._journal.vault, self._journal.station_id)

    def close(self) -> None:
        """A backup that is being made is finished first: half of one is none."""
        self._thread.shutdown(wait=True)

    def _save(self, folder: Path, by: str) -> Saved:
        """In its own thread: made, then read back and proved."""
        try:
            made = back_up(self._journal, folder)
            proved = self._workshop.make(_prove, made.folder, self._journal.path)
        except PenError as error:
            return Saved(state=WorkState.FAILED, by=by, sentence=of_error(error).detail)
        sentence = f"{made.folder.name} is whole: {proved} entries and {made.photographs} photographs."
        return Saved(state=WorkState.DONE, by=by, sentence=sentence, damaged=made.damaged)

    def _verified(self) -> Verified:
        if self._verifying is None:
            return Verified()
        by, coming = self._verifying
        if not coming.done():
            return Verified(state=WorkState.WORKING, by=by)
        try:
            return made_of(coming).model_copy(update={"by": by})
        except ProblemError as error:
            return Verified(state=WorkState.FAILED, by=by, sentence=error.sentence)

    def _saved(self) -> Saved:
        if self._saving is None:
            return Saved()
        by, coming = self._saving
        if not coming.done():
            return Saved(state=WorkState.WORKING, by=by)
        if coming.exception() is not None:
            return Saved(state=WorkState.FAILED, by=by, sentence=FAILED)
        return coming.result()


def _verify(record: Path) -> Verified:
    """For the workshop's process."""
    audit = audit_record(record, this_vault())
    return Verified(
        state=WorkState.DONE,
        at=datetime.now(UTC),
        intact=audit.intact,
        sentence=audit.sentence,
        damages=tuple(one.sentence for one in audit.report.damages),
        not_checked=audit.not_checked,
    )


def _prove(folder: Path, record: Path) -> int:
    """For the workshop's process: entries of a backup that is whole."""
    return verify_backup(folder, record, this_vault()).head.seq


def _place(told: str) -> Path:
    """The folder that was meant.

    Raises:
        UsageError: It is none, or not there: a name mistyped must not become a folder on this disk.
    """
    folder = Path(told).expanduser()
    if not folder.is_absolute() or not folder.is_dir():
        raise UsageError(
            f"There is no folder {told}, so nothing was saved. Plug in the drive, or give the whole path of a folder that is "
            "there, on a disk of its own."
        )
    return folder


def _kept(folder: Path, station_id: str) -> tuple[KeptBackup, ...]:
    """Backups of this station that can be told from the folder; what cannot be read is none."""
    found = []
    for path in folder.glob(f"*-{station_id}-*/{MANIFEST}"):
        try:
            said = json.loads(path.read_bytes())
            made_at = datetime.fromisoformat(said["made_at"])
            found.append(KeptBackup(name=path.parent.name, made_at=made_at, entries=said["seq"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return tuple(sorted(found, key=lambda one: one.made_at, reverse=True)[:KEPT_MAX])


def _busy(what: str, by: str) -> ProblemError:
    return ProblemError(
        Code.REFUSED,
        HTTPStatus.CONFLICT,
        f"{what} for {by}, so no second one was begun. Wait until it is done.",
    )

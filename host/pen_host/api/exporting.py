"""Exports of the whole record, one at a time, made in the workshop's process and fetched as one file by whoever asked."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
import zipfile
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path

from ..errors import UsageError
from ..exports.export import Form, export
from ..records import Clinic
from .models import Model
from .people import Person
from .problems import Code, Problem, ProblemError
from .workshop import Workshop, made_of

ZIP = "export.zip"
FOLDER = "export-in-hand"
"""Beside the record, whose only writer this console is: what a crash left there is thrown away by the next."""


class ExportState(StrEnum):
    """Where an export stands."""

    NONE = "none"
    MAKING = "making"
    READY = "ready"
    FAILED = "failed"


class ExportAsked(Model):
    """What is to be exported."""

    form: Form
    deidentified: bool = False
    """Nobody by name: keyed hashes, shifted days, no free text."""


class ExportView(Model):
    """The newest export of this console."""

    state: ExportState = ExportState.NONE
    form: Form | None = None
    deidentified: bool = False
    by: str | None = None
    """Who asked for it; nobody else may fetch it."""
    files: int = 0
    """Written so far."""
    bytes: int = 0
    sha256: str | None = None
    """Of the file to be fetched, when it is ready."""
    sentence: str = ""
    """Why it failed."""


@dataclass(frozen=True, slots=True)
class Packed:
    """An export in one file."""

    files: int
    bytes: int
    sha256: str
    withheld: frozenset[str]
    """Patients whose pictures were not given out just before it was made."""


@dataclass(slots=True)
class _Job:
    asked: ExportAsked
    by: Person
    folder: Path
    coming: Future[Packed | Problem]


class ExportDesk:
    """See the module. Any thread may ask.

    Args:
        record: The record's file.
        workshop: Where it is made.
        note: Writes into the record, in somebody's name, what was exported; returns at once.
    """

    def __init__(self, record: Path, workshop: Workshop, note: Callable[[str, Person, str], None]) -> None:
        self._record = record
        self._workshop = workshop
        self._note = note
        self._lock = threading.Lock()
        self._job: _Job | None = None
        self._folder = record.parent / FOLDER
        shutil.rmtree(self._folder, ignore_errors=True)

    def begin(self, asked: ExportAsked, by: Person) -> ExportView:
        """Begin; returns at once. The one before is thrown away.

        Raises:
            ProblemError: One is being made.
        """
        with self._lock:
            job = self._job
            if job is not None and not job.coming.done():
                raise ProblemError(
                    Code.REFUSED,
                    HTTPStatus.CONFLICT,
                    f"An export for {job.by.name} is being made, so no second one was begun. Wait until it is ready.",
                )
            self._throw_away()
            folder = self._room()
            coming = self._workshop.begin(pack, self._record, asked.form, asked.deidentified, folder)
            self._job = _Job(asked, by, folder, coming)
        coming.add_done_callback(lambda done: self._noted(asked, by, done))
        return self.view()

    @property
    def stage(self) -> object:
        """Another value when one was begun or ended; costs nothing to ask."""
        job = self._job
        return None if job is None else (job.folder, job.coming.done())

    def view(self) -> ExportView:
        """How the newest one stands. Looks at the disk while it is being made: not for an event loop."""
        job = self._job
        return ExportView() if job is None else self._seen(job)

    def _seen(self, job: _Job) -> ExportView:
        known = ExportView(
            state=ExportState.MAKING, form=job.asked.form, deidentified=job.asked.deidentified, by=job.by.name
        )
        if not job.coming.done():
            files, size = _so_far(job.folder)
            return known.model_copy(update={"files": files, "bytes": size})
        try:
            packed = made_of(job.coming)
        except ProblemError as error:
            return known.model_copy(update={"state": ExportState.FAILED, "sentence": error.sentence})
        return known.model_copy(
            update={
                "state": ExportState.READY,
                "files": packed.files,
                "bytes": packed.bytes,
                "sha256": packed.sha256,
            }
        )

    def file(self, by: Person) -> Path:
        """The file to be fetched.

        Raises:
            ProblemError: There is none, somebody else asked for it, or a patient took the consent to pictures in it back since.
        """
        job = self._job
        if job is None or self._seen(job).state is not ExportState.READY:
            raise _none("No export is ready, so there is nothing to fetch. Make one.")
        if job.by.name != by.name:
            raise ProblemError(
                Code.ROLE_MAY_NOT,
                HTTPStatus.FORBIDDEN,
                f"{job.by.name} asked for this export, so nobody else may fetch it. Make one of your own.",
            )
        if self._holds_too_much(job):
            with self._lock:
                if self._job is job:  # else somebody began another meanwhile, and this one is gone already
                    self._throw_away()
            raise _none(
                "Since this export was made a patient took back the consent to photographs that are in it, so it was thrown "
                "away. Make it again."
            )
        return job.folder / ZIP

    def _holds_too_much(self, job: _Job) -> bool:
        """Whether there are pictures in it that are not given out any more."""
        if job.asked.form is not Form.FHIR or job.asked.deidentified:
            return False
        with Clinic.read(self._record) as clinic:
            return not clinic.photos.withheld_patients() <= made_of(job.coming).withheld

    def close(self) -> None:
        """Throw away what is there."""
        with self._lock:
            self._throw_away()

    def _room(self) -> Path:
        """A new folder that only this user may enter: it will hold patients.

        Raises:
            UsageError: It cannot be made.
        """
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            return Path(tempfile.mkdtemp(dir=self._folder))
        except OSError as error:
            raise UsageError(
                f"There is no room for an export beside the record ({error.strerror or error}), so none was begun. Make room on "
                "that disk and try again."
            ) from error

    def _throw_away(self) -> None:
        job, self._job = self._job, None
        if job is not None:
            shutil.rmtree(job.folder, ignore_errors=True)

    def _noted(self, asked: ExportAsked, by: Person, done: Future[Packed | Problem]) -> None:
        """Who took what out of the record stands in it, also when it failed."""
        named = "de-identified" if asked.deidentified else "with names"
        if done.cancelled() or done.exception() is not None or isinstance(done.result(), Problem):
            told = f"{asked.form}, {named}: not made"
        else:
            packed = made_of(done)
            told = f"{asked.form}, {named}: {packed.files} files, zip sha256 {packed.sha256}"
        self._note("record exported", by, told)


def _none(sentence: str) -> ProblemError:
    return ProblemError(Code.NOT_FOUND, HTTPStatus.NOT_FOUND, sentence)


def pack(record: Path, form: Form, deidentified: bool, folder: Path) -> Packed:
    """An export with its manifest in one file of a folder. May take minutes, and is for the workshop's process.

    Raises:
        PenError: See `pen_host.exports.export`.
    """
    with Clinic.read(record) as clinic:
        withheld = clinic.photos.withheld_patients()
        done = export(clinic, form, folder / "export", deidentified=deidentified)
    target = folder / ZIP
    files = sorted(file for file in done.folder.rglob("*") if file.is_file())
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in files:
            packed.write(file, file.relative_to(done.folder).as_posix())
    shutil.rmtree(done.folder)
    with target.open("rb") as read:
        digest = hashlib.file_digest(read, "sha256").hexdigest()
    return Packed(len(files), target.stat().st_size, digest, withheld)


def _so_far(folder: Path) -> tuple[int, int]:
    """Files and bytes that are written; files and folders may vanish while they are looked at."""
    files = size = 0
    for place, _, names in os.walk(folder):  # goes by what has vanished, where `rglob` fails
        for name in names:
            with suppress(FileNotFoundError):
                size += os.stat(Path(place, name)).st_size
                files += 1
    return files, size

"""Our own bundles come back: a file is sent, looked at, and taken in when a person has seen what would become of it.

Reading and checking is done in the workshop's process. Taking in is done here, one patient after the other and each whole or not
at all, and waits while the pen works. What a crash leaves in the folder is thrown away by the next console.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path

from ..errors import PenError, UsageError
from ..exports import bundles, intake
from ..exports.bundles import Item, ItemState
from ..records import Clinic
from .import_models import ImportState, ImportView, TakeIn, shown
from .people import Person, signer
from .problems import Code, Problem, ProblemError
from .workshop import Workshop, made_of

FOLDER = "import-in-hand"
"""Beside the record, as an export's is."""
FILE = "file"
MARK = "looked-at"
FAILED = (
    "The program failed amid it in a way that it does not understand. Each patient is in whole or not at all: send the file "
    "again, and who is in is not taken in twice. Show an engineer the program's output."
)
BUSY_LOOK_S = 0.5
"""How often it is looked whether the pen is done. (J)"""
CLOSE_S = 5.0
"""How long an ending console waits for the patient that is being taken in. (J)"""


@dataclass(slots=True)
class _Job:
    by: Person
    folder: Path
    state: ImportState = ImportState.RECEIVING
    items: tuple[Item, ...] = ()
    done: int = 0
    total: int = 0
    sentence: str = ""
    coming: Future[tuple[Item, ...] | Problem] | None = field(default=None)

    @property
    def file(self) -> Path:
        return self.folder / FILE


class ImportDesk:
    """See the module. Any thread may ask.

    Args:
        clinic: The clinic's record.
        workshop: Where files are read and checked.
        busy: Whether the pen works for a treatment.
    """

    def __init__(self, clinic: Clinic, workshop: Workshop, busy: Callable[[], bool]) -> None:
        self._clinic = clinic
        self._workshop = workshop
        self._busy = busy
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._job: _Job | None = None
        self._taking: threading.Thread | None = None
        self._folder = clinic.place.parent / FOLDER
        shutil.rmtree(self._folder, ignore_errors=True)

    # --- a file comes ---------------------------------------------------------------------------------------------------

    def begin(self, by: Person) -> Path:
        """Where a file that arrives is to be written. The import before is thrown away.

        Raises:
            ProblemError: One is under way.
            UsageError: There is no room.
        """
        with self._lock:
            job = self._job
            if job is not None and job.state in (
                ImportState.RECEIVING,
                ImportState.LOOKING,
                ImportState.TAKING,
            ):
                raise _under_way(job)
            self._throw_away()
            self._job = _Job(by, self._room())
            return self._job.file

    def broke_off(self, file: Path) -> None:
        """This file did not arrive whole; nothing of it is kept. Waits for the disk: not for an event loop."""
        with self._lock:
            job = self._receiving(file)
            if job is not None:
                self._fail(job, "The file did not arrive whole, so nothing was taken in. Send it again.")

    def arrived(self, file: Path) -> ImportView:
        """This file is there; it is looked at from now on. Returns at once.

        Raises:
            ProblemError: It was thrown away meanwhile.
        """
        with self._lock:
            job = self._receiving(file)
            if job is None:
                raise _nothing()
            job.coming = self._workshop.begin(look, self._clinic.place, job.file)
            job.state = ImportState.LOOKING
        job.coming.add_done_callback(lambda done: self._looked(job, done))
        return self.view()

    def _receiving(self, file: Path) -> _Job | None:
        """The import that this file is for; none when it was thrown away, and perhaps another begun, while it came."""
        job = self._job
        return job if job is not None and job.state is ImportState.RECEIVING and job.file == file else None

    def _looked(self, job: _Job, done: Future[tuple[Item, ...] | Problem]) -> None:
        with self._lock:
            if job is not self._job or done.cancelled():
                return
            try:
                job.items = made_of(done)
            except ProblemError as error:
                self._fail(job, error.sentence)
                return
            job.state = ImportState.LOOKED

    # --- a person decides -----------------------------------------------------------------------------------------------

    def take_in(self, asked: TakeIn, by: Person) -> ImportView:
        """Take in what is new; returns at once.

        Raises:
            ProblemError: Nothing waits for that decision, nothing is new, or the pen works.
        """
        with self._lock:
            job = self._job
            if job is None or job.state is not ImportState.LOOKED or asked.key != job.folder.name:
                raise _nothing()
            if self._busy():
                raise ProblemError(
                    Code.REFUSED,
                    HTTPStatus.CONFLICT,
                    "A treatment is under way, so nothing was taken in. Do it when the pen is done.",
                )
            new = [one for one in job.items if one.state is ItemState.NEW]
            if not new:
                raise ProblemError(
                    Code.REFUSED, HTTPStatus.CONFLICT, "Nothing in this file is new, so nothing was taken in."
                )
            job.state, job.done, job.total = ImportState.TAKING, 0, len(new)
            self._taking = threading.Thread(
                target=self._take, args=(job, new, by), name="console-import", daemon=True
            )
            self._taking.start()
        return self.view()

    def drop(self) -> ImportView:
        """Throw the file away.

        Raises:
            ProblemError: It is being taken in.
        """
        with self._lock:
            if self._job is not None and self._job.state is ImportState.TAKING:
                raise _under_way(self._job)
            self._throw_away()
        return self.view()

    def _take(self, job: _Job, new: list[Item], by: Person) -> None:
        complaint = FAILED
        try:
            complaint = self._taken(job, new, by)
        finally:  # an error of the program ends the thread and stands in its output; what is shown must not go on for ever
            if not self._closing.is_set():
                self._end(job, complaint)

    def _taken(self, job: _Job, new: list[Item], by: Person) -> str:
        """Takes them in, one after the other, until the console ends; says what was left, nothing where nothing was."""
        left: list[str] = []
        for item in new:
            while self._busy() and not self._closing.wait(BUSY_LOOK_S):
                pass  # strokes go first
            if self._closing.is_set():
                break
            try:
                prepared = self._workshop.make(bundles.prepared, job.file, item.name)
                intake.keep(self._clinic, prepared, signer(by))
            except PenError as error:
                left.append(error.sentence)
            job.done += 1
        if not left:
            return ""
        whole = f"{len(new) - len(left)} of {len(new)} patients were taken in, each whole; the others not."
        return " ".join([whole, *dict.fromkeys(left)])

    def _end(self, job: _Job, complaint: str) -> None:
        with self._lock:
            if complaint:
                self._fail(job, complaint)
            else:
                job.state = ImportState.DONE
            _remove(job.folder)

    # --- looking --------------------------------------------------------------------------------------------------------

    @property
    def stage(self) -> object:
        """Another value when something moved that costs nothing to ask."""
        job = self._job
        return None if job is None else (job.folder, job.state, job.done)

    def view(self) -> ImportView:
        """How it stands, all of it at one moment. Looks at the disk while a file comes: not for an event loop."""
        with self._lock:
            job = None if self._job is None else replace(self._job)
        if job is None:
            return ImportView()
        counts = {state: sum(1 for one in job.items if one.state is state) for state in ItemState}
        done, total = _marked(job.folder) if job.state is ImportState.LOOKING else (job.done, job.total)
        size = 0
        with suppress(OSError):
            size = job.file.stat().st_size
        return ImportView(
            state=job.state,
            by=job.by.name,
            bytes=size,
            done=done,
            total=total,
            new=counts[ItemState.NEW],
            here=counts[ItemState.HERE],
            refused=counts[ItemState.REFUSED],
            items=shown(job.items),
            key=job.folder.name if job.state is ImportState.LOOKED else None,
            sentence=job.sentence,
        )

    def end(self) -> None:
        """Take in no further patient."""
        self._closing.set()

    def close(self) -> None:
        """The patient that is being taken in is taken in whole; what is left of the file is thrown away."""
        self.end()
        if self._taking is not None:
            self._taking.join(CLOSE_S)
        with self._lock:
            self._throw_away()

    # --- inside ---------------------------------------------------------------------------------------------------------

    def _room(self) -> Path:
        """A new folder that only this user may enter: it will hold patients."""
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            return Path(tempfile.mkdtemp(dir=self._folder))
        except OSError as error:
            raise UsageError(
                f"There is no room for a file beside the record ({error.strerror or error}), so nothing was taken in. Make room "
                "on that disk and try again."
            ) from error

    def _fail(self, job: _Job, sentence: str) -> None:
        job.sentence, job.state = sentence, ImportState.FAILED
        _remove(job.folder)

    def _throw_away(self) -> None:
        job, self._job = self._job, None
        if job is not None:
            _remove(job.folder)


def look(record: Path, file: Path) -> tuple[Item, ...]:
    """What a file would bring. May take minutes, and is for the workshop's process.

    Raises:
        PenError: See `pen_host.exports.bundles`.
    """
    mark = file.with_name(MARK)

    def marked(done: int, total: int) -> None:
        with suppress(OSError):  # it is for the eye
            mark.write_text(f"{done} {total}")

    with Clinic.read(record) as clinic:
        return bundles.look(clinic, file, marked)


def _marked(folder: Path) -> tuple[int, int]:
    try:
        done, total = (folder / MARK).read_text().split()
        return int(done), int(total)
    except (OSError, ValueError):  # not yet, or being written
        return 0, 0


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _under_way(job: _Job) -> ProblemError:
    return ProblemError(
        Code.REFUSED,
        HTTPStatus.CONFLICT,
        f"A file of {job.by.name} is being taken in, so no second one was begun. Wait until it is done.",
    )


def _nothing() -> ProblemError:
    return ProblemError(
        Code.NOT_WAITING,
        HTTPStatus.CONFLICT,
        "No file waits for that, so nothing was done. Send it, and decide on what the screen shows then.",
    )

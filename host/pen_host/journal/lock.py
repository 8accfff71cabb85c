"""One writer: a lock file beside the record that the system itself takes back when its holder dies."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pen_host.journal.errors import JournalLockedError, JournalUnwritableError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_NOTE_AT = 1
"""The first byte is what Windows locks; who holds it is written after that, readable while it is locked."""


class WriterLock:
    """Held from creation to `release`; a second one for the same record is refused, in this process as in others.

    Args:
        record: The record to write.

    Raises:
        JournalLockedError: Somebody else writes this record.
        JournalUnwritableError: The lock file cannot be made.
    """

    def __init__(self, record: Path) -> None:
        path = record.with_name(record.name + ".lock")
        try:
            # Never removed again: removing a lock file lets two processes lock two files of one name.
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise JournalUnwritableError(record, str(error)) from error
        try:
            _lock(self._descriptor)
        except OSError as error:
            holder = _note(self._descriptor)
            os.close(self._descriptor)
            raise JournalLockedError(record, holder) from error
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, b"\n" * _NOTE_AT + f"process {os.getpid()}".encode())

    def release(self) -> None:
        """Lets the next writer in; harmless when repeated."""
        if self._descriptor < 0:
            return
        os.close(self._descriptor)
        self._descriptor = -1


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, _NOTE_AT)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _note(descriptor: int) -> str:
    """What the holder wrote of itself."""
    try:
        os.lseek(descriptor, _NOTE_AT, os.SEEK_SET)
        return os.read(descriptor, 64).decode(errors="replace").strip()
    except OSError:
        return ""

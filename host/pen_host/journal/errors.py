"""What can go wrong with the record. All of them end with exit code 10, and none of them leaves half a row."""

from __future__ import annotations

from pathlib import Path

from pen_host.errors import JournalError


class JournalLockedError(JournalError):
    """Another process writes, or holds, this record.

    Args:
        path: The record.
        holder: What the lock file says of its holder.
    """

    def __init__(self, path: Path, holder: str = "") -> None:
        by = f" ({holder})" if holder else ""
        super().__init__(
            f"The record {path} is held by another program{by}, so nothing can be written to it and no treatment may "
            "start. Close the other pen program or database viewer, then try again."
        )


class JournalDamagedError(JournalError):
    """The file is not a whole record any more.

    Args:
        path: The record.
        why: What was found, as a clause.
    """

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"The record {path} is damaged: {why}. Nothing was changed and no treatment may start with it. Keep the "
            "file as it is, restore the newest backup beside it or begin a new record, and report what happened."
        )


class JournalFullError(JournalError):
    """The disk took no more.

    Args:
        path: The record.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"The disk with the record {path} is full: the last entry was not written and no treatment may start or "
            "go on. Free disk space, then go on; every entry written before is kept."
        )


class JournalUnwritableError(JournalError):
    """The system refused to write or read the file.

    Args:
        path: The record.
        why: What the system said.
    """

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"The record {path} cannot be used ({why}), so nothing is recorded and no treatment may start. Check the "
            "disk and the rights on that folder, then try again."
        )


class JournalNewerError(JournalError):
    """A newer program made this record.

    Args:
        path: The record.
        revision: The layout the record says it has.
    """

    def __init__(self, path: Path, revision: str) -> None:
        super().__init__(
            f"The record {path} was written by a newer version of this program (layout {revision}), which this one "
            "does not know. Nothing was changed. Install the newer version, or choose another record."
        )


class JournalPlaceError(JournalError):
    """The record lies where it would not be safe.

    Args:
        path: The record.
        why: What kind of place it is, as a noun.
    """

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"The record {path} would lie in {why}, where a half written copy could replace it or locks do not hold, "
            "so it was not opened. Choose a folder on a disk of this computer that nothing synchronises."
        )


class JournalUnhealthyError(JournalError):
    """An earlier entry could not be written, and nobody has recovered the record since.

    Args:
        path: The record.
        cause: The sentence of the first failure.
    """

    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(
            f"The record {path} has failed and stays closed until it is recovered: {cause} No treatment may start. "
            "Remove the cause, then recover the record or start the program again."
        )


class JournalKeyError(JournalError):
    """The record is encrypted and cannot be opened.

    Args:
        path: The record.
        why: As a clause.
        remedy: What to do, a sentence.
    """

    def __init__(self, path: Path, why: str, remedy: str) -> None:
        super().__init__(
            f"The record {path} is encrypted, or damaged from its first byte on, and {why}, so it was not opened and nothing "
            f"was changed. {remedy}"
        )


class EntryError(JournalError):
    """An entry does not say what its kind must say; it was not written.

    Args:
        why: What is missing or cannot be written, as a clause.
    """

    def __init__(self, why: str) -> None:
        super().__init__(
            f"An entry for the record was not written: {why}. What it announces must not happen; report this to the "
            "maker of the program."
        )

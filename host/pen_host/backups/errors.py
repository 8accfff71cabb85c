"""What can be wrong with a backup."""

from __future__ import annotations

from pathlib import Path

from pen_host.errors import UsageError, VerificationError


class BackupError(VerificationError):
    """A folder is no whole backup.

    Args:
        folder: The folder.
        why: As a clause.
    """

    def __init__(self, folder: Path, why: str) -> None:
        super().__init__(
            f"{folder} is not a backup that can be relied on ({why}), so nothing was restored from it and no record was "
            "changed. Take an older backup, and keep this one as it is."
        )


class BackupPlaceError(UsageError):
    """A backup would lie where it must not.

    Args:
        folder: The folder.
        why: As a clause.
    """

    def __init__(self, folder: Path, why: str) -> None:
        super().__init__(
            f"Nothing was saved to or restored in {folder}: {why}. Choose a folder on a disk of your own that nothing "
            "synchronises, for example a drive that is kept elsewhere."
        )

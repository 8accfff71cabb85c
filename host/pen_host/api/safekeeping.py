"""How the record is protected where it lies, and why a console that has it open does not change that.

Encrypting replaces the record's file. Every reader and the writer here hold that file open, so a treatment could go on writing
into the old one: it is done by a command while nobody has the record, which may be cut short at any line and repeated.
"""

from __future__ import annotations

import shlex
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path

from ..records import at_rest
from ..vault import this_vault
from .models import Model
from .people import Person
from .problems import Code, ProblemError


class Change(StrEnum):
    """What the command line can do to a record at rest."""

    ENCRYPT = "encrypt"
    REKEY = "rekey"
    RECOVERY_CODE = "recovery-code"


class AskChange(Model):
    """Do it now."""

    change: Change


class ProtectionView(Model):
    """How the record is protected."""

    record: str
    encrypted: bool
    possible: bool
    kept_in: str
    key_on_disk: bool
    exposed: tuple[str, ...]
    commands: dict[Change, str]
    """What is typed into a terminal once every console of this record is closed."""


def protection(record: Path, by: Person) -> ProtectionView:
    """How the record is protected. Waits for the disk.

    Raises:
        PenError: Its key, or the keyring, is not at hand.
    """
    found = at_rest.protection(record, this_vault())
    wanted = (Change.REKEY, Change.RECOVERY_CODE) if found.encrypted else (Change.ENCRYPT,)
    if found.exposed:
        wanted = (Change.ENCRYPT, *wanted)
    return ProtectionView(
        record=str(record),
        encrypted=found.encrypted,
        possible=found.possible,
        kept_in=found.kept_in,
        key_on_disk=found.key_on_disk,
        exposed=found.exposed,
        commands={change: command(record, change, by) for change in wanted},
    )


def command(record: Path, change: Change, by: Person) -> str:
    """What is typed for a change; the recovery code is read by nobody's name."""
    words = ["pen", "log", change.value, "--journal", str(record)]
    if change is not Change.RECOVERY_CODE:
        words += ["--operator", by.name]
    return shlex.join(words)


def refuse(record: Path, change: Change, by: Person) -> ProblemError:
    """Why a console does not do it."""
    return ProblemError(
        Code.REFUSED,
        HTTPStatus.CONFLICT,
        "This console has the record open, so it stays as it is: changing it now could lose what is being written. Close every "
        f"console of this record, then run: {command(record, change, by)}",
    )

"""What lies in a file that somebody brings: one bundle of ours, or a whole FHIR export of ours packed into a zip file.

`look` says what would be new, what is here already and what would be refused, and stores nothing. `prepared` reads one bundle
again for taking in. Nothing is ever unpacked to the disk.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from pen_host.errors import PenError, VerificationError
from pen_host.exports import intake, reading
from pen_host.exports.fhir.common import Dialect
from pen_host.exports.files import MANIFEST
from pen_host.exports.intake import HereAlreadyError
from pen_host.exports.reading import Prepared
from pen_host.records import Clinic

BUNDLES_MAX = 100_000
"""Bundles in one file; a clinic of five years has a fifth of it. (J)"""
SINGLE = "The file"
"""What a bundle is called that lies in no export: names of files may tell who is in it."""
_BROKEN = (
    "{name} is no export of derma-pen that can be read ({why}), so nothing was taken in. Make the export again and bring the "
    "whole of it."
)
_UNREADABLE = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, OSError),
    *(NotImplementedError, RuntimeError),  # packed in a way that Python does not know; locked by a password
)


class ItemState(StrEnum):
    """What would become of a bundle."""

    NEW = "new"
    HERE = "here"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Item:
    """One patient's bundle.

    Attributes:
        name: In the file.
        state: What would become of it.
        patient_id: The patient; None where that cannot be read.
        rows: How many.
        photographs: How many.
        without_picture: Photographs of which the bundle holds the row and not the picture.
        why: Why it would not be taken in; empty for a new one.
    """

    name: str
    state: ItemState
    patient_id: str | None = None
    rows: int = 0
    photographs: int = 0
    without_picture: int = 0
    why: str = ""


def look(clinic: Clinic, file: Path, progress: Callable[[int, int], None] | None = None) -> tuple[Item, ...]:
    """What a file would bring. Stores nothing.

    Args:
        clinic: The record, to read.
        file: A bundle, or an export as a zip file.
        progress: Told how many bundles were looked at, and of how many.

    Raises:
        VerificationError: The file is neither, is not whole, or is not what its manifest says: nothing of it is used then.
    """
    with _opened(file) as found:
        names = found.names()
        items = []
        for done, name in enumerate(names):
            if progress is not None:
                progress(done, len(names))
            items.append(_item(clinic, found, name))
        return tuple(items)


def prepared(file: Path, name: str) -> Prepared:
    """One bundle of a file, read and checked.

    Raises:
        VerificationError: It cannot be used.
    """
    with _opened(file) as found:
        return reading.prepare(found.read(name), name)


class _Bundle:
    """A file that is one bundle."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def names(self) -> list[str]:
        return [SINGLE]

    def read(self, name: str) -> bytes:
        return reading.read(self._file, name)


class _Packed:
    """A whole export."""

    def __init__(self, packed: zipfile.ZipFile, known: dict[str, str]) -> None:
        self._packed = packed
        self._known = known

    def names(self) -> list[str]:
        """One bundle of each patient: both dialects hold the same record."""
        by_patient: dict[str, str] = {}
        for name in sorted(self._known):
            patient, _, rest = name.partition(".")
            if rest in {f"{dialect}.json" for dialect in Dialect}:
                by_patient[patient] = name
        return list(by_patient.values())

    def read(self, name: str) -> bytes:
        try:
            with self._packed.open(name) as stream:
                raw = stream.read(reading.SIZE_MAX + 1)
        except _UNREADABLE as error:
            raise VerificationError(_BROKEN.format(name="The file", why=f"{name} is not whole")) from error
        if len(raw) > reading.SIZE_MAX:
            raise VerificationError(_BROKEN.format(name=name, why="it is too large"))
        if hashlib.sha256(raw).hexdigest() != self._known[name]:
            raise VerificationError(
                _BROKEN.format(name="The file", why=f"{name} is not what its manifest says")
            )
        return raw


@contextmanager
def _opened(file: Path) -> Iterator[_Bundle | _Packed]:
    try:
        packed = zipfile.ZipFile(file) if zipfile.is_zipfile(file) else None
    except _UNREADABLE as error:
        raise VerificationError(_BROKEN.format(name="The file", why="it is not whole")) from error
    if packed is None:
        yield _Bundle(file)
        return
    with packed:
        yield _Packed(packed, _manifest(packed))


def _manifest(packed: zipfile.ZipFile) -> dict[str, str]:
    try:
        found: dict[str, Any] = json.loads(packed.read(MANIFEST))
        known = {str(name): str(digest) for name, digest in found["files"].items()}
        form, deidentified = found["form"], found["deidentified"]
    except (*_UNREADABLE, KeyError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise VerificationError(_BROKEN.format(name="The file", why="it has no manifest of ours")) from error
    if form != "fhir" or deidentified:
        named = "de-identified" if deidentified else form
        raise VerificationError(
            f"This is a {named} export, which holds no record that could be taken in, so nothing was. Bring a FHIR export with "
            "names."
        )
    lacking = sorted(known.keys() - set(packed.namelist()))
    if lacking or len(known) > BUNDLES_MAX:
        why = f"{lacking[0]} is missing" if lacking else "it has too many files"
        raise VerificationError(_BROKEN.format(name="The file", why=why))
    return known


def _item(clinic: Clinic, found: _Bundle | _Packed, name: str) -> Item:
    raw = found.read(name)  # what is not what the manifest says ends it all
    try:
        bundle = reading.prepare(raw, name)
    except PenError as error:
        return Item(name, ItemState.REFUSED, why=error.sentence)
    pictures = (len(bundle.pictures), len(bundle.without_picture))
    known = (bundle.archive.patient_id, sum(bundle.rows.values()), *pictures)
    try:
        intake.must_be_new(clinic.store, bundle.archive)
    except HereAlreadyError as error:
        return Item(name, ItemState.HERE, *known, error.sentence)
    except PenError as error:
        return Item(name, ItemState.REFUSED, *known, error.sentence)
    return Item(name, ItemState.NEW, *known)

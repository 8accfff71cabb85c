"""Our own bundle back into a record: every row as it was, or nothing.

What comes back: every row of `archive.TABLES` that belongs to the patient, column for column, and their photographs. What does
not: the chain they were written under, with the pen's events and samples; the new record's chain gets one entry that names
the bundle by its hash. Reports on strokes of an imported visit are therefore made where it was treated.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import RowMapping, Select, select

from pen_host.errors import VerificationError
from pen_host.exports import archive
from pen_host.exports.archive import Archive
from pen_host.exports.fhir.bundle import ARCHIVE_TYPE, CONTENT, TAG, content_digest, validated
from pen_host.exports.fhir.common import SYSTEM, Dialect
from pen_host.journal import Draft, Kind
from pen_host.records import Clinic, ConflictError, photo_files
from pen_host.records.consents import in_force, keep_in_force
from pen_host.records.models import Person
from pen_host.records.photo_files import Encoded
from pen_host.records.store import Writing
from pen_host.records.tables import patients, photographs

ZIP_MAGIC = b"PK"
"""Every zip file begins so, whole or not."""
SIZE_MAX = 512 * 1024 * 1024
"""Largest bundle that is read. (J)"""
_ELSEWHERE = (
    "{name} is no bundle that derma-pen exported ({why}), so nothing was taken in. Only our own bundles come back as records; "
    "enter what another system says by hand."
)


class HereAlreadyError(ConflictError):
    """The record has the patient of a bundle."""


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What an import came to.

    Attributes:
        patient_id: The patient.
        rows: Rows by table.
        photographs: Files.
        sha256: Of the bundle.
    """

    patient_id: str
    rows: dict[str, int]
    photographs: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A bundle that was read and checked, whole.

    Attributes:
        archive: Its rows.
        pictures: Its photographs.
        sha256: Of the bundle.
    """

    archive: Archive
    pictures: tuple[Encoded, ...]
    sha256: str

    @property
    def rows(self) -> dict[str, int]:
        """Rows by table."""
        return {name: len(rows) for name, rows in self.archive.tables.items() if rows}


class Asked(Protocol):
    """What answers whether something is in the record: a reader of it, or a change under way."""

    def row(self, query: Select[Any]) -> RowMapping | None:
        """The first row of a query, or None."""


def take_in(clinic: Clinic, file: Path, by: Person) -> TakenIn:
    """Takes our own bundle into a record that does not have this patient.

    Args:
        clinic: The record, open for writing.
        file: The bundle, R4B or R5.
        by: Who does it.

    Raises:
        VerificationError: It is from elsewhere, broken, or was changed after it was exported.
        ConflictError: The record has this patient, or something of it under another meaning.
        JournalError: It could not be written; nothing was taken in.
    """
    return keep(clinic, prepare(read(file, file.name), file.name), by)


def prepare(raw: bytes, name: str) -> Prepared:
    """Reads and checks a bundle; the record is not asked. May take long: a bundle holds photographs.

    Args:
        raw: The bundle.
        name: What to call it in a sentence.

    Raises:
        VerificationError: It is from elsewhere, broken, or was changed after it was exported.
    """
    content = _bundle(raw, name)
    taken = _archive(content, name)
    return Prepared(taken, tuple(_photographs(content, taken, name)), hashlib.sha256(raw).hexdigest())


def must_be_new(asked: Asked, taken: Archive) -> None:
    """Whether a record could take this patient in.

    Raises:
        HereAlreadyError: It has this patient.
        ConflictError: It has something of it under another meaning.
        VerificationError: A value is none.
    """
    if asked.row(select(patients.c.id).where(patients.c.id == taken.patient_id)) is not None:
        raise HereAlreadyError(
            f"The record has patient {taken.patient_id} already, so nothing was taken in: a bundle never overwrites a record. "
            "Take it into another record if you want to compare them."
        )
    for table in archive.SHARED:
        for row in taken.tables.get(table.name, ()):
            _is_there(asked, table, archive.row_values(table, row))


def keep(clinic: Clinic, prepared: Prepared, by: Person) -> TakenIn:
    """Takes in what was read and checked: every row and photograph of it, or nothing.

    Raises:
        ConflictError: See `must_be_new`.
        JournalError: It could not be written; nothing was taken in.
    """
    taken = prepared.archive

    def change(writing: Writing) -> Sequence[Draft]:
        must_be_new(writing, taken)
        before = in_force(writing)
        for table in archive.TABLES:
            for row in taken.tables.get(table.name, ()):
                values = archive.row_values(table, row)
                if table in archive.SHARED and _is_there(writing, table, values):
                    continue
                writing.add(table, **values)
        told = {
            "change": "imported",
            "bundle": prepared.sha256,
            "archive": taken.sha256,
            "rows": prepared.rows,
        }
        return [Draft(Kind.PATIENT, told, subject=taken.patient_id), *keep_in_force(writing, before)]

    kept = [one for one in prepared.pictures if photo_files.keep(clinic.store, one)]
    try:
        clinic.store.write(change, by)
    except BaseException:
        photo_files.remove(clinic.store, [one.sha256 for one in kept])
        raise
    return TakenIn(taken.patient_id, prepared.rows, len(prepared.pictures), prepared.sha256)


def read(file: Path, name: str) -> bytes:
    """The content of a bundle.

    Raises:
        VerificationError: It cannot be read, or is larger than any bundle.
    """
    try:
        if file.stat().st_size > SIZE_MAX:
            raise VerificationError(_ELSEWHERE.format(name=name, why="it is too large"))
        return file.read_bytes()
    except OSError as error:
        raise VerificationError(
            f"{file} cannot be read ({error.strerror or error}), so nothing was taken in. Check the name."
        ) from error


def _bundle(raw: bytes, name: str) -> dict[str, Any]:
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError) as error:
        if raw.startswith(ZIP_MAGIC):
            raise VerificationError(
                f"{name} is a zip file that is cut short or damaged, so nothing was taken in. Fetch the export again."
            ) from error
        raise VerificationError(_ELSEWHERE.format(name=name, why="it is no JSON")) from error
    if not isinstance(content, dict) or content.get("resourceType") != "Bundle":
        raise VerificationError(_ELSEWHERE.format(name=name, why="it is no FHIR bundle"))
    meta = content.get("meta")
    tags = meta.get("tag") if isinstance(meta, dict) else None
    if not isinstance(tags, list) or TAG not in tags:
        raise VerificationError(_ELSEWHERE.format(name=name, why="it does not carry our mark"))
    entries = content.get("entry")
    kinds = {_resource(one).get("resourceType") for one in entries} if isinstance(entries, list) else set()
    validated(content, Dialect.R5 if "DeviceUsage" in kinds else Dialect.R4B)
    if _told_digest(content) != content_digest(content["entry"]):
        raise VerificationError(_ELSEWHERE.format(name=name, why="it was changed after it was exported"))
    return content


def _told_digest(content: dict[str, Any]) -> str | None:
    """What the bundle's provenance says of everything else in it."""
    for entry in content["entry"]:
        resource = _resource(entry)
        for one in resource.get("entity", ()) if resource.get("resourceType") == "Provenance" else ():
            told = one.get("what", {}).get("identifier", {})
            if told.get("system") == f"{SYSTEM}:{CONTENT}":
                return str(told.get("value"))
    return None


def _resource(entry: Any) -> dict[str, Any]:
    found = entry.get("resource") if isinstance(entry, dict) else None
    return found if isinstance(found, dict) else {}


def _attachments(content: dict[str, Any], kind: str) -> list[bytes]:
    """Contents of one media type, each checked against its own hash."""
    found = []
    for entry in content["entry"]:
        resource = _resource(entry)
        if resource.get("resourceType") != "DocumentReference":
            continue
        for one in resource.get("content", ()):
            told = one.get("attachment", {})
            if told.get("contentType") != kind:
                continue
            data = base64.b64decode(told.get("data", ""), validate=True)
            if base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode() != told.get(
                "hash"
            ):
                raise ValueError("an attachment is not what its hash says")
            found.append(data)
    return found


def _archive(content: dict[str, Any], name: str) -> Archive:
    try:
        found = _attachments(content, ARCHIVE_TYPE)
        if len(found) != 1:
            raise ValueError("it holds no record to take in")
        text = found[0].decode()
    except (ValueError, AttributeError, TypeError) as error:
        raise VerificationError(_ELSEWHERE.format(name=name, why=str(error))) from error
    taken = archive.read(text)
    if taken.text != text:
        raise VerificationError(_ELSEWHERE.format(name=name, why="its record was written by another program"))
    return taken


def _photographs(content: dict[str, Any], taken: Archive, name: str) -> list[Encoded]:
    """The files that the rows name, all of them."""
    try:
        found = {hashlib.sha256(one).hexdigest(): one for one in _attachments(content, "image/jpeg")}
    except (ValueError, AttributeError, TypeError) as error:
        raise VerificationError(_ELSEWHERE.format(name=name, why=str(error))) from error
    pictures = []
    for row in taken.tables.get(photographs.name, ()):
        sha256 = str(row["sha256"])
        if sha256 not in found:
            raise VerificationError(
                _ELSEWHERE.format(name=name, why="a photograph is missing or was changed")
            )
        pictures.append(Encoded(found[sha256], sha256, int(row["width_px"]), int(row["height_px"])))
    return pictures


def _is_there(asked: Asked, table: Any, values: dict[str, Any]) -> bool:
    """Whether a shared row is in the record already; it must be the same then."""
    row = asked.row(select(table).where(table.c.id == values["id"]))
    if row is None:
        return False
    differs = [name for name, value in values.items() if row[name] != value]
    if differs:
        raise ConflictError(
            f"The record has another {table.name[:-1].replace('_', ' ')} under the same key ({', '.join(differs)} differ), so "
            "nothing was taken in. Find out which one is right."
        )
    return True

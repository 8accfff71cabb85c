"""Our own bundle, read and checked before anything of it is taken in: form, that nobody changed it, rows, pictures."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pen_host.errors import VerificationError
from pen_host.exports import archive
from pen_host.exports.archive import Archive
from pen_host.exports.fhir.bundle import (
    ABSENT_CODES,
    ARCHIVE_TYPE,
    CONTENT,
    DATA_ABSENT,
    JPEG,
    PICTURE,
    TAG,
    content_digest,
    validated,
)
from pen_host.exports.fhir.common import SYSTEM, Dialect
from pen_host.records.photo_access import Absence, stands
from pen_host.records.photo_files import Encoded
from pen_host.records.tables import consent_texts, consents, photographs

ZIP_MAGIC = b"PK"
"""Every zip file begins so, whole or not."""
SIZE_MAX = 512 * 1024 * 1024
"""Largest bundle that is read. (J)"""
_ELSEWHERE = (
    "{name} is no bundle that derma-pen exported ({why}), so nothing was taken in. Only our own bundles come back as records; "
    "enter what another system says by hand."
)


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

    @property
    def without_picture(self) -> tuple[str, ...]:
        """Digests of the photographs whose pictures the bundle does not hold."""
        there = {one.sha256 for one in self.pictures}
        named = (str(row["sha256"]) for row in self.archive.tables.get(photographs.name, ()))
        return tuple(one for one in named if one not in there)


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
    _valid(content, treated_in_r5="DeviceUsage" in kinds)
    if _told_digest(content) != content_digest(content["entry"]):
        raise VerificationError(_ELSEWHERE.format(name=name, why="it was changed after it was exported"))
    return content


def _valid(content: dict[str, Any], *, treated_in_r5: bool) -> None:
    """Whether it is valid in its dialect. Only a treatment shows which one that is; a bundle without one may be either."""
    if treated_in_r5:
        validated(content, Dialect.R5)
        return
    try:
        validated(content, Dialect.R4B)
    except VerificationError as error:
        try:
            validated(content, Dialect.R5)
        except VerificationError:
            raise error from None


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


def _documents(content: dict[str, Any], kind: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Documents of one media type, each with its attachment."""
    for entry in content["entry"]:
        resource = _resource(entry)
        for one in resource.get("content", ()) if resource.get("resourceType") == "DocumentReference" else ():
            told = one.get("attachment", {})
            if told.get("contentType") == kind:
                yield resource, told


def _attachments(content: dict[str, Any], kind: str) -> list[bytes]:
    """Contents of one media type, each checked against its own hash; those that say why they are absent are left out."""
    found = []
    for _, told in _documents(content, kind):
        if _absent(told) is None:
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


def _absent(attachment: dict[str, Any]) -> str | None:
    """The code of the reason why an attachment has no content; None where it should have one."""
    if "data" in attachment:
        return None
    told = attachment.get("_data", {}).get("extension", ())
    return next((str(one.get("valueCode")) for one in told if one.get("url") == DATA_ABSENT), None)


def _left_out(content: dict[str, Any]) -> set[tuple[str, str]]:
    """Photographs whose pictures the bundle says it does not hold: digest, and code of the reason."""
    return {
        (str(one.get("value")), reason)
        for resource, attachment in _documents(content, JPEG)
        for one in resource.get("identifier", ())
        if one.get("system") == f"{SYSTEM}:{PICTURE}" and (reason := _absent(attachment))
    }


def _photographs(content: dict[str, Any], taken: Archive, name: str) -> list[Encoded]:
    """The files that the rows name: all of them, but for those that the bundle rightly says it does not hold."""
    try:
        found = {hashlib.sha256(one).hexdigest(): one for one in _attachments(content, JPEG)}
        left_out = _left_out(content)
    except (ValueError, AttributeError, TypeError) as error:
        raise VerificationError(_ELSEWHERE.format(name=name, why=str(error))) from error
    rightly = {ABSENT_CODES[Absence.NOT_HERE]}
    if not _agreed(taken):
        rightly.add(ABSENT_CODES[Absence.NO_CONSENT])
    pictures = []
    for row in taken.tables.get(photographs.name, ()):
        sha256 = str(row["sha256"])
        if sha256 in found:
            pictures.append(Encoded(found[sha256], sha256, int(row["width_px"]), int(row["height_px"])))
        elif not any((sha256, reason) in left_out for reason in rightly):
            raise VerificationError(
                _ELSEWHERE.format(name=name, why="a photograph is missing or was changed")
            )
    return pictures


def _agreed(taken: Archive) -> bool:
    """Whether a consent to photographs stands among the rows."""
    names = {row["id"]: row["name"] for row in taken.tables.get(consent_texts.name, ())}
    signed = taken.tables.get(consents.name, ())
    return stands((str(names.get(row["text_id"])), row["withdrawn_at"]) for row in signed)

"""Exports of a whole record into a new folder: FHIR, CSV or Parquet, with a manifest."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import select

from pen_host.errors import UsageError
from pen_host.exports import csv_files, fhir, flat, parquet_files
from pen_host.exports.files import Export, Written
from pen_host.exports.identity import Deidentified, Identity
from pen_host.records import Clinic
from pen_host.records.tables import patients

NOT_SHOWN = "photographs_not_shown"
"""In the manifest: photographs that are in the bundles without their picture, for no consent stands or it is not here."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


class Form(StrEnum):
    """In what form."""

    FHIR = "fhir"
    CSV = "csv"
    PARQUET = "parquet"


def export(
    clinic: Clinic, form: Form, out: Path, *, deidentified: bool = False, clinic_name: str | None = None
) -> Written:
    """Exports the record. The folder is there when all of it is written, or not at all.

    Args:
        clinic: The record.
        form: In what form.
        out: A new folder.
        deidentified: Nobody by name; see `pen_host.exports.identity`.
        clinic_name: Partition of the Parquet files; the station's own name when not given.

    Raises:
        UsageError: The folder is not new, cannot be written, or the clinic's name cannot be part of a path.
        VerificationError: A bundle would not be valid FHIR.
        JournalError: The record cannot be read.
    """
    identity = Deidentified() if deidentified else Identity()
    seal = clinic.seal()
    station = clinic_name or ("clinic" if deidentified else seal.head.station_id)
    if not _NAME.fullmatch(station):
        raise UsageError(
            f"{station[:40]!r} cannot be a clinic's name in a path, so nothing was exported. Use letters, digits, - and _."
        )
    about: dict[str, Any] = {"made by": "derma-pen", "form": str(form), "deidentified": deidentified}
    if not deidentified:
        about |= {"chain_head": seal.text, "record_at": seal.at.isoformat()}
    with Export(out, about) as folder:
        if form is Form.FHIR:
            _bundles(folder, clinic, identity)
        else:
            _tables(folder, clinic, identity, form, station)
    return folder.result


def _bundles(folder: Export, clinic: Clinic, identity: Identity) -> None:
    """Both dialects of every patient."""
    rows = clinic.store.rows(select(patients.c.id).order_by(patients.c.at, patients.c.id))
    if not identity.deidentified:  # there is no photograph at all otherwise
        folder.about[NOT_SHOWN] = sum(len(clinic.photos.not_shown(row["id"])) for row in rows)
    for row in rows:
        name = identity.patient(row["id"])
        for dialect in fhir.Dialect:
            folder.put(f"{name}.{dialect}.json", fhir.patient_bundle(clinic, row["id"], dialect, identity))


def _tables(folder: Export, clinic: Clinic, identity: Identity, form: Form, station: str) -> None:
    found = flat.tables(clinic, identity)
    if form is Form.CSV:
        csv_files.write(folder, found)
        return
    told = {} if identity.deidentified else {"chain head": clinic.seal().text}
    parquet_files.write(folder, found, station, told)
    parquet_files.write_telemetry(folder, clinic, identity, station, told)

"""A patient's record as one FHIR bundle, validated before anybody gets it."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import Any

from pydantic import ValidationError

from pen_host.canonical import canonical_json, digest
from pen_host.errors import UsageError, VerificationError
from pen_host.exports import archive
from pen_host.exports.fhir import findings, treatments
from pen_host.exports.fhir.common import SYSTEM, Bundle, Dialect, Json, code, instant, pruned
from pen_host.exports.identity import Identity
from pen_host.records import Clinic
from pen_host.records.models import Photo, Visit
from pen_host.records.photo_access import Absence, NotShown
from pen_host.records.seals import Seal

ARCHIVE_TYPE = "application/vnd.derma-pen.patient+json"
JPEG = "image/jpeg"
PICTURE = "photograph-sha256"
"""Name of the identifier that says which picture a document is of; as in the manifest of a backup."""
DATA_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
"""FHIR's extension in the place of a value that is not there."""
ABSENT_CODES = {Absence.NO_CONSENT: "masked", Absence.NOT_HERE: "unknown"}
"""Its codes: held back for privacy, and not known here."""
_MODULES = {Dialect.R4B: "fhir.resources.R4B.bundle", Dialect.R5: "fhir.resources.bundle"}
CONTENT = "content-sha256"
"""Name of the identifier that covers every other resource of a bundle."""
TAG = {"system": SYSTEM, "code": "patient-record", "version": str(archive.VERSION)}
"""By which a bundle of ours is known."""


def patient_bundle(
    clinic: Clinic, patient_id: str, dialect: Dialect, identity: Identity | None = None
) -> bytes:
    """A patient's record as a bundle of type `collection`; the same record gives the same bytes.

    Args:
        clinic: The record.
        patient_id: Whose.
        dialect: R4B or R5.
        identity: De-identified when one is given that is; such a bundle holds no archive and cannot be taken in again.

    Raises:
        NotFoundError: There is no such patient.
        VerificationError: What came out is not valid FHIR; nothing is given away.
    """
    patient = clinic.patients.get(patient_id)
    bundle = Bundle(dialect, identity or Identity(), patient.patient_id)
    treatments.add_patient(bundle, patient)
    for consent in clinic.consents.of(patient.patient_id):
        treatments.add_consent(bundle, consent)
    for screened in clinic.screening.of(patient.patient_id):
        treatments.add_screening(bundle, clinic, screened)
    visits = tuple(reversed(clinic.visits.of(patient.patient_id)))
    for visit in visits:
        treatments.add_visit(bundle, clinic, visit)
        _signature(bundle, visit)
    for outcome in clinic.outcomes.of(patient.patient_id):
        findings.add_outcome(bundle, outcome)
    for reaction in clinic.reactions.of(patient.patient_id):
        findings.add_reaction(bundle, reaction)
    seal = clinic.seal()
    if not bundle.identity.deidentified:
        not_shown = clinic.photos.not_shown(patient.patient_id)
        for photo in clinic.photos.of(patient.patient_id):
            _photo(bundle, clinic, photo, not_shown.get(photo.photo_id))
        _archive(bundle, clinic, seal)
    _provenance(bundle, seal)
    content = {
        "resourceType": "Bundle",
        "meta": {"tag": [TAG]} if not bundle.identity.deidentified else {},
        "type": "collection",
        "timestamp": bundle.at(seal.at),
        "entry": bundle.entries,
    }
    told = pruned(content)
    validated(told, dialect)
    return (canonical_json(told) + "\n").encode()


def validated(content: Json, dialect: Dialect) -> None:
    """Has a bundle checked against the FHIR models.

    Raises:
        VerificationError: It is not valid; says where.
    """
    try:
        _model(dialect).model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"][-4:])
        raise VerificationError(
            f"This is no valid FHIR {dialect.upper()} bundle ({where}: {first['msg']}), so it was not used. Report it to whoever "
            "made it."
        ) from error
    except KeyError as error:  # the library's own way to say that it has no such resource
        raise VerificationError(
            f"This is no valid FHIR {dialect.upper()} bundle ({error.args[0]} is no resource), so it was not used. Report it to "
            "whoever made it."
        ) from error


@cache
def _model(dialect: Dialect) -> Any:
    try:
        # imported late: it costs half a second
        from importlib import import_module

        return import_module(_MODULES[dialect]).Bundle
    except ImportError as error:
        raise UsageError(
            "FHIR needs the extra 'record', which is not installed here, so nothing was written. Install it with "
            "pip install 'derma-pen[record]'."
        ) from error


def content_digest(entries: list[Json]) -> str:
    """SHA-256 over every resource but the provenance, which holds it: a bundle that was edited shows it."""
    return digest([one for one in entries if one["resource"]["resourceType"] != "Provenance"])


def _signature(bundle: Bundle, visit: Visit) -> None:
    """That somebody signed, as an event of the audit trail."""
    signed = visit.signature
    if signed is None:
        return
    what = bundle.to("Procedure", visit.visit_id)
    told = code("audit", "signed", bundle.identity.text(signed.meaning))
    agent = {"requestor": True, "who": bundle.by(signed.signer.name, signed.signer.role)}
    content: Json = {
        "action": "U",
        "recorded": bundle.at(signed.at),
        "agent": [agent],
        "source": {"observer": {"display": "derma-pen"}},
        "entity": [{"what": what}],
    }
    if bundle.dialect is Dialect.R4B:
        content |= {"type": told["coding"][0], "outcome": "0"}
    else:
        content |= {"code": told}
    bundle.add("AuditEvent", visit.visit_id, content)


def _photo(bundle: Bundle, clinic: Clinic, photo: Photo, not_shown: NotShown | None) -> None:
    """A photograph with its picture, or with the reason why that is not given out."""
    title = f"{str(photo.view).replace('_', ' ')}, {photo.day.isoformat()}"
    told: Json = {"identifier": bundle.identifier(PICTURE, photo.sha256)}
    if not_shown is None:
        attachment = _attachment(JPEG, clinic.photos.content(photo), title)
    else:
        reason = {"url": DATA_ABSENT, "valueCode": ABSENT_CODES[not_shown.reason]}
        attachment = {"contentType": JPEG, "_data": {"extension": [reason]}, "title": title}
        told["description"] = not_shown.sentence
    _document(bundle, photo.photo_id, "photograph", bundle.at(photo.at), attachment, told)


def _archive(bundle: Bundle, clinic: Clinic, seal: Seal) -> None:
    """The rows themselves, so that our own bundle can be taken in without a loss."""
    taken = archive.take(clinic.store, bundle.patient_id)
    told = _attachment(ARCHIVE_TYPE, taken.text.encode(), "derma-pen record of this patient")
    _document(bundle, f"archive:{bundle.patient_id}", "archive", instant(seal.at), told)


def _document(
    bundle: Bundle, key: str, kind: str, at: str | None, attachment: Json, told: Json | None = None
) -> None:
    content = {
        **(told or {}),
        "status": "current",
        "type": code("document", kind),
        "subject": bundle.patient,
        "date": at,
        "content": [{"attachment": attachment}],
    }
    bundle.add("DocumentReference", key, content)


def _attachment(kind: str, content: bytes, title: str) -> Json:
    return {
        "contentType": kind,
        "data": base64.b64encode(content).decode(),
        "size": len(content),
        # FHIR wants SHA-1 here; the SHA-256 of every file is in the manifest
        "hash": base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode(),
        "title": title,
    }


def _provenance(bundle: Bundle, seal: Seal) -> None:
    """From which record, up to which entry of its chain."""
    # a de-identified bundle names no entry: the moment of a head leads back to a day in a clinic
    head = [] if bundle.identity.deidentified else bundle.identifier("chain-head", seal.text)
    whole = bundle.identifier(CONTENT, content_digest(bundle.entries))
    content: Json = {
        "target": [{"reference": one["fullUrl"]} for one in bundle.entries],
        "recorded": bundle.at(seal.at),
        "agent": [{"who": {"display": f"derma-pen station {bundle.identity.key(seal.head.station_id)}"}}],
        "entity": [
            *(
                {"role": "source", "what": {"identifier": one, "display": "head of the record's chain"}}
                for one in head
            ),
            *(
                {"role": "source", "what": {"identifier": one, "display": "everything else in this bundle"}}
                for one in whole
            ),
        ],
    }
    bundle.add("Provenance", f"provenance:{bundle.patient_id}", content)

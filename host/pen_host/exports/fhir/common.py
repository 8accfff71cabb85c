"""What every resource is made with: references, codes, quantities, times. They are plain JSON until a bundle is validated."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction
from typing import Any

from pen_host.exports.identity import Identity

Json = dict[str, Any]
SYSTEM = "urn:derma-pen"
"""Root of the project's own code systems and identifiers."""
UCUM = "http://unitsofmeasure.org"
GS1 = "http://hl7.org/fhir/NamingSystem/gs1-di"
_SPACE = uuid.UUID("6f9f2f6c-7a0e-5a67-9c53-0d6b8f2f6a11")
_DIGITS = 4


class Dialect(StrEnum):
    """Which FHIR. R4B of these resources is valid 4.0.1 as well."""

    R4B = "r4b"
    R5 = "r5"


@dataclass
class Bundle:
    """Resources on their way into a bundle.

    Attributes:
        dialect: Which FHIR.
        identity: Who is called what.
        patient_id: The patient, as the record knows them.
        entries: Entries so far.
    """

    dialect: Dialect
    identity: Identity
    patient_id: str
    entries: list[Json] = field(default_factory=list)

    def add(self, kind: str, key: str, content: Json) -> Json:
        """Adds a resource and returns the reference to it.

        Args:
            kind: Its type.
            key: The record's key for it; equal keys of one type are one resource.
            content: It, without type and id; what is None or empty is left out.
        """
        name = self.uuid(kind, key)
        entry = {
            "fullUrl": f"urn:uuid:{name}",
            "resource": {"resourceType": kind, "id": name, **pruned(content)},
        }
        if all(one["fullUrl"] != entry["fullUrl"] for one in self.entries):
            self.entries.append(entry)
        return self.to(kind, key)

    def to(self, kind: str, key: str) -> Json:
        """A reference to a resource of this bundle."""
        return {"reference": f"urn:uuid:{self.uuid(kind, key)}", "type": kind}

    def uuid(self, kind: str, key: str) -> str:
        """The same for the same key, in every export; another one when de-identified."""
        return str(uuid.uuid5(_SPACE, f"{kind}:{self.identity.key(key)}"))

    @property
    def patient(self) -> Json:
        """The patient."""
        return self.to("Patient", self.patient_id)

    def by(self, name: str, role: str) -> Json:
        """A person of the clinic: named, not described."""
        return {"display": f"{self.identity.person(name)}, {role}"}

    def day(self, value: date | None) -> str | None:
        """A day in this patient's life."""
        moved = self.identity.day(self.patient_id, value)
        return None if moved is None else moved.isoformat()

    def at(self, value: datetime | None) -> str | None:
        """A moment in this patient's life."""
        moved = self.identity.moment(self.patient_id, value)
        return None if moved is None else instant(moved)

    def identifier(self, what: str, value: str | None) -> list[Json]:
        """An identifier of the project's own."""
        return [{"system": f"{SYSTEM}:{what}", "value": value}] if value else []


def code(what: str, value: str, text: str | None = None) -> Json:
    """A concept of one of the project's own code systems."""
    words = text or value.replace("_", " ")
    return {"coding": [{"system": f"{SYSTEM}:{what}", "code": value, "display": words}], "text": words}


def quantity(value: float | Fraction, unit: str, ucum: str) -> Json:
    """A number with its unit."""
    number = float(value)
    return {
        "value": int(number) if number == int(number) else round(number, _DIGITS),
        "unit": unit,
        "system": UCUM,
        "code": ucum,
    }


def instant(value: datetime) -> str:
    """A moment as FHIR writes it: milliseconds, with its zone."""
    return value.isoformat(timespec="milliseconds")


def pruned(content: Json) -> Json:
    """Without what is None or empty: FHIR has no place for nothing."""
    kept: Json = {}
    for name, value in content.items():
        told = _pruned(value)
        if told is not None and told != {} and told != []:
            kept[name] = told
    return kept


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return pruned(value)
    if isinstance(value, list | tuple):
        return [told for one in value if (told := _pruned(one)) is not None and told != {}]
    return value

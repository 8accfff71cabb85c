"""What the treatment flow needs of a clinic's own record: patients, presets, consent, cartridges, the close."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ..checks import Finding
from ..models import CartridgeSeen, Endpoint, Plan
from ..plans import load_plan, shipped_plans
from .flow_models import PatientView


@dataclass(frozen=True, slots=True)
class ConsentText:
    """What a patient agrees to.

    Attributes:
        title: For the screen.
        text: All of it.
    """

    title: str
    text: str

    @property
    def sha256(self) -> str:
        """Names this very text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Opened:
    """Everything that was settled before the pen begins.

    Attributes:
        patient: Pseudonymous reference.
        operator: Who treats.
        plan: As it will be carried out.
        consent: The text that was agreed to.
        answers: Of the screening.
        reasons: Why findings were passed, by rule.
        cartridge: As the pen read it.
    """

    patient: str
    operator: str
    plan: Plan
    consent: ConsentText
    answers: Mapping[str, bool]
    reasons: Mapping[str, str]
    cartridge: CartridgeSeen


@dataclass(frozen=True, slots=True)
class Closed:
    """What is said when a treatment is closed.

    Attributes:
        session_id: The session in the record.
        opened: What it began with.
        endpoint: What was seen.
        topical: What was applied, None for nothing.
        topical_minutes_after: How long after the last stroke.
        aftercare_given: The sheet was handed over.
        notes: The operator's words.
        signed_by: Who signed.
    """

    session_id: str
    opened: Opened
    endpoint: Endpoint
    topical: str | None
    topical_minutes_after: int | None
    aftercare_given: bool
    notes: str | None
    signed_by: str


class Clinic(Protocol):
    """The clinic's own record. Called from threads that may wait, never from an event loop."""

    def patient(self, reference: str) -> PatientView:
        """Who has this reference.

        Raises:
            PenError: Nobody, or the record cannot be read.
        """

    def presets(self) -> Mapping[str, Plan]:
        """Plans to begin from, by name."""

    def consent(self, plan: Plan) -> ConsentText:
        """What a patient agrees to before this plan."""

    def cartridge_findings(self, seen: CartridgeSeen, scanned: str | None, patient: str) -> list[Finding]:
        """What the clinic's stock and recalls say against a cartridge, beyond what pen and journal say."""

    def closed(self, treatment: Closed) -> None:
        """A treatment was closed and signed."""


class PlainClinic:
    """A clinic without a record of its own: the journal knows patients by reference, presets are the shipped ones."""

    def patient(self, reference: str) -> PatientView:
        """See `Clinic`: every reference is good."""
        return PatientView(reference=reference, label=reference)

    def presets(self) -> Mapping[str, Plan]:
        """See `Clinic`."""
        return {name: load_plan(name) for name in shipped_plans()}

    def consent(self, plan: Plan) -> ConsentText:
        """See `Clinic`."""
        lines = [
            f"Microneedling: {plan.title}.",
            f"Needle protrusion settings up to {plan.depth_cap_um / 1000:.2f} mm on {len(plan.zones)} zones.",
            "This use is off-label: no authority has cleared it." if plan.off_label else "",
            f"Where the numbers come from: {plan.source.citation}",
            "I was told of benefits, risks and alternatives, could ask, and may stop at any time.",
        ]
        return ConsentText("Consent to treatment", "\n".join(line for line in lines if line))

    def cartridge_findings(self, _seen: CartridgeSeen, _scanned: str | None, _patient: str) -> list[Finding]:
        """See `Clinic`: nothing beyond what pen and journal say."""
        return []

    def closed(self, treatment: Closed) -> None:
        """See `Clinic`: the journal has it."""

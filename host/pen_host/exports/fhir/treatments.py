"""Patient, consent, screening, and what was done: procedures, devices, their use, and the dose of each zone."""

from __future__ import annotations

from pen_host.dose import LABEL, ZoneDose
from pen_host.exports.fhir.common import GS1, Bundle, Dialect, Json, code, quantity
from pen_host.records import Clinic
from pen_host.records.models import Cartridge, Consent, Patient, Screened, Visit, VisitState

_STATES = {
    VisitState.OPEN: "in-progress",
    VisitState.CLOSED: "completed",
    VisitState.ABANDONED: "stopped",
}


def add_patient(bundle: Bundle, patient: Patient) -> None:
    """The patient."""
    who = patient.demographics
    whole = not bundle.identity.deidentified
    content: Json = {
        "identifier": bundle.identifier("patient", bundle.identity.patient(patient.patient_id)),
        "active": patient.erased_at is None,
    }
    if who is not None:
        content["gender"] = str(who.sex) if who.sex else "unknown"
        if whole:
            content["name"] = [{"use": "official", "text": who.full_name}]
            content["birthDate"] = who.birth_date.isoformat()
            content["telecom"] = [
                *([{"system": "phone", "value": who.phone}] if who.phone else []),
                *([{"system": "email", "value": who.email}] if who.email else []),
            ]
            content["identifier"] += bundle.identifier("file-number", who.file_number)
    bundle.add("Patient", patient.patient_id, content)


def add_consent(bundle: Bundle, consent: Consent) -> None:
    """A consent, with the text's name and version; the text itself stays in the record."""
    what = f"{consent.name}, version {consent.version} ({consent.language})"
    content: Json = {
        "status": "active" if consent.stands else "inactive",
        "category": [code("consent", consent.name, what)],
    }
    if bundle.dialect is Dialect.R4B:
        content |= {
            "scope": {
                "coding": [
                    {"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "treatment"}
                ]
            },
            "patient": bundle.patient,
            "dateTime": bundle.at(consent.signed_at),
            "policyRule": {"text": what},
        }
    else:
        content |= {"subject": bundle.patient, "date": bundle.day(consent.signed_at.date())}
    bundle.add("Consent", consent.consent_id, content)


def add_screening(bundle: Bundle, clinic: Clinic, screened: Screened) -> None:
    """The questions asked and what was answered."""
    rules = clinic.screening.rules.by_id
    items = [
        {
            "linkId": rule_id,
            "text": rules[rule_id].question if rule_id in rules else rule_id,
            "answer": [
                {
                    "valueCoding": {
                        "system": "urn:derma-pen:reply",
                        "code": str(answer.reply),
                        "display": str(answer.reply),
                    }
                }
            ],
        }
        for rule_id, answer in sorted(screened.answers.items())
    ]
    content = {
        "questionnaire": "urn:derma-pen:screening",
        "status": "completed",
        "subject": bundle.patient,
        "authored": bundle.at(screened.at),
        "author": None if bundle.identity.deidentified else bundle.by(screened.by.name, screened.by.role),
        "item": items,
    }
    bundle.add("QuestionnaireResponse", screened.screening_id, content)


def add_visit(bundle: Bundle, clinic: Clinic, visit: Visit) -> None:
    """One treatment: its procedure, pens, cartridges, their use, and the dose of each zone."""
    pens = list(dict.fromkeys(one.pen_serial for one in visit.sessions))
    used = clinic.cartridges.of_visit(visit.visit_id)
    devices = [_pen(bundle, serial) for serial in pens] + [_cartridge(bundle, one) for one in used]
    period = {"start": bundle.at(visit.opened_at), "end": bundle.at(visit.closed_at)}
    note = "off-label use" if visit.plan.off_label else "within the cleared use"
    content: Json = {
        "identifier": bundle.identifier("visit", bundle.identity.key(visit.visit_id)),
        "status": _STATES[visit.state],
        "code": code("procedure", "microneedling", bundle.identity.text(visit.plan.title)),
        "subject": bundle.patient,
        "performer": [{"actor": bundle.by(visit.opened_by.name, visit.opened_by.role)}],
        "bodySite": [code("zone", zone.name) for zone in visit.plan.zones],
        "note": [{"text": note}, *([{"text": _protocol(clinic, visit)}] if visit.preset_id else [])],
    }
    if bundle.dialect is Dialect.R4B:
        content |= {"performedPeriod": period, "usedReference": devices}
    else:
        content |= {"occurrencePeriod": period, "used": [{"reference": one} for one in devices]}
    bundle.add("Procedure", visit.visit_id, content)
    for number, device in enumerate(devices):
        _use(bundle, visit, device, number)
    for dose in _doses(clinic, visit):
        _dose(bundle, visit, dose)


def _protocol(clinic: Clinic, visit: Visit) -> str:
    """Which preset a visit was planned by, and which version of it where it is the clinic's own."""
    version = clinic.presets.versions_of_visits()(visit)
    told = ", ".join(["protocol " + str(visit.preset_id), *([version] if version else [])])
    return f"{told}, sha256 {visit.preset_digest}" if visit.preset_digest else told


def _doses(clinic: Clinic, visit: Visit) -> tuple[ZoneDose, ...]:
    """What each zone received; nothing where the pen's events are in another station's chain."""
    with clinic.chain() as reader:
        if any(reader.session(one.session_id) is None for one in visit.sessions):
            return ()
    return clinic.doses(visit.visit_id)


def _pen(bundle: Bundle, serial: str) -> Json:
    content: Json = {
        "identifier": bundle.identifier("pen", serial),
        "serialNumber": serial,
        **_named(bundle, "derma-pen", "pen", "microneedling pen"),
    }
    return bundle.add("Device", f"pen:{serial}", content)


def _cartridge(bundle: Bundle, one: Cartridge) -> Json:
    label = one.label
    content: Json = {
        "identifier": bundle.identifier("cartridge", one.chip_serial),
        "lotNumber": one.lot,
        "expirationDate": one.expiry.isoformat(),
        "serialNumber": label.serial if label else one.chip_serial,
        **_named(bundle, "needle cartridge", "cartridge", "needle cartridge"),
    }
    if label:
        content["udiCarrier"] = [{"deviceIdentifier": label.gtin, "issuer": GS1}]
    return bundle.add("Device", one.cartridge_id, content)


def _named(bundle: Bundle, name: str, kind: str, text: str) -> Json:
    """Name and type of a device, which the dialects spell differently."""
    if bundle.dialect is Dialect.R4B:
        return {
            "deviceName": [{"name": name, "type": "user-friendly-name"}],
            "type": code("device", kind, text),
        }
    return {"name": [{"value": name, "type": "user-friendly-name"}], "type": [code("device", kind, text)]}


def _use(bundle: Bundle, visit: Visit, device: Json, number: int) -> None:
    content: Json = {"status": "completed", "timingDateTime": bundle.at(visit.opened_at)}
    key = f"{visit.visit_id}:{number}"
    if bundle.dialect is Dialect.R4B:
        bundle.add("DeviceUseStatement", key, {**content, "subject": bundle.patient, "device": device})
    else:
        bundle.add(
            "DeviceUsage", key, {**content, "patient": bundle.patient, "device": {"reference": device}}
        )


def _dose(bundle: Bundle, visit: Visit, dose: ZoneDose) -> None:
    zone = next((one for one in visit.plan.zones if one.name == dose.zone), None)
    parts: list[tuple[str, str, Json]] = [
        ("strokes", "strokes", quantity(dose.strokes, "strokes", "1")),
        ("contact_strokes", "strokes with the tip on skin", quantity(dose.contact_strokes, "strokes", "1")),
        ("needles", "needles of the cartridge", quantity(dose.needles, "needles", "1")),
    ]
    if zone is not None:
        parts += [
            ("area", "area as measured", quantity(zone.area_mm2, "mm2", "mm2")),
            (
                "protrusion",
                "needle protrusion setting, not depth in tissue",
                quantity(zone.depth_um, "um", "um"),
            ),
            ("rate", "stroke rate as set", quantity(zone.rate_mhz / 1000, "Hz", "Hz")),
        ]
    content: Json = {
        "status": "final",
        "code": code("observation", "dose", f"{LABEL} of punctures per cm2"),
        "subject": bundle.patient,
        "effectiveDateTime": bundle.at(visit.opened_at),
        "partOf": [bundle.to("Procedure", visit.visit_id)],
        "bodySite": code("zone", dose.zone) if dose.zone else None,
        "note": [{"text": line} for line in dose.cannot_know],
        "component": [
            {"code": code("observation", name, text), "valueQuantity": value} for name, text, value in parts
        ],
    }
    if dose.total is not None:
        content["valueQuantity"] = quantity(dose.total, "per cm2", "/cm2")
    else:
        content["dataAbsentReason"] = {"text": "strokes outside any zone have no area, so no dose"}
    bundle.add("Observation", f"dose:{visit.visit_id}:{dose.zone}", content)

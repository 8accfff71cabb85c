"""The clinical record: patients, consent, screening, cartridges, visits, outcomes and reactions of a clinic.

`Clinic` is the way in. It lies on a journal: the clinical tables are in the journal's own file, and every change of them
and the entry of the chain that tells of it are one transaction. The chain knows patients by pseudonym and salted digest;
names stand in erasable tables only.

    with Clinic.open(folder) as clinic:                 # owns the journal folder/record.sqlite3
    clinic = Clinic.on(journal)                         # shares the journal of a running console

    patient = clinic.patients.add(Demographics(full_name=..., birth_date=...), by=Person(name="anna"))
    plan = clinic.presets.to_plan("hair_weekly_dhurat_2013", [ZoneChoice(name="vertex", area_mm2=5000)])
    rules = clinic.screening.questions(plan)
    screened = clinic.screening.record(patient.patient_id, plan, answers, overrides, by)
    consent = clinic.consents.sign(patient.patient_id, text_id, signed_by=..., ..., by=by)
    visit = clinic.visits.open(patient.patient_id, plan, screened.screening_id, consent.consent_id, by, preset_id=...)
    cartridge = clinic.cartridges.look_up(scan) or clinic.cartridges.register(scan, by, needles=12)
    clinic.cartridges.bind(cartridge.cartridge_id, visit.visit_id, by)
    ...                                                 # run_treatment(subject, screened.session_answers, screened.reasons)
    clinic.visits.attach(visit.visit_id, session_id, pen_serial, by)
    clinic.visits.close(visit.visit_id, Closing(endpoint=...), by)

The models are in `pen_host.records.models`, screening answers in `pen_host.screening`, presets in `pen_host.presets`.
Everything that is refused is refused before anything changes, with one sentence: `InputError` names the fields,
`NotFoundError` what is not there, `ForbiddenStepError` the findings, `ConflictError` what the record holds already.
"""

from pen_host.records import models
from pen_host.records.clinic import Clinic
from pen_host.records.errors import ConflictError, ForbiddenStepError, InputError, NotFoundError, made
from pen_host.records.keys import PseudonymError, pseudonym

__all__ = [
    "Clinic",
    "ConflictError",
    "ForbiddenStepError",
    "InputError",
    "NotFoundError",
    "PseudonymError",
    "made",
    "models",
    "pseudonym",
]

"""A whole visit around a treatment on the simulated pen: what the clinic says is what the pen did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from pen_host.journal import Kind
from pen_host.models import CartridgeSeen, Endpoint, Screening
from pen_host.records import Clinic
from pen_host.records.models import CartridgeState, Closing, Demographics, Person, Visit
from pen_host.screening import NO, shipped_rules
from pen_host.session import Job, TreatmentAbandonedError, TreatmentResult, run_treatment
from pen_sim.eeprom import Cartridge
from tests.host.treatment_bench import OPERATOR, TODAY, Station, small_plan

ANNA = Person(name="Dr. Test", role="physician")
NOON = datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC)


@pytest.fixture
def clinic(station: Station) -> Iterator[Clinic]:
    with Clinic.on(station.journal, now=lambda: NOON, today=lambda: TODAY) as made:
        yield made


def opened(clinic: Clinic) -> Visit:
    """A visit of a patient who may be treated; the plan itself answers nothing, the screening does."""
    patient = clinic.patients.add(Demographics(full_name="Ada Example", birth_date=date(1980, 2, 29)), ANNA)
    small = small_plan(zones=1)
    plan = small.model_copy(update={"screening": Screening(ask=small.screening.ask)})
    text = clinic.consents.publish("microneedling", "en", "Consent", "I agree.", ANNA)
    consent = clinic.consents.sign(patient.patient_id, text.text_id, "Ada Example", ANNA)
    answers = {rule.rule_id: NO for rule in shipped_rules().rules}
    screened = clinic.screening.record(patient.patient_id, plan, answers, (), ANNA)
    return clinic.visits.open(patient.patient_id, plan, screened.screening_id, consent.consent_id, ANNA)


def treat(station: Station, clinic: Clinic, visit: Visit) -> TreatmentResult:
    """The visit's plan on the pen, with what the screening said."""
    screened = clinic.screening.get(visit.screening_id)
    job = Job(
        station.pen,
        station.journal,
        visit.plan,
        OPERATOR,
        visit.patient_id,
        station.hands,
        lambda _: None,
        answers=screened.session_answers,
        reasons={**screened.reasons, **visit.reasons},
        clock=station.line.clock,
        pause=station.pause,
    )
    return run_treatment(job, station.place, TODAY)


def test_a_visit_around_a_treatment_is_one_story_in_one_record(station: Station, clinic: Clinic) -> None:
    visit = opened(clinic)
    result = treat(station, clinic, visit)
    serial = station.pen.identity().serial
    (told,) = [row.payload["cartridge"] for row in station.rows(Kind.CARTRIDGE)]
    seen = CartridgeSeen.model_validate({**told, "used": False}, strict=False)
    cartridge = clinic.cartridges.register_seen(seen, ANNA)
    clinic.cartridges.bind(cartridge.cartridge_id, visit.visit_id, ANNA)
    clinic.visits.attach(visit.visit_id, result.session_id, serial, ANNA)
    used = clinic.cartridges.used(cartridge.cartridge_id, result.session_id, ANNA, seen=seen)
    assert used.state is CartridgeState.USED
    closed = clinic.visits.close(visit.visit_id, Closing(endpoint=Endpoint.MILD_ERYTHEMA), ANNA)

    (dose,) = clinic.doses(visit.visit_id)
    assert dose.contact_strokes == result.zones[0].contact_strokes
    assert dose.strokes == result.strokes_pen == station.strokes_made()
    assert dose.total is not None
    assert dose.total >= 250
    (given,) = clinic.lot(told["lot"])
    assert (given.session_ids, given.pen_serials) == ((result.session_id,), (serial,))
    assert closed.next is not None
    assert station.journal.verify().intact
    everything = "".join(row.payload_json for row in station.rows())
    assert "Ada Example" not in everything
    assert visit.patient_id in {row.subject for row in station.rows(Kind.SESSION_OPENED)}


@pytest.mark.covers("REQ-0504", "REQ-0604")
def test_a_session_refuses_the_cartridges_of_a_lot_that_the_clinic_called_back(
    station: Station, clinic: Clinic
) -> None:
    visit = opened(clinic)
    lot = Cartridge().lot.decode()
    clinic.recalls.call_back(lot, "blunt tips", ANNA)
    with pytest.raises(TreatmentAbandonedError, match=f"Lot {lot} was called back"):
        treat(station, clinic, visit)
    assert station.strokes_made() == 0
    assert [row for row in station.rows(Kind.INTENT) if row.payload["request"] == "CARTRIDGE_USE"] == []


def test_answers_of_a_screening_that_forbids_open_no_session(station: Station, clinic: Clinic) -> None:
    visit = opened(clinic)
    screened = clinic.screening.get(visit.screening_id)
    job = Job(
        station.pen,
        station.journal,
        visit.plan,
        OPERATOR,
        visit.patient_id,
        station.hands,
        lambda _: None,
        answers={**screened.session_answers, "pregnancy": True},
        clock=station.line.clock,
        pause=station.pause,
    )
    for broken in (job, replace(job, answers={})):
        with pytest.raises(Exception, match="may not begin"):
            run_treatment(broken, station.place, TODAY)
    assert station.strokes_made() == 0

"""A clinic with a clock of its own, and a patient who is ready to be treated."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pen_host import gs1
from pen_host.journal import Row
from pen_host.models import Endpoint, Plan
from pen_host.presets import ZoneChoice
from pen_host.records import Clinic
from pen_host.records.models import (
    Cartridge,
    Closing,
    Demographics,
    Override,
    Patient,
    Person,
    Screened,
    Visit,
)
from pen_host.screening import NO, Answer

ANNA = Person(name="anna", role="physician")
BOB = Person(name="bob", role="clinician")
WEEKLY = "hair_weekly_dhurat_2013"
FORTNIGHTLY = "hair_fortnightly_faghihi_2021"
GTIN = "0950600013435" + gs1.check_digit("0950600013435")
PEN = "PEN0000000000001"


class Bench:
    """A clinic under test.

    Attributes:
        clinic: The clinic.
        day: Its calendar day; the clock stands at noon UTC.
    """

    def __init__(self, folder: Path, day: date = date(2028, 2, 1)) -> None:
        self.day = day
        self._ticks = 0
        self.folder = folder
        self.clinic = self.opened()

    def opened(self) -> Clinic:
        return Clinic.open(self.folder, station_id="s1", now=self.now, today=lambda: self.day)

    def reopen(self) -> Clinic:
        """Closes and opens it again, as the next morning."""
        self.clinic.close()
        self.clinic = self.opened()
        return self.clinic

    def now(self) -> datetime:
        """Noon of the day, a millisecond later at each look, so that nothing is at the same time."""
        self._ticks += 1
        start = datetime(self.day.year, self.day.month, self.day.day, 12, tzinfo=UTC)
        return start + timedelta(milliseconds=self._ticks)

    def later(self, days: int) -> None:
        self.day += timedelta(days=days)

    # --- what a visit needs -----------------------------------------------------------------------------------------

    def patient(self, name: str = "Ada Example", born: date = date(1980, 2, 29), **more: Any) -> Patient:
        return self.clinic.patients.add(Demographics(full_name=name, birth_date=born, **more), ANNA)

    def plan(self, preset: str = FORTNIGHTLY, **changes: Any) -> Plan:
        plan = self.clinic.presets.to_plan(preset, [ZoneChoice(name="vertex", area_mm2=5_000)])
        return plan.model_copy(update=changes)

    def screened(
        self,
        patient: Patient,
        plan: Plan,
        answers: dict[str, Answer] | None = None,
        overrides: tuple[Override, ...] = (),
    ) -> Screened:
        given = {rule.rule_id: NO for rule in self.clinic.screening.questions(plan)} | (answers or {})
        return self.clinic.screening.record(patient.patient_id, plan, given, overrides, ANNA)

    def consent(self, patient: Patient) -> str:
        standing = self.clinic.consents.standing(patient.patient_id)
        if standing is not None:
            return standing.consent_id
        texts = self.clinic.consents.texts()
        text = (
            texts[0]
            if texts
            else self.clinic.consents.publish("microneedling", "en", "Consent", "I agree.", ANNA)
        )
        return self.clinic.consents.sign(patient.patient_id, text.text_id, "Ada Example", ANNA).consent_id

    def visit(
        self, patient: Patient, preset: str = FORTNIGHTLY, overrides: tuple[Override, ...] = ()
    ) -> Visit:
        _, version = self.clinic.presets.chosen(preset)
        plan = self.plan(preset)
        screened = self.screened(patient, plan)
        consent = self.consent(patient)
        return self.clinic.visits.open(
            patient.patient_id,
            plan,
            screened.screening_id,
            consent,
            ANNA,
            preset_id=preset,
            preset_digest=version,
            overrides=overrides,
        )

    def scan(self, serial: str = "S1", lot: str = "LOT-7", expiry: date = date(2030, 1, 31)) -> str:
        return gs1.element_string(gs1.Scanned(GTIN, lot, expiry, serial, {}))

    def cartridge(self, serial: str = "S1", lot: str = "LOT-7", needles: int = 12) -> Cartridge:
        return self.clinic.cartridges.register(self.scan(serial, lot), ANNA, needles=needles)

    def treated(
        self,
        patient: Patient,
        serial: str = "S1",
        session: str = "s00000001",
        preset: str = FORTNIGHTLY,
        overrides: tuple[Override, ...] = (),
    ) -> Visit:
        """A whole visit up to the signature."""
        visit = self.visit(patient, preset, overrides)
        cartridge = self.cartridge(serial)
        self.clinic.cartridges.bind(cartridge.cartridge_id, visit.visit_id, ANNA)
        self.clinic.visits.attach(visit.visit_id, session, PEN, ANNA)
        self.clinic.cartridges.used(cartridge.cartridge_id, session, ANNA)
        return self.clinic.visits.close(visit.visit_id, Closing(endpoint=Endpoint.MILD_ERYTHEMA), ANNA)

    # --- what the chain says ----------------------------------------------------------------------------------------

    def entries(self, kind: str | None = None) -> list[Row]:
        with self.clinic.journal.reader() as reader:
            return [row for row in reader.rows() if kind is None or row.kind == kind]

    def chain(self) -> str:
        """Everything the chain holds, as one text."""
        return "\n".join(f"{row.actor} {row.subject} {row.payload_json}" for row in self.entries())


@pytest.fixture
def bench(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    # keys of its own: they come with the newest head, and that of another test's station is none of this one's
    monkeypatch.setenv("PEN_KEYS", str(tmp_path_factory.mktemp("keys")))
    made = Bench(tmp_path)
    yield made
    made.clinic.close()

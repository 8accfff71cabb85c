"""The course itself: visit after visit, each from screening to signature, around treatments on the simulated pen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from pathlib import Path

from ..journal import Kind
from ..models import CartridgeSeen, Endpoint
from ..records import Clinic
from ..records.models import (
    CleaningMethod,
    Closing,
    DiaryEntry,
    Override,
    Patient,
    Substance,
    TopicalUse,
    View,
    Visit,
)
from ..screening import NO
from ..session import Operator, TreatmentResult
from . import story
from .pictures import draw_scalp
from .station import Day, Shelf, Station

_BY = story.PHYSICIAN
_FIRST_CARTRIDGE = 4_100


@dataclass(frozen=True, slots=True)
class Told:
    """What one week came to, for the progress line and the table.

    Attributes:
        week: From 1.
        day: Its day.
        visit_id: The visit.
        result: Of the treatment.
    """

    week: int
    day: date
    visit_id: str
    result: TreatmentResult


class Course:
    """One patient through some weeks.

    Args:
        folder: For record, photographs and black box; made by the caller.
        weeks: How many treatments, one a week.
        seed: Of everything random in the simulated pen.
        watch: Told of every finished week.
    """

    def __init__(self, folder: Path, weeks: int, seed: int, watch: Callable[[Told], None]) -> None:
        self.station = Station(folder, seed)
        self._folder = folder
        self._weeks = weeks
        self._watch = watch
        self._numbers = count(_FIRST_CARTRIDGE)
        self._patient = ""

    def run(self) -> tuple[str, tuple[Told, ...]]:
        """Runs it and returns the patient and what every week came to.

        Raises:
            PenError: As in any treatment.
        """
        told = []
        for week in range(1, self._weeks + 1):
            with self.station.on(self._day(week)) as day:
                if week == 1:
                    self._first(day)
                done = self._week(day, week)
            told.append(done)
            self._watch(done)
        with self.station.on(self._day(self._weeks + 1)) as day:
            self._measure(day.clinic, self._weeks, day.day, None)
        return self._patient, tuple(told)

    # --- steps ------------------------------------------------------------------------------------------------------

    def _day(self, week: int) -> date:
        return story.FIRST_DAY + timedelta(days=story.INTERVAL_DAYS * (week - 1))

    def _first(self, day: Day) -> None:
        """The patient is taken in: who they are, what they signed, where they begin."""
        clinic = day.clinic
        patient = clinic.patients.add(story.PATIENT, _BY)
        self._patient = patient.patient_id
        texts = (
            ("microneedling", "Needling of the scalp", story.TREATMENT_TEXT),
            ("photographs", "Photographs", story.PHOTO_TEXT),
        )
        for name, title, body in texts:
            text = clinic.consents.publish(name, "en", title, body, _BY)
            clinic.consents.sign(self._patient, text.text_id, story.PATIENT.full_name, _BY)
        self._measure(clinic, 0, day.day, None)

    def _week(self, day: Day, week: int) -> Told:
        clinic = day.clinic
        patient = clinic.patients.get(self._patient)
        used_at = day.clock_time - timedelta(hours=26)
        used = TopicalUse(substance=Substance.MINOXIDIL, detail="5 %, 1 ml, last evening", used_at=used_at)
        clinic.patients.topical(self._patient, used, _BY)
        visit = self._opened(clinic, patient)
        serial = day.pen.identity().serial
        if clinic.visits.check_pen(visit.visit_id, serial):
            clinic.cleaning.cleaned(serial, CleaningMethod.LOW_LEVEL_DISINFECTION, _BY, sheath_changed=True)
        result = day.treat(
            visit, Operator(_BY.name, _BY.role), self._cartridges(week), trips=week == story.TRIP_WEEK
        )
        self._trace(day, visit, result, serial)
        clinic.outcomes.record(self._patient, story.pain(week), day.day, _BY, visit_id=visit.visit_id)
        closing = Closing(
            endpoint=Endpoint.MILD_ERYTHEMA,
            after_care_at=day.clock_time,
            note="The cartridge came off once; the spot was looked at." if result.trips else None,
        )
        clinic.visits.close(visit.visit_id, closing, _BY)
        self._skin(clinic, visit, week, day.day)
        if week > 1:
            self._measure(clinic, week - 1, day.day, visit.visit_id)
        return Told(week, day.day, visit.visit_id, result)

    def _opened(self, clinic: Clinic, patient: Patient) -> Visit:
        plan = clinic.presets.to_plan(story.PRESET, story.ZONES)
        answers = {rule.rule_id: NO for rule in clinic.screening.questions(plan)}
        screened = clinic.screening.record(patient.patient_id, plan, answers, (), _BY)
        consent = clinic.consents.standing(patient.patient_id)
        assert consent is not None, "it was signed on the first day"
        authorised = Override(rule_id=story.OVERRIDE, reason=story.OVERRIDE_REASON, by=_BY)
        return clinic.visits.open(
            patient.patient_id,
            plan,
            screened.screening_id,
            consent.consent_id,
            _BY,
            preset_id=story.PRESET,
            overrides=[authorised],
        )

    def _cartridges(self, week: int) -> Iterator[Shelf]:
        """New ones from the shelf, as many as are asked for."""
        while True:
            yield next(self._numbers), story.lot(week)

    def _trace(self, day: Day, visit: Visit, result: TreatmentResult, serial: str) -> None:
        """Session and cartridges are linked to the visit: this is what a recall asks for."""
        clinic = day.clinic
        clinic.visits.attach(visit.visit_id, result.session_id, serial, _BY)
        with day.journal.reader() as reader:
            rows = list(reader.rows(result.session_id))
        burned = {
            row.payload["serial"] for row in rows if row.kind == Kind.INTENT and "serial" in row.payload
        }
        told = {
            one["serial"]: one
            for row in rows
            if row.kind == Kind.CARTRIDGE and (one := row.payload["cartridge"]) and one["serial"] in burned
        }
        for content in told.values():
            seen = CartridgeSeen.model_validate({**content, "used": False}, strict=False)
            cartridge = clinic.cartridges.register_seen(seen, _BY)
            clinic.cartridges.bind(cartridge.cartridge_id, visit.visit_id, _BY)
            clinic.cartridges.used(cartridge.cartridge_id, result.session_id, _BY, seen=seen)
            clinic.cartridges.discard(cartridge.cartridge_id, _BY)

    def _skin(self, clinic: Clinic, visit: Visit, week: int, day: date) -> None:
        """Reactions of the week before are looked up in the diary; new ones begin on the day."""
        for known in clinic.reactions.of(self._patient):
            if known.resolved is None and known.onset < day:
                days = story.REACTIONS[week - 1][2]
                gone = DiaryEntry(day=known.onset + timedelta(days=days), severity=None)
                clinic.reactions.diary(known.reaction_id, gone, _BY)
        begun = story.reaction(week, day)
        if begun is not None:
            clinic.reactions.record(visit.visit_id, begun[0], _BY)

    def _measure(self, clinic: Clinic, week: int, day: date, visit_id: str | None) -> None:
        """Measures and photographs at the end of a week."""
        for found in story.findings(week):
            clinic.outcomes.record(
                self._patient, found.measured, day, _BY, visit_id=visit_id, baseline=found.baseline
            )
        if week in story.PHOTO_WEEKS:
            file = draw_scalp(self._folder / f"week-{week:02}.png", story.hairs_drawn(week))
            clinic.photos.add(self._patient, file, View.TARGET_AREA, day, _BY, visit_id=visit_id)
            file.unlink()

"""A clinic with one patient whose name is hostile, and everything that can be told of a treatment.

Made by hand, so that each number in a report or export is known beforehand.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from PIL import Image

from pen_host import gs1
from pen_host.journal import Journal, Kind
from pen_host.models import Endpoint, PenEvent
from pen_host.presets import ZoneChoice
from pen_host.records import Clinic
from pen_host.records.models import (
    AreaUnit,
    Closing,
    CountMethod,
    Demographics,
    DiaryEntry,
    HairCount,
    HomeTool,
    HomeToolKind,
    Landmark,
    NewReaction,
    Override,
    PainScale,
    PatientRating,
    Person,
    ReactionKind,
    SevenPoint,
    Severity,
    Sex,
    Substance,
    TopicalUse,
    View,
)
from pen_host.screening import NO, YES
from pen_host.trace import Sample, pack
from pen_protocol.faults import Event

GOLDEN = Path(__file__).parent / "golden"
ANNA = Person(name="anna #evil[x]", role="physician")
HOSTILE = '#panic("x") $1/0$ *b* <script>alert(1)</script> =2+3'
PEN = "PEN0000000000001"
GTIN = "0950600013435" + gs1.check_digit("0950600013435")
FIRST = date(2028, 2, 1)
EXPIRY = date(2030, 1, 31)
PRESET = "hair_weekly_dhurat_2013"
NONCE = 7
SESSION = "s00000007"
LOT = "LOT-7"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"
"""How each photograph begins that is kept; long enough that nothing sealed begins so by chance."""


class ToldClinic:
    """The record of one treatment and what followed.

    Attributes:
        clinic: The record.
        patient_id: The patient.
        visit_id: Their visit.
        day: The clinic's calendar day.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.day = FIRST
        self._ticks = 0
        self._event = 0
        self._totals = [0, 0]
        self.journal = Journal.create_or_open(
            folder / "record.sqlite3", station_id="s1", utc_ns=self._ns, monotonic_ns=self._ns
        )
        self.clinic = Clinic.on(self.journal, now=self.now, today=lambda: self.day)
        self.patient_id = self._patient()
        self.visit_id = self._visit()
        self._later()

    def close(self) -> None:
        self.clinic.close()
        self.journal.close()

    def now(self) -> datetime:
        self._ticks += 1
        return datetime(self.day.year, self.day.month, self.day.day, 12, tzinfo=UTC) + timedelta(
            milliseconds=self._ticks
        )

    def _ns(self) -> int:
        return (self.now() - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1_000

    def _patient(self) -> str:
        who = Demographics(
            full_name=HOSTILE,
            birth_date=date(1980, 2, 29),
            sex=Sex.FEMALE,
            phone="+1 555 0100",
            file_number="=1+1",
        )
        patient = self.clinic.patients.add(who, ANNA).patient_id
        for name in ("microneedling", "photographs"):
            text = self.clinic.consents.publish(name, "en", name, f"I agree to {name}.", ANNA)
            self.clinic.consents.sign(patient, text.text_id, HOSTILE, ANNA)
        self._measure(patient, 100, baseline=True)
        picture(self.folder / "before.png", 1)
        self.clinic.photos.add(patient, self.folder / "before.png", View.SCALP_VERTEX, self.day, ANNA)
        tool = HomeTool(tool=HomeToolKind.ROLLER, needle_um=250, times_a_week=0, last_used=date(2028, 1, 1))
        self.clinic.patients.home_tool(patient, tool, ANNA)
        return patient

    def _measure(self, patient: str, hairs: int, *, baseline: bool = False) -> None:
        count = HairCount(
            site="vertex", method=CountMethod.MANUAL, landmark=Landmark.TATTOO, rater="bob", blinded=True,
            count=hairs, area_thousandths=1_000, area_unit=AreaUnit.CM2,
        )  # fmt: skip
        self.clinic.outcomes.record(patient, count, self.day, ANNA, baseline=baseline, note="=cmd()")

    def _visit(self) -> str:
        clinic = self.clinic
        plan = clinic.presets.to_plan(PRESET, [ZoneChoice(name="vertex", area_mm2=5_000)])
        answers = {rule.rule_id: NO for rule in clinic.screening.questions(plan)} | {"isotretinoin": YES}
        past = Override(rule_id="isotretinoin", reason=f"low dose {HOSTILE}", by=ANNA)
        screened = clinic.screening.record(self.patient_id, plan, answers, (past,), ANNA)
        consent = clinic.consents.standing(self.patient_id)
        assert consent is not None
        authorised = Override(rule_id="interval_planned", reason="as published", by=ANNA)
        visit = clinic.visits.open(
            self.patient_id, plan, screened.screening_id, consent.consent_id, ANNA,
            preset_id=PRESET, overrides=(authorised,),
        ).visit_id  # fmt: skip
        scan = gs1.element_string(gs1.Scanned(GTIN, LOT, EXPIRY, "S1", {}))
        cartridge = clinic.cartridges.register(scan, ANNA, needles=12).cartridge_id
        clinic.cartridges.bind(cartridge, visit, ANNA)
        self._session()
        clinic.visits.attach(visit, SESSION, PEN, ANNA)
        clinic.cartridges.used(cartridge, SESSION, ANNA)
        used = TopicalUse(
            substance=Substance.MINOXIDIL, detail="=1+1", used_at=self.now() - timedelta(days=2)
        )
        closing = Closing(endpoint=Endpoint.MILD_ERYTHEMA, topicals=(used,), note=f"note\n{HOSTILE}")
        clinic.visits.close(visit, closing, ANNA)
        return visit

    def _session(self) -> None:
        """Two holds with a stop in between, told as a session tells them."""
        told = {"nonce": NONCE, "plan": "p", "firmware": "0.1.0", "runtime": "test"}
        self._append(Kind.SESSION_OPENED, told)
        self._happens(Event.SESSION_OPENED, NONCE)
        self._append(Kind.ZONE_SELECTED, {"zone": "vertex", "from_event_id": self._event})
        self._append(Kind.INTENT, {"request": "SET_DEPTH", "depth_um": 1_500})
        self._append(Kind.OUTCOME, {"request": "SET_DEPTH", "outcome": "done", "value": 1_490})
        self._happens(Event.RUN_STARTED, 1_500)
        self._happens(Event.RUN_ENDED, 0, 700, 573)
        self._append(Kind.TRIP, {"cause": "CARTRIDGE_UNLATCHED", "event": self._event, "zone": "vertex"})
        self._append(Kind.INTENT, {"request": "CLEAR_FAULT", "cause": 1, "operator": ANNA.name})
        self._happens(Event.RUN_STARTED, 1_500)
        self._happens(Event.RUN_ENDED, 0, 650, 572)
        self._append(Kind.SAMPLES, pack(samples()))
        self._happens(Event.SESSION_CLOSED)
        self._append(Kind.SESSION_CLOSED, {"reason": "completed", "nonce": NONCE})

    def _append(self, kind: Kind, content: dict[str, Any]) -> None:
        self.journal.append(
            kind,
            content,
            actor=ANNA.name,
            role=ANNA.role,
            session_id=SESSION,
            subject=self.patient_id,
            pen_serial=PEN,
        )

    def _happens(self, code: int, value: int = 0, strokes: int = 0, contact: int = 0) -> None:
        self._totals = [self._totals[0] + strokes, self._totals[1] + contact]
        event = PenEvent(
            event_id=self._event, time_ms=self._event, code=code, arg=0, value=value,
            strokes_total=self._totals[0], contact_total=self._totals[1],
        )  # fmt: skip
        self.journal.append_events(PEN, [event], session_id=SESSION)
        self._event += 1

    def _later(self) -> None:
        seen = NewReaction(kind=ReactionKind.REDNESS, onset=self.day, severity=Severity.MILD, note="=x")
        reaction = self.clinic.reactions.record(self.visit_id, seen, ANNA)
        self.clinic.outcomes.record(
            self.patient_id, PainScale(pain_mm=30), self.day, ANNA, visit_id=self.visit_id
        )
        self.day += timedelta(weeks=12)
        gone = DiaryEntry(day=FIRST + timedelta(days=2), severity=None)
        self.clinic.reactions.diary(reaction.reaction_id, gone, ANNA)
        self._measure(self.patient_id, 109)
        for measured in (
            SevenPoint(score=2, rater="bob", blinded=True),
            PatientRating(improvement_percent=60),
        ):
            self.clinic.outcomes.record(self.patient_id, measured, self.day, ANNA)
        picture(self.folder / "after.png", 2)
        self.clinic.photos.add(self.patient_id, self.folder / "after.png", View.SCALP_VERTEX, self.day, ANNA)


def samples() -> list[Sample]:
    return [
        Sample(
            t_ms=50 * number,
            zone=0,
            state="STROKING",
            depth_requested_um=1_500,
            depth_measured_um=1_490,
            rate_requested_mhz=100_000,
            rate_measured_mhz=99_500,
            strokes=5 * number,
            contact_strokes=4 * number,
            coil_cc=3_000,
            lease_left_ms=200,
        )
        for number in range(40)
    ]


def picture(path: Path, seed: int, side: int = 120) -> Path:
    """A picture of noise."""
    Image.frombytes("RGB", (side, side), random.Random(seed).randbytes(side * side * 3)).save(path)
    return path


def days_in(text: str) -> set[date]:
    """Every day that is written in a text."""
    return {date.fromisoformat(day) for day in re.findall(r"\d{4}-\d{2}-\d{2}", text)}


def steady(text: str) -> str:
    """A text without what is drawn anew each time: pseudonyms, keys, hashes, and how long the chain is."""
    # one with many wide letters is broken after its hyphen where a column is narrow
    text = re.sub(r"P-[0-9A-Y]{5}-\n?[0-9A-Y]{5}", "P-PATIENT", text)
    text = re.sub(r"#\d+(?=[ :][0-9a-f]{64})", "#N", text)
    text = re.sub(r"entry \d+", "entry N", text)
    text = re.sub(r"\b[0-9a-f]{64}\b", "HASH", text)
    known: dict[str, str] = {}
    name: Callable[[re.Match[str]], str] = lambda found: known.setdefault(found[0], f"KEY-{len(known) + 1}")  # noqa: E731
    return re.sub(r"\b(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b", name, text)


def same_as_golden(name: str, text: str) -> None:
    """Compares with a kept text; PEN_WRITE_GOLDEN=1 keeps the new one, to be looked at before it is committed."""
    file = GOLDEN / name
    if os.environ.get("PEN_WRITE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), (
        f"{name} differs: look at it, then PEN_WRITE_GOLDEN=1 keeps it"
    )

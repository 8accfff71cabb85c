"""The after-care sheet: for the patient, in large letters, with room to write."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from pen_host.errors import UsageError
from pen_host.presets import PresetError
from pen_host.records import Clinic
from pen_host.records.models import Visit
from pen_host.reports import words
from pen_host.reports.blocks import Block, Facts, Grid, Heading, Note, Sheet, Steps, Tone

GENERAL = (
    "Expect redness and a feeling of sunburn; it usually fades within days.",
    "No swimming pool, sauna, peeling, hair removal or self-tanner on the area for 3 days.",
    "Keep the area clean and out of the sun.",
    "Write down what you apply to the area, and when.",
)
"""For a plan of the clinic's own. (Exceed IFU: 2-3 days; the longer one is taken.)"""
CALL = (
    "Redness, swelling or pain that grows instead of fading, or lasts longer than a week.",
    "Pus, oozing, fever, or blisters.",
    "Lumps, dark or light patches, or lines in the skin, even weeks later.",
)
DIARY_DAYS = 8
"""Day 0 to day 7."""


def _zones(clinic: Clinic, visit: Visit) -> str:
    """What was treated, by the pen's own count; a visit that was taken in from another record has its count there."""
    try:
        return words.treated(clinic.doses(visit.visit_id))
    except UsageError:
        return f"planned: {', '.join(words.named(zone.name) for zone in visit.plan.zones)}"


def after_care_sheet(clinic: Clinic, visit_id: str) -> tuple[Sheet, datetime]:
    """The after-care sheet of a visit, and the moment it tells of.

    Raises:
        NotFoundError: There is no such visit.
        UsageError: No pen was used in it, so there is nothing to care for.
    """
    visit = clinic.visits.get(visit_id)
    if not visit.sessions:
        raise UsageError(
            "No pen session belongs to this visit, so there is no after-care to print. Print it when the treatment is done."
        )
    patient = clinic.patients.get(visit.patient_id)
    seal = clinic.seal(visit_id)
    zones = _zones(clinic, visit)
    blocks: tuple[Block, ...] = (
        Facts(
            (
                ("For", words.patient_name(patient)),
                ("Treated on", f"{words.day(visit.day)}: {zones}"),
                ("By", words.who(visit.opened_by)),
                ("Not again before", words.day(visit.next.day) if visit.next else "the clinic says so"),
            )
        ),
        Heading("The next days"),
        Steps(_lines(clinic, visit)),
        Note("Call the clinic at once", CALL, Tone.STOP),
        Heading("What the skin does: a few words a day"),
        Grid(
            (
                "Day",
                "Date",
                "Redness, swelling, pain, itching: none, mild, moderate, severe",
                "What you applied, when",
            ),
            _diary(visit.day),
            wide=(2, 3),
            tall=True,
        ),
        Note("Other needling", ("No roller, stamp or pen of your own on the area until the clinic agrees.",)),
    )
    sheet = Sheet(
        "After your treatment",
        visit.plan.title,
        f"{words.patient_name(patient)} · {words.day(visit.day)}",
        words.off_label_badge(off_label=visit.plan.off_label),
        blocks,
        words.sealed(seal),
    )
    return sheet, seal.at


def _lines(clinic: Clinic, visit: Visit) -> tuple[str, ...]:
    if visit.preset_id is None:
        return GENERAL
    try:
        return clinic.presets.of_visit(visit).after_care
    except PresetError:
        # the preset of an old visit may be gone; what holds for all of them still holds
        return GENERAL


def _diary(first: date) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (str(number), words.day(first + timedelta(days=number)), "", "") for number in range(DIARY_DAYS)
    )

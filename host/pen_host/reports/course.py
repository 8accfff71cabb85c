"""The course summary: one patient's treatments, measures, reactions and photographs over the weeks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from fractions import Fraction

from pen_host.dose import LABEL, REFERENCE, ZoneDose
from pen_host.errors import UsageError
from pen_host.presets import Preset, PresetError
from pen_host.records import Clinic
from pen_host.records.models import Outcome, Photo, Reaction, Visit, VisitState
from pen_host.reports import measures, plots, words
from pen_host.reports.blocks import Block, Facts, Grid, Heading, Note, Picture, Prose, Sheet, Side, Tone

_SHOWN_PER_VIEW = 3
"""The first, the middle and the last photograph of a view: more would be too small to compare."""


def course_summary(clinic: Clinic, patient_id: str) -> tuple[Sheet, datetime]:
    """Everything a patient went through, and the moment it tells of: the record as it is now.

    Raises:
        NotFoundError: There is no such patient.
        UsageError: They were not treated yet.
    """
    patient = clinic.patients.get(patient_id)
    visits = tuple(reversed([one for one in clinic.visits.of(patient_id) if one.sessions]))
    if not visits:
        raise UsageError(
            f"{patient.patient_id} was not treated yet, so there is no course to sum up. Print it after the first visit."
        )
    outcomes = clinic.outcomes.of(patient_id)
    reactions = clinic.reactions.of(patient_id)
    doses = {visit.visit_id: _doses(clinic, visit) for visit in visits}
    seal = clinic.seal()
    off_label = any(visit.plan.off_label for visit in visits)
    blocks: list[Block] = [
        Facts((*words.patient_facts(patient), *_in_short(visits, reactions))),
        *_trends(outcomes, visits),
        *_changes(outcomes),
        *_photos(clinic, patient_id),
        *_treatments(visits, doses),
        *_reactions(reactions),
        *_evidence(clinic, visits[-1]),
        words.seal_note(seal),
        Prose(words.NOT_CLEARED),
    ]
    sheet = Sheet(
        "Course summary",
        f"{visits[-1].plan.title}, {words.day(visits[0].day)} to {words.day(visits[-1].day)}",
        f"{words.patient_name(patient)} · {patient.patient_id}",
        words.off_label_badge(off_label=off_label),
        tuple(blocks),
        words.sealed(seal),
    )
    return sheet, seal.at


def _in_short(visits: Sequence[Visit], reactions: Sequence[Reaction]) -> Iterator[tuple[str, str]]:
    first, last = visits[0], visits[-1]
    weeks = ((last.day - first.day).days + 6) // 7 + 1
    signed = sum(1 for visit in visits if visit.state is VisitState.CLOSED)
    yield "Treatments", f"{len(visits)} in {weeks} weeks, {signed} of them signed"
    yield "Protocol", last.preset_id or "own plan"
    yield "Reactions", str(len(reactions)) if reactions else words.NONE
    yield "Not again before", words.day(last.next.day) if last.next else words.NOT_KNOWN


def _trends(outcomes: Sequence[Outcome], visits: Sequence[Visit]) -> Iterator[Block]:
    lines = measures.series(outcomes)
    if not lines:
        return
    yield Heading("Measures over time")
    names = "; ".join(one.name for one in lines)
    yield Picture(
        plots.trends(lines, [visit.day for visit in visits]),
        f"Lines over time, one below the other: {names}.",
        "Each measure with its own scale. Violet: days of treatment. Dashed: the baseline.",
    )


def _changes(outcomes: Sequence[Outcome]) -> Iterator[Block]:
    rows = measures.changes(outcomes)
    if not rows:
        return
    yield Heading("Changes from baseline")
    header = ("Measure", "Baseline", "Newest", "Change", "Rater", "Blinded")
    yield Grid(header, rows, right=(1, 2, 3), wide=(0, 4))
    yield Note(
        "One patient is no trial",
        (
            "A change here may come from the treatment, from what was applied, from the season, or from counting: an automatic "
            "count of terminal hairs was off by 9 % in a comparison (Skin Appendage Disord 8:382). Nothing here says which.",
        ),
    )


def _photos(clinic: Clinic, patient_id: str) -> Iterator[Block]:
    photos = clinic.photos.of(patient_id)
    if not photos:
        return
    yield Heading("Photographs side by side")
    not_shown = clinic.photos.not_shown(patient_id)
    for sentence, count in Counter(one.sentence for one in not_shown.values()).items():
        yield Prose(f"{count} of {len(photos)} are not shown. {sentence}")
    photos = tuple(one for one in photos if one.photo_id not in not_shown)
    for view in dict.fromkeys(one.view for one in photos):
        of_view = [one for one in photos if one.view is view]
        yield Side(
            tuple(
                Picture(
                    plots.photograph(clinic.photos.content(one), one.width_px, one.height_px),
                    f"Photograph, {words.named(one.view)}, {words.day(one.day)}.",
                    f"{words.named(one.view)}, {words.day(one.day)}, {one.sha256[:8]}",
                )
                for one in _chosen(of_view)
            )
        )


def _chosen(photos: Sequence[Photo]) -> Sequence[Photo]:
    """The first, the middle and the last."""
    if len(photos) <= _SHOWN_PER_VIEW:
        return photos
    return photos[0], photos[len(photos) // 2], photos[-1]


def _doses(clinic: Clinic, visit: Visit) -> tuple[ZoneDose, ...] | None:
    """What each zone received; None where the pen's counts are in the chain of another station."""
    try:
        return clinic.doses(visit.visit_id)
    except UsageError:
        return None


def _treatments(visits: Sequence[Visit], doses: dict[str, tuple[ZoneDose, ...] | None]) -> Iterator[Block]:
    yield Heading("Treatments")
    counted = [(visit, found) for visit in visits if (found := doses[visit.visit_id]) is not None]
    if len(counted) < len(visits):
        away = len(visits) - len(counted)
        yield Prose(
            f"{away} of {len(visits)} treatments were counted at another station, where the pen's own counts are; they are not "
            "drawn."
        )
    highest = {
        visit.visit_id: max((one.total or Fraction(0) for one in found), default=Fraction(0))
        for visit, found in counted
    }
    if counted:
        yield _bars([visit for visit, _ in counted], highest)
    rows = tuple(_treatment(visit, doses[visit.visit_id], highest.get(visit.visit_id)) for visit in visits)
    header = ("Day", "Zones", "Deepest", "Strokes on skin", "Est. max. /cm2", "Endpoint")
    yield Grid(header, rows, right=(2, 3, 4), wide=(1,))


def _bars(visits: Sequence[Visit], highest: dict[str, Fraction]) -> Block:
    return Picture(
        plots.bars(
            f"Highest {LABEL} of any zone, punctures per cm2",
            [visit.day for visit in visits],
            [float(highest[visit.visit_id]) for visit in visits],
            REFERENCE.low,
            REFERENCE.high,
        ),
        "Bars of the highest estimated maximum of each treatment against the published band.",
        f"{LABEL.capitalize()} from visit to visit. Green: the published band, {REFERENCE.low}-{REFERENCE.high}.",
    )


def _treatment(visit: Visit, doses: tuple[ZoneDose, ...] | None, highest: Fraction | None) -> tuple[str, ...]:
    """One line; zones as planned where nobody counts here."""
    if doses is None:
        zones = f"planned: {', '.join(words.named(zone.name) for zone in visit.plan.zones)}"
        strokes, estimate = "elsewhere", "elsewhere"
    else:
        zones, strokes = words.treated(doses), str(sum(one.contact_strokes for one in doses))
        estimate = words.estimate(highest)
    endpoint = words.named(visit.endpoint) if visit.endpoint else visit.state
    return words.day(visit.day), zones, words.mm(visit.plan.depth_cap_um), strokes, estimate, endpoint


def _reactions(reactions: Sequence[Reaction]) -> Iterator[Block]:
    yield Heading("Reactions")
    if not reactions:
        yield Prose("None was recorded.")
        return
    rows = tuple(
        (
            words.named(one.kind),
            one.severity,
            words.day(one.onset),
            words.day(one.resolved) if one.resolved else "still there",
            f"{one.expected_days} days",
            ", ".join(one.lots) or words.NOT_KNOWN,
        )
        for one in sorted(reactions, key=lambda one: one.onset)
    )
    yield Grid(("Reaction", "Strongest", "Onset", "Gone", "Expected", "Lots"), rows, wide=(0, 5))
    for one in reactions:
        if one.escalated:
            yield Note(f"To be looked at: {words.named(one.kind)}", (one.escalated,), Tone.STOP)


def _evidence(clinic: Clinic, visit: Visit) -> Iterator[Block]:
    """What the protocol rests on, so that nobody takes one patient's curve for proof."""
    try:
        preset: Preset | None = clinic.presets.of_visit(visit) if visit.preset_id else None
    except PresetError:
        preset = None
    yield Heading("What the protocol rests on")
    if preset is None:
        yield Prose(visit.plan.evidence)
        return
    found = preset.evidence
    people = f" (n = {found.participants})" if found.participants else ""
    yield Prose(f"{found.design}{people}. {found.result}")
    yield Note("What it does not show", (found.limits, *((found.other,) if found.other else ())), Tone.WARN)
    yield Prose("Sources: " + " · ".join(words.sources(preset.sources)))

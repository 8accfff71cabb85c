"""The treatment record: one visit, from the questions to the signature, with what pen and chain say about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from pen_host.dose import CANNOT_KNOW, UNSURE, ZoneDose
from pen_host.names import cause_name
from pen_host.picture import Treatment
from pen_host.records import Clinic
from pen_host.records.models import Cartridge, Screened, Visit, VisitState
from pen_host.reports import plots, sessions, words
from pen_host.reports.blocks import Badge, Block, Facts, Grid, Heading, Note, Picture, Prose, Sheet, Tone
from pen_host.reports.sessions import SessionTold
from pen_protocol import version

ADJUNCTS_BEFORE = timedelta(days=3)
"""What was used this long before a treatment stands in its record: pores of the human face were closed after at most 72 h."""
_STATES = {
    VisitState.OPEN: Badge("not signed: visit open", Tone.WARN),
    VisitState.CLOSED: Badge("signed", Tone.GOOD),
    VisitState.ABANDONED: Badge("abandoned", Tone.STOP),
}


def treatment_record(clinic: Clinic, visit_id: str) -> tuple[Sheet, datetime]:
    """The treatment record of a visit, and the moment it tells of.

    Raises:
        NotFoundError: There is no such visit.
        UsageError: A session of it is not in this record.
    """
    visit = clinic.visits.get(visit_id)
    patient = clinic.patients.get(visit.patient_id)
    screened = clinic.screening.get(visit.screening_id)
    seal = clinic.seal(visit_id)
    with clinic.chain() as reader:
        known = [sessions.told(reader, one.session_id) for one in visit.sessions]
    doses = clinic.doses(visit_id)
    blocks: list[Block] = [
        Facts((*words.patient_facts(patient), *_visit_facts(visit))),
        *_settings(visit, doses, known),
        *_pen(clinic, visit, known),
        *_pictures(known),
        *_holds(known),
        *_stops(known),
        *_before(clinic, visit, screened),
        *_after(clinic, visit),
        words.seal_note(seal),
        Prose(words.NOT_CLEARED),
    ]
    sheet = Sheet(
        "Treatment record",
        f"{visit.plan.title}, {words.day(visit.day)}",
        f"{words.patient_name(patient)} · {visit.patient_id} · {words.day(visit.day)}",
        (_STATES[visit.state], *words.off_label_badge(off_label=visit.plan.off_label)),
        tuple(blocks),
        words.sealed(seal),
    )
    return sheet, seal.at


def _visit_facts(visit: Visit) -> Iterator[tuple[str, str]]:
    yield "Day of treatment", words.day(visit.day)
    yield "Treated by", words.who(visit.opened_by)
    yield "Protocol", visit.preset_id or "own plan"
    yield "Plan's digest", visit.plan.plan_digest[:16]
    yield "Endpoint seen", words.named(visit.endpoint) if visit.endpoint else words.NOT_KNOWN
    yield "Endpoint aimed at", words.named(visit.plan.endpoint)


# ---- the pen ---------------------------------------------------------------------------------------------------------


def _settings(visit: Visit, doses: Sequence[ZoneDose], known: Sequence[SessionTold]) -> Iterator[Block]:
    yield Heading("What each zone received")
    planned = {zone.name: zone for zone in visit.plan.zones}
    rows = []
    for one in doses:
        zone = planned.get(one.zone or "")
        rows.append(
            (
                words.named(one.zone or "outside any zone"),
                words.cm2(one.area_mm2),
                _both(words.mm(zone.depth_um if zone else None), words.mm(_depth(known, one.zone))),
                _both(words.hz(zone.rate_mhz if zone else None), words.hz(_rate(known, one.zone))),
                str(len(one.per_pass)),
                str(one.strokes),
                str(one.contact_strokes),
                words.estimate(one.total),
                f"{one.target.low}-{one.target.high}" if one.target else words.NONE,
            )
        )
    header = (
        "Zone",
        "Area",
        "Protrusion set / measured",
        "Rate set / measured",
        "Holds",
        "Strokes",
        "On skin",
    )
    yield Grid((*header, "Est. max. /cm2", "Target"), tuple(rows), right=(4, 5, 6, 7, 8), wide=(0, 2, 3))
    if any(one.total is not None for one in doses):
        yield Picture(
            plots.doses(doses),
            "Bars of the estimated maximum of punctures per square centimetre of each zone against its target.",
            "Estimated maximum of punctures per cm2, from the pen's own count of strokes on skin.",
        )
    sure = all(one.report.sure for one in known)
    yield Note("What these numbers cannot know", CANNOT_KNOW if sure else (*CANNOT_KNOW, UNSURE))


def _both(asked: str, measured: str) -> str:
    return f"{asked} / {measured}"


def _depth(known: Sequence[SessionTold], zone: str | None) -> int | None:
    return next(
        (one.depth_measured_um[zone] for one in reversed(known) if zone in one.depth_measured_um), None
    )


def _rate(known: Sequence[SessionTold], zone: str | None) -> int | None:
    if zone is None:
        return None
    return next((rate for one in reversed(known) if (rate := one.rate_measured_mhz(zone)) is not None), None)


def _pen(clinic: Clinic, visit: Visit, known: Sequence[SessionTold]) -> Iterator[Block]:
    yield Heading("Pen and cartridge")
    rows = tuple(
        (
            one.pen_serial,
            f"{one.firmware} on {one.runtime}",
            one.session_id,
            words.moment(one.opened_at),
            words.NOT_KNOWN if one.closed_at is None else words.moment(one.closed_at)[11:],
            one.ended,
        )
        for one in known
    )
    yield Grid(("Pen", "Firmware", "Session", "Opened", "Closed", "Ended"), rows, wide=(1, 5))
    yield Prose(
        f"Wire protocol {version.PROTOCOL_VERSION} of this program. Needles planned for: {visit.plan.needles}."
    )
    used = tuple(_cartridge(one) for one in clinic.cartridges.of_visit(visit.visit_id))
    if used:
        header = ("Cartridge", "Article", "Lot", "Expiry", "Needles", "State")
        yield Grid(header, used, right=(4,), wide=(0,))
    else:
        yield Note("No cartridge is linked to this visit", ("Its lot can not be traced.",), Tone.WARN)


def _cartridge(one: Cartridge) -> tuple[str, ...]:
    serial = one.label.serial if one.label else one.chip_serial or words.NOT_KNOWN
    article = one.label.gtin if one.label else "chip only"
    needles = str(one.needles) if one.needles else words.NOT_KNOWN
    return (serial, article, one.lot, words.day(one.expiry), needles, one.state)


def _pictures(known: Sequence[SessionTold]) -> Iterator[Block]:
    for one in known:
        if not one.samples:
            continue
        shown = Treatment("", "", [words.named(name) for name in one.zones], one.samples, one.marks)
        stops = ", ".join(trip.cause for trip in one.trips) or "none"
        yield Picture(
            plots.treatment(shown),
            f"Needle protrusion, stroke rate and strokes over time in session {one.session_id}; stops: {stops}.",
            f"Session {one.session_id}: what was asked for and what was measured. Hatched: stopped.",
        )


def _holds(known: Sequence[SessionTold]) -> Iterator[Block]:
    rows = [
        (
            str(number),
            words.named(run.zone or "outside any zone"),
            words.mm(run.depth_um),
            str(run.count.strokes),
            str(run.count.contact),
            "cut short by a crash" if run.last_id is None else _ended(run.cause),
        )
        for number, run in enumerate((run for one in known for run in one.report.runs), 1)
    ]
    if not rows:
        return
    yield Heading("Holds of the trigger")
    header = ("No.", "Zone", "Protrusion", "Strokes", "On skin", "Ended by")
    yield Grid(header, tuple(rows), right=(0, 2, 3, 4), wide=(5,))


def _ended(cause: int) -> str:
    return cause_name(cause) if cause else "release, or the goal was reached"


def _stops(known: Sequence[SessionTold]) -> Iterator[Block]:
    yield Heading("Stops")
    rows = tuple(
        (
            words.moment(trip.at),
            trip.cause,
            words.named(trip.zone or words.NONE),
            trip.cleared_by or "nobody",
        )
        for one in known
        for trip in one.trips
    )
    if rows:
        yield Grid(("When", "First cause", "Zone", "Cleared by"), rows, wide=(1,))
    else:
        yield Prose("The pen was not stopped in this treatment.")


# ---- the patient -----------------------------------------------------------------------------------------------------


def _before(clinic: Clinic, visit: Visit, screened: Screened) -> Iterator[Block]:
    yield Heading("Screening and consent")
    consent = clinic.consents.get(visit.consent_id)
    said_no = sum(1 for answer in screened.answers.values() if answer.reply == "no")
    stands = "stands" if consent.stands else f"withdrawn on {words.day_of(consent.withdrawn_at)}"
    yield Facts(
        (
            ("Questions", f"{len(screened.answers)} answered, {said_no} of them with no"),
            ("Asked by", f"{words.who(screened.by)}, {words.moment(screened.at)}"),
            ("Consent", f"{consent.name}, version {consent.version} ({consent.language}), {stands}"),
            ("Signed", f"{words.moment(consent.signed_at)}, {consent.relation}, on {consent.signed_on}"),
        )
    )
    if screened.findings:
        rows = tuple(
            (words.level_word(one.level), one.rule_id, one.sentence, one.source) for one in screened.findings
        )
        yield Grid(("Level", "Rule", "Finding", "Source"), rows, wide=(2, 3))
    else:
        yield Prose("No answer speaks against the treatment.")
    gone_past = (*screened.overrides, *visit.overrides)
    if gone_past:
        yield Grid(
            ("Gone past", "Reason", "By"),
            tuple((one.rule_id, one.reason, words.who(one.by)) for one in gone_past),
            wide=(1,),
        )


def _after(clinic: Clinic, visit: Visit) -> Iterator[Block]:
    yield Heading("Afterwards")
    notes = [one for one in clinic.patients.notes(visit.patient_id) if one.visit_id == visit.visit_id]
    for one in notes:
        yield Note(f"Note, {words.who(one.by)}, {words.moment(one.at)}", tuple(one.text.splitlines()))
    used = [
        one
        for one in clinic.patients.topicals(visit.patient_id)
        if visit.opened_at - ADJUNCTS_BEFORE <= one.used_at <= (visit.closed_at or one.used_at)
    ]
    if used:
        adjuncts = tuple(
            (words.named(one.substance), one.detail or words.NONE, words.moment(one.used_at)) for one in used
        )
        yield Grid(("Adjunct, recorded and not advised", "Detail", "Used"), adjuncts, wide=(0, 1))
    seen = [one for one in clinic.reactions.of(visit.patient_id) if one.visit_id == visit.visit_id]
    if seen:
        rows = tuple(
            (
                words.named(one.kind),
                one.severity,
                words.day(one.onset),
                words.day(one.resolved) if one.resolved else "still there",
            )
            for one in seen
        )
        yield Grid(("Reaction", "Strongest", "Onset", "Gone"), rows, wide=(0,))
    yield Facts(tuple(_end(visit)))


def _end(visit: Visit) -> Iterator[tuple[str, str]]:
    yield "After-care sheet given", words.moment(visit.after_care_at) if visit.after_care_at else "no"
    if visit.next is not None:
        yield "Not before", f"{words.day(visit.next.day)} (rule {visit.next.rule_id})"
        yield "Why", visit.next.sentence
        if visit.next.reason:
            yield "Earlier because", visit.next.reason
    if visit.signature is not None:
        yield "Signed by", words.who(visit.signature.signer)
        yield "Meaning", visit.signature.meaning
        yield "Signed at", words.moment(visit.signature.at)
    if visit.abandoned_reason:
        yield "Abandoned because", visit.abandoned_reason

"""The lot report: who got this lot, when, from whom, with which pen, and what their skin did, on one page where it fits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from pen_host.errors import UsageError
from pen_host.records import Clinic
from pen_host.records.models import LotUse, Reaction, Recall
from pen_host.reports import words
from pen_host.reports.blocks import Badge, Block, Facts, Grid, Heading, Note, Prose, Sheet, Tone


def lot_report(clinic: Clinic, lot: str, gtin: str | None = None) -> tuple[Sheet, datetime]:
    """Everybody a cartridge of a lot was opened for, and the moment it tells of: the record as it is now.

    Raises:
        UsageError: The record knows no cartridge of this lot.
    """
    used = clinic.lot(lot, gtin)
    stock = clinic.cartridges.stock(lot=lot)
    recalls = [one for one in clinic.recalls.all() if one.lot == lot and one.gtin in (None, gtin, one.gtin)]
    if not used and not stock and not recalls:
        raise UsageError(
            f"The record knows no cartridge of lot {lot[:40]}, so there is no report. Compare the number with the package."
        )
    seal = clinic.seal()
    reactions = _reactions_of(clinic, used)
    blocks: list[Block] = [
        Facts(tuple(_in_short(lot, gtin, used, len(stock)))),
        *(_recall(one) for one in recalls),
        *_people(used),
        *_reactions(reactions),
        words.seal_note(seal),
    ]
    badges = (Badge("recalled", Tone.STOP),) if recalls else ()
    sheet = Sheet("Lot report", f"Lot {lot}", f"Lot {lot}", badges, tuple(blocks), words.sealed(seal))
    return sheet, seal.at


def _in_short(lot: str, gtin: str | None, used: Sequence[LotUse], stock: int) -> Iterator[tuple[str, str]]:
    people = {one.patient_id for one in used}
    days = sorted(one.day for one in used)
    yield "Lot", lot
    yield "Article", gtin or "any"
    yield "Opened for", f"{len(people)} patients in {len({one.visit_id for one in used})} visits"
    yield "Cartridges in the record", str(stock)
    yield "First and last use", f"{words.day(days[0])} to {words.day(days[-1])}" if days else words.NONE


def _recall(one: Recall) -> Note:
    return Note(f"Recalled by {words.who(one.by)}, {words.moment(one.at)}", (one.reason,), Tone.STOP)


def _people(used: Sequence[LotUse]) -> Iterator[Block]:
    yield Heading("Who got it")
    if not used:
        yield Prose("No cartridge of this lot was opened for anybody.")
        return
    rows = tuple(
        (
            words.day(one.day),
            f"{one.patient_name or 'erased'} ({one.patient_id})",
            one.phone or one.email or "no number",
            one.cartridge,
            one.state,
            ", ".join(one.pen_serials) or words.NONE,
            one.operator.name,
        )
        for one in used
    )
    yield Grid(("Day", "Patient", "Reach", "Cartridge", "State", "Pen", "Treated by"), rows, wide=(1, 3))


def _reactions_of(clinic: Clinic, used: Sequence[LotUse]) -> list[Reaction]:
    visits = {one.visit_id for one in used}
    people = dict.fromkeys(one.patient_id for one in used)
    return [seen for person in people for seen in clinic.reactions.of(person) if seen.visit_id in visits]


def _reactions(found: Sequence[Reaction]) -> Iterator[Block]:
    yield Heading("Reactions after these treatments")
    if not found:
        yield Prose("None was recorded. That nobody wrote one down does not mean that there was none.")
        return
    rows = tuple(
        (
            one.patient_id,
            words.named(one.kind),
            one.severity,
            words.day(one.onset),
            words.day(one.resolved) if one.resolved else "still there",
        )
        for one in found
    )
    yield Grid(("Patient", "Reaction", "Strongest", "Onset", "Gone"), rows, wide=(1,))

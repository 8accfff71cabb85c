"""What a visit's zones received: the pen's own counts from the journal, needles from the cartridge, areas from the plan."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from pen_host import dose
from pen_host.journal import JournalReader, StrokeReport
from pen_host.records.models import Visit
from pen_host.records.store import Store
from pen_host.records.tables import cartridge_uses, cartridges


def visit_doses(store: Store, visit: Visit) -> tuple[dose.ZoneDose, ...]:
    """Estimated maximum of every zone of a visit, over all its pen sessions; strokes outside any zone come last.

    Args:
        store: The record.
        visit: The visit.

    Raises:
        UsageError: The journal has no such session.
        JournalError: The record cannot be read.
    """
    with JournalReader(store.path) as reader:
        reports = [reader.strokes(session.session_id) for session in visit.sessions]
    needles = _needles(store, visit)
    sure = all(report.sure for report in reports)
    found = [dose.of_zone(zone, needles, _passes(reports, zone.name), sure=sure) for zone in visit.plan.zones]
    stray = _passes(reports, None)
    return (*found, dose.outside(needles, stray)) if stray else tuple(found)


def _passes(reports: Sequence[StrokeReport], zone: str | None) -> list[dose.PassCount]:
    """Each hold of the trigger in a zone; strokes that no run accounts for are one more, for they were made."""
    passes = []
    for report in reports:
        runs = [run for run in report.runs if run.zone == zone]
        passes += [dose.PassCount(run.count.strokes, run.count.contact) for run in runs]
        whole = report.zones.get(zone)
        if whole is None:
            continue
        strokes = whole.strokes - sum(run.count.strokes for run in runs)
        contact = whole.contact - sum(run.count.contact for run in runs)
        if strokes or contact:
            passes.append(dose.PassCount(strokes, contact))
    return passes


def _needles(store: Store, visit: Visit) -> int:
    """Needles of the cartridges that were opened for the visit, the most of them; the plan's where nobody said."""
    rows = store.rows(
        select(cartridges.c.needles)
        .join(cartridge_uses, cartridge_uses.c.cartridge_id == cartridges.c.id)
        .where(cartridge_uses.c.visit_id == visit.visit_id)
    )
    return max((row["needles"] for row in rows if row["needles"]), default=visit.plan.needles)

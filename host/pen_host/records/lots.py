"""Who got this lot, when, from whom: one query, whatever became of the cartridges."""

from __future__ import annotations

from sqlalchemy import and_, select

from pen_host.records.models import LotUse
from pen_host.records.models.cartridges import CartridgeState
from pen_host.records.store import Store, writer
from pen_host.records.tables import cartridge_uses, cartridges, demographics, patients, visit_sessions, visits


def search_lot(store: Store, lot: str, gtin: str | None = None) -> tuple[LotUse, ...]:
    """Everybody a cartridge of a lot was opened for, newest first; opened but unused ones among them.

    Args:
        store: The record.
        lot: Lot number as printed.
        gtin: Only of this article.
    """
    newest = and_(demographics.c.patient_id == patients.c.id, demographics.c.newest)
    query = (
        select(
            cartridges.c.lot,
            cartridges.c.serial,
            cartridges.c.discarded_at,
            cartridge_uses.c.patient_id,
            cartridge_uses.c.visit_id,
            cartridge_uses.c.used_at,
            demographics.c.full_name,
            demographics.c.phone,
            demographics.c.email,
            visits.c.day,
            visits.c.by_name,
            visits.c.by_role,
        )
        .join(cartridge_uses, cartridge_uses.c.cartridge_id == cartridges.c.id)
        .join(visits, visits.c.id == cartridge_uses.c.visit_id)
        .join(patients, patients.c.id == cartridge_uses.c.patient_id)
        .outerjoin(demographics, newest)
        .where(cartridges.c.lot == lot.strip())
        .order_by(visits.c.day.desc(), cartridges.c.serial)
    )
    if gtin is not None:
        query = query.where(cartridges.c.gtin == gtin)
    rows = store.rows(query)
    pens = store.rows(
        select(visit_sessions)
        .where(visit_sessions.c.visit_id.in_([row["visit_id"] for row in rows]))
        .order_by(visit_sessions.c.at)
    )
    by_visit: dict[str, list[tuple[str, str]]] = {}
    for pen in pens:
        by_visit.setdefault(pen["visit_id"], []).append((pen["session_id"], pen["pen_serial"]))
    found = []
    for row in rows:
        state = CartridgeState.BOUND if row["used_at"] is None else CartridgeState.USED
        if row["discarded_at"] is not None:
            state = CartridgeState.DISCARDED
        used = by_visit.get(row["visit_id"], [])
        found.append(
            LotUse(
                lot=row["lot"],
                cartridge=row["serial"],
                state=state,
                patient_id=row["patient_id"],
                patient_name=row["full_name"],
                phone=row["phone"],
                email=row["email"],
                visit_id=row["visit_id"],
                day=row["day"],
                session_ids=tuple(session for session, _ in used),
                pen_serials=tuple(dict.fromkeys(pen for _, pen in used)),
                operator=writer(row),
            )
        )
    return tuple(found)

"""Who may come again: the newest closed visit of each patient whose course is not finished."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from sqlalchemy import and_, func, select

from pen_host.records.models import Due
from pen_host.records.store import Store
from pen_host.records.tables import demographics, patients, visits


def due_patients(
    store: Store, sessions: Mapping[str, int | None], today: date, ahead_days: int
) -> tuple[Due, ...]:
    """Patients whose next day has come or comes soon, the longest overdue first.

    Args:
        store: The record.
        sessions: Sessions of each preset's course, None for one without a number.
        today: The day.
        ahead_days: How far to look ahead.
    """
    closed = visits.c.state == "closed"
    newest = (
        select(visits.c.patient_id, func.max(visits.c.day).label("day"))
        .where(closed)
        .group_by(visits.c.patient_id)
        .subquery()
    )
    query = (
        select(
            visits.c.patient_id, visits.c.day, visits.c.next_day, visits.c.preset_id, demographics.c.full_name
        )
        .join(newest, and_(newest.c.patient_id == visits.c.patient_id, newest.c.day == visits.c.day))
        .join(patients, patients.c.id == visits.c.patient_id)
        .join(demographics, and_(demographics.c.patient_id == visits.c.patient_id, demographics.c.newest))
        .where(and_(closed, visits.c.next_day <= today + timedelta(days=ahead_days)))
        .order_by(visits.c.next_day, demographics.c.search_name)
    )
    done = _done(store)
    found: dict[str, Due] = {}
    for row in store.rows(query):
        count = done.get((row["patient_id"], row["preset_id"]), 1)
        course = sessions.get(row["preset_id"] or "")
        if course is not None and count >= course:
            continue
        found[row["patient_id"]] = Due(
            patient_id=row["patient_id"],
            patient_name=row["full_name"],
            last_day=row["day"],
            next_day=row["next_day"],
            overdue_days=(today - row["next_day"]).days,
            preset_id=row["preset_id"],
            visits=count,
            sessions=course,
        )
    return tuple(found.values())


def _done(store: Store) -> Mapping[tuple[str, str | None], int]:
    """Closed visits by patient and preset."""
    query = (
        select(visits.c.patient_id, visits.c.preset_id, func.count().label("count"))
        .where(visits.c.state == "closed")
        .group_by(visits.c.patient_id, visits.c.preset_id)
    )
    return {(row["patient_id"], row["preset_id"]): row["count"] for row in store.rows(query)}

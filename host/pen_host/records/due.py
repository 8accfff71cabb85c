"""Who may come again: the newest closed visit of each patient whose course is not finished."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from sqlalchemy import RowMapping, and_, exists, func, or_, select, tuple_

from pen_host.records.models import Due
from pen_host.records.store import Store
from pen_host.records.tables import demographics, visits

LAPSED_DAYS = 180
"""Who has not come for this long after the next day was due is in no course any more. (J)"""


def due_patients(
    store: Store, sessions: Callable[[RowMapping], int | None], today: date, ahead_days: int
) -> tuple[Due, ...]:
    """Patients whose next day has come or comes soon, the longest overdue first; the lapsed ones are left out.

    Args:
        store: The record.
        sessions: Sessions of the course that a visit belongs to, None for one without a number.
        today: The day.
        ahead_days: How far to look ahead.
    """
    later, earlier = visits.alias("later"), visits.alias("earlier")
    superseded = exists(later.c.patient_id).where(
        later.c.patient_id == visits.c.patient_id,
        later.c.state == "closed",
        tuple_(later.c.day, later.c.at) > tuple_(visits.c.day, visits.c.at),
    )
    same_course = or_(
        earlier.c.preset_id == visits.c.preset_id,
        and_(earlier.c.preset_id.is_(None), visits.c.preset_id.is_(None)),
    )
    done = (
        select(func.count())
        .select_from(earlier)
        .where(earlier.c.patient_id == visits.c.patient_id, earlier.c.state == "closed", same_course)
        .correlate(visits)
        .scalar_subquery()
    )
    query = (
        select(
            visits.c.patient_id,
            visits.c.day,
            visits.c.next_day,
            visits.c.at,
            visits.c.preset_id,
            visits.c.preset_digest,
            demographics.c.full_name,
            done.label("done"),
        )
        .join(demographics, and_(demographics.c.patient_id == visits.c.patient_id, demographics.c.newest))
        .where(
            visits.c.state == "closed",
            visits.c.next_day <= today + timedelta(days=ahead_days),
            visits.c.next_day >= today - timedelta(days=LAPSED_DAYS),
            ~superseded,
        )
        .order_by(visits.c.next_day, demographics.c.search_name)
    )
    found = []
    for row in store.rows(query):
        course = sessions(row)
        if course is not None and row["done"] >= course:
            continue
        found.append(
            Due(
                patient_id=row["patient_id"],
                patient_name=row["full_name"],
                last_day=row["day"],
                next_day=row["next_day"],
                overdue_days=(today - row["next_day"]).days,
                preset_id=row["preset_id"],
                visits=row["done"],
                sessions=course,
            )
        )
    return tuple(found)

"""The cartridge registry of a clinic with several stations: what a station may open while it does not know what others did.

A cartridge belongs to the stock of the station that registered it and is opened there only, so two stations that do not see
each other cannot open one. The server confirms each registration: of two stations that scanned one cartridge, the first keeps
it. Whoever has not heard from the server for a while does not know what was called back and opens nothing; the rest goes on.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import and_, select

from pen_host.findings import Finding, Level
from pen_host.journal.tables import row_states, station_held, station_link
from pen_host.records.store import Store
from pen_host.records.tables import cartridges

OFFLINE_MAX = timedelta(hours=24)
"""A station that has not fetched for this long opens no cartridge: a recall may have come meanwhile. (J)"""
OFFLINE_WORDS = (
    "Without the server a station goes on with everything but this: it opens cartridges only that are of its own confirmed "
    "stock, and only for 24 hours after it last fetched. Patients, screening, consent, visits, a treatment that has begun, "
    "outcomes and reactions never wait for the server."
)
"""What a station may do offline, for people."""
_SOURCE = "the clinic's cartridge registry; one patient and one session, MMWR 73:372"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def clinic_wide(store: Store, cartridge_id: str) -> list[Finding]:
    """What forbids opening a cartridge here and now, in a clinic with several stations; nothing for a single one."""
    link = store.row(select(station_link))
    if link is None:
        return []
    state = and_(row_states.c.name == "cartridges", row_states.c.row_key == cartridges.c.id)
    held = and_(station_held.c.name == "cartridges", station_held.c.row_key == cartridges.c.id)
    query = (
        select(cartridges.c.station_id, row_states.c.change_no, row_states.c.is_foreign, station_held.c.why)
        .select_from(cartridges.outerjoin(row_states, state).outerjoin(station_held, held))
        .where(cartridges.c.id == cartridge_id)
    )
    row = store.row(query)
    found = []
    if row is None or row["station_id"] != link["station_id"]:
        owner = row["station_id"] if row else "nobody"
        found.append(
            _block(
                "cartridge_elsewhere",
                f"This cartridge belongs to the stock of station {owner}, where it may be open by now.",
            )
        )
    elif row["change_no"] is None or (not row["is_foreign"] and row["change_no"] > link["sent_change_no"]):
        found.append(
            _block(
                "cartridge_unconfirmed",
                "The clinic's server has not confirmed yet that no other station has this cartridge. Replicate first.",
            )
        )
    if row is not None and row["why"]:
        found.append(
            _block("cartridge_conflict", f"Two stations say different things of this cartridge: {row['why']}")
        )
    fetched = None if link["fetched_us"] is None else _EPOCH + timedelta(microseconds=link["fetched_us"])
    if fetched is None or store.now() - fetched > OFFLINE_MAX:
        since = f"since {fetched:%Y-%m-%d %H:%M} UTC" if fetched else "at all"
        found.append(
            _block(
                "cartridge_registry_old",
                f"This station has not heard from the clinic's server {since}, so it does not know what was used or called "
                "back elsewhere. Replicate first.",
            )
        )
    return found


def _block(rule_id: str, sentence: str) -> Finding:
    return Finding(Level.BLOCK, rule_id, sentence, _SOURCE)

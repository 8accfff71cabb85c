"""Who may do what on the clinic's server: three roles by GRANT, and each station only in its own name by row security.

| role | may |
| --- | --- |
| `pen_station` | read the clinical tables; add rows in its own name, change any; settle conflicts; append its own chain |
| | add and read sealed pictures, and keys, of the photographs whose rows it may read |
| `pen_reader` | read the clinical tables without what `pen_host.records.personal` lists: for reports over a clinic |
| `pen_auditor` | read chains, signed heads, stations and conflicts |

A version of an own preset is added and then stays as it is. Only erasing removes anything: names, notes and photographs. Nobody
but the owner of the tables changes a chain, and the guards refuse the owner as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Table

from pen_host.records.personal import ROWS, hidden

STATION, READER, AUDITOR = "pen_station", "pen_reader", "pen_auditor"
_SETTLING = ("settled_by", "settled_at", "settled_how", "settled_reason", "settled_station")
_KEPT_AS_THEY_ARE = frozenset({"own_presets"})
"""Tables of which nobody changes a row: a treatment names the version it was planned by."""
_NEVER_CHANGED = {"station_id", "at", "by_name", "by_role"}

_ROLE = """
DO $do$ BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{0}') THEN CREATE ROLE {0} NOLOGIN; END IF;
END $do$
"""

_THIS_STATION = """
CREATE OR REPLACE FUNCTION pen_this_station() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS
$$ SELECT station_id FROM public.stations WHERE login = session_user $$
"""


def statements(clinical: list[Table]) -> Iterator[str]:
    """Every statement that gives the rights; harmless when repeated.

    Args:
        clinical: The tables of the clinical record.
    """
    yield from (_ROLE.format(role) for role in (STATION, READER, AUDITOR))
    yield _THIS_STATION
    # and from readers, who are given anew what they may see: an older list showed them more
    yield f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, {READER}"
    yield f"GRANT USAGE ON SCHEMA public TO {STATION}, {READER}, {AUDITOR}"
    yield f"GRANT SELECT ON alembic_version, clinic_version, server_version TO {STATION}, {READER}, {AUDITOR}"
    yield f"GRANT SELECT ON entries, signed_heads, stations, conflicts TO {AUDITOR}"
    yield f"GRANT SELECT, INSERT ON entries, signed_heads, conflicts TO {STATION}"
    yield f"GRANT UPDATE ({', '.join(_SETTLING)}) ON conflicts TO {STATION}"
    yield f"GRANT SELECT ON stations TO {STATION}"
    yield f"GRANT UPDATE (change_no, seen_at, public_key) ON stations TO {STATION}"
    yield f"GRANT SELECT, INSERT, UPDATE ON row_versions TO {STATION}"
    yield f"GRANT USAGE ON SEQUENCE row_version TO {STATION}"
    for table in ("entries", "signed_heads"):
        yield from _own_rows(
            table, read=f"station_id = pen_this_station() OR pg_has_role('{AUDITOR}', 'MEMBER')"
        )
    yield from _own_rows("conflicts", read="true")
    # settled once, and by this station
    yield from _policy("conflicts", "UPDATE", "settled_at IS NULL", "settled_station = pen_this_station()")
    yield from _own_rows("row_versions", read="true")
    yield from _policy("row_versions", "UPDATE", "true", "station_id = pen_this_station()")
    yield "ALTER TABLE stations ENABLE ROW LEVEL SECURITY"
    yield from _policy("stations", "SELECT", "true")
    yield from _policy("stations", "UPDATE", "login = session_user", "login = session_user")
    for one in clinical:
        yield from _clinical(one)
    yield from _pictures()


def _pictures() -> Iterator[str]:
    """A picture is whose photograph's row one may read: whatever narrows the one narrows the other."""
    columns = {
        "pictures": "patient_id, sha256, slices, slice_bytes, station_id",
        "picture_slices": "patient_id, sha256, number, station_id, sealed",
        "picture_keys": "patient_id, key, station_id",
    }
    of_one = "EXISTS (SELECT 1 FROM {0} p WHERE p.patient_id = {1}.patient_id AND p.sha256 = {1}.sha256)"
    seen = {
        "pictures": of_one.format("photographs", "pictures"),
        "picture_slices": of_one.format("pictures", "picture_slices"),
        "picture_keys": "EXISTS (SELECT 1 FROM photographs p WHERE p.patient_id = picture_keys.patient_id)",
    }
    for table, names in columns.items():
        yield f"GRANT SELECT, INSERT ({names}) ON {table} TO {STATION}"
        yield from _own_rows(table, read=seen[table], add=seen[table])


def _clinical(table: Table) -> Iterator[str]:
    keys = {column.name for column in table.primary_key.columns}
    changeable = [column.name for column in table.columns if column.name not in keys | _NEVER_CHANGED]
    yield f'GRANT SELECT, INSERT ON "{table.name}" TO {STATION}'
    yield from _own_rows(table.name, read="true")
    if changeable and table.name not in _KEPT_AS_THEY_ARE:
        yield f'GRANT UPDATE ({", ".join(changeable)}) ON "{table.name}" TO {STATION}'
        yield from _policy(table.name, "UPDATE", "true", "true")
    if table.name in ROWS:
        yield f'GRANT DELETE ON "{table.name}" TO {STATION}'
        yield from _policy(table.name, "DELETE", "true")
    names = [column.name for column in table.columns]
    kept_from_readers = hidden(table.name, names)
    shown = [name for name in names if name not in kept_from_readers]
    yield f'GRANT SELECT ({", ".join(shown)}) ON "{table.name}" TO {READER}'


def _own_rows(table: str, *, read: str, add: str = "true") -> Iterator[str]:
    """Rows are read where `read` says so, and added in one's own name only, where `add` says so."""
    yield f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY'
    yield from _policy(table, "SELECT", read)
    yield from _policy(table, "INSERT", "", f"station_id = pen_this_station() AND {add}")


def _policy(table: str, command: str, using: str, check: str = "") -> Iterator[str]:
    name = f"pen_{command.lower()}"
    yield f'DROP POLICY IF EXISTS {name} ON "{table}"'
    seen = f" USING ({using})" if using else ""
    kept = f" WITH CHECK ({check})" if check else ""
    yield f'CREATE POLICY {name} ON "{table}" FOR {command}{seen}{kept}'

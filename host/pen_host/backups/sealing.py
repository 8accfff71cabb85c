"""Sealing a copy of a record: everything that says who a patient is, under that patient's own key, and back again."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Callable, Mapping

from pen_host.records.patient_keys import GONE, seal, unseal
from pen_host.records.personal import PERSONAL, SALT
from pen_host.records.tables import metadata

PREFIX = "sealed:"
_OWNER = {"reaction_days": "(SELECT patient_id FROM reactions r WHERE r.id = t.reaction_id)"}
"""Where a row does not name its patient itself."""


def _columns() -> dict[str, tuple[str, tuple[str, ...]]]:
    found = {}
    for name, personal in PERSONAL.items():
        salt = (SALT,) if SALT in metadata.tables[name].columns else ()
        found[name] = (_OWNER.get(name, "t.patient_id"), (*personal, *salt))
    return found


COLUMNS: Mapping[str, tuple[str, tuple[str, ...]]] = _columns()
"""What of each table is sealed, and whose it is: exactly what erasing removes, and the salts by which it could be guessed."""


def seal_copy(connection: sqlite3.Connection, keys: Mapping[str, bytes]) -> None:
    """Seals a copy in place; nothing of what it said stays in its pages.

    Raises:
        KeyError: A patient has no key.
        sqlite3.Error: The copy cannot be written.
    """
    connection.execute("PRAGMA secure_delete = ON")

    def sealed(patient: str, value: str, place: str) -> str:
        if keys[patient] == GONE:
            return value  # erased: nothing is left that says who it was
        return PREFIX + base64.b64encode(seal(keys[patient], value.encode(), place.encode())).decode()

    _each(connection, sealed)
    connection.execute("VACUUM")


def unseal_copy(connection: sqlite3.Connection, keys: Mapping[str, bytes]) -> set[str]:
    """Opens a copy in place.

    Returns:
        Patients whose key is gone, or whose content it does not open: that stays sealed.

    Raises:
        sqlite3.Error: The copy cannot be written.
    """
    unreadable: set[str] = set()

    def opened(patient: str, value: str, place: str) -> str:
        if not value.startswith(PREFIX):
            return value
        key = keys.get(patient)
        content = unseal(key, base64.b64decode(value[len(PREFIX) :]), place.encode()) if key else None
        if content is None:
            unreadable.add(patient)
            return value
        return content.decode()

    _each(connection, opened)
    return unreadable


def _each(connection: sqlite3.Connection, change: Callable[[str, str, str], str]) -> None:
    """Changes every value that says who somebody is, and the salt of its row's seal."""
    connection.execute("BEGIN IMMEDIATE")
    for table, (owner, columns) in COLUMNS.items():
        key = " || '/' || ".join(f't."{column.name}"' for column in metadata.tables[table].primary_key)
        names = ", ".join(f't."{column}"' for column in columns)
        rows = connection.execute(f'SELECT {key}, {owner}, {names} FROM "{table}" t').fetchall()  # noqa: S608 - our own names
        sets = ", ".join(f'"{column}" = ?' for column in columns)
        update = f'UPDATE "{table}" AS t SET {sets} WHERE {key} = ?'  # noqa: S608 - our own names
        for row_key, patient, *values in rows:
            places = (f"{table}/{row_key}/{column}" for column in columns)
            new = [
                value if value in {None, ""} else change(patient, value, place)
                for value, place in zip(values, places, strict=True)
            ]
            if new != values:
                connection.execute(update, (*new, row_key))
        _salts(connection, table, {row[0]: row[1] for row in rows}, change)
    connection.execute("COMMIT")


def _salts(
    connection: sqlite3.Connection,
    table: str,
    owners: Mapping[str, str],
    change: Callable[[str, str, str], str],
) -> None:
    query = "SELECT row_key, salt FROM row_states WHERE name = ? AND salt <> ''"
    for key, salt in connection.execute(query, (table,)).fetchall():
        if key in owners:
            new = change(owners[key], salt, f"row_states/{table}/{key}")
            connection.execute(
                "UPDATE row_states SET salt = ? WHERE name = ? AND row_key = ?", (new, table, key)
            )

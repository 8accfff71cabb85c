"""Settling a conflict: somebody looks at both versions, keeps one or both, and says why.

A version that was put aside is never written behind anybody's back: it becomes a change of this station's own record, sealed and
in its chain like any other, and reaches the others by replication. Only then is the conflict marked as settled on the server, so
a settlement that is cut short is simply repeated.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from pen_host.errors import RefusedError, UsageError
from pen_host.journal import Draft, Journal, Kind, sqlite
from pen_host.records.models import Person
from pen_host.records.tables import demographics, metadata
from pen_host.stations.pictures import NO_PICTURES
from pen_host.stations.replicate import WRITTEN, Replicated, replicate
from pen_host.stations.server import Conflict, connected, must_be_ours, open_conflicts

_SECOND = uuid.UUID("b1d4f6a2-6d0e-4a53-8f0c-0d8a5b6f2c77")
"""Name space of the keys of second versions; drawn once. Settling again gives the same key."""


class Keep(StrEnum):
    """What of a conflict is kept."""

    STANDING = "standing"
    """What stands on the server."""
    PUT_ASIDE = "put_aside"
    """What was put aside, instead of it."""
    BOTH = "both"
    """What was put aside as well: as a newer version of demographics, as a row of its own elsewhere."""


class SettleError(RefusedError):
    """A conflict cannot be settled so.

    Args:
        why: As a clause.
        remedy: What to do, a sentence.
    """

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(f"This conflict was not settled: {why}. No version is lost. {remedy}")


@dataclass(frozen=True, slots=True)
class Settled:
    """A conflict that is settled.

    Attributes:
        conflict: It.
        keep: What was kept.
        sent: What the replication with it came to.
    """

    conflict: Conflict
    keep: Keep
    sent: Replicated


def settle(
    journal: Journal, url: str, place: tuple[str, str], keep: Keep, reason: str, by: Person, digest: str = ""
) -> Settled:
    """Settles one conflict, at any station that has joined.

    Args:
        journal: The station's record.
        url: The server, with this station's login.
        place: Table and key of the row, as `conflicts` shows them.
        keep: What to keep.
        reason: Why; stands in the chain.
        by: Who decides.
        digest: How the digest of the version that was put aside begins, where there are several.

    Raises:
        UsageError: There is no such conflict, several, or no reason.
        SettleError: It cannot be settled so; nothing was changed.
        ServerGoneError: The server is not there.
        JournalError: The record cannot be written.
    """
    if not reason.strip():
        raise UsageError("A conflict is settled with a reason, so nothing was changed. Say why in --reason.")
    conflict = _the_one(url, place, digest)
    # this station's record has what stands by now, so that the change is one of the newest version
    sent = replicate(journal, url, NO_PICTURES)
    told = {"change": "settled", "table": conflict.table, "row": conflict.row_key, "digest": conflict.digest}
    drafts = [Draft(Kind.REPLICATION, {**told, "keep": str(keep), "reason": reason.strip()})]
    if keep is Keep.STANDING:
        journal.together(lambda _: drafts, actor=by.name, role=by.role)
    else:
        content = _content(conflict)
        _must_be_current(journal, conflict)

        written: list[str] = []

        def change(connection: Connection) -> list[Draft]:
            try:
                with connection.begin_nested():
                    if keep is Keep.PUT_ASIDE:
                        written.append(_put_in_place(connection, conflict, content))
                    else:
                        written.append(
                            _add(connection, conflict, content | {"station_id": journal.station_id})
                        )
            except IntegrityError as error:
                raise SettleError(
                    f"the rules of the record exclude it ({error.orig})",
                    "Keep what stands, or change one of the two first.",
                ) from error
            return drafts

        journal.together(change, actor=by.name, role=by.role)
        sent = replicate(journal, url, NO_PICTURES)
        if any(said.startswith(f"{conflict.table} {written[-1]}:") for said in sent.conflicts):
            raise SettleError(
                "somebody changed the row at the same moment", "Look at the conflicts again, and settle anew."
            )
    _mark(url, conflict, keep, reason.strip(), by)
    return Settled(conflict, keep, sent)


def _the_one(url: str, place: tuple[str, str], digest: str) -> Conflict:
    with connected(url) as server:
        must_be_ours(server)
        found = [
            one
            for one in open_conflicts(server)
            if (one.table, one.row_key) == place and one.digest.startswith(digest)
        ]
    if len(found) == 1:
        return found[0]
    name = " ".join(place)
    if not found:
        raise UsageError(
            f"There is no unsettled conflict about {name}, so nothing was changed. List them with pen station conflicts."
        )
    digests = ", ".join(one.digest[:12] for one in found)
    raise UsageError(
        f"{len(found)} versions of {name} were put aside ({digests}), so nothing was changed. Choose one with --digest."
    )


def _content(conflict: Conflict) -> dict[str, Any]:
    content = json.loads(conflict.content)
    if content is None:
        raise SettleError(
            "what was put aside is a removal, or of a patient who was erased since",
            "Keep what stands; a patient is erased with pen patient erase.",
        )
    if conflict.other_station is None:
        raise SettleError(
            f"nothing stands in its place, for {conflict.why}",
            f"Remove the cause at station {conflict.station_id}, and replicate there; then keep what stands.",
        )
    return dict(content)


def _must_be_current(journal: Journal, conflict: Conflict) -> None:
    """The row stands in this record as on the server, and not in a version of this station's own."""
    place = (conflict.table, conflict.row_key)
    with closing(sqlite.connect_reader(journal.path)) as connection:
        state = connection.execute(
            "SELECT digest FROM row_states WHERE name = ? AND row_key = ?", place
        ).fetchone()
    if state is None or not state[0]:
        raise SettleError("the row is not in this station's record", "Replicate here first.")


def _put_in_place(connection: Connection, conflict: Conflict, content: Mapping[str, Any]) -> str:
    """Puts the version that was put aside in the place of the other; the key of its row."""
    keys = [column.name for column in metadata.tables[conflict.table].primary_key]
    values = {name: value for name, value in content.items() if name not in {*keys, *WRITTEN}}
    sets = ", ".join(f'"{name}" = ?' for name in values)
    where = " AND ".join(f'"{name}" = ?' for name in keys)
    text = f'UPDATE "{conflict.table}" SET {sets} WHERE {where}'  # noqa: S608 - our own names
    connection.exec_driver_sql(text, (*values.values(), *(content[name] for name in keys)))
    return conflict.row_key


def _add(connection: Connection, conflict: Conflict, content: Mapping[str, Any]) -> str:
    """Puts the version that was put aside beside the other; the key of its row."""
    keys = [column.name for column in metadata.tables[conflict.table].primary_key]
    row = dict(content)
    if conflict.table == demographics.name:
        row |= {"version": _next_version(connection, content), "newest": 1}
    elif keys == ["id"]:
        row["id"] = uuid.uuid5(_SECOND, conflict.digest).hex
    else:
        raise SettleError("a row of this kind is there once or not at all", "Keep one of the two.")
    names = ", ".join(f'"{name}"' for name in row)
    found = connection.exec_driver_sql(
        f'SELECT 1 FROM "{conflict.table}" WHERE {" AND ".join(f"{name} = ?" for name in keys)}',  # noqa: S608
        tuple(row[name] for name in keys),
    ).fetchone()
    if found is None:  # else an earlier attempt was cut short after this
        marks = ", ".join("?" * len(row))
        text = f'INSERT INTO "{conflict.table}" ({names}) VALUES ({marks})'  # noqa: S608
        connection.exec_driver_sql(text, tuple(row.values()))
    return "/".join(str(row[name]) for name in keys)


def _next_version(connection: Connection, content: Mapping[str, Any]) -> int:
    """A version after the newest one, which is not the newest any more; that of an earlier attempt where it is there."""
    mine = (content["patient_id"], content["salt"])
    text = "SELECT version FROM demographics WHERE patient_id = ? AND salt = ?"
    held = connection.exec_driver_sql(text, mine).fetchone()
    if held is not None:
        return int(held[0])
    text = "SELECT max(version) FROM demographics WHERE patient_id = ?"
    newest = connection.exec_driver_sql(text, mine[:1]).fetchone()
    connection.exec_driver_sql("UPDATE demographics SET newest = 0 WHERE patient_id = ?", mine[:1])
    return int(newest[0] if newest else 0) + 1


def _mark(url: str, conflict: Conflict, keep: Keep, reason: str, by: Person) -> None:
    text = (
        "UPDATE conflicts SET settled_by = %s, settled_at = %s, settled_how = %s, settled_reason = %s,"
        " settled_station = pen_this_station()"
        " WHERE name = %s AND row_key = %s AND digest = %s AND settled_at IS NULL RETURNING 1"
    )
    key = (conflict.table, conflict.row_key, conflict.digest)
    with connected(url) as server:
        done = server.execute(
            text, (f"{by.name} ({by.role})", datetime.now(UTC), str(keep), reason, *key)
        ).fetchone()
    if done is None:
        raise SettleError(
            "somebody else settled it at the same moment", "List the conflicts and look at the row."
        )

"""A station joins a clinic: its login in the vault, its notes in its own record."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from pen_host.journal import Draft, Journal, JournalReader, Kind, sqlite
from pen_host.records.photo_places import places
from pen_host.stations.errors import NotJoinedError
from pen_host.stations.server import connected, must_be_ours
from pen_host.vault import Vault

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Status:
    """How a station stands with the clinic's server, as far as its own record knows.

    Attributes:
        station_id: The station.
        waiting: Rows that were changed here and not sent yet.
        fetched_at: When it last heard from the server.
        held: Rows and pictures that server and station do not agree on, a sentence each.
        pictures_out: Pictures that are here and not on the server yet.
        pictures_in: Pictures of other stations that are not here yet.
    """

    station_id: str
    waiting: int
    fetched_at: datetime | None
    held: tuple[str, ...]
    pictures_out: int = 0
    pictures_in: int = 0


def secret_name(station_id: str) -> str:
    """Where the vault keeps how to reach the server."""
    return f"server-{station_id}"


def join(journal: Journal, url: str, vault: Vault) -> None:
    """Joins the clinic whose server this is; the next `replicate` sends everything that is in the record.

    Args:
        journal: The station's record.
        url: The server, with this station's own login.
        vault: Keeps the address, for it holds the password.

    Raises:
        ServerGoneError: The server is not there.
        ServerNewerError: It is of a newer program.
    """
    with connected(url) as server:
        must_be_ours(server)
    vault.put(secret_name(journal.station_id), url.encode())

    def change(connection: Connection) -> list[Draft]:
        connection.exec_driver_sql(
            "INSERT OR IGNORE INTO station_link (station_id, sent_change_no, fetched_version) VALUES (?, 0, 0)",
            (journal.station_id,),
        )
        return [Draft(Kind.REPLICATION, {"change": "joined"})]

    journal.together(change)


def server_url(journal: Journal | JournalReader, vault: Vault) -> str:
    """The server that a station joined.

    Raises:
        NotJoinedError: It joined none.
    """
    station = journal.station_id if isinstance(journal, Journal) else journal.station_id()
    kept = vault.get(secret_name(station))
    if kept is None:
        raise NotJoinedError
    return kept.decode()


def status(record: Path) -> Status:
    """How a station stands; asks its own record only.

    Raises:
        NotJoinedError: It joined no server.
    """
    with closing(sqlite.connect_reader(record)) as connection:
        link = connection.execute(
            "SELECT station_id, sent_change_no, fetched_us FROM station_link"
        ).fetchone()
        if link is None:
            raise NotJoinedError
        waiting = connection.execute(
            "SELECT count(*) FROM row_states WHERE change_no > ? AND is_foreign = 0", (link[1],)
        ).fetchone()[0]
        held = connection.execute("SELECT name, row_key, why FROM station_held ORDER BY 1, 2").fetchall()
        pictures = [one for one in places(connection) if one.agreed]
    out = sum(1 for one in pictures if (one.is_own or one.noted) and not one.is_there)
    missing = [one for one in pictures if one.elsewhere]
    refused = [
        f"photograph {one.sha256[:12]} of station {one.station_id}: {one.why}" for one in missing if one.why
    ]
    fetched = None if link[2] is None else _EPOCH + timedelta(microseconds=link[2])
    told = (*(f"{name} {key}: {why}" for name, key, why in held), *refused)
    return Status(link[0], waiting, fetched, told, out, len(missing))

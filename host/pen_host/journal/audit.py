"""Everything that can be said about whether a record is as it was written: chain, signatures, heads kept elsewhere, tables."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pen_host.journal import sqlite
from pen_host.journal.chain import Damage, DamageKind, Head, utc_text
from pen_host.journal.kinds import SIGNED, Kind
from pen_host.journal.seals import every_row, fits, sealed_tables
from pen_host.journal.signing import (
    NO_LIBRARY,
    SignedHead,
    anchored,
    fingerprint,
    public_key,
    signature_holds,
    under_other_key,
)
from pen_host.journal.verify import Progress, Report, verify_record
from pen_host.vault import Vault, VaultError

_HEADS = (
    "SELECT station_id, seq, hash, utc_ns, public_key, signature FROM signed_heads ORDER BY station_id, seq"
)

_COMMITS = (
    "SELECT seq, kind, boot_id, monotonic_ns, payload FROM entries"
    " WHERE kind IN (SELECT value FROM json_each(?)) ORDER BY station_id, seq"
)
_EMPTY = (
    "The record holds no entry at all: its making was cut short before anything was recorded, or everything was removed. "
    "If treatments were recorded with it, take them from a backup."
)


@dataclass(frozen=True, slots=True)
class Audit:
    """What a whole verification found.

    Attributes:
        report: Chain, file and guards; its damages are those of everything.
        heads: Signed heads whose signature was checked and holds.
        rows: Rows of other tables that were checked against the chain.
        key: Short name of the key that signed the newest head; nothing where none is signed.
        unsigned: Entries after the newest signed head.
        not_checked: What could not be checked here, a sentence each.
    """

    report: Report
    heads: int
    rows: int
    key: str
    unsigned: int
    not_checked: tuple[str, ...]

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong with what could be checked."""
        return self.report.intact

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        if not self.intact:
            return self.report.sentence
        signed = f"{self.heads} signed heads hold" if self.heads else "no head of it is signed"
        return (
            f"The record is intact: {self.report.checked} entries, each linked to the one before, {signed}, and {self.rows} "
            "rows of its tables are as the chain says."
        )


def audit_record(
    path: Path, vault: Vault, *, known: Sequence[Head] = (), progress: Progress | None = None
) -> Audit:
    """Verifies a whole record: chain, signed heads, the head kept outside it, and every row of the other tables.

    Args:
        path: The record.
        vault: Where this station's key and newest head are kept.
        known: Further heads kept elsewhere, as on a printed report.
        progress: Called with entries checked and entries in all.

    Raises:
        JournalError: The file cannot be read at all.
    """
    try:
        signed, station = _signed_heads(path)
    except sqlite3.DatabaseError:
        signed, station = [], ""
    heads = _Heads(signed, station, vault)
    report = verify_record(path, known=[*known, *heads.known], progress=progress)
    damages = list(report.damages) + heads.damages
    rows, unsigned = 0, report.checked
    if report.head is None and report.intact:
        damages.append(Damage(DamageKind.TRUNCATED, 0, _EMPTY))
    if report.head is not None:
        try:
            with closing(sqlite.connect_reader(path)) as connection:
                rows, found = _tables(connection)
                damages += found
                unsigned, found = _tail(connection, report.head, heads.signed_last)
                damages += found + _missing_heads(connection, {one.head.seq for one in signed})
        except (sqlite3.DatabaseError, ValueError) as error:
            damages.append(Damage(DamageKind.FILE, 0, f"The tables could not be read to the end: {error}."))
    whole = Report(report.checked, report.head, tuple(sorted(damages, key=lambda damage: damage.seq)))
    key = fingerprint(heads.newest.public) if heads.newest else ""
    return Audit(whole, heads.held, rows, key, unsigned, tuple(heads.not_checked))


class _Heads:
    """The signed heads of a record, each checked.

    Attributes:
        known: Heads that the chain must pass through.
        held: How many signatures hold.
        newest: The newest head whose signature holds.
        signed_last: The same under any key: up to there somebody signed.
        damages: What is wrong with the others.
        not_checked: What could not be checked.
    """

    def __init__(self, signed: Sequence[SignedHead], station: str, vault: Vault) -> None:
        self.known: list[Head] = []
        self.held = 0
        self.newest: SignedHead | None = None
        self.signed_last: SignedHead | None = None
        self.damages: list[Damage] = []
        self.not_checked: list[str] = []
        self._own = ""
        if station:
            self._ask(station, vault)
        held = [one for one in signed if self._holds(one)]
        self._count(held, vault.where)
        if self._own and not signed:
            self._wrong(
                0, "This station signs its record, but no signed head is in the file: they were removed."
            )
        if not self._own and self.held:
            names = list(dict.fromkeys(fingerprint(one.public) for one in held))
            which = "the key" if len(names) == 1 else f"the {len(names)} keys"
            self.not_checked.append(
                f"Nobody outside the record vouches for {which} that signed it ({', '.join(names)}): this is not the computer "
                "that wrote it. Compare short names with the one on the clinic's own computer or on a printed report."
            )

    def _ask(self, station: str, vault: Vault) -> None:
        """What this computer itself knows of the station."""
        try:
            self._own = public_key(station, vault) or ""
            kept = anchored(station, vault)
        except VaultError as error:
            self.not_checked.append(error.sentence)
            return
        if kept is None:
            self.not_checked.append(
                "No head of this record is kept on this computer outside of the record itself."
            )
        else:
            self.known.append(kept)

    def _count(self, held: Sequence[SignedHead], where: str) -> None:
        """Tells this station's heads from those of other keys; the chain must pass through all of them."""
        others: dict[str, list[SignedHead]] = {}
        for one in held:
            self.known.append(one.head)
            self.signed_last = one
            if self._own and one.public != self._own:
                others.setdefault(one.public, []).append(one)
            else:
                self.held += 1
                self.newest = one
        for found in others.values():
            self._wrong(found[0].head.seq, under_other_key(found, self._own, where))

    def _holds(self, one: SignedHead) -> bool:
        """Whether a head's own signature is right, whoever made it."""
        holds = signature_holds(one)
        name = f"The head signed at entry {one.head.seq} ({utc_text(one.utc_ns)})"
        if holds is None:
            self.not_checked.append(f"{name} was not checked: {NO_LIBRARY}.")
            self.known.append(one.head)
        elif not holds:
            self._wrong(one.head.seq, f"{name}: its signature does not hold, so it or its entry was altered.")
        return bool(holds)

    def _wrong(self, seq: int, sentence: str) -> None:
        self.damages.append(Damage(DamageKind.SIGNATURE, seq, sentence))


def _signed_heads(path: Path) -> tuple[list[SignedHead], str]:
    """Signed heads of a file, and its station."""
    with closing(sqlite.connect_reader(path)) as connection:
        station = connection.execute("SELECT min(station_id) FROM entries").fetchone()[0] or ""
        if not _has(connection, "signed_heads"):
            return [], str(station)
        return [
            SignedHead(Head(name, seq, found), utc_ns, public, signature)
            for name, seq, found, utc_ns, public, signature in connection.execute(_HEADS)
        ], str(station)


def _has(connection: sqlite3.Connection, table: str) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(query, (table,)).fetchone() is not None


def _tail(connection: sqlite3.Connection, last: Head, newest: SignedHead | None) -> tuple[int, list[Damage]]:
    """Entries after the newest signed head. After a head that closed the record there must be none."""
    if newest is None:
        return last.seq, []
    count = last.seq - newest.head.seq
    kind = connection.execute(
        "SELECT kind FROM entries WHERE station_id = ? AND seq = ?", (last.station_id, newest.head.seq)
    ).fetchone()
    if count <= 0 or kind is None or kind[0] != Kind.JOURNAL_CLOSED:
        return max(count, 0), []
    sentence = (
        f"Entries {newest.head.seq + 1} to {last.seq} stand after the signed end of the record and under no signature: "
        "something other than a signing program wrote them."
    )
    return count, [Damage(DamageKind.SIGNATURE, newest.head.seq + 1, sentence)]


def _missing_heads(connection: sqlite3.Connection, there: set[int]) -> list[Damage]:
    """Signed heads that must be there and are not: one for each commit with an entry that asks for it."""
    commits: list[tuple[int, str, tuple[str, int]]] = []
    signs = False
    for seq, kind, boot_id, monotonic_ns, payload in connection.execute(
        _COMMITS, (json.dumps(sorted(SIGNED)),)
    ):
        if kind == Kind.JOURNAL_OPENED:
            signs = "key" in json.loads(payload)
        if signs and (not commits or commits[-1][2] != (boot_id, monotonic_ns)):
            commits.append((seq, kind, (boot_id, monotonic_ns)))
    ends = [seq for seq, _, _ in commits[1:]] + [sys.maxsize]
    return [
        Damage(
            DamageKind.SIGNATURE,
            seq,
            f"Entry {seq} ({kind}): the signed head that was written with it is gone.",
        )
        for (seq, kind, _), end in zip(commits, ends, strict=True)
        if not any(seq <= head < end for head in there)
    ]


@dataclass(frozen=True, slots=True)
class _Told:
    """What the chain last said of a row."""

    digest: str
    change_no: int
    foreign: bool
    seq: int
    utc_ns: int


def _tables(connection: sqlite3.Connection) -> tuple[int, list[Damage]]:
    """Every row of the other tables against the newest digest that the chain has of it."""
    if not _has(connection, "row_states"):
        return 0, []
    told: dict[tuple[str, str], _Told] = {}
    query = "SELECT seq, utc_ns, payload FROM entries WHERE kind = ? ORDER BY station_id, seq"
    for seq, utc_ns, payload in connection.execute(query, (str(Kind.ROWS),)):
        said = json.loads(payload)
        for table, rows in said["rows"].items():
            for key, digest in rows.items():
                told[table, key] = _Told(digest, said["change_no"], "foreign" in said, seq, utc_ns)
    if not told:
        return 0, _unsealed_states(connection)
    return _compared(connection, told)


def _unsealed_states(connection: sqlite3.Connection) -> list[Damage]:
    """Salts without a single seal in the chain."""
    count = connection.execute("SELECT count(*) FROM row_states").fetchone()[0]
    if not count:
        return []
    return [
        Damage(DamageKind.ROW, 0, f"{count} rows are said to be sealed, but the chain has no seal at all.")
    ]


def _compared(connection: sqlite3.Connection, told: dict[tuple[str, str], _Told]) -> tuple[int, list[Damage]]:
    damages = []
    count = 0
    wanted = {place for place, last in told.items() if last.digest}
    seen = set()
    for table in sealed_tables(connection):
        for key, row, state in every_row(connection, table):
            count += 1
            place = (table.name, key)
            seen.add(place)
            last = told.get(place)
            if last is None or not last.digest:
                damages.append(_added(place, last))
            elif state is None:
                damages.append(
                    _row(place, last, "the salt of its digest is gone, so it cannot be checked any more")
                )
            elif state[1] != last.digest:
                damages.append(
                    _row(place, last, "the digest kept beside it is not the chain's: that was altered")
                )
            elif not fits(row, state):
                damages.append(
                    _row(place, last, "it was altered after that, by something other than this program")
                )
    damages += [_row(place, told[place], "it was removed") for place in sorted(wanted - seen)]
    damages += _states(connection, told)
    return count, damages


def _states(connection: sqlite3.Connection, told: dict[tuple[str, str], _Told]) -> list[Damage]:
    """The notes beside the rows: each must belong to a row that the chain knows, and say of it what the chain says."""
    damages = []
    query = "SELECT name, row_key, digest, change_no, salt, is_foreign FROM row_states"
    for name, key, digest, change_no, salt, foreign in connection.execute(query):
        last = told.get((name, key))
        if last is None:
            damages.append(_added((name, key), None))
        elif not last.digest and (digest or salt):
            damages.append(
                _row((name, key), last, "it is gone, but a digest is kept for it: that was altered")
            )
        elif (change_no, bool(foreign)) != (last.change_no, last.foreign):
            damages.append(_row((name, key), last, "the place of its change in the outbox was altered"))
    there = {(name, key) for name, key in connection.execute("SELECT name, row_key FROM row_states")}
    gone = (place for place, last in told.items() if not last.digest and place not in there)
    damages += [_row(place, told[place], "the note that it is gone was removed") for place in gone]
    return damages


def _row(place: tuple[str, str], last: _Told, what: str) -> Damage:
    sentence = f"Row {place[1]} of {place[0]}, as last written with entry {last.seq} ({utc_text(last.utc_ns)}): {what}."
    return Damage(DamageKind.ROW, last.seq, sentence)


def _added(place: tuple[str, str], last: _Told | None) -> Damage:
    if last is None:
        sentence = f"Row {place[1]} of {place[0]}: no entry tells of it, so something other than this program added it."
        return Damage(DamageKind.ROW, 0, sentence)
    return _row(place, last, "it was removed with that entry, and something put it back")

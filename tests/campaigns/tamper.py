"""Tamper campaign: every way to change a closed record that somebody with the file and any tool has, and what verify says.

    python -m tests.campaigns.tamper [--json] [--share 1.0] [--folder /dev/shm]

A small clinic is recorded, closed and copied. Each attack works on a copy with the guards taken off and put back, as somebody
would who wants to leave no trace: every column of every row changed, every row deleted, doubled, inserted, swapped with its
neighbour, the end cut off at every length (also together with the signatures over it), and the whole chain written anew with
correct hashes (unsigned, signed with another key, with a row of the tables changed along). Then the record is verified with
what its own computer knows; an attack that leaves no finding is `undetected`.

Version tables of the migrations and a station's notes about its server are no evidence and are left out. Whoever has the
station's key as well is not stopped by any of this; the heads on printed reports and on the clinic's server are there for that.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pen_host.errors import PenError
from pen_host.journal import audit_record
from pen_host.journal.chain import COLUMNS, GENESIS, HASH, PREV_HASH, Head, row_hash
from pen_host.journal.signing import Signer
from pen_host.models import PenEvent
from pen_host.presets import shipped_presets, to_toml
from pen_host.records import Clinic
from pen_host.records.models import CleaningMethod, Demographics, Person
from pen_host.vault import FileVault

SEED = 20_261_127
STATION = "tampered"
NO_EVIDENCE = ("alembic_version", "clinic_version")
Attack = Callable[[sqlite3.Connection], None]


@dataclass(frozen=True, slots=True)
class Try:
    """One attack.

    Attributes:
        kind: Which sort.
        what: On what.
        attack: What it does to an open copy.
    """

    kind: str
    what: str
    attack: Attack


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verify said of one attack; `said` is empty where it noticed nothing."""

    kind: str
    what: str
    said: str


def recorded(folder: Path) -> tuple[Path, FileVault]:
    """A small clinic's record, closed, and the vault of its computer."""
    vault = FileVault(folder / "keys")
    os.environ["PEN_KEYS"] = str(folder / "keys")
    ticks = iter(range(10_000))

    def now() -> datetime:
        return datetime(2028, 2, 1, 12, 0, 0, next(ticks), tzinfo=UTC)

    anna, bob = Person(name="anna", role="physician"), Person(name="bob")
    for evening in range(2):
        with Clinic.open(folder, station_id=STATION, now=now, today=lambda: date(2028, 2, 1)) as clinic:
            for name in ("Ada Example", "Bea Example"):
                who = Demographics(
                    full_name=f"{name} {evening}", birth_date=date(1980, 2, 29), phone="555-0101"
                )
                one = clinic.patients.add(who, anna)
                clinic.patients.note(one.patient_id, "Dry skin.", bob)
            clinic.patients.correct(one.patient_id, who.model_copy(update={"phone": "555-0102"}), bob)
            text = clinic.consents.publish("microneedling", "en", "Consent", f"I agree {evening}.", anna)
            clinic.consents.sign(one.patient_id, text.text_id, "Bea Example", anna)
            clinic.presets.own.add(own_preset(evening), anna)
            clinic.recalls.call_back(f"LOT-{evening}", "needles bent", anna)
            clinic.cleaning.cleaned("PEN1", CleaningMethod.LOW_LEVEL_DISINFECTION, bob, sheath_changed=True)
            clinic.journal.append_events("PEN1", [pen_event(8 * evening + n) for n in range(3)])
    return folder / "record.sqlite3", vault


def own_preset(number: int) -> str:
    """A preset of the clinic's own."""
    shipped = shipped_presets()[0].model_dump(mode="json")
    return to_toml({**shipped, "preset_id": f"ours_{number}", "title": f"Ours, {number}"})


def pen_event(number: int) -> PenEvent:
    """Some event of a pen."""
    said = {"time_ms": number, "code": 1, "arg": 0, "value": number}
    return PenEvent(event_id=number, **said, strokes_total=10 * number, contact_total=0)


# --- attacks ----------------------------------------------------------------------------------------------------------


def tables(connection: sqlite3.Connection) -> list[str]:
    """Every table that is evidence."""
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return [
        name for (name,) in found if name not in NO_EVIDENCE and not name.startswith(("sqlite_", "station_"))
    ]


def contents(connection: sqlite3.Connection) -> list[list[Any]]:
    """Every row that is evidence."""
    return [connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables(connection)]


def columns(connection: sqlite3.Connection, table: str) -> list[tuple[str, str, bool]]:
    """Name, type and place in the key of each column."""
    return [(row[1], row[2], bool(row[5])) for row in connection.execute(f"PRAGMA table_info({table})")]


def changed(value: Any, kind: str) -> Any:
    """Another value of the same type, as little apart as can be."""
    if kind == "INTEGER":
        return (value or 0) + 1
    if value is None:
        return "x"
    if len(value) == 64:
        return ("0" if value[0] != "0" else "1") + value[1:]
    return value[:-1] + ("b" if value.endswith("a") else "a") if value else "a"


def attacks(path: Path, vault: FileVault) -> Iterator[Try]:
    """Every attack on a record."""
    with closing(sqlite3.connect(path)) as connection:
        for table in tables(connection):
            yield from on_rows(connection, table)
        length = connection.execute("SELECT max(seq) FROM entries").fetchone()[0]
    yield from cuts(length)
    yield from rewrites(length, vault)


def on_rows(connection: sqlite3.Connection, table: str) -> Iterator[Try]:
    """Each row of one table changed in each column, deleted, doubled, swapped with the next."""
    shape = columns(connection, table)
    key = [name for name, _, is_key in shape if is_key]
    names = [name for name, _, _ in shape]
    rows = connection.execute(f"SELECT * FROM {table} ORDER BY {', '.join(key)}").fetchall()
    where = " AND ".join(f"{name} = ?" for name in key)
    keys = [tuple(row[names.index(name)] for name in key) for row in rows]
    for row, place in zip(rows, keys, strict=True):
        label = f"{table} {'/'.join(map(str, place))}"
        for (name, kind, _), value in zip(shape, row, strict=True):
            yield Try("change", f"{label}.{name}", _update(table, name, where, place, changed(value, kind)))
            if value is not None and kind == "TEXT" and name not in key:
                yield Try("empty", f"{label}.{name}", _update(table, name, where, place, ""))
        yield Try("delete", label, _sql(f"DELETE FROM {table} WHERE {where}", place))
        yield Try("insert", label, _doubled(table, shape, row))
    for first, second in zip(range(len(rows)), range(1, len(rows)), strict=False):
        yield Try(
            "swap",
            f"{table} {keys[first]} with {keys[second]}",
            _swapped(table, names, key, rows[first], rows[second]),
        )


def _sql(text: str, values: tuple[Any, ...] = ()) -> Attack:
    return lambda connection: connection.execute(text, values) and None


def _update(table: str, name: str, where: str, place: tuple[Any, ...], value: Any) -> Attack:
    return _sql(f"UPDATE {table} SET {name} = ? WHERE {where}", (value, *place))


def _doubled(table: str, shape: list[tuple[str, str, bool]], row: tuple[Any, ...]) -> Attack:
    """The same row once more, under another key; an entry goes to the end, where its hash fits."""
    if table == "entries":
        return lambda connection: append(connection, row)
    last_key = [name for name, _, is_key in shape if is_key][-1]
    values = [
        changed(value, kind) if name == last_key else None if _unique(name) else value
        for (name, kind, _), value in zip(shape, row, strict=True)
    ]
    return _sql(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", tuple(values))


def _unique(name: str) -> bool:
    return name in {"chip_serial", "open_for", "amends"}


def _swapped(
    table: str, names: list[str], key: list[str], first: tuple[Any, ...], second: tuple[Any, ...]
) -> Attack:
    """Two rows exchange everything but their key; what must be unique waits aside meanwhile."""
    rest = [name for name in names if name not in key]

    def attack(connection: sqlite3.Connection) -> None:
        for row, other in ((first, second), (second, first)):
            where = " AND ".join(f"{name} = ?" for name in key)
            content = [other[names.index(name)] for name in rest]
            place = [row[names.index(name)] for name in key]
            if "event_id" in rest:
                connection.execute(f"UPDATE {table} SET event_id = NULL WHERE {where}", place)
        for row, other in ((first, second), (second, first)):
            where = " AND ".join(f"{name} = ?" for name in key)
            content = [other[names.index(name)] for name in rest]
            place = [row[names.index(name)] for name in key]
            sets = ", ".join(f"{name} = ?" for name in rest)
            connection.execute(f"UPDATE {table} SET {sets} WHERE {where}", (*content, *place))

    return attack


def append(connection: sqlite3.Connection, like: tuple[Any, ...]) -> None:
    """One more entry at the end, with a hash that fits."""
    seq, last = connection.execute("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
    row = dict(zip(COLUMNS, like, strict=True)) | {"seq": seq + 1, "event_id": None, "prev_hash": last}
    raw = tuple(row[name] for name in COLUMNS)
    put(connection, (*raw[:HASH], row_hash(raw)))


def put(connection: sqlite3.Connection, row: tuple[Any, ...]) -> None:
    """Inserts an entry as it stands."""
    connection.execute(f"INSERT INTO entries VALUES ({', '.join('?' * len(row))})", row)


def cuts(length: int) -> Iterator[Try]:
    """The end cut off at every length, alone, with the signatures over it, and with the tables set back as well."""
    for keep in range(length):
        entries = f"DELETE FROM entries WHERE seq > {keep}"
        heads = f"DELETE FROM signed_heads WHERE seq > {keep}"
        yield Try("truncate", f"after entry {keep}", _sql(entries))
        yield Try("truncate", f"after entry {keep}, signatures too", _script(entries, heads))
        yield Try("truncate", f"after entry {keep}, tables too", _set_back(keep))


def _script(*texts: str) -> Attack:
    def attack(connection: sqlite3.Connection) -> None:
        for text in texts:
            connection.execute(text)

    return attack


def _set_back(keep: int) -> Attack:
    """Cuts the end off and removes every row and salt that only the removed entries speak of."""

    def attack(connection: sqlite3.Connection) -> None:
        told = connection.execute("SELECT payload FROM entries WHERE kind = 'rows' AND seq <= ?", (keep,))
        left = {(t, k) for (p,) in told for t, rows in json.loads(p)["rows"].items() for k in rows}
        for name, key in connection.execute("SELECT name, row_key FROM row_states").fetchall():
            if (name, key) not in left:
                connection.execute("DELETE FROM row_states WHERE name = ? AND row_key = ?", (name, key))
        connection.execute("DELETE FROM entries WHERE seq > ?", (keep,))
        connection.execute("DELETE FROM signed_heads WHERE seq > ?", (keep,))

    return attack


def rewrites(length: int, vault: FileVault) -> Iterator[Try]:
    """The whole chain written anew from each entry on, with every hash correct."""
    for start in range(1, length + 1):
        yield Try("rewrite", f"from entry {start}", _rewritten(start))
        yield Try("rewrite", f"from entry {start}, signatures removed", _rewritten(start, heads="gone"))
        yield Try("rewrite", f"from entry {start}, other key", _rewritten(start, heads="forged"))
        yield Try(
            "rewrite", f"without entry {start}, other key", _rewritten(start, heads="forged", drop=True)
        )


def _rewritten(start: int, *, heads: str = "kept", drop: bool = False) -> Attack:
    def attack(connection: sqlite3.Connection) -> None:
        rows = connection.execute("SELECT * FROM entries ORDER BY seq").fetchall()
        connection.execute("DELETE FROM entries")
        last, seq = GENESIS, 0
        made: dict[int, str] = {}
        for row in rows:
            if drop and row[1] == start:
                continue
            seq += 1
            content = list(row)
            content[1], content[PREV_HASH] = seq, last
            if row[1] == start and not drop:
                content[COLUMNS.index("actor")] += "x"
            last = row_hash(tuple(content))
            made[row[1]] = last
            put(connection, (*content[:HASH], last))
        if heads != "kept":
            old = connection.execute("SELECT seq, utc_ns FROM signed_heads").fetchall()
            connection.execute("DELETE FROM signed_heads")
            if heads == "forged":
                _forge(connection, [(at, utc) for at, utc in old if at in made], start, drop=drop)

    return attack


def _forge(connection: sqlite3.Connection, old: list[tuple[int, int]], start: int, *, drop: bool) -> None:
    """Signs the new chain with a key of the attacker's own."""
    with tempfile.TemporaryDirectory() as folder:
        signer = Signer(STATION, FileVault(Path(folder) / "keys"))
        for at, utc_ns in old:
            seq = at - 1 if drop and at >= start else at
            found = connection.execute("SELECT hash FROM entries WHERE seq = ?", (seq,)).fetchone()
            if found is None:
                continue
            signed = signer.sign(Head(STATION, seq, found[0]), utc_ns)
            values = (STATION, seq, found[0], utc_ns, signed.public, signed.signature)
            connection.execute("INSERT OR REPLACE INTO signed_heads VALUES (?, ?, ?, ?, ?, ?)", values)


# --- the campaign -----------------------------------------------------------------------------------------------------


def judged(path: Path, vault: FileVault, one: Try, copy: Path) -> Verdict | None:
    """What verify says of one attack; None where the database itself does not take it, or nothing was changed by it."""
    shutil.copyfile(path, copy)
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        before = contents(connection)
        guards = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            connection.execute(f"DROP TRIGGER {name}")
        try:
            one.attack(connection)
        except sqlite3.IntegrityError:
            return None
        for _, text in guards:
            connection.execute(text)
        if contents(connection) == before:
            return None
    try:
        audit = audit_record(copy, vault)
        said = "" if audit.intact else audit.report.damages[0].sentence
    except PenError as error:
        said = error.sentence
    return Verdict(one.kind, one.what, said)


def run(folder: Path, share: float = 1.0, seed: int = SEED) -> tuple[list[Verdict], int]:
    """Runs a share of the attacks; the verdicts, and how many the database's own constraints refused."""
    path, vault = recorded(folder)
    chosen = random.Random(seed)
    first = audit_record(path, vault)
    assert first.intact, first
    assert not first.unsigned, first
    verdicts, refused = [], 0
    for one in attacks(path, vault):
        if share < 1 and chosen.random() >= share:
            continue
        verdict = judged(path, vault, one, folder / "attacked.sqlite3")
        if verdict is None:
            refused += 1
        else:
            verdicts.append(verdict)
    return verdicts, refused


def main() -> int:
    """Runs and prints; 1 where an attack was not noticed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON: each attack and what verify said")
    parser.add_argument("--share", type=float, default=1.0, help="share of the attacks")
    parser.add_argument("--folder", type=Path, default=None, help="where to work")
    arguments = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="tamper-") as folder:
        verdicts, refused = run(Path(folder), arguments.share)
    missed = [one for one in verdicts if not one.said]
    counts = Counter(one.kind for one in verdicts)
    result = {
        "undetected": len(missed),
        "attacks": len(verdicts),
        "refused_by_constraints": refused,
        "by_kind": dict(sorted(counts.items())),
        "seed": SEED,
        "seconds": round(time.monotonic() - started, 1),
    }
    if arguments.json:
        told = [{"kind": one.kind, "what": one.what, "said": one.said} for one in verdicts]
        sys.stdout.write(json.dumps({**result, "verdicts": told}, separators=(",", ":")) + "\n")
    else:
        sys.stdout.write("".join(f"{name}: {value}\n" for name, value in result.items()))
        sys.stdout.write("".join(f"UNDETECTED {one.kind} {one.what}\n" for one in missed))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

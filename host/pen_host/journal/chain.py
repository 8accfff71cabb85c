"""The chain: what of an entry is hashed, and how each kind of damage to a run of entries is told apart.

The hash of an entry is SHA-256 over the canonical JSON object of all its columns but the hash itself; one of them is
the hash of the entry before it. Anybody with the columns, a JSON writer and SHA-256 can repeat it. The two times are
strings in it, because nanoseconds since 1970 are beyond what JSON carries exactly.

Everything here is pure. A row is a plain tuple in the order of `COLUMNS`, as SQLite hands it over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from json.encoder import encode_basestring
from typing import Any, TypeAlias

FORM = 1
"""Number of this way to hash an entry; a later way gets another."""

GENESIS = "0" * 64
"""What the first entry names as the hash before it."""

COLUMNS = (
    "station_id",
    "seq",
    "form",
    "utc_ns",
    "monotonic_ns",
    "boot_id",
    "actor",
    "role",
    "kind",
    "session_id",
    "subject",
    "pen_serial",
    "event_id",
    "payload",
    "prev_hash",
    "hash",
)
STATION = COLUMNS.index("station_id")
SEQ = COLUMNS.index("seq")
UTC_NS = COLUMNS.index("utc_ns")
ACTOR = COLUMNS.index("actor")
KIND = COLUMNS.index("kind")
PREV_HASH = COLUMNS.index("prev_hash")
HASH = COLUMNS.index("hash")

RawRow: TypeAlias = tuple[Any, ...]
Context: TypeAlias = tuple[str, str, str, str, str | None, str | None, str | None]
"""Boot, actor, role, kind, session, subject and pen: what many entries on end have in common."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def row_text(row: RawRow) -> str:
    """The canonical JSON of an entry: what its hash is over.

    Raises:
        TypeError: A column holds another type than it must.
        ValueError: The entry has a form this program does not know.
    """
    station, seq, form, utc, mono, boot, actor, role, kind, session, subject, pen, event, payload, prev, _ = (
        row
    )
    if form != FORM:
        raise ValueError(f"form {form!r} is not known")
    a, b, c, d, e, f = frame(station, (boot, actor, role, kind, session, subject, pen))
    number = "null" if event is None else int(event)
    return f'{a}{number}{b}{int(mono)}{c}{payload}{d}{encode_basestring(prev)}{e}{int(seq)}{f}{int(utc)}"}}'


def frame(station: str, context: Context) -> tuple[str, str, str, str, str, str]:
    """What stands in an entry's text before, between and after event, steady time, payload, hash before, number and time.

    It is the same for many entries on end, so who walks a chain makes it once for them.

    Args:
        station: The station.
        context: Boot, actor, role, kind, session, subject and pen.

    Raises:
        TypeError: One of them has another type than it must.
    """
    quote = encode_basestring
    boot, actor, role, kind = map(quote, context[:4])
    session, subject, pen = ("null" if one is None else quote(one) for one in context[4:])
    return (
        f'{{"actor":{actor},"boot_id":{boot},"event_id":',
        f',"form":{FORM},"kind":{kind},"monotonic_ns":"',
        '","payload":',
        f',"pen_serial":{pen},"prev_hash":',
        f',"role":{role},"seq":',
        f',"session_id":{session},"station_id":{quote(station)},"subject":{subject},"utc_ns":"',
    )


def row_hash(row: RawRow) -> str:
    """The hash an entry must have; errors as in `row_text`."""
    return hashlib.sha256(row_text(row).encode()).hexdigest()


def utc_text(utc_ns: object) -> str:
    """A time for people, or the bare value where it is none."""
    if not isinstance(utc_ns, int):
        return repr(utc_ns)
    try:
        return (_EPOCH + timedelta(microseconds=utc_ns // 1000)).isoformat(timespec="milliseconds")
    except OverflowError:
        return f"{utc_ns} ns"


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of a record at some moment: whoever keeps it can later tell whether entries went missing."""

    station_id: str
    seq: int
    hash: str


class DamageKind(StrEnum):
    """What happened to an entry."""

    ALTERED = "altered"
    HASH_ALTERED = "hash altered"
    LINK_ALTERED = "link altered"
    MISPLACED = "misplaced"
    MISSING = "missing"
    TRUNCATED = "truncated"
    REWRITTEN = "rewritten"
    UNREADABLE = "unreadable"
    GUARD = "guard missing"
    FILE = "file damaged"
    SIGNATURE = "signature"
    ROW = "row of a table"


@dataclass(frozen=True, slots=True)
class Damage:
    """One finding of a verification.

    Attributes:
        kind: What happened.
        seq: The entry, 0 when it is about the whole file.
        sentence: Which entry, what, when it was written, by whom.
    """

    kind: DamageKind
    seq: int
    sentence: str


class ChainCheck:
    """Checks entries one after the other; feed every row of a record in order of seq.

    Args:
        known: Heads somebody kept: the chain must pass through each of them.
        after: The entry before the first one fed, when a check does not start at the beginning.
    """

    def __init__(self, known: Iterable[Head] = (), after: Head | None = None) -> None:
        self.checked = 0
        self._damages: list[Damage] = []
        self._seq = after.seq if after else 0
        self._hash = after.hash if after else GENESIS
        self._known: dict[int, set[str]] = {}
        for head in known:
            if head.seq > self._seq:
                self._known.setdefault(head.seq, set()).add(head.hash)
        self._next_known = min(self._known, default=0)
        self._odd: list[_Odd] = []
        self._last_odd: _Odd | None = None
        self._gap = False

    def feed(self, rows: Iterable[RawRow]) -> None:
        """Checks the next rows."""
        sha256 = hashlib.sha256
        seq, last, count = self._seq, self._hash, 0
        plain = self._last_odd is None
        for row in rows:
            count += 1
            seq += 1
            try:
                found = sha256(row_text(row).encode()).hexdigest()
            except (TypeError, ValueError):
                found = ""
            fits = found == row[HASH] and row[PREV_HASH] == last and row[SEQ] == seq
            if fits and plain and seq != self._next_known:
                last = found
                continue
            self._seq, self._hash = seq, last
            self._examine(row, found)
            seq, last, plain = self._seq, self._hash, self._last_odd is None
        self._seq, self._hash = seq, last
        self.checked += count

    def finish(self) -> tuple[Damage, ...]:
        """Everything found, in order of the entries."""
        homes = {odd.expected: odd.seq for odd in self._odd if odd.expected}
        damages = self._damages + [odd.explained(homes) for odd in self._odd]
        for seq in sorted(self._known):
            damages.append(
                Damage(
                    DamageKind.TRUNCATED,
                    seq,
                    f"Entries {self._seq + 1} to {seq} are gone: the record ends with entry {self._seq}, but entry "
                    f"{seq} was known to exist. What was recorded there must be taken from another copy.",
                )
            )
        return tuple(sorted(damages, key=lambda damage: damage.seq))

    def _examine(self, row: RawRow, found: str) -> None:
        """One row that is not plainly right, follows one that is not, or that a known head speaks of."""
        before, self._last_odd = self._last_odd, None
        if before:
            before.expected = row[PREV_HASH]
        self._number(row)
        if found != row[HASH]:
            self._last_odd = _Odd(row, self._seq, self._hash)
            self._odd.append(self._last_odd)
        elif row[PREV_HASH] != self._hash and row[SEQ] == self._seq and not before and not self._gap:
            what = f"it does not follow entry {self._seq - 1} as that stands: one of the two was written anew"
            self._add(DamageKind.REWRITTEN, row, what)
        wanted = self._known.pop(self._seq, None)
        if wanted is not None:
            self._next_known = min(self._known, default=0)
            if wanted != {row[HASH]}:
                self._add(
                    DamageKind.REWRITTEN, row, "another entry was known under this number: written anew"
                )
        self._hash = row[HASH]

    def _number(self, row: RawRow) -> None:
        """Takes over the row's number, and reports the ones that are missing before it."""
        seq, expected = row[SEQ], self._seq
        self._gap = seq != expected
        self._seq = seq
        if seq < expected:
            self._add(DamageKind.REWRITTEN, row, "its number appears twice")
        if seq <= expected:
            return
        which = f"Entry {expected} is" if seq - expected == 1 else f"Entries {expected} to {seq - 1} are"
        sentence = f"{which} missing before entry {seq} ({row[KIND]}, written {utc_text(row[UTC_NS])})."
        self._damages.append(Damage(DamageKind.MISSING, expected, sentence))
        for known in [known for known in self._known if known < seq]:
            del self._known[known]
        self._next_known = min(self._known, default=0)

    def _add(self, kind: DamageKind, row: RawRow, what: str) -> None:
        self._damages.append(Damage(kind, row[SEQ], f"{_named(row)}: {what}."))


class _Odd:
    """An entry whose own hash does not fit, until it is known what the others say of it."""

    def __init__(self, row: RawRow, seq: int, before: str) -> None:
        self.row = row
        self.seq = seq
        self.before = before
        self.expected: str | None = None
        """The hash by which the entry after it knows it."""

    def explained(self, homes: Mapping[str, int]) -> Damage:
        """What was done to it.

        Args:
            homes: Number of the entry that each expected hash belongs to.
        """
        name = _named(self.row)
        home = homes.get(self.row[HASH], self.seq)
        if home != self.seq:
            return Damage(
                DamageKind.MISPLACED, self.seq, f"{name}: it was written as entry {home} and moved here."
            )
        try:
            found = row_hash(self.row)
            relinked = row_hash((*self.row[:PREV_HASH], self.before, self.row[HASH]))
        except (TypeError, ValueError) as error:
            return Damage(DamageKind.UNREADABLE, self.seq, f"{name}: a column cannot be read ({error}).")
        if relinked == self.row[HASH]:
            return Damage(
                DamageKind.LINK_ALTERED, self.seq, f"{name}: what it says of the entry before it was altered."
            )
        if found == self.expected:
            return Damage(
                DamageKind.HASH_ALTERED, self.seq, f"{name}: its hash was altered, its content was not."
            )
        what = (
            "its content was" if self.expected in {self.row[HASH], None} else "its content and its hash were"
        )
        return Damage(DamageKind.ALTERED, self.seq, f"{name}: {what} altered after it was written.")


def _named(row: RawRow) -> str:
    """An entry by number, kind, time and person."""
    return f"Entry {row[SEQ]} ({row[KIND]}, written {utc_text(row[UTC_NS])} by {row[ACTOR]})"

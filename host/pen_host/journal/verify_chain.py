"""Verifies an exported chain of a derma-pen record, on any computer with Python 3.11 and nothing else.

    python verify_chain.py chain.jsonl [--head SEQ:HASH] [--key PUBLIC]

Each line of the export is one JSON object. The first names station, form and key; then each entry is a line with its hash and
the text that the hash is over; signed heads come last. Checked are, with the standard library alone: that every hash is SHA-256
of its text, that every text names the hash before it and the next number, that the chain ends where the export says, and that
it passes through every head given with --head (as printed on a report) and, with the package `cryptography`, through every
signed one. Where that is missing this says so and ends with exit code 3, for then nobody vouches for the chain.

Exit codes: 0 verified; 3 every hash holds, but no signature could be checked; 9 damaged; 2 this is no export.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

FORM = "derma-pen chain 1"
GENESIS = "0" * 64
VERIFIED, NO_EXPORT, UNSIGNED, DAMAGED = 0, 2, 3, 9


class Chain:
    """What was read of an export so far, and what is wrong with it."""

    def __init__(self) -> None:
        self.station = ""
        self.key = ""
        self.seq = 0
        self.last = GENESIS
        self.hashes: dict[int, str] = {}
        self.heads: list[dict[str, object]] = []
        self.end: tuple[int, str] | None = None
        self.wrong: list[str] = []
        self.keys: list[str] = []

    def take(self, line: dict[str, object]) -> None:
        """One line after the first."""
        if "entry" in line:
            self._entry(str(line["entry"]), str(line.get("hash")))
        elif "signed" in line:
            self.heads.append(line)
        elif "end" in line:
            self.end = (int(str(line["end"])), str(line.get("hash")))
        else:
            self.wrong.append(f"After entry {self.seq} stands a line that is none of an export.")

    def _entry(self, text: str, said: str) -> None:
        try:
            entry = json.loads(text)
            seq, before = int(entry["seq"]), str(entry["prev_hash"])
            name = f"Entry {seq} ({entry['kind']}, by {entry['actor']})"
            station = entry["station_id"]
        except (ValueError, KeyError, TypeError) as error:
            self.wrong.append(f"The entry after {self.seq} cannot be read ({error}).")
            self.seq += 1
            return
        found = hashlib.sha256(text.encode()).hexdigest()
        if found != said:
            self.wrong.append(f"{name}: its text or its hash was altered.")
        if seq != self.seq + 1:
            self.wrong.append(f"{name}: it stands where entry {self.seq + 1} should.")
        elif before != self.last:
            self.wrong.append(f"{name}: it does not follow entry {self.seq} as that stands.")
        if station != self.station:
            self.wrong.append(f"{name}: it is of another station.")
        self.seq, self.last = seq, found
        self.hashes[seq] = found

    def must_pass(self, seq: int, found: str, what: str) -> None:
        """A head that is known from somewhere."""
        if self.hashes.get(seq) is None:
            self.wrong.append(
                f"{what} is entry {seq}, but the export ends with entry {self.seq}: its end is gone."
            )
        elif self.hashes[seq] != found:
            self.wrong.append(f"{what} is entry {seq} with another hash: the chain was written anew.")


def fingerprint(public: str) -> str:
    """The short name of a key."""
    try:
        return hashlib.sha256(bytes.fromhex(public)).hexdigest()[:16]
    except ValueError:
        return public[:16]


def when(utc_ns: object) -> str:
    """A moment in nanoseconds for people."""
    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(str(utc_ns)) // 1000)
    except (ValueError, OverflowError):
        return repr(utc_ns)
    return at.isoformat(timespec="milliseconds")


def other_key(chain: Chain, public: str, at: list[str], trusted: str) -> str:
    """What is said, once, of everything that another key signed; `pen log verify` says the same."""
    which = f"The head signed at {at[0]} is"
    if len(at) > 1:
        which = f"{len(at)} heads, signed from {at[0]} to {at[-1]}, are"
    other = fingerprint(public)
    return (
        f"{which} under key {other}, not under key {fingerprint(trusted)} that you gave for station {chain.station}: this record "
        f"was written with two sets of keys, or somebody else signed it, and nobody vouches here for what key {other} signed. If "
        "that key is yours as well, verify with it too; if nobody knows it, compare the record with a backup and with the heads "
        "on printed reports."
    )


def signatures(chain: Chain, trusted: str | None) -> tuple[int, str]:
    """Checks every signed head; how many hold, and why none could be checked."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        return 0, "the package cryptography is not installed here"
    holding = 0
    others: dict[str, list[str]] = {}
    for head in chain.heads:
        seq, found, utc_ns = int(str(head["signed"])), str(head["hash"]), head["utc_ns"]
        public = str(head["public_key"])
        what = f"The head signed at entry {seq}"
        chain.must_pass(seq, found, what)
        text = f"derma-pen head 1\n{chain.station}\n{seq}\n{found}\n{utc_ns}\n".encode()
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
            key.verify(bytes.fromhex(str(head["signature"])), text)
        except (InvalidSignature, ValueError):
            chain.wrong.append(f"{what}: its signature does not hold.")
            continue
        if trusted is None or public == trusted:
            holding += 1
        if public != trusted:
            others.setdefault(public, []).append(f"entry {seq} ({when(utc_ns)})")
    if trusted is not None:
        chain.wrong += [other_key(chain, public, at, trusted) for public, at in others.items()]
    chain.keys = [fingerprint(public) for public in others]
    return holding, "" if chain.heads else "the export holds no signed head"


def read(path: Path) -> Chain:
    """The export in a file.

    Raises:
        ValueError: It is none.
    """
    chain = Chain()
    with path.open("rb") as file:
        if not file.read(1).startswith(b"{"):
            raise ValueError(
                f"{path} is no export; a record itself, encrypted or not, is exported by whoever has its key with "
                "pen log export --out FOLDER"
            )
    with path.open(encoding="utf-8") as lines:
        first = json.loads(next(lines, "null"))
        if not isinstance(first, dict) or first.get("form") != FORM:
            raise ValueError(f"{path} is no export of form {FORM!r}")
        chain.station, chain.key = str(first["station"]), str(first.get("key") or "")
        for number, text in enumerate(lines, 2):
            try:
                line = json.loads(text)
            except ValueError:
                chain.wrong.append(f"Line {number} cannot be read.")
                continue
            chain.take(line)
    return chain


def main(words: list[str] | None = None) -> int:
    """Verifies and says what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("export", type=Path, help="the exported chain")
    parser.add_argument(
        "--head", action="append", default=[], metavar="SEQ:HASH", help="a head known from elsewhere"
    )
    parser.add_argument("--key", default=None, help="the station's public key, known from elsewhere")
    given = parser.parse_args(words)
    try:
        chain = read(given.export)
        known = [(int(seq), found) for seq, _, found in (text.partition(":") for text in given.head)]
    except (OSError, ValueError, KeyError) as error:
        sys.stdout.write(f"Nothing was verified: {error}.\n")
        return NO_EXPORT
    if chain.end is None:
        chain.wrong.append(f"The export breaks off after entry {chain.seq}: its last line is missing.")
    else:
        chain.must_pass(*chain.end, "The end that the export names")
    for seq, found in known:
        chain.must_pass(seq, found, "The head you gave")
    holding, why = signatures(chain, given.key)
    for sentence in chain.wrong:
        sys.stdout.write(f"DAMAGED. {sentence}\n")
    if chain.wrong:
        return DAMAGED
    sys.stdout.write(
        f"{chain.seq} entries of station {chain.station}: every hash holds, each linked to the one before.\n"
    )
    if why:
        sys.stdout.write(
            f"SIGNATURES NOT CHECKED: {why}. Nobody vouches yet that this chain is the one recorded.\n"
        )
        return UNSIGNED
    names = ", ".join(chain.keys)
    which = "the key" if len(chain.keys) == 1 else f"{len(chain.keys)} keys"
    whose = (
        "the key you gave"
        if given.key
        else f"{which} that the export itself names ({names}): compare with the clinic's"
    )
    sys.stdout.write(f"{holding} signed heads hold, under {whose}.\n")
    return VERIFIED


if __name__ == "__main__":
    sys.exit(main())

"""The chain as a file that anybody can verify: one JSON object a line, and the verifier beside it.

An entry is exported as the very text its hash is over. No name of a patient is in it, for none is in the chain; names of
operators and what they typed as reasons are.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pen_host.journal import sqlite, verify_chain
from pen_host.journal.chain import COLUMNS, HASH, SEQ, STATION, RawRow, row_text
from pen_host.journal.errors import JournalDamagedError, JournalUnwritableError

CHAIN_FILE = "chain.jsonl"
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM entries ORDER BY station_id, seq"  # noqa: S608 - our own names
_HEADS = "SELECT seq, hash, utc_ns, public_key, signature FROM signed_heads WHERE station_id = ? ORDER BY seq"


@dataclass(frozen=True, slots=True)
class Exported:
    """An export.

    Attributes:
        chain: The file with the chain.
        verifier: The program that verifies it.
        entries: How many there are.
        heads: How many signed heads.
    """

    chain: Path
    verifier: Path
    entries: int
    heads: int


def export_chain(record: Path, folder: Path) -> Exported:
    """Exports the chain of a record into a folder, which must not hold an export yet.

    Raises:
        JournalError: The record cannot be read, or the folder not be written; no file that could pass for an export is left.
    """
    target = folder / CHAIN_FILE
    if target.exists():
        raise JournalUnwritableError(target, "there is an export already; name another folder")
    draft = target.with_suffix(".partial")
    counts = {"entry": 0, "signed": 0}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with closing(sqlite.connect_reader(record)) as connection, draft.open("w", encoding="utf-8") as file:
            connection.execute("BEGIN")
            for line in _lines(connection):
                file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
                for kind in counts:
                    counts[kind] += kind in line
            file.flush()
            os.fsync(file.fileno())
        verifier = folder / "verify_chain.py"
        shutil.copyfile(verify_chain.__file__, verifier)
        draft.replace(target)
    except sqlite3.Error as error:
        raise sqlite.translated(record, error) from error
    except OSError as error:
        raise JournalUnwritableError(target, str(error)) from error
    except (TypeError, ValueError) as error:
        raise JournalDamagedError(record, f"an entry cannot be exported ({error})") from error
    return Exported(target, verifier, counts["entry"], counts["signed"])


def _lines(connection: sqlite3.Connection) -> Iterator[dict[str, object]]:
    row: RawRow | None = None
    for row in connection.execute(_SELECT):
        if row[SEQ] == 1:
            yield {"form": verify_chain.FORM, "station": row[STATION]}
        yield {"entry": row_text(row), "hash": row[HASH]}
    if row is None:
        return
    for seq, found, utc_ns, public, signature in connection.execute(_HEADS, (row[STATION],)):
        signed = {"signed": seq, "hash": found, "utc_ns": utc_ns}
        yield {**signed, "public_key": public, "signature": signature}
    yield {"end": row[SEQ], "hash": row[HASH]}

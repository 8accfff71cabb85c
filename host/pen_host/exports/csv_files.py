"""CSV: one file a table and a data dictionary. A cell that a spreadsheet would run as a formula is defused."""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import Any

from pen_host.exports.columns import FLATS
from pen_host.exports.files import Export
from pen_host.exports.flat import Table

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What makes a spreadsheet take a cell for a formula, or for the end of one (OWASP, CSV injection)."""
GUARD = "'"
"""Put before such text; numbers are never text here and keep their sign."""
DICTIONARY = "data_dictionary.csv"
_BOM = "\ufeff"
"""So that a spreadsheet reads UTF-8 as such."""


def write(export: Export, found: tuple[Table, ...]) -> None:
    """Writes every table and the data dictionary."""
    for table in found:
        rows = [[row[name] for name in table.flat.names] for _, row in table.rows]
        export.put(f"{table.flat.name}.csv", text(table.flat.names, rows))
    told = [
        (flat.name, one.name, one.type, one.unit, one.meaning, flat.meaning)
        for flat in FLATS
        for one in flat.fields
    ]
    header = ("table", "column", "type", "unit", "meaning", "one row is")
    export.put(DICTIONARY, text(header, told))


def text(header: tuple[str, ...], rows: list[Any]) -> bytes:
    """Rows as CSV: UTF-8 with its mark, CRLF, days as ISO, nothing as an empty cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([cell(value) for value in row] for row in rows)
    return (_BOM + out.getvalue()).encode()


def cell(value: Any) -> str:
    """One value; text that a spreadsheet would run is put behind an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int | float):
        return repr(value)
    told = str(value)
    return GUARD + told if told.startswith(FORMULA) else told

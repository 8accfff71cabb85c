"""Parquet: the same tables and the pens' telemetry, partitioned by clinic and month, for DuckDB, Spark, Dask and pandas.

    SELECT * FROM read_parquet('OUT/outcomes/**/*.parquet', hive_partitioning = true)

Many clinics' exports laid into one folder are one data set.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pen_host.exports.columns import TELEMETRY, Flat, Type
from pen_host.exports.files import Export
from pen_host.exports.flat import Table, missing_extra
from pen_host.exports.identity import Identity
from pen_host.journal import Kind
from pen_host.records import Clinic
from pen_host.records.seals import EPOCH
from pen_host.trace import Columns, columns

if TYPE_CHECKING:
    import pyarrow

_LEVEL = 3
"""Of zstd. (J)"""
_WHOLE = "all"
"""Month of tables that belong to none."""


def write(export: Export, found: Sequence[Table], clinic_name: str, about: Mapping[str, str]) -> None:
    """Writes every table, a file a month.

    Args:
        export: Where.
        found: The tables.
        clinic_name: Of the partition.
        about: Stands in each file's metadata.
    """
    for table in found:
        months: dict[str, list[Mapping[str, Any]]] = {}
        for day, row in table.rows:
            months.setdefault(_WHOLE if day is None else f"{day:%Y-%m}", []).append(row)
        for month, rows in sorted(months.items()):
            content = encode(table.flat, rows, about)
            export.put(f"{table.flat.name}/clinic={clinic_name}/month={month}/part.parquet", content)


def write_telemetry(
    export: Export, clinic: Clinic, identity: Identity, clinic_name: str, about: Mapping[str, str]
) -> int:
    """Writes the samples of every session, a file each, and returns how many samples there were.

    Raises:
        TraceError: Samples are of another version, or damaged.
    """
    count = 0
    for session_id, day, chunks in _sessions(clinic, identity):
        name = identity.key(session_id)
        content = encode_telemetry(name, chunks, about)
        export.put(f"telemetry/clinic={clinic_name}/month={day:%Y-%m}/{name}.parquet", content)
        count += sum(len(chunk["t_ms"]) for chunk in chunks)
    return count


def encode_telemetry(name: str | None, chunks: Sequence[Columns], about: Mapping[str, str]) -> bytes:
    """Samples of one session as a Parquet file.

    Args:
        name: The session, as the export calls it.
        chunks: Their values by column.
        about: Stands in the file's metadata.
    """
    found = {one: [value for chunk in chunks for value in chunk[one]] for one in chunks[0]}
    found["session_id"] = [name] * len(found["t_ms"])
    return _encode(TELEMETRY, found, about)


def encode(flat: Flat, rows: Sequence[Mapping[str, Any]], about: Mapping[str, str]) -> bytes:
    """Rows of one table as a Parquet file; units and meanings stand in its schema."""
    return _encode(flat, {one.name: [row[one.name] for row in rows] for one in flat.fields}, about)


def _encode(flat: Flat, values: Mapping[str, Sequence[Any]], about: Mapping[str, str]) -> bytes:
    try:
        # imported late: 166 MB that nobody else needs
        import pyarrow
    except ImportError as error:
        raise missing_extra("Parquet") from error
    return encode_columns(flat, pyarrow.table(dict(values), schema=_schema(flat, about)))


def encode_columns(flat: Flat, table: pyarrow.Table) -> bytes:
    """A table as Parquet: whole numbers as differences, text as dictionary, all of it under zstd."""
    from pyarrow import parquet

    out = io.BytesIO()
    text = [one.name for one in flat.fields if one.type is Type.TEXT]
    parquet.write_table(
        table,
        out,
        compression="zstd",
        compression_level=_LEVEL,
        use_dictionary=text,
        column_encoding={one.name: "DELTA_BINARY_PACKED" for one in flat.fields if one.type is Type.INTEGER},
    )
    return out.getvalue()


def _schema(flat: Flat, about: Mapping[str, str]) -> pyarrow.Schema:
    import pyarrow

    types = {
        Type.TEXT: pyarrow.string(),
        Type.INTEGER: pyarrow.int64(),
        Type.NUMBER: pyarrow.float64(),
        Type.FLAG: pyarrow.bool_(),
        Type.DAY: pyarrow.date32(),
    }
    fields = [
        pyarrow.field(one.name, types[one.type], metadata={"unit": one.unit, "meaning": one.meaning})
        for one in flat.fields
    ]
    return pyarrow.schema(fields, metadata={"table": flat.name, "one row is": flat.meaning, **about})


def _sessions(clinic: Clinic, identity: Identity) -> Iterator[tuple[str, date, list[Columns]]]:
    with clinic.chain() as reader:
        for one in reader.sessions():
            at: datetime = EPOCH + timedelta(microseconds=one.opened.utc_ns // 1_000)
            day = identity.day(one.opened.subject or "", at.date())
            assert day is not None, "a day is given, so one comes back"
            rows = (dict(row.payload) for row in reader.rows(one.session_id) if row.kind == Kind.SAMPLES)
            chunks = [columns(chunk) for chunk in rows]
            if any(one["t_ms"] for one in chunks):
                yield one.session_id, day, chunks

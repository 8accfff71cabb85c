"""CSV and Parquet: the same rows in both, readable by others, harmless in a spreadsheet, whole or not there at all."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from pen_host.errors import UsageError, VerificationError
from pen_host.exports import csv_files, files, parquet_files
from pen_host.exports.columns import FLATS, TELEMETRY, Type
from pen_host.exports.export import Form, export
from pen_host.exports.identity import SHIFT_DAYS, Deidentified
from tests.host.told_clinic import FIRST, HOSTILE, ToldClinic, days_in, same_as_golden, steady


def rows(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.read_text("utf-8-sig"), newline="")))


def test_csv_says_what_it_said(told: ToldClinic, tmp_path: Path) -> None:
    out = export(told.clinic, Form.CSV, tmp_path / "csv").folder
    text = "".join(f"== {one.name}\n{one.read_text('utf-8-sig')}" for one in sorted(out.glob("*.csv")))
    same_as_golden("export.csv.txt", steady(text.replace("\r\n", "\n")))


def test_every_column_is_in_the_data_dictionary(told: ToldClinic, tmp_path: Path) -> None:
    out = export(told.clinic, Form.CSV, tmp_path / "csv").folder
    told_columns = {(one["table"], one["column"]) for one in rows(out / csv_files.DICTIONARY)}
    for flat in FLATS:
        with (out / f"{flat.name}.csv").open(encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file))
        assert {(flat.name, name) for name in header} <= told_columns
    assert all(one.meaning for flat in (*FLATS, TELEMETRY) for one in flat.fields)


@given(st.text(max_size=30))
def test_no_text_becomes_a_formula(words: str) -> None:
    cell = csv_files.cell(words)
    assert not cell.startswith(csv_files.FORMULA)
    assert cell in (words, csv_files.GUARD + words)
    written = csv_files.text(("a", "b"), [(words, 1)]).decode("utf-8-sig")
    (_, row) = list(csv.reader(io.StringIO(written, newline="")))
    assert row == [cell, "1"] or "\x00" in words


def test_a_negative_number_is_a_number() -> None:
    assert [csv_files.cell(one) for one in (-1, 2.5, None, True, date(2028, 2, 1))] == [
        "-1", "2.5", "", "true", "2028-02-01",
    ]  # fmt: skip


def test_duckdb_reads_what_was_exported_as_it_lies(told: ToldClinic, tmp_path: Path) -> None:
    out = export(told.clinic, Form.PARQUET, tmp_path / "p", clinic_name="north").folder

    def ask(query: str, table: str) -> list[tuple[object, ...]]:
        where = f"read_parquet('{out}/{table}/**/*.parquet', hive_partitioning = true)"
        return duckdb.sql(query.replace("$", where)).fetchall()

    months = ask(
        "SELECT clinic, month, count(*) FROM $ WHERE kind = 'hair_count' GROUP BY ALL ORDER BY 2", "outcomes"
    )
    assert months == [("north", "2028-02", 1), ("north", "2028-04", 1)]
    assert ask("SELECT strokes, contact_strokes, punctures_per_cm2 FROM $", "zones") == [
        (1_350, 1_145, 274.8)
    ]
    assert ask("SELECT count(*), max(t_ms), min(depth_measured_um) FROM $", "telemetry") == [
        (40, 1_950, 1_490)
    ]
    assert ask("SELECT full_name FROM $", "patients") == [(HOSTILE,)]
    schema = parquet.read_schema(next((out / "zones").rglob("*.parquet")))
    assert schema.field("punctures_per_cm2").metadata[b"unit"] == b"/cm2"
    assert schema.metadata[b"chain head"].startswith(b"s1 #")


def test_two_clinics_laid_together_are_one_data_set(told: ToldClinic, tmp_path: Path) -> None:
    for name in ("north", "south"):
        out = export(told.clinic, Form.PARQUET, tmp_path / name, clinic_name=name).folder
        (out / "visits").rename(tmp_path / f"visits-{name}")
    query = f"SELECT count(DISTINCT clinic) FROM read_parquet('{tmp_path}/visits-*/**/*.parquet', hive_partitioning = true)"
    assert duckdb.sql(query).fetchall() == [(2,)]


def test_half_an_hour_at_a_thousand_samples_a_second_is_less_than_ten_megabytes() -> None:
    """Values as a pen gives them: they drift and jitter, and most of them change slowly."""
    count = 30 * 60 * 1_000
    drawn = numpy.random.default_rng(5)
    time_ms = numpy.arange(count)
    walk = lambda step: numpy.cumsum(drawn.integers(-step, step + 1, count))  # noqa: E731
    columns = {
        "session_id": pyarrow.array(["s00000007"] * count),
        "t_ms": time_ms,
        "zone": time_ms // 600_000,
        "state": pyarrow.array(["STROKING"] * count),
        "depth_requested_um": numpy.full(count, 1_500),
        "depth_measured_um": 1_500 + drawn.integers(-3, 4, count),
        "rate_requested_mhz": numpy.full(count, 100_000),
        "rate_measured_mhz": 100_000 + drawn.integers(-200, 201, count),
        "strokes": time_ms // 10,
        "contact_strokes": time_ms // 12,
        "coil_cc": 3_000 + walk(1) // 50,
        "lease_left_ms": 250 - time_ms % 80 - drawn.integers(0, 3, count),
    }
    table = pyarrow.table({one.name: columns[one.name] for one in TELEMETRY.fields})
    content = parquet_files.encode_columns(TELEMETRY, table)
    print(f"{count} samples: {len(content) / 1e6:.2f} MB")
    assert len(content) < 10_000_000
    assert parquet.read_table(io.BytesIO(content)).equals(table)


def test_a_deidentified_export_names_nobody(told: ToldClinic, tmp_path: Path) -> None:
    out = export(told.clinic, Form.CSV, tmp_path / "d", deidentified=True).folder
    text = "".join(file.read_text("utf-8-sig") for file in sorted(out.iterdir()))
    for word in (HOSTILE[:6], told.patient_id, told.visit_id, "anna", "bob", "1980-02"):
        assert word not in text, word
    assert [one["born"] for one in rows(out / "patients.csv")] == ["1980s"]
    days = [
        date.fromisoformat(one["day"]) for one in rows(out / "outcomes.csv") if one["kind"] == "hair_count"
    ]
    assert (days[1] - days[0]).days == 84, "how far apart two days are stays as it was"
    assert days[0] != FIRST
    # not that no day is the one of the visit: another one may well be moved onto it
    assert days_in(text) == {days[0] + timedelta(days=after) for after in (0, 2, 7, 84)}
    assert "chain_head" not in json.loads((out / files.MANIFEST).read_text())


@given(st.binary(min_size=32, max_size=32), st.dates(date(2000, 1, 1), date(2090, 1, 1)))
def test_days_of_one_patient_move_together_and_never_stay(key: bytes, day: date) -> None:
    identity = Deidentified(lambda: key)
    moved = identity.day("P", day)
    assert moved
    assert 1 <= abs((moved - day).days) <= SHIFT_DAYS
    at = identity.moment("P", datetime(day.year, day.month, day.day))  # noqa: DTZ001
    assert at
    assert at.date() == moved


def test_no_name_of_a_deidentified_export_reads_as_a_number() -> None:
    """Of so many hashes some are of digits alone, or of digits about an e: a spreadsheet rounds them, and two become one."""
    identity = Deidentified(lambda: bytes(32))
    for number in range(5_000):
        for name in (identity.patient(str(number)), identity.key(str(number)), identity.person(str(number))):
            assert name
            with pytest.raises(ValueError, match="could not convert"):
                float(name)


# ---- files -----------------------------------------------------------------------------------------------------------


def test_a_manifest_finds_what_is_missing_strange_or_changed(told: ToldClinic, tmp_path: Path) -> None:
    out = export(told.clinic, Form.CSV, tmp_path / "csv").folder
    assert files.verify(out).files
    visits = out / "visits.csv"
    kept = visits.read_bytes()
    for spoil in (
        lambda: visits.write_bytes(kept + b"x"),
        visits.unlink,
        lambda: (out / "more.csv").write_text(""),
    ):
        spoil()
        with pytest.raises(VerificationError, match="are not what the manifest says"):
            files.verify(out)
        visits.write_bytes(kept)
    (out / files.MANIFEST).unlink()
    with pytest.raises(VerificationError, match="has no manifest"):
        files.verify(out)


def test_an_export_is_there_whole_or_not_at_all(
    told: ToldClinic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    with pytest.raises(UsageError, match="not empty"):
        export(told.clinic, Form.CSV, tmp_path / "full")
    with pytest.raises(UsageError, match="cannot be a clinic's name"):
        export(told.clinic, Form.PARQUET, tmp_path / "p", clinic_name="../north")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UsageError, match="No space left on device"):
        export(told.clinic, Form.CSV, tmp_path / "new")
    assert [one.name for one in tmp_path.iterdir()] == ["full"]


def test_columns_of_whole_numbers_hold_whole_numbers(told: ToldClinic, tmp_path: Path) -> None:
    out = export(told.clinic, Form.PARQUET, tmp_path / "p").folder
    for flat in FLATS:
        schema = parquet.read_schema(next((out / flat.name).rglob("*.parquet")))
        for one in flat.fields:
            assert (schema.field(one.name).type == pyarrow.int64()) == (one.type is Type.INTEGER)

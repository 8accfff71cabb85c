"""The data sheet says what the code obeys, row by row, and its text is the one that was agreed."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from pen_firmware import cartridge_layout, depth, pio_programs, steps
from pen_host.spec import (
    SOURCES,
    SpecRow,
    limit_reasons,
    rate_resolution_mhz,
    spec_json,
    spec_rows,
    spec_table,
)
from pen_protocol import limits, messages, version

GOLDEN = Path(__file__).with_name("spec.txt")
MODULES = {
    "limits": limits,
    "pio_programs": pio_programs,
    "cartridge_layout": cartridge_layout,
    "depth": depth,
    "steps": steps,
    "messages": messages,
    "version": version,
}
SCALES = {"Hz": 1_000, "min": 60, "s": 1_000, "C": 100}
"""How many of the constant's units one unit of the row has, where they differ."""
COMPUTED = {"pio_programs.NEEDLE_PERIOD_BASE_US", "pio_programs.STEP_PERIOD_BASE_US"}
"""Constants whose row shows what follows from them."""
ROWS = spec_rows()


def named(name: str) -> SpecRow:
    (row,) = [row for row in ROWS if row.name == name]
    return row


def shares_unit(row: SpecRow) -> bool:
    """Whether the constant carries the row's unit, so that no factor stands between."""
    suffixes = {"Hz": "_MHZ", "min": "_S", "s": "_MS", "C": "_CC"}
    return not row.constant.endswith(suffixes.get(row.unit, "\0"))


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.constant.startswith("limits.")], ids=lambda row: row.constant
)
def test_row_of_a_limit_equals_the_limit(row: SpecRow) -> None:
    held = getattr(limits, row.constant.removeprefix("limits."))
    assert isinstance(row.value, (int, float))
    assert row.value * (1 if shares_unit(row) else SCALES[row.unit]) == held


def test_row_of_another_constant_equals_it() -> None:
    for row in ROWS:
        if row.name in {"jitter while the CPU lives", "memory family", "firmware", "schema"}:
            continue
        if "," in row.constant or row.constant.startswith("limits.") or row.constant in COMPUTED:
            continue
        module, _, constant = row.constant.partition(".")
        assert row.value == getattr(MODULES[module], constant), row


def test_what_is_computed_follows_from_the_programs() -> None:
    assert named("fastest any stroke word can give").value == 149.745
    assert named("largest duty any stroke words can give").value == 30.7
    assert named("longest any lease word can give").value == 65.536
    assert named("fastest any step word can give").value == 16_949
    assert named("steps").value == 400


def test_fastest_rate_is_one_a_stroke_word_can_give() -> None:
    fastest = named("fastest any stroke word can give").value
    assert isinstance(fastest, float)
    assert fastest >= limits.RATE_MAX_MHZ / 1000


@pytest.mark.parametrize("rate_mhz", [limits.RATE_MIN_MHZ, 75_000, limits.RATE_MAX_MHZ])
def test_resolution_is_the_gap_to_the_next_rate(rate_mhz: int) -> None:
    period_us = pio_programs.needle_period_us(rate_mhz)
    gap_mhz = 1e9 / period_us - 1e9 / (period_us + pio_programs.NEEDLE_PERIOD_STEP_US)
    assert rate_resolution_mhz(rate_mhz) == pytest.approx(gap_mhz, abs=1)


def test_every_constant_named_exists() -> None:
    for row in ROWS:
        for dotted in row.constant.split(", "):
            module, _, constant = dotted.partition(".")
            assert hasattr(MODULES[module], constant), row


def test_every_row_of_a_limit_has_a_reason_with_its_source() -> None:
    sources = "|".join(SOURCES)
    for row in ROWS:
        if row.constant.startswith("limits."):
            assert re.search(rf"\(({sources})\)$", row.why), row


def test_every_limit_but_the_converters_and_the_wires_is_on_the_sheet() -> None:
    """A new limit gets a row here, or a place in this list with its reason."""
    not_for_a_sheet = {
        "COIL_SENSOR_MIN_CC",  # how an open sensor is told from a cold one
        "COIL_SENSOR_MAX_CC",
        "WORD_MAX",  # how integers travel
    }
    shown = {row.constant.removeprefix("limits.") for row in ROWS if row.constant.startswith("limits.")}
    assert set(limit_reasons()) - shown == not_for_a_sheet


def test_names_are_unique_within_a_group() -> None:
    names = [(row.group, row.name) for row in ROWS]
    assert len(names) == len(set(names))


def test_json_carries_every_row_whole() -> None:
    assert [SpecRow(**row) for row in json.loads(spec_json(ROWS))] == ROWS


def test_table_is_the_agreed_text() -> None:
    """PEN_WRITE_GOLDEN=1 writes it anew; the difference is then reviewed like code."""
    # what changes with every build or table is no parameter a reader compares
    table = spec_table([row for row in ROWS if row.name not in {"schema", "firmware"}])
    if os.environ.get("PEN_WRITE_GOLDEN"):
        GOLDEN.write_text(table, encoding="utf-8")
    assert table == GOLDEN.read_text(encoding="utf-8")

"""The comparison as a table for people and as JSON for programs, with what the emulator does to the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hil_tests.benchmarks.measures import Figures
from hil_tests.benchmarks.rows import Row, Value
from hil_tests.benchmarks.settings import Settings

WIDTH = 200
CAVEATS = (
    "All times are the emulated chip's: load of the machine that emulates does not matter.",
    "Kind to everybody: instructions never miss a cache, so Python and collections are as fast as they can be.",
    "Kind to ours: its PIO machines move on whole microseconds, so jitter below 1 us is not resolved; silicon has none "
    "with this integer divider. The peers' edges are timed to the instruction.",
    "Kind to everybody: the host is silent between bytes, USB has no 1 ms frames, and bytes reach the chip within 0.25 ms.",
    "Ours is exact as long as a pass comes within the two strokes that wait, 16.7 ms at 120 Hz. A later pass, as with longer "
    "collections, makes a stroke late or leaves it out; it never makes one long.",
    "Equal load: ours and the peers hold the same hoard and collect in the same rhythm; ours has its modules beside it.",
    "In the middle of a peer's hang the core stands still to save time: pins, PWM and watchdog go on.",
)


def to_json(
    rows: Sequence[Row], figures: Mapping[str, Figures], facts: Mapping[str, Any], settings: Settings
) -> dict[str, Any]:
    """Everything that was measured, and the lines made of it."""
    return {
        "benchmark": "chip",
        **facts,
        "settings": asdict(settings),
        "caveats": list(CAVEATS),
        "rows": [_row(row) for row in rows],
        "programs": {name: asdict(one) for name, one in figures.items()},
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "section": row.section,
        "figure": row.figure,
        "unit": row.unit,
        "better": row.better.value,
        "ours": _value(row.ours),
        "peer_is": row.peer_is,
        "peer": _value(row.peer),
        "ratio": _value(row.ratio),
        "note": row.note,
    }


def _value(value: Value | None) -> dict[str, Any] | None:
    return None if value is None else {"amount": value.amount, "bound": value.bound.value}


def show(console: Console, rows: Sequence[Row], facts: Mapping[str, Any]) -> None:
    """Print a table for each part, and what to keep in mind."""
    console.print(Text(_headline(facts), style="bold"))
    for section in dict.fromkeys(row.section for row in rows):
        console.print(_table(section, [row for row in rows if row.section == section]))
    console.print(Group(*(Padding(Text(f"- {one}"), (0, 0, 0, 1)) for one in CAVEATS)))


def _headline(facts: Mapping[str, Any]) -> str:
    return (
        f"the pen beside its peers on an emulated RP2040 - {facts['micropython']}, image {facts['image']}, "
        f"{facts['emulator']}, {facts['wall_s']:.0f} s"
    )


def _table(section: str, rows: Sequence[Row]) -> Table:
    table = Table(title=section, title_justify="left", show_lines=False)
    table.add_column("figure")
    table.add_column("ours", justify="right")
    table.add_column("the peer is")
    table.add_column("peer", justify="right")
    table.add_column("ratio", justify="right")
    table.add_column("unit")
    table.add_column("better")
    table.add_column("note", max_width=60)
    for row in rows:
        table.add_row(
            row.figure,
            _text(row.ours),
            row.peer_is,
            _text(row.peer),
            _text(row.ratio),
            row.unit,
            row.better.value,
            row.note,
        )
    return table


def _text(value: Value | None) -> str:
    return "-" if value is None else str(value)

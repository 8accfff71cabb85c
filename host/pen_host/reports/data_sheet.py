"""The technical specification sheet: every number read from the constant that the code obeys."""

from __future__ import annotations

from datetime import UTC, datetime

from pen_host.reports import words
from pen_host.reports.blocks import Block, Grid, Heading, Note, Prose, Sheet
from pen_host.spec import SOURCES, spec_rows
from pen_protocol import messages, version

BUILT = datetime(2026, 1, 1, tzinfo=UTC)
"""Stands in the metadata of a sheet that no record gives a time to; what it tells is a version, not a day."""


def specification() -> tuple[Sheet, datetime]:
    """The data sheet of the firmware this program was built with."""
    firmware = "{}.{}.{}".format(*version.FIRMWARE_VERSION)
    rows = spec_rows()
    blocks: list[Block] = [
        Prose(
            "Each value is read from the constant that firmware or host obeys when this sheet is made; none is typed. The "
            "letter at the end of a reason says where it comes from: "
            + "; ".join(f"({letter}) {meaning}" for letter, meaning in SOURCES.items())
            + "."
        )
    ]
    for group in dict.fromkeys(row.group for row in rows):
        blocks.append(Heading(group))
        of_group = tuple((row.name, row.text, row.why) for row in rows if row.group == group)
        blocks.append(Grid(("Parameter", "Value", "Why"), of_group, right=(1,), wide=(0, 2)))
    blocks.append(Note("What this is not", (words.NOT_CLEARED,)))
    sealed = (
        f"firmware {firmware}, protocol {version.PROTOCOL_VERSION}, message table {messages.SCHEMA_HASH:08x}"
    )
    sheet = Sheet(
        "Technical specification",
        f"derma-pen, firmware {firmware}",
        f"firmware {firmware}",
        (),
        tuple(blocks),
        sealed,
    )
    return sheet, BUILT

"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Port = Annotated[str | None, typer.Option("--port", help="Serial port of the pen.")]
Url = Annotated[
    str | None, typer.Option("--url", help="Port, socket://HOST:PORT, or sim: for a simulated pen.")
]
Serial = Annotated[
    str | None, typer.Option("--serial", help="Serial number, when several pens are connected.")
]
JournalFile = Annotated[
    Path | None,
    typer.Option("--journal", envvar="PEN_JOURNAL", help="The record; this user's own when not given."),
]
Operator = Annotated[
    str, typer.Option("--operator", help="Who answers for it; stands in the record.", envvar="PEN_OPERATOR")
]

"""A treatment's result, as JSON and as a table."""

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from ..session import TreatmentResult


def as_json(result: TreatmentResult) -> dict[str, Any]:
    """The result for programs; paths are text."""
    content = asdict(result)
    content["zones"] = [asdict(zone) for zone in result.zones]
    content["picture"] = str(result.picture)
    content["journal"] = str(result.journal)
    return content


def show_result(console: Console, result: TreatmentResult) -> None:
    """The result for people."""
    table = Table(title=f"Session {result.session_id}")
    for name, justify in (("zone", "left"), ("strokes", "right"), ("in contact", "right")):
        table.add_column(name, justify="left" if justify == "left" else "right")
    table.add_column("estimated maximum per cm2", justify="right")
    for zone in result.zones:
        dose = "not known" if zone.dose_per_cm2 is None else f"{zone.dose_per_cm2:.0f}"
        table.add_row(zone.name, str(zone.strokes), str(zone.contact_strokes), dose)
    console.print(table)
    equal = "equal" if result.strokes_pen == result.strokes_journal else "NOT EQUAL"
    chain = "verified" if result.chain_ok else "DAMAGED: run pen log verify"
    console.print(
        f"strokes by the pen {result.strokes_pen}, in the record {result.strokes_journal}: {equal}   "
        f"trips {result.trips} ({', '.join(result.faults) or 'none'})   chain {chain}"
    )
    console.print(f"record  {result.journal}", soft_wrap=True)
    console.print(f"picture {result.picture}", soft_wrap=True)

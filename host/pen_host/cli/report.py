"""`pen report`: what the record holds, on paper."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .clinical import PatientId, reading
from .options import JournalFile, Json
from .telling import print_json

if TYPE_CHECKING:
    from ..reports.make import Made

group = typer.Typer(help="Reports as PDF: treatment, after-care, course, lot, spec.", no_args_is_help=True)

Visit = Annotated[
    str, typer.Argument(metavar="VISIT", help="The visit, as `pen patient show --json` names it.")
]
Out = Annotated[Path, typer.Option("--out", help="The PDF to write.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="report")


@group.command()
def treatment(visit: Visit, out: Out, journal_file: JournalFile = None, json_: Json = False) -> None:
    """The treatment record of a visit: pen, cartridge, zones, strokes, stops, screening, signature."""
    from ..reports.treatment import treatment_record

    with reading(journal_file) as clinic:
        made = treatment_record(clinic, visit)
    _write(made, out, as_json=json_)


@group.command("after-care")
def after_care(visit: Visit, out: Out, journal_file: JournalFile = None, json_: Json = False) -> None:
    """The sheet that the patient takes home, with a diary for a week."""
    from ..reports.after_care import after_care_sheet

    with reading(journal_file) as clinic:
        made = after_care_sheet(clinic, visit)
    _write(made, out, as_json=json_)


@group.command()
def course(patient: PatientId, out: Out, journal_file: JournalFile = None, json_: Json = False) -> None:
    """One patient's treatments, measures, reactions and photographs over the weeks."""
    from ..reports.course import course_summary

    with reading(journal_file) as clinic:
        made = course_summary(clinic, patient)
    _write(made, out, as_json=json_)


@group.command()
def lot(
    lot_number: Annotated[str, typer.Argument(metavar="LOT", help="Lot number as printed.")],
    out: Out,
    gtin: Annotated[str | None, typer.Option(help="Only of this article.")] = None,
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Who got this lot, when, from whom, with which pen, and what their skin did."""
    from ..reports.lot import lot_report

    with reading(journal_file) as clinic:
        made = lot_report(clinic, lot_number, gtin)
    _write(made, out, as_json=json_)


@group.command()
def spec(out: Out, json_: Json = False) -> None:
    """The technical specification, read from the constants that the code obeys."""
    from ..reports.data_sheet import specification

    _write(specification(), out, as_json=json_)


def _write(made: "Made", out: Path, *, as_json: bool) -> None:
    from ..reports.make import write_report

    written = write_report(made, out)
    if as_json:
        print_json({"report": str(written.path), "sha256": written.sha256, "bytes": written.bytes})
    else:
        print(f"{written.path}  {written.bytes} bytes  sha256 {written.sha256}")

"""`pen export` and `pen import`: what leaves the record, and our own bundle back in."""

from pathlib import Path
from typing import Annotated

import typer

from .clinical import Role, person, reading, writing
from .options import JournalFile, Json, Operator
from .telling import print_json

group = typer.Typer(help="Export the record: fhir, csv, parquet; verify an export.", no_args_is_help=True)

Out = Annotated[Path, typer.Option("--out", help="A new folder.")]
Nameless = Annotated[
    bool, typer.Option("--deidentified", help="Nobody by name: keyed hashes, shifted days, no free text.")
]
ClinicName = Annotated[
    str | None, typer.Option("--clinic", help="Partition of the files; the station's name when not given.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="export")
    app.command("import")(import_bundle)


@group.command()
def fhir(
    out: Out, deidentified: Nameless = False, journal_file: JournalFile = None, json_: Json = False
) -> None:
    """One bundle a patient, as FHIR R4B and as R5."""
    _export("fhir", out, journal_file, deidentified=deidentified, as_json=json_)


@group.command()
def csv(
    out: Out, deidentified: Nameless = False, journal_file: JournalFile = None, json_: Json = False
) -> None:
    """Flat tables with a data dictionary."""
    _export("csv", out, journal_file, deidentified=deidentified, as_json=json_)


@group.command()
def parquet(
    out: Out,
    deidentified: Nameless = False,
    clinic_name: ClinicName = None,
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """The same tables and the pens' telemetry, by clinic and month."""
    _export("parquet", out, journal_file, deidentified=deidentified, as_json=json_, clinic_name=clinic_name)


@group.command()
def verify(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="An export.")], json_: Json = False
) -> None:
    """Read an export again and compare every file with its manifest."""
    from ..exports.files import verify as check

    found = check(folder)
    if json_:
        print_json({"folder": str(folder), "files": len(found.files), "bytes": found.bytes, "intact": True})
    else:
        print(f"{folder} is whole: {len(found.files)} files, {found.bytes} bytes.")


def import_bundle(
    file: Annotated[Path, typer.Argument(metavar="BUNDLE.json", help="A bundle that pen export fhir wrote.")],
    operator: Operator = "operator",
    role: Role = "clinician",
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Take our own bundle into a record that does not have this patient; every row comes back as it was."""
    from ..exports.intake import take_in

    with writing(journal_file) as clinic:
        taken = take_in(clinic, file, person(operator, role))
    if json_:
        print_json(
            {
                "patient": taken.patient_id,
                "rows": taken.rows,
                "photographs": taken.photographs,
                "sha256": taken.sha256,
            }
        )
    else:
        print(
            f"{taken.patient_id}: {sum(taken.rows.values())} rows and {taken.photographs} photographs taken in."
        )


def _export(
    form: str,
    out: Path,
    journal_file: Path | None,
    *,
    deidentified: bool,
    as_json: bool,
    clinic_name: str | None = None,
) -> None:
    from ..exports.export import Form, export

    with reading(journal_file) as clinic:
        done = export(clinic, Form(form), out, deidentified=deidentified, clinic_name=clinic_name)
    if as_json:
        print_json({"folder": str(done.folder), "bytes": done.bytes, "files": done.files, **done.about})
    else:
        print(f"{done.folder}: {len(done.files)} files, {done.bytes} bytes, hashes in manifest.json.")

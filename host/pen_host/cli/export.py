"""`pen export` and `pen import`: what leaves the record, and our own bundle back in."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .clinical import Role, person, reading, writing
from .options import JournalFile, Json, Operator
from .telling import print_json

if TYPE_CHECKING:
    from ..exports.bundles import Item
    from ..exports.intake import TakenIn
    from ..records import Clinic
    from ..records.models import Person

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
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A bundle that pen export fhir wrote, or its folder as a zip."),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be taken in.")] = False,
    operator: Operator = "operator",
    role: Role = "clinician",
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Take our own bundles into a record that does not have these patients; every row comes back as it was."""
    import zipfile

    from ..exports.bundles import look
    from ..exports.intake import take_in

    if dry_run:
        with _to_look(journal_file) as clinic:
            _tell_items(look(clinic, file), as_json=json_)
    elif zipfile.is_zipfile(file):
        _import_all(file, journal_file, person(operator, role), as_json=json_)
    else:
        with writing(journal_file) as clinic:
            taken = take_in(clinic, file, person(operator, role))
        if json_:
            print_json(_taken(taken))
        else:
            print(_line(taken))


@contextmanager
def _to_look(journal_file: Path | None) -> Iterator["Clinic"]:
    """The record as it is; an empty one where there is none yet, for that is what would be made."""
    from tempfile import TemporaryDirectory

    from ..journal import default_path
    from ..records import Clinic
    from ..vault import FileVault

    if (journal_file or default_path()).exists():
        with reading(journal_file) as clinic:
            yield clinic
        return
    with (
        TemporaryDirectory(prefix="pen-dry-run-") as place,
        Clinic.open(Path(place) / "clinic", vault=FileVault(Path(place) / "keys")) as clinic,
    ):
        yield clinic


def _import_all(file: Path, journal_file: Path | None, by: "Person", *, as_json: bool) -> None:
    """Each new patient of an export, one after the other; each whole or not at all."""
    from ..exports.bundles import ItemState, look, prepared
    from ..exports.intake import keep

    taken = []
    with writing(journal_file) as clinic:
        items = look(clinic, file)
        for item in items:
            if item.state is ItemState.NEW:
                taken.append(keep(clinic, prepared(file, item.name), by))
                if not as_json:
                    print(_line(taken[-1]))
    left = [item for item in items if item.state is not ItemState.NEW]
    if as_json:
        print_json({"taken_in": [_taken(one) for one in taken], "left_out": [_item(one) for one in left]})
        return
    for item in left:
        print(f"{item.name}: {item.why}")


def _taken(one: "TakenIn") -> dict[str, object]:
    told: dict[str, object] = {"patient": one.patient_id, "rows": one.rows}
    told |= {"photographs": one.photographs, "without_picture": one.without_picture}
    return {**told, "sha256": one.sha256}


def _line(one: "TakenIn") -> str:
    rows = sum(one.rows.values())
    return f"{one.patient_id}: {rows} rows and {one.photographs} photographs taken in.{_lacking(one.without_picture)}"


def _lacking(count: int) -> str:
    """What is said of photographs whose pictures a bundle does not hold."""
    return f" {count} photographs without their picture, which was not given out." if count else ""


def _tell_items(items: "Sequence[Item]", *, as_json: bool) -> None:
    if as_json:
        print_json({"bundles": [_item(one) for one in items]})
        return
    for one in items:
        told = f"{one.name}: {one.state}, {one.rows} rows, {one.photographs} photographs."
        print(f"{told}{_lacking(one.without_picture)} {one.why}".rstrip())


def _item(one: "Item") -> dict[str, object]:
    told: dict[str, object] = {"name": one.name, "state": str(one.state), "patient": one.patient_id}
    told |= {"rows": one.rows, "photographs": one.photographs, "without_picture": one.without_picture}
    return {**told, "why": one.why}


def _export(
    form: str,
    out: Path,
    journal_file: Path | None,
    *,
    deidentified: bool,
    as_json: bool,
    clinic_name: str | None = None,
) -> None:
    from ..exports.export import NOT_SHOWN, Form, export

    with reading(journal_file) as clinic:
        done = export(clinic, Form(form), out, deidentified=deidentified, clinic_name=clinic_name)
    if as_json:
        print_json({"folder": str(done.folder), "bytes": done.bytes, "files": done.files, **done.about})
    else:
        left = int(done.about.get(NOT_SHOWN, 0))
        told = (
            f" {left} photographs are in it without their picture: see pen patient photo list."
            if left
            else ""
        )
        print(f"{done.folder}: {len(done.files)} files, {done.bytes} bytes, hashes in manifest.json.{told}")

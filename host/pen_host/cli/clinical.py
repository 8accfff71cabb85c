"""What the commands of the clinical record share: options, the record opened to read or to write, models as JSON."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .telling import print_json, warn

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ..records import Clinic
    from ..records.models import Person

PatientId = Annotated[
    str, typer.Argument(metavar="PATIENT", help="Patient id, as `pen patient list` shows it.")
]
Role = Annotated[str, typer.Option("--role", help="In what role.", envvar="PEN_ROLE")]
VisitId = Annotated[str | None, typer.Option("--visit", help="The visit it belongs to.")]
NoteText = Annotated[str | None, typer.Option("--note", help="Anything else.")]


def writing(record: Path | None) -> "Clinic":
    """The clinic whose record this is, to write; to be used in a `with`."""
    from ..records import Clinic

    clinic = Clinic.open(record)
    warn(clinic.journal.other_key)
    return clinic


def reading(record: Path | None) -> "Clinic":
    """The same to read only, which works beside a running console."""
    from ..records import Clinic

    return Clinic.read(record)


def person(operator: str, role: str) -> "Person":
    """Who signs for a command.

    Raises:
        InputError: No entry can be signed with that.
    """
    from ..records import made
    from ..records.models import Person

    return made(Person, "the entry", {"name": operator, "role": role})


def day(text: str | None, what: str) -> date | None:
    """A day as it is typed.

    Raises:
        InputError: It is no day of the calendar.
    """
    from ..records import InputError

    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(what, {"day": f"{text} is no day; write it as 2026-02-28"}) from error


def plain(model: "BaseModel") -> dict[str, Any]:
    """A model as JSON has it."""
    content: dict[str, Any] = model.model_dump(mode="json")
    return content


def tell_one(model: "BaseModel", name: str, sentence: str, *, as_json: bool) -> None:
    """One model: as JSON under its name, or a sentence."""
    if as_json:
        print_json({name: plain(model)})
    else:
        print(sentence)


def tell_many(
    models: Sequence["BaseModel"],
    name: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    as_json: bool,
) -> None:
    """Several models: as JSON under their name, or a table."""
    from .output import show_rows

    if as_json:
        print_json({name: [plain(model) for model in models]})
    elif rows:
        show_rows(columns, rows)
    else:
        print("There are none.")

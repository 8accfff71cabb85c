"""`pen patient`: add, find and show patients, what they use at home, and who is due."""

from pathlib import Path
from typing import Annotated

import typer

from . import consent
from .clinical import (
    NoteText,
    PatientId,
    Role,
    VisitId,
    day,
    person,
    plain,
    reading,
    tell_many,
    tell_one,
    writing,
)
from .options import JournalFile, Json, Operator
from .telling import print_json

group = typer.Typer(help="Patients: add, find, show; notes, home tools, who is due.", no_args_is_help=True)
photos = typer.Typer(help="Photographs from fixed views: add, list, save.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group.add_typer(photos, name="photo")
    group.add_typer(consent.group, name="consent")
    app.add_typer(group, name="patient")


@group.command()
def add(
    name: Annotated[str, typer.Option("--name", help="Full name; kept apart from the chain.")],
    born: Annotated[str, typer.Option("--born", help="Date of birth, 1980-02-29.")],
    sex: Annotated[str | None, typer.Option(help="female, male or other.")] = None,
    phone: Annotated[str | None, typer.Option(help="To reach them when a lot is recalled.")] = None,
    email: Annotated[str | None, typer.Option(help="The same.")] = None,
    file_number: Annotated[str | None, typer.Option(help="The clinic's own number.")] = None,
    operator: Operator = "operator",
    role: Role = "clinician",
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Add a patient; answers with the id that stands for them everywhere else."""
    from ..records import made
    from ..records.models import Demographics

    given = {"full_name": name, "birth_date": born, "sex": sex, "phone": phone, "email": email}
    who = made(Demographics, "the patient", {**given, "file_number": file_number})
    with writing(journal_file) as clinic:
        added = clinic.patients.add(who, person(operator, role))
    tell_one(added, "patient", f"{added.patient_id}  {added.label}", as_json=json_)


@group.command("list")
def list_patients(
    text: Annotated[str, typer.Argument(help="Beginning of a name, file number, id or date of birth.")] = "",
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Find patients; the newest ones without a word."""
    with reading(journal_file) as clinic:
        found = clinic.patients.find(text)
    rows = [
        (one.patient_id, one.label, one.demographics.birth_date, one.demographics.file_number or "")
        for one in found
        if one.demographics
    ]
    tell_many(found, "patients", ("id", "name", "born", "file"), rows, as_json=json_)


@group.command()
def show(patient: PatientId, journal_file: JournalFile = None, json_: Json = False) -> None:
    """One patient and everything that happened to them, newest first."""
    from .output import show_facts, show_rows

    with reading(journal_file) as clinic:
        found = clinic.patients.get(patient)
        items = clinic.timeline(found.patient_id)
    if json_:
        print_json({"patient": plain(found), "timeline": [plain(item) for item in items]})
        return
    who = found.demographics
    show_facts(
        [("id", found.patient_id), ("name", found.label), ("born", who.birth_date if who else "erased")]
    )
    print()
    rows = [(f"{item.at:%Y-%m-%d %H:%M}", item.kind, item.title, item.by.name) for item in items]
    show_rows(("time (UTC)", "what", "says", "by"), rows)


@group.command()
def note(
    patient: PatientId,
    text: Annotated[str, typer.Argument(help="What to write.")],
    operator: Operator = "operator",
    role: Role = "clinician",
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Write a note; it is never changed, only amended."""
    with writing(journal_file) as clinic:
        written = clinic.patients.note(patient, text, person(operator, role))
    tell_one(written, "note", f"Written for {written.patient_id}.", as_json=json_)


@group.command()
def tool(
    patient: PatientId,
    kind: Annotated[str, typer.Option("--kind", help="roller, stamp or home_pen.")],
    needle_um: Annotated[int, typer.Option("--needle-um", help="Needle length or setting in um.")],
    times_a_week: Annotated[int, typer.Option("--times-a-week", help="0 when it is used no more.")],
    last_used: Annotated[str | None, typer.Option("--last-used", help="The day, if known.")] = None,
    operator: Operator = "operator",
    role: Role = "clinician",
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Record a needling tool used at home; it counts in the intervals."""
    from ..records import made
    from ..records.models import HomeTool

    given = {"tool": kind, "needle_um": needle_um, "times_a_week": times_a_week}
    used = made(HomeTool, "the home tool", {**given, "last_used": last_used})
    with writing(journal_file) as clinic:
        clinic.patients.home_tool(patient, used, person(operator, role))
    tell_one(used, "home_tool", f"Recorded: {used.tool}, {used.needle_um} um.", as_json=json_)


@photos.command("add")
def add_photo(
    patient: PatientId,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="JPEG, PNG, WebP or TIFF; it stays where it is.")
    ],
    view: Annotated[str, typer.Option(help="From where, for example scalp_vertex or target_area.")],
    on: Annotated[str, typer.Option("--on", help="The day it was taken, 2026-02-28.")],
    visit: VisitId = None,
    note: NoteText = None,
    operator: Operator = "operator",
    role: Role = "clinician",
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Take a photograph into the record: encoded anew, without place, time and camera in it."""
    from ..records import InputError
    from ..records.models import View

    when = day(on, "the photograph")
    assert when is not None, "--on is required"
    if view not in set(View):
        raise InputError("the photograph", {"view": f"{view} is none of {', '.join(View)}"})
    with writing(journal_file) as clinic:
        kept = clinic.photos.add(
            patient, file, View(view), when, person(operator, role), visit_id=visit, note=note
        )
    tell_one(kept, "photo", f"Kept: {kept.view}, {kept.day}, {kept.photo_id}.", as_json=json_)


@photos.command("list")
def list_photos(patient: PatientId, journal_file: JournalFile = None, json_: Json = False) -> None:
    """A patient's photographs, oldest first, and why a picture is not shown."""
    with reading(journal_file) as clinic:
        found = clinic.photos.of(patient)
        not_shown = clinic.photos.not_shown(patient)
    if json_:
        told = {key: {"reason": str(why.reason), "sentence": why.sentence} for key, why in not_shown.items()}
        print_json({"photos": [plain(one) for one in found], "not_shown": told})
        return
    rows = [
        (
            *(one.day, one.view, f"{one.width_px} x {one.height_px}", one.photo_id),
            "not shown" if one.photo_id in not_shown else "here",
        )
        for one in found
    ]
    tell_many(found, "photos", ("day", "view", "pixels", "id", "picture"), rows, as_json=False)
    for sentence in dict.fromkeys(why.sentence for why in not_shown.values()):
        print(sentence)


@photos.command("save")
def save_photo(
    photo: Annotated[str, typer.Argument(metavar="PHOTO", help="Its id.")],
    out: Annotated[Path, typer.Option("--out", help="The JPEG to write.")],
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Write a photograph into a file, checked against its digest; refused while no consent to photographs stands."""
    from ..whole_files import write_whole

    with reading(journal_file) as clinic:
        kept = clinic.photos.get(photo)
        write_whole(out, clinic.photos.content(kept))
    tell_one(kept, "photo", f"{out}  sha256 {kept.sha256}", as_json=json_)


@group.command()
def erase(
    patient: PatientId,
    reason: Annotated[str, typer.Option("--reason", help="Who asked for it and why; stands in the chain.")],
    operator: Operator = "operator",
    role: Role = "clinician",
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Erase who a patient is, here and in every backup; treatments, lots and the chain stay."""
    with writing(journal_file) as clinic:
        erased = clinic.patients.erase(patient, reason, person(operator, role))
    if json_:
        print_json({"patient": erased.patient_id, "copies": list(erased.copies)})
        return
    print(f"{erased.patient_id} is erased; their key is destroyed, so backups say no more who they were.")
    if erased.copies:
        print(f"  Older copies beside the record still hold them: {', '.join(erased.copies)}")


@group.command()
def due(
    ahead_days: Annotated[int, typer.Option("--ahead", min=0, max=365, help="Days to look ahead.")] = 14,
    on: Annotated[str | None, typer.Option("--on", help="Another day than today.")] = None,
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Patients whose next visit has come or comes soon."""
    when = day(on, "the list")
    with reading(journal_file) as clinic:
        found = clinic.due(when, ahead_days)
    rows = [(one.next_day, one.patient_id, one.patient_name, one.preset_id or "own plan") for one in found]
    tell_many(found, "due", ("from", "id", "name", "course"), rows, as_json=json_)

"""`pen backup` and `pen restore`: the record somewhere else, and back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import JournalFile, Json
from .telling import print_json, warn

if TYPE_CHECKING:
    from ..backups import Backup

group = typer.Typer(
    help="Save the record, verify what was saved, show the recovery code.", no_args_is_help=True
)
Folder = Annotated[Path, typer.Argument(help="The backup: a folder with a manifest.")]
CodeFile = Annotated[
    typer.FileText | None, typer.Option("--code-file", help="File with the recovery code, - to type it.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="backup")
    app.command()(restore)


@group.command()
def make(
    to: Annotated[
        Path, typer.Option("--to", help="Folder where backups are kept; none that is synchronised.")
    ],
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Save the whole record; who patients are is sealed with keys that are not in it."""
    from ..backups import back_up, recovery_code
    from ..journal import default_path
    from ..records import Clinic
    from ..records.at_rest import backups_code_name
    from ..vault import this_vault

    with Clinic.open(journal_file or default_path()) as clinic:
        warn(clinic.journal.other_key)
        first = this_vault().get(backups_code_name(clinic.journal.station_id)) is None
        made = back_up(clinic.journal, to)
        station = clinic.journal.station_id
    _tell(
        made,
        f"Saved {made.head.seq} entries and {made.photographs} photographs to {made.folder}.",
        as_json=json_,
    )
    if first and not json_:
        print(
            f"Print this recovery code and lock it away; without it another computer cannot read the names:\n"
            f"{recovery_code(this_vault(), station)}"
        )


@group.command()
def verify(
    folder: Folder, code_file: CodeFile = None, journal_file: JournalFile = None, json_: Json = False
) -> None:
    """Verify a backup: its file, signature, chain and every row."""
    from ..backups import verify_backup
    from ..journal import default_path
    from ..vault import this_vault

    code = code_file.read() if code_file else None
    found = verify_backup(folder, journal_file or default_path(), this_vault(), code)
    _tell(
        found,
        f"{folder} is whole: {found.head.seq} entries and {found.photographs} photographs, saved "
        f"{found.made_at:%Y-%m-%d %H:%M} UTC.",
        as_json=json_,
    )


@group.command()
def code(journal_file: JournalFile = None, json_: Json = False) -> None:
    """Show the recovery code of this station, to be printed and locked away."""
    from ..backups import recovery_code
    from ..journal import JournalReader, default_path
    from ..vault import this_vault

    with JournalReader(journal_file or default_path()) as reader:
        found = recovery_code(this_vault(), reader.station_id())
    if json_:
        print_json({"recovery_code": found})
    else:
        print(found)


@group.command()
def keys(
    folder: Folder,
    code_file: Annotated[
        typer.FileText, typer.Option("--code-file", help="File with the recovery code, - to type it.")
    ],
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Bring patients' keys and the station's own back from beside the newest backup, after they were lost here."""
    from ..backups import bring_keys_back
    from ..journal import default_path
    from ..vault import this_vault

    count = bring_keys_back(journal_file or default_path(), folder, this_vault(), code_file.read())
    if json_:
        print_json({"patients": count})
    else:
        print(f"The keys of {count} patients and of the station are at hand again.")


def restore(
    folder: Folder, code_file: CodeFile = None, journal_file: JournalFile = None, json_: Json = False
) -> None:
    """Restore a backup where no record is; patients who were erased since stay erased."""
    from ..backups import restore as restored
    from ..journal import default_path
    from ..vault import this_vault

    record = journal_file or default_path()
    found = restored(folder, record, this_vault(), code_file.read() if code_file else None)
    sentence = f"Restored {found.head.seq} entries and {found.photographs} photographs to {record}."
    if found.encrypted:
        sentence += " It is encrypted under a new key: print its code with pen log recovery-code."
    _tell(found, sentence, as_json=json_)


def _tell(found: "Backup", sentence: str, *, as_json: bool) -> None:
    if as_json:
        content = {"folder": str(found.folder), "station": found.head.station_id, "entries": found.head.seq}
        content |= {"head": found.head.hash, "made_at": found.made_at.isoformat()}
        content |= {"photographs": found.photographs, "damaged_photographs": list(found.damaged)}
        print_json({**content, "encrypted": found.encrypted, "unreadable": list(found.unreadable)})
        return
    print(sentence)
    if found.damaged:
        print(
            f"  {len(found.damaged)} photographs are damaged at this station and not in it: {', '.join(found.damaged)}"
        )
    if found.unreadable:
        print(
            f"  {len(found.unreadable)} patients were erased since; who they were cannot be read in it any more."
        )

"""`pen station`: this computer among the others of a clinic."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import JournalFile, Json
from .telling import print_json

if TYPE_CHECKING:
    from ..journal import Journal

group = typer.Typer(
    help="Several stations: set the clinic's server up, join it, replicate.", no_args_is_help=True
)
Admin = Annotated[
    str, typer.Option("--server", envvar="PEN_SERVER", help="postgresql://..., as the owner of the database.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="station")


@group.command()
def setup(
    server: Admin,
    backups: Annotated[Path, typer.Option("--backups", help="Folder for what the server held before.")],
    json_: Json = False,
) -> None:
    """Give the clinic's server today's tables and rights; what it held before is saved first."""
    from ..stations import setup as set_up

    saved = set_up(server, backups)
    if json_:
        print_json({"ready": True, "backup": str(saved) if saved else None})
    else:
        print("The server is ready." + (f" What it held before is in {saved}." if saved else ""))


@group.command()
def enrol(
    station: Annotated[str, typer.Argument(help="The station's id, as `pen log key` shows it there.")],
    server: Admin,
    json_: Json = False,
) -> None:
    """Give a station its own login on the server; the password is shown once."""
    from ..stations import enrol as enrolled

    login = enrolled(server, station)
    if json_:
        print_json(asdict(login))
    else:
        print(
            f"login {login.user}  password {login.password}\nAt the station: pen station join, with both in its address."
        )


@group.command()
def join(
    server: Annotated[
        str,
        typer.Option(
            "--server", prompt=True, help="postgresql://LOGIN:PASSWORD@HOST/DATABASE of this station."
        ),
    ],
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Join a clinic; the address is kept with this station's keys, for it holds the password."""
    from ..stations import join as joined
    from ..vault import this_vault

    with _journal(journal_file) as journal:
        joined(journal, server, this_vault())
        station = journal.station_id
    if json_:
        print_json({"station": station, "joined": True})
    else:
        print(f"Station {station} has joined. Replicate with pen station sync.")


@group.command()
def sync(journal_file: JournalFile = None, json_: Json = False) -> None:
    """Send what waits, fetch what others changed; may be broken off and repeated at any time."""
    from ..stations import replicate, server_url
    from ..vault import this_vault

    with _journal(journal_file) as journal:
        done = replicate(journal, server_url(journal, this_vault()))
    if json_:
        print_json(asdict(done))
        return
    print(f"Sent {done.entries} entries and {done.rows} rows, fetched {done.fetched} rows.")
    for sentence in [*done.conflicts, *done.held]:
        print(f"  {sentence}")


@group.command()
def status(journal_file: JournalFile = None, json_: Json = False) -> None:
    """What waits, when the server was last heard of, and what a station may do without it."""
    from ..journal import default_path
    from ..records.registry import OFFLINE_WORDS
    from ..stations import status as standing

    found = standing(journal_file or default_path())
    if json_:
        fetched = found.fetched_at.isoformat() if found.fetched_at else None
        print_json({**asdict(found), "fetched_at": fetched, "offline": OFFLINE_WORDS})
        return
    heard = f"{found.fetched_at:%Y-%m-%d %H:%M} UTC" if found.fetched_at else "never"
    print(f"station {found.station_id}  rows waiting {found.waiting}  last heard from the server {heard}")
    for sentence in found.held:
        print(f"  {sentence}")
    print(OFFLINE_WORDS)


@group.command()
def conflicts(server: Admin, json_: Json = False) -> None:
    """What two stations said differently: what stands, and what was put aside."""
    from ..stations import conflicts as put_aside

    found = put_aside(server)
    if json_:
        print_json({"conflicts": [asdict(one) for one in found]})
        return
    for one in found:
        print(f"{one.table} {one.row_key}: station {one.station_id} put aside, {one.why}\n  {one.content}")
    if not found:
        print("There are none.")


@group.command()
def verify(server: Admin, json_: Json = False) -> None:
    """Verify every chain on the server."""
    from ..errors import ExitCode
    from ..stations import verify_server

    found = verify_server(server)
    damages = {name: [damage.sentence for damage in wrong] for name, (_, wrong) in found.items()}
    if json_:
        stations = {name: {"checked": count, "damages": damages[name]} for name, (count, _) in found.items()}
        print_json({"intact": not any(damages.values()), "stations": stations})
    else:
        for name, (count, _) in found.items():
            print(f"station {name}: {count} entries, {'NOT INTACT' if damages[name] else 'intact'}")
            for sentence in damages[name]:
                print(f"  {sentence}")
    if any(damages.values()):
        raise typer.Exit(ExitCode.VERIFICATION)


def _journal(journal_file: Path | None) -> "Journal":
    """The record of this station, to write, with its clinical tables."""
    from ..journal import Journal, default_path
    from ..records.layout import bring_up_to_date

    journal = Journal.create_or_open(journal_file or default_path())
    try:
        bring_up_to_date(journal)
    except BaseException:
        journal.close()
        raise
    return journal

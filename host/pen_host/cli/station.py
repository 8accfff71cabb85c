"""`pen station`: this computer among the others of a clinic."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .clinical import Role, person
from .options import JournalFile, Json, Operator
from .telling import print_json

if TYPE_CHECKING:
    from ..journal import Journal

group = typer.Typer(
    help="Several stations: set the clinic's server up, join it, replicate.", no_args_is_help=True
)
Admin = Annotated[
    str, typer.Option("--server", envvar="PEN_SERVER", help="postgresql://..., as the owner of the database.")
]

AnyServer = Annotated[
    str | None,
    typer.Option(
        "--server", envvar="PEN_SERVER", help="postgresql://...; the one this station joined when not given."
    ),
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
        print_json({"ready": True, "backup": str(saved.file) if saved else None})
        return
    print("The server is ready.")
    if saved:
        print(
            f"What it held before is sealed in {saved.file}; this computer opens it with pen station open, another one with this "
            f"code, which is shown once:\n{saved.code}"
        )


@group.command("open")
def open_(
    file: Annotated[Path, typer.Argument(help="What pen station setup saved.")],
    to: Annotated[Path, typer.Option("--to", help="Folder for the tables as CSV, names in the clear.")],
    code_file: Annotated[
        typer.FileText | None, typer.Option("--code-file", help="File with its code, - to type it.")
    ] = None,
    json_: Json = False,
) -> None:
    """Open what the server held before its layout was changed."""
    from ..stations import open_saved
    from ..vault import this_vault

    opened = open_saved(file, to, this_vault(), code_file.read() if code_file else None)
    if json_:
        print_json({"opened": str(opened)})
    else:
        print(f"{opened} holds every name of the clinic in the clear: remove it when you are done.")


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
    """Send what waits, fetch what others changed, photographs last; may be broken off and repeated at any time."""
    from ..stations import WITHOUT_END, replicate, server_url
    from ..vault import this_vault

    with _journal(journal_file) as journal:
        done = replicate(journal, server_url(journal, this_vault()), WITHOUT_END)
    if json_:
        print_json(asdict(done))
        return
    print(
        f"Sent {done.entries} entries, {done.rows} rows and {done.pictures_sent} photographs, fetched {done.fetched} rows and "
        f"{done.pictures_fetched} photographs."
    )
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
    print(f"photographs to be sent {found.pictures_out}, to come from other stations {found.pictures_in}")
    for sentence in found.held:
        print(f"  {sentence}")
    print(OFFLINE_WORDS)


@group.command()
def conflicts(server: AnyServer = None, journal_file: JournalFile = None, json_: Json = False) -> None:
    """What two stations said differently: what stands, and what was put aside."""
    from ..journal import JournalReader, default_path
    from ..stations import conflicts as put_aside
    from ..stations import server_url
    from ..vault import this_vault

    if server is None:
        with JournalReader(journal_file or default_path()) as reader:
            server = server_url(reader, this_vault())
    found = put_aside(server)
    if json_:
        print_json({"conflicts": [asdict(one) for one in found]})
        return
    for one in found:
        print(
            f"{one.table} {one.row_key}: station {one.station_id} put aside ({one.digest[:12]}), {one.why}\n  {one.content}"
        )
    print(
        "Settle each with pen station settle TABLE ROW --keep standing|put_aside|both."
        if found
        else "There are none."
    )


@group.command()
def settle(
    table: Annotated[str, typer.Argument(help="As `pen station conflicts` shows it.")],
    row: Annotated[str, typer.Argument(help="The row's key, as shown there.")],
    keep: Annotated[str, typer.Option("--keep", help="standing, put_aside or both.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; stands in the record.")],
    operator: Operator,
    role: Role = "clinician",
    digest: Annotated[
        str, typer.Option("--digest", help="Which version, where several were put aside.")
    ] = "",
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Settle one conflict: keep what stands, what was put aside, or both; told to every station."""
    from ..errors import UsageError
    from ..stations import Keep, server_url
    from ..stations import settle as settled
    from ..vault import this_vault

    if keep not in list(Keep):
        raise UsageError(
            f"--keep {keep} is none of {', '.join(Keep)}, so nothing was changed. Choose one of them."
        )
    by = person(operator, role)
    with _journal(journal_file) as journal:
        url = server_url(journal, this_vault())
        done = settled(journal, url, (table, row), Keep(keep), reason, by, digest)
    if json_:
        print_json({"settled": asdict(done.conflict), "keep": str(done.keep)})
    else:
        print(f"{table} {row} is settled: {done.keep}.")


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

"""`pen log`: is the record intact?"""

import typer

from .options import JournalFile, Json
from .telling import print_json

group = typer.Typer(help="The record: verify it.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="log")


@group.command()
def verify(journal_file: JournalFile = None, json_: Json = False) -> None:
    """Verify every entry and its link to the one before; says which, what and when if any is damaged."""
    from rich.console import Console
    from rich.progress import Progress

    from ..errors import ExitCode
    from ..journal import default_path, verify_record

    path = journal_file or default_path()
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("entries", total=None)
        report = verify_record(
            path, progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
    if json_:
        print_json(
            {
                "journal": str(path),
                "intact": report.intact,
                "checked": report.checked,
                "head": report.head.hash if report.head else None,
                "damages": [damage.sentence for damage in report.damages],
            }
        )
    else:
        print(report.sentence)
        for damage in report.damages:
            print(f"  {damage.sentence}")
    if not report.intact:
        raise typer.Exit(ExitCode.VERIFICATION)

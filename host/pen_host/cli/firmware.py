"""`pen fw`: put the firmware on a pen."""

from typing import Annotated

import typer

from .options import Json
from .telling import print_json

group = typer.Typer(help="Firmware: flash a pen.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="fw")


@group.command()
def flash(
    port: Annotated[str, typer.Option("--port", help="Serial port or URL of the pen.")],
    json_: Json = False,
) -> None:
    """Flash a pen. Copies boot.py, main.py and the packages, verifies every file by its hash, says what changed."""
    from rich.console import Console
    from rich.progress import Progress

    from ..engineering.flash import FlashProgress
    from ..engineering.flash import flash as put

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("connecting", total=None)

        def show(now: FlashProgress) -> None:
            bar.update(task, description=now.doing, completed=now.written, total=now.total or None)

        report = put(port, show)
    if json_:
        changes = [{"path": one.path, "change": str(one.change)} for one in report.changes]
        print_json(
            {
                "port": report.port,
                "board": report.board,
                "runtime": report.runtime,
                "firmware": report.firmware,
                "digest": report.digest,
                "before": report.before,
                "written": report.written,
                "changes": changes,
            }
        )
        return
    for one in report.changes:
        print(f"{one.change!s:9} {one.path}")
    print(report.sentence)

"""`pen demo`: a whole treatment on the simulated pen."""

import time
from pathlib import Path
from typing import Annotated

import typer

from .options import Json
from .telling import print_json


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def demo(
        json_: Json = False,
        out: Annotated[Path | None, typer.Option("--out", help="Directory for record and picture.")] = None,
        seed: Annotated[int, typer.Option(help="Of everything random in the simulated pen.")] = 1,
        scale: Annotated[float, typer.Option(help="Simulated seconds per second.", min=0.2, max=20)] = 1.0,
    ) -> None:
        """Treat a simulated patient, start to record. Scalp, three zones, one trip on the way; about 25 seconds, no questions."""
        from platformdirs import user_data_path
        from rich.console import Console

        from ..demo import PLAN, run_demo
        from ..live import LiveView
        from ..plans import load_plan
        from .result import as_json, show_result

        started_s = time.monotonic()
        place = out or user_data_path("derma-pen") / "demo" / time.strftime("%Y%m%d-%H%M%S")
        console = Console(stderr=json_)
        with LiveView(console, load_plan(PLAN).title) as view:
            result = run_demo(place, view.show, f"sim:?seed={seed}&scale={scale}")
        took_s = round(time.monotonic() - started_s, 1)
        if json_:
            print_json({**as_json(result), "seconds": took_s})
        else:
            show_result(console, result)
            console.print(
                f"[dim]{took_s} s. Every stroke above was counted by the pen and is in the record.[/dim]"
            )

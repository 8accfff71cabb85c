"""`pen demo`: a whole treatment on the simulated pen, or with --course a whole course."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Json
from .telling import print_json

if TYPE_CHECKING:
    from ..demo_course.run import CourseResult


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def demo(
        json_: Json = False,
        out: Annotated[Path | None, typer.Option("--out", help="Directory for record and picture.")] = None,
        seed: Annotated[int, typer.Option(help="Of everything random in the simulated pen.")] = 1,
        scale: Annotated[float, typer.Option(help="Simulated seconds per second.", min=0.2, max=20)] = 1.0,
        course: Annotated[
            int | None,
            typer.Option(
                "--course",
                min=1,
                max=26,
                metavar="WEEKS",
                help="A course of so many weeks instead, with reports and exports.",
            ),
        ] = None,
    ) -> None:
        """Treat a simulated patient, start to record. Scalp, three zones, one trip on the way; about 25 seconds, no questions."""
        from platformdirs import user_data_path

        place = out or user_data_path("derma-pen") / "demo" / time.strftime("%Y%m%d-%H%M%S")
        if course is not None:
            _course(place, course, seed, as_json=json_)
        else:
            _treatment(place, seed, scale, as_json=json_)


def _treatment(place: Path, seed: int, scale: float, *, as_json: bool) -> None:
    from rich.console import Console

    from ..demo import PLAN, run_demo
    from ..live import LiveView
    from ..plans import load_plan
    from .result import as_json as result_json
    from .result import show_result

    started_s = time.monotonic()
    console = Console(stderr=as_json)
    with LiveView(console, load_plan(PLAN).title) as view:
        result = run_demo(place, view.show, f"sim:?seed={seed}&scale={scale}")
    took_s = round(time.monotonic() - started_s, 1)
    if as_json:
        print_json({**result_json(result), "seconds": took_s})
    else:
        show_result(console, result)
        console.print(
            f"[dim]{took_s} s. Every stroke above was counted by the pen and is in the record.[/dim]"
        )


def _course(place: Path, weeks: int, seed: int, *, as_json: bool) -> None:
    from rich.console import Console
    from rich.text import Text

    from ..demo_course.run import run_course

    started_s = time.monotonic()
    console = Console(stderr=as_json)

    def say(sentence: str) -> None:
        passed = f"{time.monotonic() - started_s:5.1f} s  "
        console.print(Text(passed + sentence), soft_wrap=not console.is_terminal)

    result = run_course(place, weeks, seed, say)
    took_s = round(time.monotonic() - started_s, 1)
    if as_json:
        print_json(_json(result, took_s))
    else:
        _show(result, took_s)


def _json(result: "CourseResult", took_s: float) -> dict[str, object]:
    weeks = [
        {
            "week": one.week,
            "day": one.day.isoformat(),
            "visit": one.visit_id,
            "session": one.result.session_id,
            "strokes_pen": one.result.strokes_pen,
            "strokes_journal": one.result.strokes_journal,
            "trips": one.result.trips,
        }
        for one in result.weeks
    ]
    outputs = [
        {"name": one.name, "place": str(one.place), "bytes": one.bytes, "checked": one.checked}
        for one in result.outputs
    ]
    return {
        "patient": result.patient_id,
        "weeks": weeks,
        "outputs": outputs,
        "entries_verified": result.entries,
        "record": str(result.record),
        "seconds": took_s,
    }


def _show(result: "CourseResult", took_s: float) -> None:
    from .output import show_rows

    print()
    rows = [
        (
            *(one.week, one.day, one.result.strokes_pen, one.result.strokes_journal, one.result.trips),
            " ".join(
                f"{zone.dose_per_cm2:.0f}" for zone in one.result.zones if zone.dose_per_cm2 is not None
            ),
        )
        for one in result.weeks
    ]
    columns = ("week", "day", "strokes by the pen", "in the record", "stops", "est. max. /cm2 by zone")
    show_rows(columns, rows, right=columns[2:5])
    print()
    show_rows(
        ("written", "bytes", "checked", "where"),
        [(one.name, one.bytes, one.checked, one.place) for one in result.outputs],
        right=("bytes",),
    )
    print(
        f"\n{result.entries} entries of the chain verified, {took_s} s. Patient, measures and photographs are invented; "
        f"every stroke was counted by the pen.\nrecord {result.record}"
    )

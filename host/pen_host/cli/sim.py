"""`pen sim`: a simulated pen for other programs, and what can go wrong with it."""

import time
from typing import Annotated

import typer

from .options import Json
from .telling import print_json

group = typer.Typer(help="A simulated pen: the real firmware on simulated hardware.", no_args_is_help=True)
LOOK_S = 0.2


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="sim")


@group.command()
def serve(
    port: Annotated[int, typer.Option(help="TCP port of the pen, 0 for a free one.", min=0, max=65535)] = 0,
    bench_port: Annotated[int, typer.Option(help="TCP port for hands and faults.", min=0, max=65535)] = 0,
    pty: Annotated[bool, typer.Option("--pty", help="Offer a serial device as well.")] = False,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    scale: Annotated[float, typer.Option(help="Simulated seconds per second.", min=0.05, max=50)] = 1.0,
    json_: Json = False,
) -> None:
    """Run a simulated pen until interrupted. Hands and faults: one JSON object a line on the bench port."""
    from ..transport.sim_server import SimulatedPenError
    from ..transport.sim_server import serve as serve_pen

    with serve_pen(seed, port, bench_port, scale, pty) as served:
        if json_:
            print_json({"url": served.url, "bench": served.bench, "pty": served.pty})
        else:
            print(f"pen    {served.url}" + (f"   {served.pty}" if served.pty else ""))
            print(
                f'bench  {served.bench}   for example {{"do": "press_trigger"}}   (pen sim faults lists faults)'
            )
            print("Ctrl-C ends it.", flush=True)
        try:
            while served.failed() is None:
                time.sleep(LOOK_S)
        except KeyboardInterrupt:
            return
        raise SimulatedPenError(f"The simulated pen failed: {served.failed()}. Start it again.")


@group.command()
def faults(json_: Json = False) -> None:
    """Every fault by name, and the condition it should raise."""
    from ..transport.sim_server import faults as all_faults
    from .output import show_rows

    lines = all_faults()
    if json_:
        print_json(
            {"faults": [{"name": one.name, "does": one.does, "provokes": one.provokes} for one in lines]}
        )
        return
    show_rows(("name", "should raise", "does"), [(one.name, one.provokes or "-", one.does) for one in lines])

"""`pen console`: the clinician's console in the browser."""

import gc
import os
import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import JournalFile, Json, Port, Serial, Url
from .telling import print_json

if TYPE_CHECKING:
    from ..api.app import Pages
    from ..api.door import Door, Listening
    from ..api.options import Options


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(console)


def console(
    sim: Annotated[
        bool, typer.Option("--sim", help="A simulated pen with a bench, for training; its own record.")
    ] = False,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address and serve; open no browser.")
    ] = False,
    listen: Annotated[
        int, typer.Option("--listen", help="TCP port; 0 takes a free one.", min=0, max=65535)
    ] = 0,
    lan: Annotated[
        str | None, typer.Option("--lan", metavar="ADDRESS", help="Serve on this address too; needs TLS.")
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate for --lan, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key, PEM.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Directory for accounts; this user's own when not given.")
    ] = None,
    port: Port = None,
    url: Url = None,
    serial: Serial = None,
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Open the console in the browser: treat, watch, stop, look at the record. Ctrl-C ends it and stops the needle."""
    from ..api.door import Door
    from ..api.options import Options

    gc.disable()  # loading makes much and drops nothing: looking for waste meanwhile costs a fifth of the start
    options = Options(sim=sim, url=port or url, serial=serial, journal=journal_file, data=data)
    if not sim and _opened_again(options.url, serial, no_browser=no_browser, json_=json_):
        return
    with Door(_listening(listen, lan, tls_cert, tls_key)) as door:
        _tell(door, no_browser=no_browser, json_=json_)
        _serve(options, door)


def _serve(options: "Options", door: "Door") -> None:
    """Load the console behind its open door and serve it."""
    from ..api.opening import open_console

    with open_console(options, door, _pages()) as server:
        server.run(_loaded)


def _loaded() -> None:
    gc.freeze()  # what a program is made of is never waste
    gc.enable()


def _tell(door: "Door", *, no_browser: bool, json_: bool) -> None:
    """Say where it is; whoever knocks before it is loaded waits a moment."""
    address = door.launch_url()
    if json_:
        print_json({"url": address, "pid": os.getpid()})
    else:
        print(f"console  {address}")
        print("The address lets one browser in, once. Ctrl-C ends the console.", flush=True)
    if not no_browser:
        webbrowser.open(address)


def _opened_again(url: str | None, serial: str | None, *, no_browser: bool, json_: bool) -> bool:
    """Another browser for the console that runs already: one pen has one console."""
    from ..api.client import held

    found = held(url, serial)
    if found is None:
        return False
    address = found.client.launch_url()
    if json_:
        print_json({"url": address, "pid": found.client.running.pid})
    else:
        print(f"console  {address}")
        print(
            f"The console runs already (process {found.client.running.pid}); this opens another page of it.",
            flush=True,
        )
    if not no_browser:
        webbrowser.open(address)
    return True


def _listening(listen: int, lan: str | None, cert: Path | None, key: Path | None) -> "Listening":
    """Where to listen; the LAN only with TLS.

    Raises:
        UsageError: Half a certificate, or an address that is none.
    """
    from ..api.door import Listening
    from ..api.tls import Tls, fingerprint, self_signed
    from ..errors import UsageError

    if (cert is None) != (key is None):
        raise UsageError(
            "--tls-cert and --tls-key belong together; nothing was opened. Give both, or neither."
        )
    if lan is None:
        return Listening(listen, None, Tls(cert, key) if cert and key else None)
    if cert and key:
        return Listening(listen, lan, Tls(cert, key))
    try:
        made = self_signed(lan, Path(tempfile.mkdtemp(prefix="pen-tls-")))
    except (ValueError, OSError) as error:
        raise UsageError(
            f"{lan} cannot be served ({error}); nothing was opened. Give an address of this computer."
        ) from error
    typer.echo(f"certificate SHA-256 {fingerprint(made.certificate)}", err=True)
    return Listening(listen, lan, made)


def _pages() -> "Pages":
    """The pages, loaded when they are wanted."""
    from importlib import import_module

    from ..console import toolkit

    toolkit.load()
    found: Pages = import_module("pen_host.console.pages").mount
    return found

"""`pen list`, `info`, `status`, `clear` and `stop`: what is there, what it says, stop and the way out of a stop."""

import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import stop as stopping
from .options import JournalFile, Json, Operator, Port, Serial, Url
from .telling import print_json

if TYPE_CHECKING:
    from ..pen import Identity, Pen, Settings, Status
    from .remote import RemotePen

LOOK_S = 0.1
"""As often as a pen says how it is."""
BOOT_S = 3.0
"""A pen that has just been switched on tests itself first; this long its first word is waited for."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("list")(list_pens)
    app.command()(info)
    app.command()(status)
    app.command(help=stopping.HELP)(stop)
    app.command()(clear)


def list_pens(json_: Json = False) -> None:
    """Find every pen on USB. A USB id only nominates a port; a pen says itself that it is one."""
    from ..discovery import scan
    from .output import show_rows
    from .remote import held_by_consoles

    found = [*held_by_consoles(), *scan()]
    if json_:
        pens = [
            {
                "url": one.url,
                "serial": one.serial,
                "firmware": one.firmware,
                "complaint": one.complaint.sentence if one.complaint else None,
            }
            for one in found
        ]
        print_json({"pens": pens})
        return
    if not found:
        print("No pen is connected. Plug one in, or try a simulated one: pen info --url sim:")
        return
    rows = [(one.url, one.serial or "-", one.firmware or "-", one.complaint or "is a pen") for one in found]
    show_rows(("port", "serial number", "firmware", "says"), rows)


def info(port: Port = None, url: Url = None, serial: Serial = None, json_: Json = False) -> None:
    """Who the pen is: serial number, firmware, settings."""
    from .output import show_facts
    from .remote import opened

    with opened(port or url, serial) as pen:
        identity, settings = pen.identity(), pen.settings_read()
    if json_:
        print_json({**_identity(identity), "settings": asdict(settings)})
        return
    show_facts(list(_identity(identity).items()), "Pen")
    print()
    show_facts(_settings(settings), "Settings it keeps")


def status(
    port: Port = None,
    url: Url = None,
    serial: Serial = None,
    json_: Json = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Live, until Ctrl-C; with --json one object a line.")
    ] = False,
) -> None:
    """What the pen says now. Requested and measured values, what blocks it and what to do about that, counters."""
    from .remote import opened

    with opened(port or url, serial) as pen:
        first = _first_status(pen)
        if not watch:
            _print_status(first, json_)
            return
        try:
            _watch(pen, json_)
        except KeyboardInterrupt:
            return


def stop(port: Port = None, url: Url = None, serial: Serial = None, json_: Json = False) -> None:
    """Stand in for the quick way (`cli.stop.main`) in the list of commands and in their help."""
    raise typer.Exit(stopping.stop(port or url, serial, as_json=json_))


def clear(
    cause: Annotated[
        str | None,
        typer.Argument(metavar="CAUSE", help="First cause as the pen names it; without it, it is shown."),
    ] = None,
    operator: Operator = "",
    port: Port = None,
    url: Url = None,
    serial: Serial = None,
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Clear a stop in somebody's name. It is named by its cause; sessions that a crash left open are settled first."""
    from ..api.client import must_be_free
    from ..errors import UsageError
    from ..journal import Journal, default_path
    from ..pen import Pen
    from ..session import Operator as Person
    from ..session import clear_stop, recover, wait_for_boot

    must_be_free(port or url, serial)
    with Pen.open(port or url, serial, keep_dumps=False) as pen:
        wait_for_boot(pen)
        if not cause:
            _print_status(pen.status(), json_)
            return
        if not operator:
            raise UsageError(
                "A stop is cleared in somebody's name and none was given, so nothing was cleared. Add --operator NAME."
            )
        person = Person(operator)
        with Journal.create_or_open(journal_file or default_path()) as journal:
            settled = recover(pen, journal, person)
            cleared = clear_stop(pen, journal, person, cause)
    if json_:
        print_json({**asdict(cleared), "recovered": [asdict(one) for one in settled]})
        return
    for one in settled:
        print(f"{one.session_id}: left open by a crash, now closed with {one.strokes} strokes")
    print(
        f"{cleared.cause} is cleared in the name of {cleared.operator}. The pen is idle: home, set and arm again."
    )


def _first_status(pen: "Pen | RemotePen") -> "Status":
    from ..names import State

    end_s = time.monotonic() + BOOT_S
    while (now := pen.status()).state is State.BOOT and time.monotonic() < end_s:
        time.sleep(LOOK_S)
    return now


def _watch(pen: "Pen | RemotePen", json_: bool) -> None:
    from .status_view import as_json, blocks, facts, panel

    title = f"pen {pen.identity().serial}"
    if json_ or not sys.stdout.isatty():
        for now in _every_status(pen):
            if json_:
                print_json(as_json(now))
            else:
                names = ", ".join(name for name, _ in blocks(now))
                print(" | ".join(value for _, value in facts(now)) + f" | {names}", flush=True)
        return
    from rich.live import Live

    with Live(auto_refresh=False, screen=False) as live:
        for now in _every_status(pen, old_too=True):
            live.update(panel(now, title), refresh=True)


def _every_status(pen: "Pen | RemotePen", *, old_too: bool = False) -> "Iterator[Status]":
    """The pen's statuses as they come, for ever; with `old_too` also a look at an old one, whose age goes up.

    Raises:
        TransportLostError: The connection broke.
    """
    from ..errors import TransportLostError

    seen_ms = -1
    while True:
        snapshot = pen.snapshot()
        if snapshot.lost is not None:
            raise TransportLostError("the watched port", snapshot.lost)
        now = snapshot.status
        if now is not None and (old_too or now.uptime_ms != seen_ms):
            seen_ms = now.uptime_ms
            yield now
        time.sleep(LOOK_S)


def _print_status(now: "Status", json_: bool) -> None:
    from .output import show_facts
    from .status_view import as_json, blocks, facts

    if json_:
        print_json(as_json(now))
        return
    show_facts(facts(now))
    held = blocks(now)
    if held:
        print()
        show_facts(held, "What keeps it from stroking, and what to do")


def _identity(identity: "Identity") -> dict[str, Any]:
    return {
        "serial": identity.serial,
        "firmware": identity.firmware_text,
        "runtime": identity.runtime,
        "boot_id": identity.boot_id,
        "schema": f"{identity.schema_hash:08x}",
    }


def _settings(kept: "Settings") -> list[tuple[str, object]]:
    return [
        ("version", kept.version),
        ("valid", "yes" if kept.valid else "NO: the pen blocks until an engineer writes them again"),
        ("protrusion cap", f"{kept.depth_cap_um / 1000:.2f} mm"),
        ("rate, at most", f"{kept.rate_max_mhz / 1000:g} Hz"),
        ("coil on-time", f"{kept.on_us} us"),
        ("home offset", f"{kept.home_offset_um} um"),
        ("backlash", f"{kept.backlash_um} um"),
        ("coil stops at", f"{kept.coil_trip_cc / 100:g} C"),
        ("longest armed", f"{kept.session_armed_max_s} s"),
        ("longest stroking", f"{kept.stroking_max_ms / 1000:g} s"),
    ]

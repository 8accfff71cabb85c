"""`pen list`, `info`, `status` and `stop`: what is there, what it says, and stop."""

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Json, Port, Serial, Url, print_json

if TYPE_CHECKING:
    from ..pen import Identity, Status

WATCH_S = 0.1
STOP_S = 0.6
"""How long `pen stop` waits for a pen's confirmation before it says that there is none."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("list")(list_pens)
    app.command()(info)
    app.command()(status)
    app.command()(stop)


def list_pens(json_: Json = False) -> None:
    """Find every pen on USB. A USB id only nominates a port; a pen says itself that it is one."""
    from ..discovery import scan

    found = scan()
    if json_:
        print_json(
            {
                "pens": [
                    {
                        "url": one.url,
                        "serial": one.serial,
                        "firmware": one.firmware,
                        "complaint": one.complaint.sentence if one.complaint else None,
                    }
                    for one in found
                ]
            }
        )
        return
    if not found:
        print("No pen is connected. Plug one in, or try a simulated one: pen info --url sim:")
    for one in found:
        print(f"{one.url}  {one.serial or '-'}  {one.firmware or (one.complaint and one.complaint.sentence)}")


def info(port: Port = None, url: Url = None, serial: Serial = None, json_: Json = False) -> None:
    """Who the pen is: serial number, firmware, interpreter, settings."""
    from ..pen import Pen

    with Pen.open(port or url, serial, keep_dumps=False) as pen:
        identity, settings = pen.identity(), pen.settings_read()
    if json_:
        print_json({**_identity(identity), "settings": asdict(settings)})
        return
    for name, value in {**_identity(identity), **asdict(settings)}.items():
        print(f"{name:24} {value}")


def status(
    port: Port = None,
    url: Url = None,
    serial: Serial = None,
    json_: Json = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until interrupted.")] = False,
) -> None:
    """What the pen says now: requested and measured, conditions with advice, counters."""
    from ..pen import Pen

    with Pen.open(port or url, serial, keep_dumps=False) as pen:
        if not watch:
            _print_status(pen.status(), json_)
            return
        try:
            while True:
                _print_status(pen.status(), json_)
                time.sleep(WATCH_S)
        except KeyboardInterrupt:
            return


def stop(port: Port = None, url: Url = None, serial: Serial = None, json_: Json = False) -> None:
    """STOP every pen that can be found. Needs no session, no record and no answer to a question."""
    from ..errors import ExitCode, NoPenError
    from ..stopping import stop_every

    if port or url:
        reports = stop_every([str(port or url)], STOP_S)
    else:
        from ..discovery import candidates

        reports = stop_every(candidates(), STOP_S)
    if not reports:
        raise NoPenError(
            "No pen was found, so STOP went nowhere. If a needle is moving now: release the trigger and press the "
            "pen's button."
        )
    if json_:
        print_json({"stops": [asdict(report) for report in reports]})
    for report in reports:
        if not json_:
            print(f"{report.url}: {report.sentence}")
    if not all(report.confirmed for report in reports):
        raise typer.Exit(ExitCode.UNKNOWN)


def _identity(identity: "Identity") -> dict[str, Any]:
    return {
        "serial": identity.serial,
        "firmware": identity.firmware_text,
        "runtime": identity.runtime,
        "boot_id": identity.boot_id,
        "schema": f"{identity.schema_hash:08x}",
    }


def _print_status(status: "Status", json_: bool) -> None:
    if json_:
        print_json(
            {
                **asdict(status),
                "state": status.state.name,
                "flags": int(status.flags),
                "condition_names": list(status.condition_names),
                "first_cause_name": status.cause_text,
            }
        )
        return
    from ..advice import for_cause
    from ..names import Condition

    print(f"state      {status.state.name}  {status.cause_text}")
    print(
        f"protrusion requested {status.depth_requested_um / 1000:.2f} mm, measured {status.depth_measured_um / 1000:.2f} mm"
    )
    print(
        f"rate       requested {status.rate_requested_mhz / 1000:.1f} Hz, measured {status.rate_measured_mhz / 1000:.1f} Hz"
        f" ({status.measured_age_ms} ms ago)"
    )
    print(
        f"strokes    {status.strokes_total} in all, {status.contact_total} in contact, {status.truncated_total} cut short"
    )
    print(
        f"coil       {status.coil_cc / 100:.1f} C   supply {status.supply_mv / 1000:.2f} V   lease {status.lease_left_ms} ms"
    )
    for condition in Condition:
        if status.conditions >> condition & 1:
            advice = for_cause(condition)
            print(f"blocked    {condition.name}: {advice.title}. {advice.now}")

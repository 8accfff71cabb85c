"""What a pen says now, as text, as JSON and as a live panel."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..advice import for_cause
from ..names import Condition, Flag
from ..pen import Status

if TYPE_CHECKING:
    from rich.console import RenderableType

NEVER_MS = 0xFFFF
"""The age of a rate that was never measured. (STATUS.measured_age_ms is 16 bits wide)"""
STALE_MS = 300
"""A status older than this is shown as old (safety baseline: 300 ms)."""

Fact = tuple[str, str]


def as_json(status: Status) -> dict[str, Any]:
    """A status for programs."""
    return {
        **asdict(status),
        "state": status.state.name,
        "flags": [flag.name for flag in Flag if flag in status.flags],
        "condition_names": list(status.condition_names),
        "first_cause_name": status.cause_text,
    }


def facts(status: Status) -> list[Fact]:
    """A status in words. Requested and measured stand side by side and stay apart."""
    homed = Flag.HOMED in status.flags
    depth = f"{status.depth_measured_um / 1000:.2f} mm" if homed else "not known (not homed)"
    old = status.measured_age_ms >= NEVER_MS
    rate = "none yet" if old else f"{status.rate_measured_mhz / 1000:.1f} Hz, {status.measured_age_ms} ms ago"
    return [
        ("state", f"{status.state.name} {status.cause_text}".strip()),
        ("session", f"{status.session_nonce:08x}" if status.session_nonce else "none"),
        ("protrusion", f"requested {status.depth_requested_um / 1000:.2f} mm, measured {depth}"),
        ("rate", f"requested {status.rate_requested_mhz / 1000:.1f} Hz, measured {rate}"),
        (
            "strokes",
            f"{status.strokes_total} ever, {status.contact_total} in contact, {status.truncated_total} cut short",
        ),
        ("inputs", ", ".join(_inputs(status)) or "none"),
        ("coil", f"{status.coil_cc / 100:.1f} C"),
        ("supply", f"{status.supply_mv / 1000:.2f} V"),
        ("lease left", f"{status.lease_left_ms} ms"),
        ("events", f"{status.oldest_event} to {status.next_event - 1}" if status.next_event else "none"),
    ]


def blocks(status: Status) -> list[Fact]:
    """Names of what blocks or stopped the pen, with what to do."""
    found = []
    if status.stopped:
        told = for_cause(status.first_cause)
        found.append((status.cause_text, f"{told.happened} {told.now} Then: pen clear {status.cause_text}"))
    held = [one for one in Condition if status.conditions >> one & 1 and one != status.first_cause]
    return found + [(one.name, f"{for_cause(one).title}. {for_cause(one).now}") for one in held]


def panel(status: Status, title: str) -> "RenderableType":
    """A status as a panel; red while the pen is stopped, grey when it is old."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    stale = status.age_ms > STALE_MS
    head = Text()
    head.append(
        f" {status.state.name} ", style="bold white on red" if status.stopped else "bold black on green"
    )
    head.append(f"  {status.cause_text}", style="bold red")
    head.append(
        f"  as of {status.age_ms} ms ago" + (" - OLD" if stale else ""), style="bold red" if stale else "dim"
    )
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(style="bright_black" if stale else "")
    for name, value in facts(status)[1:]:
        grid.add_row(name, Text(value))
    blocking = Table.grid(padding=(0, 2))
    blocking.add_column(style="yellow", no_wrap=True)
    blocking.add_column(overflow="fold")
    for name, advice in blocks(status):
        blocking.add_row(name, Text(advice))
    return Panel(Group(head, grid, blocking), title=title, border_style="red" if status.stopped else "cyan")


def _inputs(status: Status) -> list[str]:
    named = {
        Flag.TRIGGER: "trigger held",
        Flag.CONTACT: "tip in contact",
        Flag.CARTRIDGE_LATCHED: "cartridge latched",
        Flag.AXIS_MOVING: "axis moving",
        Flag.COIL_WARM: "coil warm",
        Flag.UNLOCKED: "unlocked beyond the default cap",
        Flag.EVENTS_LOST: "EVENTS LOST",
        Flag.COUNTERS_UNSURE: "COUNTERS UNSURE",
    }
    return [text for flag, text in named.items() if flag in status.flags]

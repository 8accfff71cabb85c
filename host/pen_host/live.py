"""A treatment in a terminal, live: requested and measured side by side, the age of what was measured, the zones."""

from types import TracebackType
from typing import Self

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .progress import Phase, Progress, ZoneProgress

STALE_MS = 300
"""Values older than this are shown as old (safety baseline: 300 ms)."""
REFRESH_HZ = 10
ARMED = frozenset({"ARMING", "ARMED", "STROKING"})
"""States in which a lease runs."""
_STYLES = {
    Phase.STOPPED: "bold white on red",
    Phase.BLOCKED: "bold black on yellow",
    Phase.STROKING: "bold white on magenta",
    Phase.DONE: "bold white on green",
}


class LiveView:
    """Shows `Progress` in place; on a plain stream it prints each new sentence once."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._last = ""
        self._live = Live(console=console, refresh_per_second=REFRESH_HZ, transient=False)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def show(self, progress: Progress) -> None:
        """Show the newest progress."""
        if self._console.is_terminal:
            self._live.update(render(progress, self._title))
        line = f"[{progress.phase}] {progress.message}"
        if line == self._last:
            return
        self._last = line
        # in a pipe one sentence is one line: who reads along is not to put lines together
        self._console.print(
            Text(line, style=_line_style(progress.phase)), soft_wrap=not self._console.is_terminal
        )


def render(progress: Progress, title: str) -> RenderableType:
    """The whole view of one moment."""
    stopped = progress.phase is Phase.STOPPED
    head = Text()
    head.append(f" {progress.phase.upper()} ", style=_STYLES.get(progress.phase, "bold black on cyan"))
    head.append(f"  {progress.message}", style="bold red" if stopped else "bold")
    blocking = Text("blocking: " + (", ".join(progress.conditions) or "nothing"))
    blocking.stylize("yellow" if progress.conditions else "dim")
    parts: list[RenderableType] = [head, Text(), _values(progress), Text(), _zones(progress)]
    if progress.phase is not Phase.DONE:
        parts += [Text(), blocking]
    trips = f"{progress.trips} stop{'' if progress.trips == 1 else 's'}"
    return Panel(
        Group(*parts),
        title=title,
        subtitle=trips,
        subtitle_align="right",
        border_style="red" if stopped else "cyan",
    )


def _line_style(phase: Phase) -> str:
    return {Phase.STOPPED: "bold red", Phase.BLOCKED: "yellow"}.get(phase, "dim")


def _grid() -> Table:
    """Columns without lines between them: a narrow terminal has no room for those."""
    return Table(expand=True, box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))


def _values(progress: Progress) -> RenderableType:
    table = _grid()
    for name in ("", "protrusion", "rate", "strokes", "in contact", "coil", "lease left"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    sample = progress.sample
    if sample is None:
        table.add_row("measured", *["not yet known"] * 6)
        return table
    table.add_row(
        "requested",
        f"{sample.depth_requested_um / 1000:.2f} mm",
        f"{sample.rate_requested_mhz / 1000:.1f} Hz",
        "",
        "",
        "",
        "",
        style="dim",
    )
    stale = progress.age_ms > STALE_MS
    table.add_row(
        f"measured {progress.age_ms:>4} ms ago" + (" OLD" if stale else ""),
        "not homed" if sample.depth_measured_um is None else f"{sample.depth_measured_um / 1000:.2f} mm",
        f"{sample.rate_measured_mhz / 1000:.1f} Hz",
        f"{sample.strokes}",
        f"{sample.contact_strokes}",
        f"{sample.coil_cc / 100:.1f} C",
        f"{sample.lease_left_ms} ms" if sample.state in ARMED else "not armed",
        style="bright_black" if stale else "bold",
    )
    return table


def _zones(progress: Progress) -> RenderableType:
    table = _grid()
    table.add_column("zone", no_wrap=True)
    table.add_column("dose", ratio=1, min_width=10)
    table.add_column("held", justify="right", no_wrap=True)
    table.add_column("strokes", justify="right")
    table.add_column("in contact", justify="right")
    table.add_column("est. maximum /cm2", justify="right")
    table.add_column("target", justify="right", no_wrap=True)
    for index, zone in enumerate(progress.zones):
        active = index == progress.active
        table.add_row(
            ("> " if active else "  ") + zone.name,
            _bar(zone),
            f"{zone.done_ms / 1000:.1f} s",
            f"{zone.strokes}",
            f"{zone.contact_strokes}",
            "not yet known" if zone.dose_per_cm2 is None else f"{zone.dose_per_cm2:.0f}",
            f"{zone.target_low}-{zone.target_high}",
            style=_zone_style(zone, active=active),
        )
    return table


def _bar(zone: ZoneProgress) -> ProgressBar:
    """The estimated maximum on its way to the target; red beyond its upper end."""
    dose = zone.dose_per_cm2 or 0.0
    too_much = dose > zone.target_high
    colour = "red" if too_much else "cyan"
    low = max(1, zone.target_low)
    return ProgressBar(
        total=low,
        completed=min(dose, low),
        complete_style=colour,
        finished_style="red" if too_much else "green",
    )


def _zone_style(zone: ZoneProgress, *, active: bool) -> str:
    if zone.dose_per_cm2 is not None and zone.dose_per_cm2 > zone.target_high:
        return "bold red"
    return "bold" if active else ""

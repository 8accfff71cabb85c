"""A treatment in a terminal, live: requested and measured side by side, the age of what was measured, the zones."""

from types import TracebackType
from typing import Self

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
        if line != self._last:
            self._last = line
            target = self._live.console if self._console.is_terminal else self._console
            target.print(Text(line, style="bold red" if progress.phase is Phase.STOPPED else "dim"))


def render(progress: Progress, title: str) -> RenderableType:
    """The whole view of one moment."""
    stopped = progress.phase is Phase.STOPPED
    head = Text(
        f"{progress.phase.upper()}  ", style="bold white on red" if stopped else "bold black on green"
    )
    head.append(f" {progress.message}", style="bold red" if stopped else "bold")
    parts: list[RenderableType] = [head, _values(progress), _zones(progress)]
    if progress.conditions:
        parts.append(Text("blocking: " + ", ".join(progress.conditions), style="yellow"))
    return Panel(Group(*parts), title=title, border_style="red" if stopped else "cyan")


def _values(progress: Progress) -> RenderableType:
    table = Table(expand=True, show_edge=False, pad_edge=False)
    for name in ("", "protrusion setting", "stroke rate", "strokes", "in contact", "coil", "lease left"):
        table.add_column(name, justify="right" if name else "left")
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
        f"measured {progress.age_ms} ms ago" + (" (OLD)" if stale else ""),
        "not homed" if sample.depth_measured_um is None else f"{sample.depth_measured_um / 1000:.2f} mm",
        f"{sample.rate_measured_mhz / 1000:.1f} Hz",
        f"{sample.strokes}",
        f"{sample.contact_strokes}",
        f"{sample.coil_cc / 100:.1f} C",
        f"{sample.lease_left_ms} ms",
        style="bright_black" if stale else "bold",
    )
    return table


def _zones(progress: Progress) -> RenderableType:
    table = Table(expand=True, show_edge=False, pad_edge=False)
    table.add_column("zone")
    table.add_column("time", ratio=1)
    table.add_column("s", justify="right")
    table.add_column("strokes", justify="right")
    table.add_column("in contact", justify="right")
    table.add_column("est. maximum /cm2", justify="right")
    for index, zone in enumerate(progress.zones):
        table.add_row(
            ("> " if index == progress.active else "  ") + zone.name,
            ProgressBar(total=zone.goal_ms, completed=min(zone.done_ms, zone.goal_ms)),
            f"{zone.done_ms / 1000:.1f}/{zone.goal_ms / 1000:.1f}",
            f"{zone.strokes}",
            f"{zone.contact_strokes}",
            _dose(zone),
            style="bold" if index == progress.active else "",
        )
    return table


def _dose(zone: ZoneProgress) -> str:
    return "not yet known" if zone.dose_per_cm2 is None else f"{zone.dose_per_cm2:.0f}"

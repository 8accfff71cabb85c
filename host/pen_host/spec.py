"""Technical parameters of the pen, each read from the constant that the firmware or the host obeys.

A data sheet typed by hand drifts; this one cannot. A row names its constant, and where that constant carries a docstring
in `pen_protocol.limits`, the row's reason is that docstring.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import pairwise

from pen_firmware import cartridge_layout, depth, pio_programs, steps
from pen_protocol import limits, messages, version

SOURCES = {
    "S": "safety baseline from published devices and rules",
    "J": "this project's judgement",
    "P": "PIO programs of the firmware",
}
"""What the letter at the end of a reason stands for."""

_MHZ_PER_HZ = 1_000


@dataclass(frozen=True)
class SpecRow:
    """One technical parameter.

    Attributes:
        group: Heading it stands under.
        name: What it is, in an engineer's words.
        value: The number or text, as the constant has it.
        unit: Unit of `value`, empty for a count or text.
        constant: Dotted name of the constant, or of the function and its constants that give it.
        why: Reason and source; empty when the constant states none.
    """

    group: str
    name: str
    value: int | float | str
    unit: str
    constant: str
    why: str = ""

    @property
    def text(self) -> str:
        """Value and unit as a person reads them."""
        value = self.value if isinstance(self.value, str) else f"{self.value:,}".replace(",", " ")
        return f"{value} {self.unit}".rstrip()


def spec_rows() -> list[SpecRow]:
    """Every technical parameter, in the order of the data sheet."""
    return [
        *_needle(),
        *_rate(),
        *_coil(),
        *_times(),
        *_session(),
        *_axis(),
        *_cartridge(),
        *_wire(),
    ]


def spec_json(rows: Sequence[SpecRow]) -> str:
    """Rows as JSON, one object each, in their order."""
    return json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False) + "\n"


def spec_table(rows: Sequence[SpecRow]) -> str:
    """Rows as plain text under their headings, values aligned; what `pen spec` prints without colours."""
    name_width = max((len(row.name) for row in rows), default=0)
    text_width = max((len(row.text) for row in rows), default=0)
    lines: list[str] = []
    group = ""
    for row in rows:
        if row.group != group:
            lines += ["", row.group] if lines else [row.group]
            group = row.group
        lines.append(f"  {row.name:<{name_width}}  {row.text:>{text_width}}  {row.constant}")
    return "\n".join(lines) + "\n"


def _needle() -> Iterable[SpecRow]:
    group = "Needle protrusion"
    yield SpecRow(group, "cap without unlock", limits.DEPTH_CAP_UM, "um", *_limit("DEPTH_CAP_UM"))
    yield SpecRow(
        group, "mechanical stop, cap with unlock", limits.DEPTH_STOP_UM, "um", *_limit("DEPTH_STOP_UM")
    )
    yield SpecRow(group, "step", limits.DEPTH_STEP_UM, "um", *_limit("DEPTH_STEP_UM"))
    yield SpecRow(
        group, "tolerance, plus or minus", limits.DEPTH_TOLERANCE_UM, "um", *_limit("DEPTH_TOLERANCE_UM")
    )


def _rate() -> Iterable[SpecRow]:
    group = "Stroke rate"
    yield SpecRow(group, "slowest", limits.RATE_MIN_MHZ // _MHZ_PER_HZ, "Hz", *_limit("RATE_MIN_MHZ"))
    yield SpecRow(group, "fastest setting", limits.RATE_MAX_MHZ // _MHZ_PER_HZ, "Hz", *_limit("RATE_MAX_MHZ"))
    yield SpecRow(
        group,
        "fastest any stroke word can give",
        pio_programs.rate_mhz(pio_programs.NEEDLE_PERIOD_BASE_US) / _MHZ_PER_HZ,
        "Hz",
        "pio_programs.NEEDLE_PERIOD_BASE_US",
        "built in code at every stroke; no word shortens it (P)",
    )
    yield SpecRow(
        group,
        "resolution of the period",
        pio_programs.NEEDLE_PERIOD_STEP_US,
        "us",
        "pio_programs.NEEDLE_PERIOD_STEP_US",
        "one cycle of the machine (P)",
    )
    for edge in ("RATE_MIN_MHZ", "RATE_MAX_MHZ"):
        rate_mhz = getattr(limits, edge)
        yield SpecRow(
            group,
            f"resolution at {rate_mhz // _MHZ_PER_HZ} Hz",
            rate_resolution_mhz(rate_mhz),
            "mHz",
            f"pio_programs.NEEDLE_PERIOD_STEP_US, limits.{edge}",
            "one step of the period (P)",
        )
    yield SpecRow(
        group, "jitter while the CPU lives", 0, "us", "pio_programs.MACHINE_HZ", "counted in PIO (P)"
    )
    yield SpecRow(
        group, "droop stops below", limits.RATE_DROOP_PERCENT, "% of set", *_limit("RATE_DROOP_PERCENT")
    )
    yield SpecRow(group, "droop stops after", limits.RATE_DROOP_MS, "ms", *_limit("RATE_DROOP_MS"))


def _coil() -> Iterable[SpecRow]:
    group = "Coil"
    yield SpecRow(
        group,
        "longest on-time any stroke word can give",
        pio_programs.NEEDLE_ON_MAX_US,
        "us",
        "pio_programs.NEEDLE_ON_MAX_US",
        "the word's field is no wider (P)",
    )
    yield SpecRow(
        group,
        "resolution of the on-time",
        pio_programs.NEEDLE_ON_STEP_US,
        "us",
        "pio_programs.NEEDLE_ON_STEP_US",
        "one turn of the machine's on-loop (P)",
    )
    yield SpecRow(
        group,
        "largest duty any stroke words can give",
        round(100 * pio_programs.NEEDLE_ON_MAX_US / pio_programs.NEEDLE_PERIOD_BASE_US, 1),
        "%",
        "pio_programs.NEEDLE_ON_MAX_US, pio_programs.NEEDLE_PERIOD_BASE_US",
        "longest on-time in the shortest period (P)",
    )
    yield SpecRow(
        group, "on-time limit of gate and words", limits.COIL_ON_MAX_US, "us", *_limit("COIL_ON_MAX_US")
    )
    yield SpecRow(group, "duty limit", limits.COIL_DUTY_MAX_PERCENT, "%", *_limit("COIL_DUTY_MAX_PERCENT"))
    yield SpecRow(group, "warns at", limits.COIL_WARN_CC / 100, "C", *_limit("COIL_WARN_CC"))
    yield SpecRow(group, "stops at", limits.COIL_TRIP_CC / 100, "C", *_limit("COIL_TRIP_CC"))
    yield SpecRow(group, "current stops at", limits.COIL_CURRENT_MAX_MA, "mA", *_limit("COIL_CURRENT_MAX_MA"))
    yield SpecRow(group, "supply stops below", limits.SUPPLY_MIN_MV, "mV", *_limit("SUPPLY_MIN_MV"))


def _times() -> Iterable[SpecRow]:
    group = "Coil off within"
    for constant, name, unit in (
        ("BUDGET_ESTOP_US", "stop contact opens", "us"),
        ("BUDGET_TRIGGER_MS", "trigger released", "ms"),
        ("LEASE_MS", "CPU hangs (lease)", "ms"),
        ("BUDGET_HOST_SILENT_MS", "host silent, cable pulled", "ms"),
        ("WATCHDOG_MS", "chip reset by the watchdog", "ms"),
    ):
        yield SpecRow(group, name, getattr(limits, constant), unit, *_limit(constant))
    group = "Leases"
    yield SpecRow(
        group,
        "longest any lease word can give",
        pio_programs.LEASE_TICK_US * (pio_programs.LEASE_TICKS_MAX + 1) / 1000,
        "ms",
        "pio_programs.LEASE_TICK_US, pio_programs.LEASE_TICKS_MAX",
        "the word's field is no wider (P)",
    )
    for constant, name in (
        ("HOST_LEASE_MS", "host's lease of the pen"),
        ("CONSOLE_LEASE_MS", "console's lease of the host"),
        ("HEARTBEAT_PERIOD_MS", "heartbeat every"),
        ("STOP_REPEAT_MS", "STOP repeated every"),
        ("STOP_CONFIRM_MS", "STOP must be confirmed within"),
    ):
        yield SpecRow(group, name, getattr(limits, constant), "ms", *_limit(constant))


def _session() -> Iterable[SpecRow]:
    group = "Session"
    yield SpecRow(
        group, "longest armed", limits.SESSION_ARMED_MAX_S // 60, "min", *_limit("SESSION_ARMED_MAX_S")
    )
    yield SpecRow(
        group, "longest without release", limits.STROKING_MAX_MS // 1000, "s", *_limit("STROKING_MAX_MS")
    )
    yield SpecRow(
        group, "trigger stuck after", limits.TRIGGER_STUCK_MS // 1000, "s", *_limit("TRIGGER_STUCK_MS")
    )


def _axis() -> Iterable[SpecRow]:
    group = "Depth axis"
    yield SpecRow(
        group,
        "steps",
        depth.STOP_STEPS * 1000 // limits.DEPTH_STOP_UM,
        "1/mm",
        "depth.STOP_STEPS, limits.DEPTH_STOP_UM",
        "2.5 um a step",
    )
    yield SpecRow(group, "fast leg", steps.FAST_US, "us/step", "steps.FAST_US")
    yield SpecRow(group, "approach that counts", steps.SLOW_US, "us/step", "steps.SLOW_US")
    yield SpecRow(group, "homing fails after", depth.HOME_BUDGET_MS, "ms", "depth.HOME_BUDGET_MS")
    yield SpecRow(
        group,
        "fastest any step word can give",
        round(1e6 / pio_programs.STEP_PERIOD_BASE_US),
        "steps/s",
        "pio_programs.STEP_PERIOD_BASE_US",
        "built in code at every step (P)",
    )
    yield SpecRow(
        group,
        "resolution of a step's time",
        pio_programs.STEP_PERIOD_STEP_US,
        "us",
        "pio_programs.STEP_PERIOD_STEP_US",
        "one cycle of the machine (P)",
    )


def _cartridge() -> Iterable[SpecRow]:
    group = "Cartridge"
    family = f"0x{cartridge_layout.FAMILY:02X}"
    yield SpecRow(group, "memory family", family, "", "cartridge_layout.FAMILY", "DS2431 or DS28E07")
    yield SpecRow(group, "memory", cartridge_layout.MEMORY_SIZE, "bytes", "cartridge_layout.MEMORY_SIZE")
    yield SpecRow(group, "layout", cartridge_layout.LAYOUT, "", "cartridge_layout.LAYOUT")
    yield SpecRow(
        group,
        "used mark",
        cartridge_layout.MARK_SIZE,
        "bytes",
        "cartridge_layout.MARK_SIZE",
        "page in EPROM mode: bits only go from 1 to 0",
    )
    yield SpecRow(group, "needles, at most", cartridge_layout.NEEDLES_MAX, "", "cartridge_layout.NEEDLES_MAX")


def _wire() -> Iterable[SpecRow]:
    group = "Wire"
    firmware = "{}.{}.{}".format(*version.FIRMWARE_VERSION)
    yield SpecRow(group, "firmware", firmware, "", "version.FIRMWARE_VERSION")
    yield SpecRow(group, "protocol", version.PROTOCOL_VERSION, "", "version.PROTOCOL_VERSION")
    yield SpecRow(group, "schema", f"{messages.SCHEMA_HASH:08x}", "", "messages.SCHEMA_HASH")
    yield SpecRow(group, "STATUS every", limits.STATUS_PERIOD_MS, "ms", *_limit("STATUS_PERIOD_MS"))
    yield SpecRow(group, "TELEMETRY up to", limits.TELEMETRY_MAX_HZ, "Hz", *_limit("TELEMETRY_MAX_HZ"))
    yield SpecRow(group, "request repeated after", limits.REQUEST_RETRY_MS, "ms", *_limit("REQUEST_RETRY_MS"))
    yield SpecRow(group, "sendings of one request", limits.REQUEST_TRIES, "", *_limit("REQUEST_TRIES"))


def rate_resolution_mhz(rate_mhz: int) -> int:
    """Difference in mHz between the rate the machine makes for `rate_mhz` and the next slower one it can make."""
    period_us = pio_programs.needle_period_us(rate_mhz)
    slower_us = period_us + pio_programs.NEEDLE_PERIOD_STEP_US
    return int(pio_programs.rate_mhz(period_us) - pio_programs.rate_mhz(slower_us))


def _limit(constant: str) -> tuple[str, str]:
    """Dotted name of a limit and the sentence that stands below it."""
    return f"limits.{constant}", limit_reasons()[constant]


@cache
def limit_reasons() -> dict[str, str]:
    """The sentence below each constant of `pen_protocol.limits`, by the constant's name."""
    body = ast.parse(inspect.getsource(limits)).body
    reasons = {}
    for above, below in pairwise(body):
        if not (isinstance(above, ast.Assign) and isinstance(above.targets[0], ast.Name)):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            reasons[above.targets[0].id] = " ".join(str(below.value.value).split())
    return reasons

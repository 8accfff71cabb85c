"""Every fault of the simulated pen by name: what it does and which condition or fault code it should provoke."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pen_firmware.hal import Input
from pen_sim.board import SimBoard
from pen_sim.firmware_faults import FirmwareFaults
from pen_sim.plant.axis import BACKLASH_NM
from pen_sim.plant.plant import SUPPLY_MV
from pen_sim.stream import LaneFaults


@dataclass
class FaultContext:
    """What faults act on."""

    board: SimBoard
    firmware: FirmwareFaults


@dataclass(frozen=True)
class SimFault:
    """One row of the table."""

    summary: str
    """What it does, one line."""
    provokes: str
    """Name of the condition or fault code it leads to first; empty when it must be harmless."""
    begin: Callable[..., None]
    end: Callable[[FaultContext], None]


def _set(path: str, during: Any, after: Any) -> tuple[Callable[..., None], Callable[[FaultContext], None]]:
    """Fault that is one attribute of the board: `during` while it lasts (or `value=`), `after` when it ends."""
    *parents, name = path.split(".")

    def target(context: FaultContext) -> Any:
        owner: Any = context.board
        for parent in parents:
            owner = getattr(owner, parent)
        return owner

    def begin(context: FaultContext, value: Any = during) -> None:
        setattr(target(context), name, value)

    def end(context: FaultContext) -> None:
        setattr(target(context), name, after)

    return begin, end


def _stuck(bit: int, high: bool) -> tuple[Callable[..., None], Callable[[FaultContext], None]]:
    """Fault of an input that reads the same level for ever."""
    name = "stuck_inputs" if high else "dead_inputs"

    def begin(context: FaultContext) -> None:
        plant = context.board.plant
        setattr(plant, name, getattr(plant, name) | bit)

    def end(context: FaultContext) -> None:
        plant = context.board.plant
        setattr(plant, name, getattr(plant, name) & ~bit)

    return begin, end


def _cartridge(
    name: str, during: Any, after: Any
) -> tuple[Callable[..., None], Callable[[FaultContext], None]]:
    """Fault of the cartridge in the pen; without one it does nothing."""

    def begin(context: FaultContext, value: Any = during) -> None:
        if context.board.wire.cartridge is not None:
            setattr(context.board.wire.cartridge, name, value)

    def end(context: FaultContext) -> None:
        if context.board.wire.cartridge is not None:
            setattr(context.board.wire.cartridge, name, after)

    return begin, end


def _firmware(
    name: str, during: Any, after: Any
) -> tuple[Callable[..., None], Callable[[FaultContext], None]]:
    """Fault of the firmware's run."""

    def begin(context: FaultContext, value: Any = during) -> None:
        setattr(context.firmware, name, value)

    def end(context: FaultContext) -> None:
        setattr(context.firmware, name, after)

    return begin, end


def _gate_stuck_begin(context: FaultContext) -> None:
    context.board.plant.gate_stuck = True
    context.board.plant.drive(context.board.sync())


def _gate_stuck_end(context: FaultContext) -> None:
    context.board.plant.gate_stuck = False
    context.board.plant.drive(context.board.sync())


def _overheat_begin(context: FaultContext, celsius: float | None = None, factor: float = 8.0) -> None:
    coil = context.board.plant.coil
    coil.heat_factor = factor
    if celsius is not None:
        coil.temperature_c(context.board.sync())
        coil.celsius = celsius


def _overheat_end(context: FaultContext) -> None:
    context.board.plant.coil.heat_factor = 1.0


def _estop_missing_begin(context: FaultContext) -> None:
    context.board.plant.estop_present = False
    context.board.set_estop(False)


def _estop_missing_end(context: FaultContext) -> None:
    context.board.plant.estop_present = True
    context.board.set_estop(True)


def _usb_lossy_begin(
    context: FaultContext,
    lose: float = 0.1,
    corrupt: float = 0.05,
    duplicate: float = 0.05,
    split: float = 0.2,
    reorder: float = 0.05,
    delay_us: int = 5_000,
) -> None:
    context.board.stream.set_faults(LaneFaults(lose, corrupt, duplicate, split, reorder, delay_us))


def _usb_lossy_end(context: FaultContext) -> None:
    context.board.stream.set_faults(LaneFaults())


def _usb_unplugged_begin(context: FaultContext) -> None:
    context.board.stream.unplug()


def _usb_unplugged_end(context: FaultContext) -> None:
    context.board.stream.plug()


def _flash_cut_begin(context: FaultContext, after_bytes: int = 10) -> None:
    context.board.flash.cut_next_write(after_bytes)


def _flash_cut_end(context: FaultContext) -> None:
    context.board.flash.cancel_cut()


def _axis_knocked_begin(context: FaultContext, distance_um: int = 300) -> None:
    context.board.plant.axis.push(distance_um)


def _exception_begin(context: FaultContext, value: str = "inputs") -> None:
    context.board.raise_in(value)


def _exception_end(context: FaultContext) -> None:
    context.board.raise_in("")


def _nothing(context: FaultContext) -> None:
    """A blow that has happened does not un-happen."""


FAULTS: dict[str, SimFault] = {
    # needle and coil
    "hall_lost": SimFault(
        "The hall sensor falls silent while the needle moves.",
        "STROKE_MISMATCH",
        *_set("plant.needle.hall_lost", True, False),
    ),
    "droop": SimFault(
        "Part of the strokes (value: percent) does not move the needle.",
        "STROKE_MISMATCH",
        *_set("plant.needle.missing_percent", 60, 0),
    ),
    "needle_slow": SimFault(
        "The needle machine's clock is slow: each stroke lasts `value` percent of its time.",
        "RATE_DROOP",
        *_set("needle.stretch_percent", 130, 100),
    ),
    "needle_drag": SimFault(
        "The needle arrives late (value: us), as with hair or a bent needle.",
        "",
        *_set("plant.needle.extra_delay_us", 300, 0),
    ),
    "coil_short": SimFault(
        "Shorted turns: the current rises past the comparator's threshold.",
        "OVER_CURRENT",
        *_set("plant.coil.shorted", True, False),
    ),
    "gate_stuck": SimFault(
        "The coil's transistor conducts whatever its gate says.",
        "GATE_STUCK",
        _gate_stuck_begin,
        _gate_stuck_end,
    ),
    "sensor_open": SimFault(
        "The coil's temperature sensor is open.", "COIL_SENSOR", *_set("plant.sensor_reading", 4095, None)
    ),
    "sensor_short": SimFault(
        "The coil's temperature sensor is shorted.", "COIL_SENSOR", *_set("plant.sensor_reading", 0, None)
    ),
    "overheat": SimFault(
        "The coil heats `factor` times faster, or is at `celsius` now.",
        "COIL_HOT",
        _overheat_begin,
        _overheat_end,
    ),
    "edge_counter": SimFault(
        "The needle's edge counter has counted `value` edges too many.",
        "STROKE_MISMATCH",
        *_set("extra_edges", 5, 0),
    ),
    # power and fluid
    "supply_low": SimFault(
        "The supply drops (value: mV).", "SUPPLY_LOW", *_set("plant.supply_mv", 4_200, SUPPLY_MV)
    ),
    "charger": SimFault("A charger is connected.", "CHARGER", *_set("plant.charger", True, False)),
    "fluid": SimFault("Fluid reaches the sensor.", "FLUID", *_set("plant.fluid_wet", True, False)),
    # axis
    "home_switch_stuck": SimFault(
        "The home switch reads the same for ever (value: True closed, False open).",
        "HOMING_FAILED",
        *_set("plant.axis.switch_forced", False, None),
    ),
    "axis_stall": SimFault(
        "The axis motor does not turn.", "HOMING_FAILED", *_set("plant.axis.stalled", True, False)
    ),
    "axis_knocked": SimFault(
        "A blow moves the axis by `distance_um` without a step; seen when a move comes near the home switch.",
        "AXIS_STALL",
        _axis_knocked_begin,
        _nothing,
    ),
    "backlash_high": SimFault(
        "The lead screw's nut is worn (value: nm of play).",
        "HOMING_FAILED",
        *_set("plant.axis.backlash_nm", 400_000, BACKLASH_NM),
    ),
    "step_counter": SimFault(
        "The step counter has counted `value` steps too many.", "STEP_MISMATCH", *_set("extra_steps", 7, 0)
    ),
    # cartridge
    "cartridge_garbage": SimFault(
        "The cartridge answers noise.", "CARTRIDGE_UNREADABLE", *_cartridge("garbage", True, False)
    ),
    "cartridge_no_presence": SimFault(
        "The cartridge does not answer.", "CARTRIDGE_ABSENT", *_cartridge("present", False, True)
    ),
    "burn_fails": SimFault(
        "The used mark cannot be burned.", "CARTRIDGE_USED", *_cartridge("burn_blocked", True, False)
    ),
    "burn_torn": SimFault(
        "The used mark is burned in part (value: bytes).",
        "CARTRIDGE_USED",
        *_cartridge("burn_torn_after", 3, None),
    ),
    "wire_broken": SimFault(
        "The cartridge bus is open.", "CARTRIDGE_ABSENT", *_set("wire_silent", True, False)
    ),
    # hands
    "estop_missing": SimFault(
        "The stop button is unplugged, which opens its contact too.",
        "ESTOP_MISSING",
        _estop_missing_begin,
        _estop_missing_end,
    ),
    "trigger_stuck": SimFault(
        "The trigger reads held for ever.", "TRIGGER_STUCK", *_stuck(Input.TRIGGER, high=True)
    ),
    "trigger_dead": SimFault("The trigger never reads held.", "", *_stuck(Input.TRIGGER, high=False)),
    # firmware
    "tick_slow": SimFault(
        "Every pass of the firmware takes `value` us longer.",
        "FIRMWARE_LEASE",
        *_firmware("slow_us", 45_000, 0),
    ),
    "hang": SimFault(
        "The firmware stops; machines and watchdog go on.",
        "RESET_WHILE_ARMED",
        *_firmware("hung", True, False),
    ),
    "exception": SimFault(
        "The firmware meets an exception in the board call named by `value`.",
        "FIRMWARE_EXCEPTION",
        _exception_begin,
        _exception_end,
    ),
    # link and flash
    "usb_lossy": SimFault(
        "The USB stream loses, corrupts, doubles, splits, swaps and delays pieces.",
        "",
        _usb_lossy_begin,
        _usb_lossy_end,
    ),
    "usb_unplugged": SimFault(
        "The USB cable is pulled.", "HOST_LEASE", _usb_unplugged_begin, _usb_unplugged_end
    ),
    "flash_cut": SimFault(
        "Power fails in the next flash write, after `after_bytes` bytes.",
        "POWER_LOSS_WHILE_ARMED",
        _flash_cut_begin,
        _flash_cut_end,
    ),
    "flash_fails": SimFault("Flash writes fail.", "SETTINGS_INVALID", *_set("flash.fails", True, False)),
}
"""The table."""

"""Hands and faults over a line of JSON: what a demonstration or a rig does to a simulated pen from another process."""

from __future__ import annotations

import json
from typing import Any

from pen_sim.rig import SimPen
from pen_sim.script import ScriptError, action


def answer_line(pen: SimPen, line: bytes) -> bytes:
    """Do what one line asks and answer with one line; never raises on what it is sent."""
    try:
        request = json.loads(line)
    except ValueError:
        return _line({"ok": False, "error": 'the line is no JSON: send {"do": "press_trigger"} or the like'})
    if not isinstance(request, dict) or not isinstance(request.get("do"), str):
        return _line(
            {"ok": False, "error": 'the line names no action: send {"do": "press_trigger"} or the like'}
        )
    arguments = {str(key): value for key, value in request.items() if key != "do"}
    try:
        return _line({"ok": True, "result": perform(pen, request["do"], arguments)})
    except (ScriptError, KeyError, TypeError, ValueError, AttributeError) as error:
        return _line({"ok": False, "error": str(error.args[0]) if error.args else type(error).__name__})


def perform(pen: SimPen, name: str, arguments: dict[str, Any]) -> Any:
    """Do one action; `state` tells the physical truth instead.

    Raises:
        ScriptError: there is no such action or it does not take these arguments.
        KeyError: no fault has the name given to `inject` or `clear`.
    """
    if name == "state":
        return truth(pen)
    action(pen, name, arguments)()
    return None


def truth(pen: SimPen) -> dict[str, Any]:
    """What is physically so at the pen now, whatever its firmware says."""
    now_us = pen.board.sync()
    plant = pen.board.plant
    cartridge = pen.bench.cartridge
    return {
        "time_ms": now_us // 1_000,
        "powered": pen.powered,
        "resets": pen.resets,
        "coil": pen.board.needle.level,
        "current_ma": round(plant.coil.current_ma(now_us)),
        "celsius": round(plant.coil.temperature_c(now_us), 2),
        "supply_mv": round(plant.millivolt(now_us)),
        "strokes": plant.needle.arrivals,
        "strokes_in_skin": plant.needle.skin_arrivals,
        "protrusion_um": plant.axis.protrusion_um,
        "on_home_switch": plant.axis.home_switch,
        "trigger": plant.trigger,
        "estop_closed": plant.estop_closed,
        "estop_present": plant.estop_present,
        "latch": plant.latch,
        "charger": plant.charger,
        "wet": plant.fluid_wet,
        "in_skin": plant.needle.in_skin,
        "cartridge": cartridge.serial.hex() if cartridge else None,
        "cartridge_marked": cartridge.marked if cartridge else None,
        "plugged": pen.stream.plugged,
        "faults": sorted(pen.bench.active_faults),
    }


def _line(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer).encode() + b"\n"

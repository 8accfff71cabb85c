"""A fault script: what hands and faults do to a simulated pen, and when. Written in TOML.

    [[step]]
    at_ms = 1000
    action = "press_trigger"

    [[step]]
    at_ms = 2500.25
    action = "inject"
    name = "droop"
    value = 70

`action` is a method of `bench.Bench` or of `rig.SimPen` named in `PEN_ACTIONS`; every other key is an argument of it.
"""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pen_sim.bench import Bench
from pen_sim.eeprom import Cartridge
from pen_sim.rig import SimPen

PEN_ACTIONS = ("reset", "power_cycle", "power_off", "power_on", "kill")
"""Actions on the pen as a whole."""
BENCH_ACTIONS = tuple(
    name for name, member in inspect.getmembers(Bench, inspect.isfunction) if not name.startswith("_")
)
"""Actions of hands."""


class ScriptError(ValueError):
    """A script that cannot be played; the message says which step and what to write instead."""


@dataclass(frozen=True)
class Step:
    """One action at one time after the start of the script."""

    at_ms: float
    action: str
    arguments: dict[str, Any] = field(default_factory=dict)


def parse(text: str) -> list[Step]:
    """Steps of a script, by time.

    Raises:
        ScriptError: the text is no TOML, or a step lacks its time or names no action.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScriptError(f"the script is no TOML: {error}") from error
    steps = [_step(number, entry) for number, entry in enumerate(data.get("step", []), 1)]
    return sorted(steps, key=lambda step: step.at_ms)


def load(path: Path) -> list[Step]:
    """`parse` of a file."""
    return parse(path.read_text(encoding="utf-8"))


def schedule(pen: SimPen, steps: Iterable[Step]) -> None:
    """Put the steps on the pen's agenda, counted from its now. Raises ScriptError for arguments that do not fit."""
    for step in steps:
        pen.at_ms(step.at_ms, action(pen, step.action, step.arguments))


def action(pen: SimPen, name: str, arguments: dict[str, Any]) -> Callable[[], object]:
    """The action of this name, ready to be called.

    Raises:
        ScriptError: there is no such action or it does not take these arguments.
    """
    if name in BENCH_ACTIONS:
        method: Callable[..., object] = getattr(pen.bench, name)
    elif name in PEN_ACTIONS:
        method = getattr(pen, name)
    else:
        raise ScriptError(
            f"no action is called {name!r}: use one of {', '.join(BENCH_ACTIONS + PEN_ACTIONS)}"
        )
    given = dict(arguments)
    if name == "insert_cartridge" and given:
        given = {"cartridge": _cartridge(given)}
    try:
        inspect.signature(method).bind(**given)
    except TypeError as error:
        raise ScriptError(f"{name} does not take these arguments: {error}") from error
    return partial(method, **given)


def _cartridge(values: dict[str, Any]) -> Cartridge:
    """A cartridge from plain values; the lot may be text."""
    lot = values.get("lot")
    if isinstance(lot, str):
        values = values | {"lot": lot.encode()}
    try:
        return Cartridge(**values)
    except (TypeError, ValueError) as error:
        raise ScriptError(f"no cartridge can be made of {values}: {error}") from error


def _step(number: int, entry: dict[str, Any]) -> Step:
    arguments = dict(entry)
    at_ms = arguments.pop("at_ms", None)
    name = arguments.pop("action", None)
    if not isinstance(at_ms, int | float) or at_ms < 0:
        raise ScriptError(f"step {number}: at_ms is missing or not a time of 0 or more")
    if not isinstance(name, str) or name not in BENCH_ACTIONS + PEN_ACTIONS:
        raise ScriptError(
            f"step {number}: action {name!r} is none of {', '.join(BENCH_ACTIONS + PEN_ACTIONS)}"
        )
    return Step(float(at_ms), name, arguments)

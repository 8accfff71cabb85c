"""The bench of a simulated pen: trigger, stop button, cartridge, skin, faults. There is none for a real pen."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from http import HTTPStatus
from typing import Any, Protocol, cast

from ..transport.sim_server import faults
from .docking import Docked
from .models import BenchAction, BenchView, FaultView, Model
from .problems import Code, ProblemError, wrong_field

ACTIONS = frozenset(
    {
        *("press_trigger", "release_trigger", "open_estop", "close_estop", "remove_estop", "plug_estop"),
        *("latch", "unlatch", "insert_new_cartridge", "take_cartridge", "touch_skin", "lift"),
        *("connect_charger", "disconnect_charger", "wet", "dry", "unplug_usb", "plug_usb", "clear_all"),
    }
)
FAULT_ACTIONS = frozenset({"inject", "clear"})
EDGES_MAX = 20_000
"""Most edges told at once."""


class EdgesView(Model):
    """Exact edges of one line of the simulated pen."""

    now_us: int
    edges: tuple[tuple[int, int], ...]
    """(time in us of simulated time, level)."""


class _Hands(Protocol):
    sim: Any

    def hands(self) -> AbstractContextManager[Any]: ...


class BenchDesk:
    """Hands at the simulated pen, from any thread.

    Args:
        docked: The pen now.
        changed: Told when hands did something.
    """

    def __init__(self, docked: Callable[[], Docked | None], changed: Callable[[], None]) -> None:
        self._docked = docked
        self._changed = changed
        self._last: _Hands | None = None
        self._faults = tuple(
            FaultView(name=one.name, does=one.does, provokes=one.provokes) for one in faults()
        )

    def do(self, action: BenchAction) -> BenchView:
        """Do one thing.

        Raises:
            ProblemError: There is no such action or fault, or the pen is no simulated one.
        """
        line = self._line()
        if action.do in FAULT_ACTIONS:
            if action.name not in {one.name for one in self._faults}:
                raise wrong_field("name", f"No fault is called {action.name}.")
        elif action.do not in ACTIONS:
            raise wrong_field("do", f"Hands cannot {action.do}.")
        with line.hands() as bench:
            arguments = (action.name,) if action.do in FAULT_ACTIONS else ()
            getattr(bench, action.do)(*arguments)
        self._changed()
        return self.view()

    def view(self) -> BenchView:
        """What is physically so."""
        line = self._line()
        with line.hands() as bench:
            sim = line.sim
            plant = sim.board.plant
            cartridge = bench.cartridge
            return BenchView(
                trigger=plant.trigger,
                estop_closed=plant.estop_closed,
                estop_present=plant.estop_present,
                latch=plant.latch,
                in_skin=plant.needle.in_skin,
                charger=plant.charger,
                wet=plant.fluid_wet,
                plugged=sim.stream.plugged,
                cartridge=cartridge.serial.hex() if cartridge else None,
                cartridge_marked=cartridge.marked if cartridge else None,
                strokes=plant.needle.arrivals,
                faults=tuple(sorted(bench.active_faults)),
                all_faults=self._faults,
            )

    def edges(self, signal: str, since_us: int) -> EdgesView:
        """Exact edges of one line, the newest ones when there are many."""
        line = self._line()
        with line.hands():
            found = line.sim.trace.of(signal, since_us)[-EDGES_MAX:]
            return EdgesView(now_us=line.sim.now_us, edges=tuple((edge.t_us, edge.level) for edge in found))

    def _line(self) -> _Hands:
        docked = self._docked()
        # a pulled cable takes the connection, not the hands: the last line still leads to the pen
        if docked is not None and hasattr(docked.transport, "hands"):
            self._last = cast(_Hands, docked.transport)
        if self._last is None:
            raise ProblemError(
                Code.NOT_SIMULATED,
                HTTPStatus.NOT_FOUND,
                "There is no bench: the pen is no simulated one, or it is not there yet.",
            )
        return self._last

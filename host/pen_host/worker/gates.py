"""What must be well for a heartbeat to go out: the pen is heard, and every gate says so."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pen_protocol import limits

from ..errors import PenError

Gate = Callable[[], bool]

FRESH_S = 4 * limits.STATUS_PERIOD_MS / 1000
"""A pen not heard for this long gets no heartbeat: a host that is blind must not keep a needle going."""

GATE_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    PenError,
)
"""A gate that fails in any of these ways is an unhealthy gate, not the end of the worker."""


class Gates:
    """Named gates. Adding and removing replaces the whole table, so the worker never meets it half changed nor waits for it."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._gates: dict[str, Gate] = {}

    def add(self, name: str, gate: Gate) -> None:
        """The heartbeat goes out only while `gate` says True."""
        with self._changing:
            self._gates = {**self._gates, name: gate}

    def remove(self, name: str) -> None:
        """A gate is asked no longer."""
        with self._changing:
            self._gates = {other: gate for other, gate in self._gates.items() if other != name}

    def held_by(self, silence_s: float) -> str | None:
        """What keeps a heartbeat back: name of a gate, `status` when the pen is not heard, None for nothing."""
        if silence_s > FRESH_S:
            return "status"
        return next((name for name, gate in self._gates.items() if not _ask(gate)), None)


def _ask(gate: Gate) -> bool:
    try:
        return bool(gate())
    except GATE_ERRORS:
        return False

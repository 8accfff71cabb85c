"""A scripted operator: what a hand does at the pen, in simulated time, on a running server or from another process.

hand = Hand.at_pen(pen)
hand.play("touch_skin; press_trigger; wait 1500; release_trigger; lift")
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from pen_sim.rig import SimPen
from pen_sim.script import ScriptError
from pen_sim.serve import PenServer
from pen_sim.side_channel import perform

Do = Callable[[str, dict[str, Any]], Any]
TIMEOUT_S = 5.0


class Hand:
    """Hands at a pen wherever it runs. `do` performs one action, `wait_ms` lets time pass."""

    def __init__(
        self, do: Do, wait_ms: Callable[[float], None], close: Callable[[], None] | None = None
    ) -> None:
        self._do = do
        self._wait_ms = wait_ms
        self._close = close

    @classmethod
    def at_pen(cls, pen: SimPen) -> Hand:
        """At a pen the caller moves: waiting advances simulated time."""
        return cls(
            lambda name, arguments: perform(pen, name, arguments),
            lambda wait_ms: pen.advance_us(round(wait_ms * 1_000)),
        )

    @classmethod
    def at_server(cls, server: PenServer) -> Hand:
        """At a pen that runs with the wall clock in this process."""
        return cls(
            lambda name, arguments: server.call(lambda pen: perform(pen, name, arguments)),
            lambda wait_ms: time.sleep(wait_ms / server.scale / 1_000),
        )

    @classmethod
    def at_address(cls, host: str, bench_port: int, scale: float = 1.0) -> Hand:
        """At a pen in another process, through its side channel. Raises OSError when nobody answers there."""
        connection = socket.create_connection((host, bench_port), TIMEOUT_S)
        lines = connection.makefile("rwb")

        def do(name: str, arguments: dict[str, Any]) -> Any:
            lines.write(json.dumps(arguments | {"do": name}).encode() + b"\n")
            lines.flush()
            answer = json.loads(lines.readline() or b'{"ok": false, "error": "the simulated pen hung up"}')
            if not answer["ok"]:
                raise ScriptError(answer["error"])
            return answer["result"]

        def close() -> None:
            lines.close()
            connection.close()

        return cls(do, lambda wait_ms: time.sleep(wait_ms / scale / 1_000), close)

    def do(self, action: str, /, **arguments: Any) -> Any:
        """One action of `bench.Bench` or `rig.SimPen`, or `state`. Raises ScriptError for one there is not."""
        return self._do(action, arguments)

    def wait(self, duration_ms: float) -> None:
        """Keep still for this long."""
        self._wait_ms(duration_ms)

    def hold_trigger(self, duration_ms: float) -> None:
        """Press, hold, release; released also when the waiting is interrupted."""
        self.do("press_trigger")
        try:
            self.wait(duration_ms)
        finally:
            self.do("release_trigger")

    def change_cartridge(self, **cartridge: Any) -> None:
        """Take the cartridge out and put another in; its values as in `eeprom.Cartridge`."""
        self.do("take_cartridge")
        self.wait(500)
        self.do("insert_cartridge", **cartridge)

    def state(self) -> dict[str, Any]:
        """The physical truth, see `side_channel.truth`."""
        truth: dict[str, Any] = self.do("state")
        return truth

    def play(self, routine: str) -> None:
        """Actions separated by `;`: names, `wait MS`, `hold MS`, `inject FAULT`, `clear FAULT`.

        Raises:
            ScriptError: a word is no action; what stands before it has been done.
        """
        for phrase in routine.split(";"):
            words = phrase.split()
            if words:
                self._perform(words[0], words[1:])

    def close(self) -> None:
        """Let go of the side channel."""
        if self._close is not None:
            self._close()

    def __enter__(self) -> Hand:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def _perform(self, verb: str, words: list[str]) -> None:
        if verb in ("wait", "hold") and len(words) == 1:
            duration_ms = float(words[0])
            if verb == "wait":
                self.wait(duration_ms)
            else:
                self.hold_trigger(duration_ms)
        elif verb in ("inject", "clear") and len(words) == 1:
            self.do(verb, name=words[0])
        elif words:
            raise ScriptError(
                f"{verb} takes no words: write {verb}, wait MS, hold MS, inject FAULT or clear FAULT"
            )
        else:
            self.do(verb)

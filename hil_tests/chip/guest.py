"""Programs that run on the emulated chip in place of the firmware: where they lie, and what they say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hil_tests.chip.emulator import ChipPen

GUESTS = Path(__file__).parent / "guests"
GUEST_LIMIT_MS = 6_000


def _nothing(_line: str) -> None:
    """Nobody waits for a line."""


def guest_results(chip: ChipPen, on_line: Callable[[str], None] = _nothing) -> dict[str, Any]:
    """Lines `name json` a guest prints, until `end`.

    Raises:
        AssertionError: It did not end; what it said is in the message.
    """
    said = b""
    seen = 0
    results: dict[str, Any] = {}
    while chip.now_ms < GUEST_LIMIT_MS:
        chip.run_ms(5)
        said += chip.read()
        lines = said.split(b"\r\n")
        for line in lines[seen:-1]:
            name, _, value = line.decode("utf-8", "replace").partition(" ")
            if name == "end":
                return results
            try:
                results[name] = json.loads(value)
            except json.JSONDecodeError:
                results[name] = value
            on_line(name)
        seen = len(lines) - 1
    raise AssertionError(f"the guest did not end: {said.decode('utf-8', 'replace')}")

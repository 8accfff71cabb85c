"""A waveform as a VCD file, for GTKWave, PulseView or Surfer. Times are the bench's own, in ns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vcd import VCDWriter
from vcd.writer import Variable

from hil_tests.evidence.waveform import Waveform

_SCOPE = "pen"
_MARK = "mark"


def write_vcd(waveform: Waveform, path: Path) -> Path:
    """Write the file and return its path.

    Marks are a string of their own, which holds the name of the last one.

    Raises:
        OSError: It cannot be written.
    """
    with (
        path.open("w", encoding="utf-8") as file,
        VCDWriter(
            file, timescale="1 ns", comment=_plain(waveform.title), init_timestamp=waveform.from_ns
        ) as writer,
    ):
        changes: list[tuple[int, Variable[Any], Any]] = []
        for lane in waveform.lanes:
            variable: Variable[Any]
            if lane.passages:
                variable = writer.register_var(_SCOPE, lane.name, "event")
            else:
                variable = writer.register_var(_SCOPE, lane.name, "wire", size=1, init=lane.initial)
            changes += [(edge.t_ns, variable, edge.level) for edge in lane.edges]
        if waveform.marks:
            text = writer.register_var(_SCOPE, _MARK, "string", init="-")
            changes += [
                (mark.t_ns, text, _plain(mark.text))
                for mark in waveform.marks
                if _inside(waveform, mark.t_ns)
            ]
        for t_ns, changed, value in sorted(changes, key=lambda change: change[0]):
            writer.change(changed, t_ns, value)
        writer.close(waveform.to_ns)
    return path


def _inside(waveform: Waveform, t_ns: int) -> bool:
    return waveform.from_ns <= t_ns <= waveform.to_ns


def _plain(text: str) -> str:
    """Words without what ends a VCD comment or string."""
    return " ".join(text.replace("$end", "end").split()) or "-"

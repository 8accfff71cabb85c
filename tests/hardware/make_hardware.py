"""Writes the generated parts of firmware/HARDWARE.md, and firmware/wiring.svg, from the code.

    python -m tests.hardware.make_hardware

A part stands between `<!-- generated: name -->` and `<!-- end -->`; everything else in the file is written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from pen_firmware import cartridge_layout, pins, pio_programs
from pen_protocol import limits
from tests.hardware import values, wiring
from tests.pio import latencies
from tests.pio.assembler import asm_pio
from tests.protocol.make_spec import PART, table

FILE = Path(__file__).resolve().parents[2] / "firmware" / "HARDWARE.md"
BOARD = FILE.with_name("pen_firmware") / "board_rp2040.py"
BLOCK_WORDS = 32
"""Instruction memory of one PIO block."""

MACHINES = (
    ("_needle", "needle", "NEEDLE", "SAFE"),
    ("_lease", "lease", "LEASE", "ESTOP"),
    ("_needle_counter", "edge_counter", "reads NEEDLE", ""),
    ("_hall", "period_meter", "reads HALL", "HALL"),
    ("_step", "stepper", "STEP", "AXIS_OK"),
    ("_step_counter", "edge_counter", "reads STEP", ""),
)
"""Attribute of the board, program, pin it drives or reads, pin its jumps ask."""


def machine_number(attribute: str) -> int:
    """Number of the state machine that the board gives an attribute."""
    pattern = rf"self\.{attribute} = (?:_EdgeCounter\()?rp2\.StateMachine\((\d)\)"
    found = re.search(pattern, BOARD.read_text(encoding="utf-8"))
    if not found:
        raise LookupError(f"board_rp2040 gives {attribute} no state machine: correct MACHINES")
    return int(found[1])


def words(program: str) -> int:
    """Length of a program."""
    options = dict(pio_programs.OPTIONS[program])
    assembled = asm_pio(
        sideset_init=0 if options["sideset_low"] else None,
        in_shiftdir=int(options["in_right"]),
        out_shiftdir=int(options["out_right"]),
        pull_thresh=options["pull_thresh"],
    )(getattr(pio_programs, program))
    return len(assembled[0])


def pin_table() -> str:
    """Every GPIO the pen uses."""
    rows = (
        [f"GP{gpio}", f"`{name}`", direction, pull or "none", role, wiring.BLOCK_OF[name]]
        for name, gpio, direction, pull, role in pins.PINS
    )
    return table(["pin", "signal", "direction", "pull", "role", "drawn in"], rows)


def machine_table() -> str:
    """Every PIO machine, and how full its block is."""
    rows = []
    programs: dict[int, set[str]] = {}
    for attribute, program, pin, jump in MACHINES:
        number = machine_number(attribute)
        programs.setdefault(number // 4, set()).add(program)
        does = " ".join(str(getattr(pio_programs, program).__doc__).split("\n\n")[0].split())
        does = re.sub(r"^(.*?\.) .*", r"\1", does)
        rows.append(
            [f"PIO{number // 4} SM{number % 4}", f"`{program}`", words(program), pin, jump or "none", does]
        )
    full = ", ".join(
        f"PIO{block} {sum(map(words, names))} of {BLOCK_WORDS} words"
        for block, names in sorted(programs.items())
    )
    head = ["machine", "program", "words", "pin", "asks", "does"]
    return (
        table(head, rows)
        + f"\nInstruction memory used: {full}. A program that two machines run is stored once.\n"
    )


def word_table() -> str:
    """What a FIFO word can and cannot ask for."""
    p = pio_programs
    rows = [
        ["coil on-time", f"{p.NEEDLE_ON_BASE_US} to {p.NEEDLE_ON_MAX_US} us", f"{p.NEEDLE_ON_STEP_US} us"],
        [
            "stroke period",
            f"{p.NEEDLE_PERIOD_BASE_US} to {p.NEEDLE_PERIOD_MAX_US} us",
            f"{p.NEEDLE_PERIOD_STEP_US} us",
        ],
        ["lease", f"0 to {p.LEASE_TICK_US * (p.LEASE_TICKS_MAX + 1)} us", f"{p.LEASE_TICK_US} us"],
        ["step", f"{p.STEP_PERIOD_BASE_US} to {p.STEP_PERIOD_MAX_US} us", f"{p.STEP_PERIOD_STEP_US} us"],
        ["measured hall period", f"up to {p.HALL_PERIOD_MAX_US} us", f"{p.HALL_TICK_US} us"],
    ]
    return table(["word", "range", "step"], rows)


def budget_table() -> str:
    """What has to be quick, and the number that the bench must confirm."""
    rows = [
        ["stop contact opens", f"{limits.BUDGET_ESTOP_US} us"],
        ["trigger released", f"{limits.BUDGET_TRIGGER_MS} ms"],
        ["CPU hangs", f"{limits.LEASE_MS} ms and the pump's decay"],
        ["host silent, cable pulled", f"{limits.BUDGET_HOST_SILENT_MS} ms"],
        ["watchdog resets the chip", f"{limits.WATCHDOG_MS} ms"],
    ]
    return table(["event", "coil off within"], rows)


def latency_table() -> str:
    """Worst cases of the machines, as the proof measures them."""
    rows = ([one.begins, one.ends, f"{one.cycles} us", one.meaning] for one in latencies.ALL)
    return table(["from", "to", "at most", "meaning"], rows)


def figure_table() -> str:
    """Worked figures of the circuit."""
    rows = ([figure.what, figure.value, figure.source, figure.bound] for figure in values.figures())
    return table(["figure", "value", "from", "keeps"], rows)


def memory_table() -> str:
    """What lies where in a cartridge's memory."""
    c = cartridge_layout
    rows = [
        [
            "ROM id",
            f"{c.ROM_SIZE} bytes: family 0x{c.FAMILY:02X}, 48-bit serial, CRC-8",
            "laser-written by the maker",
        ],
        [
            "page 0",
            'magic "DPC1", lot, expiry, needles, layout, CRC-32',
            "written and write-protected at manufacture",
        ],
        [
            "page 1",
            f"used mark, {c.MARK_SIZE} bytes: 0xFF new, anything else used",
            "EPROM mode: bits only go from 1 to 0",
        ],
        ["pages 2 and 3", "not used", "write-protected"],
    ]
    return table(["where", "what", "protection"], rows)


PARTS: dict[str, Callable[[], str]] = {
    "pins": pin_table,
    "machines": machine_table,
    "words": word_table,
    "latencies": latency_table,
    "budgets": budget_table,
    "figures": figure_table,
    "memory": memory_table,
}


def filled(text: str) -> str:
    """The text with every generated part renewed."""
    return PART.sub(lambda found: f"{found[1]}\n{PARTS[found[2]]()}\n{found[3]}", text)


def stale() -> Iterable[Path]:
    """Files that are not what the code says."""
    text = FILE.read_text(encoding="utf-8")
    if filled(text) != text:
        yield FILE
    if wiring.FILE.read_text(encoding="utf-8") != wiring.draw():
        yield wiring.FILE


if __name__ == "__main__":
    FILE.write_text(filled(FILE.read_text(encoding="utf-8")), encoding="utf-8")
    wiring.FILE.write_text(wiring.draw(), encoding="utf-8")

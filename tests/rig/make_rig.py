"""Writes the generated parts of hil_tests/RIG.md, and hil_tests/rig_wiring.svg, from the rig's tables.

python -m tests.rig.make_rig
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from schemdraw import elements as elm

from hil_tests.rig import messages, pins, programs
from hil_tests.rig.capture import Timing
from hil_tests.rig_firmware.rig import FLUSH_MS, WATCHDOG_MS
from tests.hardware.sheet import MOTION, PLAIN, POWER, SAFETY, SENSE, Sheet, normal
from tests.protocol.make_spec import PART, table
from tests.rig.pio_bench import MACHINES, assembled

FILE = Path(__file__).resolve().parents[2] / "hil_tests" / "RIG.md"
PICTURE = FILE.with_name("rig_wiring.svg")
FULL_CLOCK = Timing(125_000_000, 1)
RELEASED = {
    "ESTOP": "stop contact open: stopped",
    "ESTOP_PRESENT": "no STOP button: blocked",
    "TRIGGER": "released",
    "LATCH": "open: drive blocked",
    "CONTACT": "no skin",
    "CHARGER": "a charger: blocked",
    "HALL": "no plunger passing",
    "PEN_RUN": "nothing: it may run",
    "PEN_POWER": "no supply",
    "COIL_WIRE": "sensor broken: blocked",
    "COIL_WARM": "nothing",
    "COIL_HOT": "nothing",
    "FLUID_WET": "nothing: dry",
    "SUPPLY_LOW": "nothing",
}
COLOURS = {
    **dict.fromkeys(("ESTOP", "ESTOP_PRESENT", "SAFE", "LEASE", "COIL"), SAFETY),
    **dict.fromkeys(("STEP", "DIRECTION"), MOTION),
    **dict.fromkeys(("PEN_RUN", "PEN_POWER"), POWER),
}
CLOCKS = {
    "sampler": "125 MHz",
    **dict.fromkeys(("alive", "hands"), "5 MHz"),
    **dict.fromkeys(("mark", "hall"), "1 MHz"),
}


def wire_table() -> str:
    """Every line of the rig."""
    rows = (
        [f"GP{gpio}", f"`{name}`", kind, f"`{signal}`" if signal else "none", part or "none", role]
        for name, gpio, kind, signal, part, role in pins.LINES
    )
    return table(["rig", "line", "kind", "pen", "in series", "does"], rows)


def released_table() -> str:
    """What the pen sees of a rig that lets go."""
    return table(["line", "the pen sees"], ([f"`{name}`", text] for name, text in RELEASED.items()))


def machine_table() -> str:
    """Every PIO machine."""
    rows = []
    for name, block, number, *_rest in MACHINES:
        does = " ".join(str(getattr(programs, name).__doc__).split("\n\n")[0].split()).rpartition(" ")[0]
        does = does.rpartition(" ")[0]
        rows.append([f"PIO{block} SM{number}", f"`{name}`", len(assembled(name)[0]), CLOCKS[name], does])
    return table(["machine", "program", "words", "clock", "does"], rows)


def figure_table() -> str:
    """What the numbers are."""
    rows = [
        ["one look of the sampler", f"{FULL_CLOCK.look_ns} ns"],
        ["a word's time wraps after", f"{FULL_CLOCK.ns(programs.TIME_MASK + 1) // 1000} us"],
        ["MARK changes every", f"{programs.MARK_US} us"],
        [
            "hands move after a stroke's rise",
            f"as told, 0 to 0.2 us later, up to {programs.HAND_DELAY_MAX_US} us",
        ],
        ["hall pulse", f"{programs.HALL_DELAY_US} us after a rise, {programs.HALL_LENGTH_US} us long"],
        ["coil pulse without a hall pulse", f"below {programs.HALL_LEAST_US} us"],
        ["lease called dead", f"{programs.ALIVE_HOLD_US} us after its last rise"],
        ["words wait to be sent", f"{FLUSH_MS} ms at most"],
        ["silence of the laptop that opens the hands", f"{messages.SILENCE_MS} ms"],
        ["hang of the rig that opens the hands", f"{WATCHDOG_MS} ms"],
    ]
    return table(["figure", "value"], rows)


PARTS: dict[str, Callable[[], str]] = {
    "wires": wire_table,
    "released": released_table,
    "machines": machine_table,
    "figures": figure_table,
}


def filled(text: str) -> str:
    """The text with every generated part renewed."""
    return PART.sub(lambda found: f"{found[1]}\n{PARTS[found[2]]()}\n{found[3]}", text)


PITCH = 1.15
RIG_LEFT, RIG_RIGHT, PEN_LEFT, PEN_RIGHT = 0.0, 5.6, 17.0, 23.0


def draw() -> str:
    """Rig on the left, pen on the right, what lies between them on each line."""
    sheet = Sheet()
    height = PITCH * (len(pins.LINES) + 1)
    for left, right, title in ((RIG_LEFT, RIG_RIGHT, "rig: RP2040"), (PEN_LEFT, PEN_RIGHT, "pen")):
        sheet.add(elm.Rect((left, -height), (right, 1.2)).at((0, 0)).theta(0).linewidth(2))
        sheet.text(((left + right) / 2, 0.55), title, 14, align="center")
    for row, entry in enumerate(pins.LINES):
        _line(sheet, -PITCH * (row + 0.6), *entry)
    y = -PITCH * (len(pins.LINES) + 0.6)
    sheet.wire((RIG_RIGHT, y), (PEN_LEFT, y))
    sheet.text((RIG_RIGHT - 0.2, y), "GND", 10.5, align="right")
    sheet.text((PEN_LEFT + 0.2, y), "GND", 10.5)
    sheet.ground(((RIG_RIGHT + PEN_LEFT) / 2, y))
    return normal(sheet.drawing.get_imagedata("svg").decode())


def _line(
    sheet: Sheet, y: float, name: str, gpio: int, kind: str, signal: str, part: str, _role: str
) -> None:
    colour = COLOURS.get(name, SENSE if signal else PLAIN)
    sheet.text((RIG_LEFT + 0.3, y), f"GP{gpio}", 9.5)
    sheet.text((RIG_RIGHT - 0.2, y), name, 10.5, align="right", colour=colour)
    if kind == pins.OWN:
        sheet.wire((RIG_RIGHT, y), (RIG_RIGHT + 1.0, y), colour=colour)
        sheet.add(elm.Dot(open=True).at((RIG_RIGHT + 1.0, y)))
        sheet.text((RIG_RIGHT + 1.4, y), "test point", 9.5)
        return
    sheet.text((PEN_LEFT + 0.2, y), signal, 10.5, colour=colour)
    if part.startswith(pins.GATE):
        _transistor(sheet, y, part, colour)
    elif part == pins.CLOSES:
        sheet.wire((RIG_RIGHT, y), (8.0, y), colour=colour)
        sheet.along(elm.Resistor(), (8.0, y), 10.2, "470 Ω")
        sheet.along(elm.Schottky(), (10.6, y), 12.8, "BAT54")
        sheet.wire((10.2, y), (10.6, y), colour=colour)
        sheet.wire((12.8, y), (PEN_LEFT, y), colour=colour)
    else:
        sheet.wire((RIG_RIGHT, y), (8.0, y), colour=colour)
        sheet.along(elm.Resistor(), (8.0, y), 10.2, "1 kΩ")
        sheet.wire((10.2, y), (PEN_LEFT, y), colour=colour)
        if name == "PEN_POWER":
            sheet.text((12.6, y + 0.3), "high-side switch, 10 kΩ to ground", 9.5, align="center")


def _transistor(sheet: Sheet, y: float, part: str, colour: str) -> None:
    """A switch towards ground, its part of the sensor's circuit in words."""
    sheet.wire((RIG_RIGHT, y), (7.0, y), colour=colour)
    sheet.along(elm.Resistor(), (7.0, y), 8.8, "1 kΩ")
    sheet.box("", (9.2, y - 0.38), (11.2, y + 0.38), left=("2N7002",))
    sheet.wire((8.8, y), (9.2, y), colour=colour)
    sheet.wire((11.2, y), (PEN_LEFT, y), colour=colour)
    what = part.removeprefix(pins.GATE).lstrip(", ").replace("kohm", "kΩ").strip()
    sheet.text((14.1, y + 0.3), what.replace("the stand-in of ", ""), 8.5, align="center")


def stale() -> Iterable[Path]:
    """Files that are not what the code says."""
    text = FILE.read_text(encoding="utf-8")
    if filled(text) != text:
        yield FILE
    if not PICTURE.exists() or PICTURE.read_text(encoding="utf-8") != draw():
        yield PICTURE


if __name__ == "__main__":
    FILE.write_text(filled(FILE.read_text(encoding="utf-8")), encoding="utf-8")
    PICTURE.write_text(draw(), encoding="utf-8")

"""Draws firmware/wiring.svg: the chip with every pin of `pen_firmware.pins`, and the circuits around it.

    python -m tests.hardware.wiring

Blocks are joined by named nets, not by lines across the sheet. A net that the pin table does not know, or a signal of
the table that no block uses, is an error here, so the picture cannot drift from the code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from schemdraw import elements as elm
from schemdraw import logic

from pen_firmware import pins
from tests.hardware.sheet import CHIP_NETS, SIGNALS, Sheet, colour_of

FILE = Path(__file__).resolve().parents[2] / "firmware" / "wiring.svg"

BLOCK_OF = {
    **dict.fromkeys(("ESTOP", "ESTOP_PRESENT", "LEASE", "SAFE"), "A"),
    **dict.fromkeys(("NEEDLE", "OVER_CURRENT", "CURRENT_RESET", "COIL_CURRENT"), "B"),
    **dict.fromkeys(("STEP", "DIRECTION", "AXIS_OK", "HOME"), "C"),
    **dict.fromkeys(("TRIGGER", "LATCH", "CONTACT", "CHARGER", "HALL"), "D"),
    **dict.fromkeys(("COIL_TEMPERATURE", "FLUID", "SUPPLY"), "E"),
    "CARTRIDGE": "F",
}
"""Where a signal's circuit is drawn."""

LEFT = (
    *("ESTOP", "ESTOP_PRESENT", "SAFE", "LEASE", "", "TRIGGER", "LATCH", "CONTACT", "CHARGER", "HALL"),
    *("", "COIL_TEMPERATURE", "FLUID", "SUPPLY"),
)
RIGHT = (
    *("NEEDLE", "OVER_CURRENT", "CURRENT_RESET", "COIL_CURRENT", "", "STEP", "DIRECTION", "AXIS_OK", "HOME"),
    *("", "CARTRIDGE", "", "USB_DP", "USB_DM"),
)
"""Pins down the two sides of the chip; an empty name is a gap."""


def chip(sheet: Sheet) -> None:
    """The RP2040 with every pin."""
    x0, x1, top, pitch = 20.0, 29.0, 34.3, 1.28
    rows = max(len(LEFT), len(RIGHT))
    bottom = top - pitch * rows - 1.2
    sheet.add(elm.Rect((x0, bottom), (x1, top)).at((0, 0)).theta(0).linewidth(2))
    middle = (x0 + x1) / 2
    sheet.text((middle, bottom + 2.3), "RP2040", 17, align="center")
    sheet.text((middle, bottom + 1.6), "MicroPython", 11, align="center")
    sheet.text((middle, bottom + 0.75), "12 MHz crystal · 2 MB QSPI flash", 9.5, align="center")
    sheet.text((middle, bottom + 0.3), "RUN 10 kΩ to 3V3 · BOOTSEL pad covered", 9.5, align="center")
    for names, edge, way, sign in ((LEFT, x0, "left", -1), (RIGHT, x1, "right", 1)):
        for row, name in enumerate(names):
            if not name:
                continue
            y = top - 0.9 - pitch * row
            outer = edge + sign * 0.7
            sheet.wire((edge, y), (outer, y), colour=colour_of(name))
            sheet.text((edge - sign * 0.2, y), name, 10.5, align="left" if sign < 0 else "right")
            if name in SIGNALS:
                sheet.text((edge + sign * 0.35, y + 0.24), str(pins.gpio(name)), 8.5, align="center")
            block = BLOCK_OF.get(name) or CHIP_NETS[name]
            sheet.net(name, (outer, y), way, block)


def stop_and_lease(sheet: Sheet) -> None:
    """Block A: the SAFE node."""
    sheet.frame("A  SAFE = stop contact closed AND lease alive", (0, 21.8), (17.6, 35.2))
    y = 32.4
    sheet.supply((1.0, y), "3V3")
    sheet.along(elm.Button(nc=True), (1.0, y), 4.0)
    sheet.text((1.9, y - 0.6), "STOP, contact 1 (NC)", 9.5)
    sheet.along(elm.Resistor(), (4.0, y), 6.4, "1 kΩ")
    sheet.wire((6.4, y), (13.0, y))
    for x, part, label in ((7.0, elm.Resistor(), "10 kΩ"), (8.7, elm.Capacitor(), "220 pF")):
        sheet.dot((x, y))
        sheet.down(part, (x, y), y - 1.7, label)
        sheet.ground((x, y - 1.7))
    sheet.dot((10.6, y))
    sheet.wire((10.6, y), (10.6, y + 0.9), (11.0, y + 0.9))
    sheet.net("ESTOP", (11.0, y + 0.9), "right")

    y = 27.2
    sheet.net("LEASE", (2.5, y), "left")
    sheet.along(elm.Resistor(), (2.5, y), 4.3, "100 Ω")
    sheet.along(elm.Capacitor(), (4.3, y), 5.9, "4.7 nF")
    sheet.wire((5.9, y), (6.4, y))
    sheet.dot((6.4, y))
    sheet.add(elm.Schottky().at((6.4, y - 1.7)).to((6.4, y)))
    sheet.ground((6.4, y - 1.7))
    sheet.along(elm.Schottky(), (6.4, y), 8.4, "BAT54S")
    for x, part, label in ((8.7, elm.Capacitor(), "4.7 nF"), (10.4, elm.Resistor(), "10 kΩ")):
        sheet.dot((x, y))
        sheet.down(part, (x, y), y - 1.7, label)
        sheet.ground((x, y - 1.7))
    sheet.wire((8.4, y), (10.9, y))
    schmitt = sheet.add(logic.Schmitt().at((10.9, y)).anchor("in1").right())
    sheet.text((1.0, y + 1.35), "250 kHz while renewed;", 9)
    sheet.text((1.0, y + 0.9), "a level, high or low, pumps nothing", 9)
    gate = sheet.add(logic.And(inputs=2).at((13.6, 30.0)).anchor("in2").right())
    sheet.wire((schmitt.out[0], y), (13.2, y), (13.2, 30.0), (13.6, 30.0))
    sheet.wire((13.0, 32.4), (13.2, 32.4), (13.2, gate.in1[1]), (gate.in1[0], gate.in1[1]))
    sheet.net("SAFE", (gate.out[0], gate.out[1]), "right")

    y = 23.9
    sheet.supply((1.0, y), "3V3")
    sheet.along(elm.Line(), (1.0, y), 4.6, "loop in the STOP plug")
    sheet.along(elm.Resistor(), (4.6, y), 6.6, "1 kΩ")
    sheet.wire((6.6, y), (9.0, y))
    sheet.dot((7.4, y))
    sheet.down(elm.Resistor(), (7.4, y), y - 1.2, "10 kΩ")
    sheet.ground((7.4, y - 1.2))
    sheet.net("ESTOP_PRESENT", (9.0, y), "right")


def gate_and_coil(sheet: Sheet) -> None:
    """Block B: from the needle pin to the coil, and the current's way back."""
    sheet.frame("B  Gate and coil", (31.6, 16.6), (50, 35.2))
    y = 30.9
    sheet.net("NEEDLE", (33.9, y), "left")
    gate = sheet.add(logic.And(inputs=3).at((38.4, y)).anchor("in1").right())
    sheet.wire((33.9, y), (38.4, y))
    sheet.dot((34.4, y))
    shot = sheet.box("one-shot 3.5 ms", (34.9, y - 2.5), (37.5, y - 1.2), left=("edge",), right=("Q",))
    sheet.wire((34.4, y), (34.4, shot["edge"][1]), shot["edge"])
    sheet.wire(shot["Q"], (37.9, shot["Q"][1]), (37.9, gate.in2[1]), tuple(gate.in2))
    healthy = (38.1, 25.4)
    sheet.wire(healthy, (38.1, gate.in3[1]), tuple(gate.in3))
    middle = gate.out[1]
    driver = sheet.box(
        "gate driver",
        (41.0, middle - 0.85),
        (43.2, middle + 0.85),
        left=("IN",),
        right=("OUT",),
        bottom=("EN",),
    )
    sheet.wire(tuple(gate.out), driver["IN"])
    sheet.wire(driver["EN"], (driver["EN"][0], y - 2.0), (41.2, y - 2.0))
    sheet.net("SAFE", (41.2, y - 2.0), "left")
    _power_path(sheet, driver["OUT"])
    _current(sheet, healthy)


def _power_path(sheet: Sheet, drive: tuple[float, float]) -> None:
    """V_BAT, stop contact 2, PTC, coil with its clamp, transistor, shunt."""
    x, top, coil_top, drain = 47.6, 34.3, 32.6, 29.3
    sheet.supply((39.4, top), "V_BAT")
    sheet.along(elm.Fuse(), (39.4, top), 41.4, "2 A")
    sheet.along(elm.Button(nc=True), (41.4, top), 44.2)
    sheet.text((42.8, top - 0.6), "STOP, contact 2 (NC)", 9.5, align="center")
    sheet.along(elm.FuseIEC(), (44.2, top), 46.4, "PTC + 72 °C")
    sheet.wire((46.4, top), (x, top), (x, coil_top))
    sheet.down(elm.Inductor2(loops=4), (x, coil_top), drain, "coil", "bottom")
    sheet.dot((x, coil_top))
    sheet.dot((x, drain))
    cx = x - 1.5
    sheet.wire((x, coil_top), (cx, coil_top))
    sheet.add(elm.Zener().at((cx, coil_top)).to((cx, (coil_top + drain) / 2)))
    sheet.add(elm.Diode().at((cx, drain)).to((cx, (coil_top + drain) / 2)))
    sheet.wire((cx, drain), (x, drain))
    sheet.text((cx - 0.35, coil_top - 0.55), "24 V", 9.5, align="right")
    fet = sheet.add(elm.NFet().at((x, drain)).anchor("drain").theta(0).reverse())
    gate = (fet.gate[0], fet.gate[1])
    gx = 44.9
    sheet.wire(drive, (43.6, drive[1]), (43.6, gate[1]))
    sheet.along(elm.Resistor(), (43.6, gate[1]), gx, "22 Ω")
    sheet.wire((gx, gate[1]), gate)
    sheet.dot((gx, gate[1]))
    sheet.down(elm.Resistor(), (gx, gate[1]), gate[1] - 1.7, "10 kΩ", "top")
    sheet.ground((gx, gate[1] - 1.7))


def _current(sheet: Sheet, healthy: tuple[float, float]) -> None:
    """Shunt, amplifier, comparator and latch."""
    x, source = 47.6, 27.8
    sheet.down(elm.Resistor(), (x, source), 25.2, "0.2 Ω")
    sheet.ground((x, 25.2))
    sheet.dot((x, 27.3))
    amplifier = sheet.box("gain 10", (44.2, 22.6), (46.2, 24.2), left=("OUT",), right=("IN",))
    sheet.wire((x, 27.3), (48.9, 27.3), (48.9, amplifier["IN"][1]), amplifier["IN"])
    y = amplifier["OUT"][1]
    sheet.wire(amplifier["OUT"], (42.9, y))
    sheet.dot((43.5, y))
    sheet.wire((43.5, y), (43.5, 20.9), (43.9, 20.9))
    sheet.net("COIL_CURRENT", (43.9, 20.9), "right")
    comparator = sheet.box(
        "above 3.0 V (1.5 A)", (40.3, y - 0.8), (42.9, y + 0.8), left=("OUT",), right=("IN",)
    )
    latch = sheet.box("latch", (36.2, 21.3), (38.9, 24.1), left=("Q̅",), right=("SET", "RESET"))
    sheet.wire(comparator["OUT"], (39.6, y), (39.6, latch["SET"][1]), latch["SET"])
    sheet.wire(latch["RESET"], (39.4, latch["RESET"][1]), (39.4, 19.6), (38.6, 19.6))
    sheet.net("CURRENT_RESET", (38.6, 19.6), "left")
    quiet = latch["Q̅"]
    sheet.wire(quiet, (35.7, quiet[1]), (35.7, healthy[1]), healthy)
    sheet.dot((35.7, quiet[1]))
    sheet.net("OVER_CURRENT", (35.7, quiet[1]), "left")
    sheet.text((32.0, 18.3), "Gate on = NEEDLE AND one-shot AND not tripped, driver enabled by SAFE.", 9.5)
    sheet.text((32.0, 17.7), "The clamp lies behind contact 2: an opening contact makes no arc.", 9.5)
    sheet.text(
        (32.0, 17.1), "The latch is cleared when power comes up, and by the firmware after a stop.", 9.5
    )


def depth_axis(sheet: Sheet) -> None:
    """Block C: stepper and its permission."""
    sheet.frame("C  Depth axis, 400 steps/mm", (31.6, 8.6), (50, 16.1))
    driver = sheet.box("stepper driver", (35.9, 12.3), (38.7, 14.6), left=("STEP", "DIR"), right=("A", "B"))
    sheet.net("STEP", driver["STEP"], "left")
    sheet.net("DIRECTION", driver["DIR"], "left")
    motor = sheet.box("motor, lead screw", (40.1, 12.3), (42.6, 14.6), left=("A ", "B "))
    sheet.wire(driver["A"], motor["A "])
    sheet.wire(driver["B"], motor["B "])
    sheet.text((41.9, 13.45), "M", 15, align="center")
    sheet.text((43.2, 14.0), "spring preload on the nut,", 9.5)
    sheet.text((43.2, 13.4), "hard stop at 2500 µm", 9.5)
    y = 10.6
    sheet.supply((32.3, y), "3V3")
    sheet.along(elm.Button(nc=True), (32.3, y), 35.0)
    sheet.text((33.65, y - 0.6), "home switch (NC)", 9.5, align="center")
    sheet.wire((35.0, y), (40.6, y))
    sheet.dot((35.4, y))
    sheet.wire((35.4, y), (35.4, y + 0.75), (35.7, y + 0.75))
    sheet.net("HOME", (35.7, y + 0.75), "right")
    sheet.dot((38.0, y))
    sheet.down(elm.Resistor(), (38.0, y), y - 1.3, "10 kΩ")
    sheet.ground((38.0, y - 1.3))
    either = sheet.add(logic.Or(inputs=2).at((41.4, y)).anchor("in2").right())
    sheet.wire((40.6, y), tuple(either.in2))
    sheet.wire((40.8, either.in1[1]), tuple(either.in1))
    sheet.net("DIRECTION", (40.8, either.in1[1]), "left")
    both = sheet.add(logic.And(inputs=2).at((44.9, either.out[1])).anchor("in2").right())
    sheet.wire(tuple(either.out), tuple(both.in2))
    sheet.wire((44.6, both.in1[1]), (44.6, both.in1[1] + 0.9))
    sheet.wire((44.6, both.in1[1]), tuple(both.in1))
    sheet.net("ESTOP", (44.6, both.in1[1] + 0.9), "left")
    sheet.net("AXIS_OK", tuple(both.out), "right")


def contacts(sheet: Sheet) -> None:
    """Block D: what the operator and the tip close, and the needle's own sensor."""
    sheet.frame("D  Contacts: a broken wire reads as the safe side", (0, 0), (17.6, 21.2))
    rows = (
        ("TRIGGER", elm.Button(), "trigger, closed while held"),
        ("LATCH", elm.Button(), "latch, closed when latched"),
    )
    y = 18.9
    for name, part, label in rows:
        sheet.supply((1.0, y), "3V3")
        sheet.along(part, (1.0, y), 4.6)
        sheet.text((2.8, y - 0.6), label, 9.5, align="center")
        sheet.along(elm.Resistor(), (5.0, y), 7.0, "1 kΩ")
        sheet.wire((4.6, y), (5.0, y))
        sheet.wire((7.0, y), (11.4, y))
        for x, load, value in ((7.6, elm.Resistor(), "10 kΩ"), (9.6, elm.Capacitor(), "10 nF")):
            sheet.dot((x, y))
            sheet.down(load, (x, y), y - 1.7, value)
            sheet.ground((x, y - 1.7))
        sheet.net(name, (11.4, y), "right")
        y -= 3.7
    y = 10.6
    tip = sheet.box(
        "skin contact, < 10 µA through skin", (3.6, y - 0.8), (6.4, y + 0.8), left=("tip",), right=("OUT",)
    )
    sheet.wire((2.6, tip["tip"][1]), tip["tip"])
    sheet.add(elm.Dot(open=True).at((2.5, tip["tip"][1])))
    sheet.text((0.6, y - 0.6), "electrodes", 9.5)
    sheet.wire(tip["OUT"], (11.4, y))
    sheet.net("CONTACT", (11.4, y), "right")
    y = 6.9
    sheet.supply((7.0, y + 1.2), "3V3")
    sheet.down(elm.Resistor(), (7.0, y + 1.2), y, "10 kΩ")
    sheet.dot((7.0, y))
    sheet.along(elm.Button(nc=True), (1.4, y), 5.0)
    sheet.wire((5.0, y), (11.4, y))
    sheet.ground((1.4, y))
    sheet.text((2.2, y - 0.65), "in the charger's jack, opened by its plug", 9.5)
    sheet.net("CHARGER", (11.4, y), "right")
    y = 2.4
    hall = sheet.box("Hall switch at the plunger", (3.2, y - 0.8), (6.0, y + 0.8), right=("OUT",))
    sheet.wire(hall["OUT"], (11.4, y))
    sheet.supply((8.0, y + 1.7), "3V3")
    sheet.down(elm.Resistor(), (8.0, y + 1.7), y, "4.7 kΩ")
    sheet.dot((8.0, y))
    sheet.net("HALL", (11.4, y), "right")


def analogue(sheet: Sheet) -> None:
    """Block E: three dividers."""
    sheet.frame("E  Analogue inputs, 100 nF at each", (18.4, 0), (30.8, 14.2))
    rows = (
        ("COIL_TEMPERATURE", "3V3A", "10 kΩ", elm.Thermistor(), "NTC 10 kΩ on the coil", 11.7),
        ("FLUID", "3V3A", "100 kΩ", elm.SparkGap(), "electrodes in the channel", 7.2),
        ("SUPPLY", "V_BAT", "200 kΩ", elm.Resistor(), "100 kΩ", 2.7),
    )
    x = 20.0
    for name, rail, upper, lower, label, y in rows:
        sheet.supply((x, y + 0.9), rail)
        sheet.down(elm.Resistor(), (x, y + 0.9), y - 0.5, upper)
        sheet.down(lower, (x, y - 0.5), y - 1.9, label)
        sheet.ground((x, y - 1.9))
        sheet.dot((x, y - 0.5))
        sheet.wire((x, y - 0.5), (26.4, y - 0.5))
        sheet.net(name, (26.4, y - 0.5), "right")


def cartridge(sheet: Sheet) -> None:
    """Block F: one wire."""
    sheet.frame("F  Cartridge memory", (42.4, 0), (50, 8.0))
    y = 4.2
    sheet.net("CARTRIDGE", (45.0, y), "left")
    sheet.supply((45.6, y + 1.9), "3V3")
    sheet.down(elm.Resistor(), (45.6, y + 1.9), y, "2.2 kΩ")
    sheet.dot((45.6, y))
    memory = sheet.box("DS2431", (47.2, y - 1.5), (49.2, y + 0.9), left=("IO", "GND"))
    sheet.wire((45.0, y), (46.6, y), (46.6, memory["IO"][1]), memory["IO"])
    sheet.wire(memory["GND"], (46.6, memory["GND"][1]), (46.6, y - 1.8))
    sheet.ground((46.6, y - 1.8))
    sheet.text((42.8, 1.1), "in the cartridge, on two spring", 9.5)
    sheet.text((42.8, 0.5), "contacts; ESD clamp beside them", 9.5)


def supply(sheet: Sheet) -> None:
    """Block G: battery, regulator, isolated USB."""
    sheet.frame("G  Supply and USB", (31.6, 0), (41.8, 8.0))
    y = 5.6
    battery = sheet.box("2S Li-ion", (32.2, y - 0.7), (34.4, y + 0.7), right=("6 to 8.4 V",))
    buck = sheet.box("regulator", (37.2, y - 0.7), (39.2, y + 0.7), left=("IN",), right=("OUT",))
    sheet.along(elm.Fuse(), battery["6 to 8.4 V"], 36.4, "3 A")
    sheet.wire((36.4, y), buck["IN"])
    sheet.dot((36.8, y))
    sheet.wire((36.8, y), (36.8, y + 0.5))
    sheet.supply((36.8, y + 0.5), "V_BAT")
    sheet.wire(buck["OUT"], (40.3, y))
    sheet.supply((40.3, y), "3V3")
    isolator = sheet.box(
        "USB isolator, 5 kV", (34.9, 1.1), (37.7, 3.2), left=("D+ ", "D- "), right=("D+", "D-")
    )
    socket = sheet.box("USB-C", (32.2, 1.1), (33.6, 3.2), right=("D+", "D-"))
    sheet.wire(socket["D+"], isolator["D+ "])
    sheet.wire(socket["D-"], isolator["D- "])
    sheet.along(elm.Resistor(), isolator["D+"], 39.3, "27 Ω")
    sheet.along(elm.Resistor(), isolator["D-"], 39.3, "27 Ω")
    sheet.net("USB_DP", (39.3, isolator["D+"][1]), "right")
    sheet.net("USB_DM", (39.3, isolator["D-"][1]), "right")


BLOCKS: Iterable[Callable[[Sheet], None]] = (
    *(chip, stop_and_lease, gate_and_coil, depth_axis),
    *(contacts, analogue, cartridge, supply),
)


def draw() -> str:
    """The whole sheet as SVG."""
    sheet = Sheet()
    for block in BLOCKS:
        block(sheet)
    return sheet.svg()


if __name__ == "__main__":
    FILE.write_text(draw(), encoding="utf-8")

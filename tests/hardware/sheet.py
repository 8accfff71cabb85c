"""A sheet to draw circuits on: parts at fixed places, named nets, the same SVG text for the same drawing."""

from __future__ import annotations

import re
from itertools import pairwise

import schemdraw
from schemdraw import elements as elm
from schemdraw.backends import svg as svg_backend

from pen_firmware import pins

SIGNALS = {entry[0] for entry in pins.PINS}
CHIP_NETS = {"USB_DP": "G", "USB_DM": "G"}
"""Pins of the chip that are no GPIO, and their block."""
POWER = "#b03a2e"
SAFETY = "#c0392b"
MOTION = "#1f618d"
SENSE = "#1e8449"
PLAIN = "#222222"
FRAME = "#9aa5b1"
PAPER = "#ffffff"
PART = "#f6f8fa"
DECIMALS = 2
"""Coordinates are rounded to hundredths of a point: sine and cosine differ in their last digit between systems."""

COLOURS = {
    **dict.fromkeys(
        ("ESTOP", "ESTOP_PRESENT", "SAFE", "LEASE", "NEEDLE", "OVER_CURRENT", "CURRENT_RESET"), SAFETY
    ),
    **dict.fromkeys(("STEP", "DIRECTION", "AXIS_OK", "HOME"), MOTION),
}
"""Signals of the stop and gate chain, and of the axis; the others are sensors and contacts."""


def colour_of(name: str) -> str:
    """Colour of a net."""
    return COLOURS.get(name, SENSE if name in SIGNALS else PLAIN)


class Sheet:
    """A drawing with net tags that knows which signals were used."""

    def __init__(self) -> None:
        schemdraw.use("svg")
        # text stays text whatever is installed, and placed in the way every renderer understands
        svg_backend.config.text = "text"
        svg_backend.config.useBatik = True
        self.drawing = schemdraw.Drawing(show=False)
        self.drawing.config(unit=2, fontsize=11, font="DejaVu Sans, Verdana, sans-serif", lw=1.4, color=PLAIN)
        self.used: dict[str, int] = {}

    def add(self, element: elm.Element) -> elm.Element:
        """Put an element on the sheet."""
        return self.drawing.add(element)

    def net(self, name: str, at: tuple[float, float], way: str, text: str = "") -> None:
        """Tag of a signal with its outer end pointing `way` (left or right) from `at`."""
        if name not in SIGNALS and name not in CHIP_NETS:
            raise KeyError(f"the wiring picture names {name}, which no pin has")
        self.used[name] = self.used.get(name, 0) + 1
        shown = text or name
        width = 0.55 + 0.19 * len(shown)
        colour = colour_of(name)
        tag = elm.Tag(width=width, height=0.6).at(at).color(colour).label(shown, fontsize=10)
        self.add(tag.right() if way == "right" else tag.left())

    def wire(self, *points: tuple[float, float], colour: str = PLAIN) -> None:
        """A line through points."""
        for start, end in pairwise(points):
            self.add(elm.Line().at(start).to(end).color(colour))

    def dot(self, at: tuple[float, float]) -> None:
        """A junction."""
        self.add(elm.Dot(radius=0.07).at(at))

    def text(
        self, at: tuple[float, float], text: str, size: float = 10, colour: str = PLAIN, align: str = "left"
    ) -> None:
        """Words, their baseline's start (or centre) at a point."""
        self.add(
            elm.Label()
            .at(at)
            .theta(0)
            .label(text, fontsize=size, color=colour, halign=align, valign="center", loc="center", ofst=0)
        )

    def frame(self, title: str, low: tuple[float, float], high: tuple[float, float]) -> None:
        """A block's border with its title inside, top left."""
        self.add(elm.Rect(low, high).at((0, 0)).theta(0).color(FRAME).linewidth(1))
        self.text((low[0] + 0.35, high[1] - 0.5), title, 12.5)

    def box(
        self,
        name: str,
        low: tuple[float, float],
        high: tuple[float, float],
        left: tuple[str, ...] = (),
        right: tuple[str, ...] = (),
        bottom: tuple[str, ...] = (),
    ) -> dict[str, tuple[float, float]]:
        """A part drawn as a box, its name above; where each of its pins is."""
        self.add(elm.Rect(low, high).at((0, 0)).theta(0).fill(PART))
        self.text(((low[0] + high[0]) / 2, high[1] + 0.25), name, 9.5, align="center")
        ends = {}
        for names, x, inside, align in ((left, low[0], 0.15, "left"), (right, high[0], -0.15, "right")):
            for row, pin in enumerate(names):
                y = high[1] - (high[1] - low[1]) * (row + 0.5) / len(names)
                ends[pin] = (x, y)
                self.text((x + inside, y), pin, 9.5, align=align)
        for column, pin in enumerate(bottom):
            x = low[0] + (high[0] - low[0]) * (column + 0.5) / len(bottom)
            ends[pin] = (x, low[1])
            self.text((x, low[1] + 0.22), pin, 9.5, align="center")
        return ends

    def ground(self, at: tuple[float, float]) -> None:
        """A ground symbol."""
        self.add(elm.Ground().at(at))

    def supply(self, at: tuple[float, float], name: str) -> None:
        """A supply symbol, its name above."""
        self.add(elm.Vdd().at(at).label(name, fontsize=10).color(POWER))

    def down(
        self,
        element: elm.Element,
        at: tuple[float, float],
        to_y: float,
        label: str = "",
        side: str = "bottom",
    ) -> None:
        """A part hanging from `at` down to `to_y`."""
        element = element.at(at).to((at[0], to_y))
        self.add(element.label(label, loc=side, fontsize=9.5) if label else element)

    def along(
        self, element: elm.Element, at: tuple[float, float], to_x: float, label: str = "", side: str = "top"
    ) -> None:
        """A part lying from `at` to `to_x`."""
        element = element.at(at).to((to_x, at[1]))
        self.add(element.label(label, loc=side, fontsize=9.5) if label else element)

    def svg(self) -> str:
        """The sheet as SVG text, the same for the same drawing."""
        missing = sorted(name for name in SIGNALS if self.used.get(name, 0) < 2)
        if missing:
            raise KeyError(f"drawn at the chip but in no block, or not at all: {', '.join(missing)}")
        return normal(self.drawing.get_imagedata("svg").decode())


def normal(svg: str) -> str:
    """SVG as written: one element a line, white paper, no style that is none."""
    head, _, rest = svg.partition(">")
    svg = head + f'><rect x="-200%" y="-200%" width="500%" height="500%" fill="{PAPER}"/>' + rest
    svg = svg.replace("stroke-dasharray:-;", "").replace(' xml:lang="en"', "")
    svg = re.sub(r"<[^>]*>", lambda tag: re.sub(r"-?\d+\.\d+", _rounded, tag[0]), svg)
    # a line break inside a text would be shown as a space
    return re.sub(r"><(?!/?tspan|/text)", ">\n<", svg) + "\n"


def _rounded(number: re.Match[str]) -> str:
    text = f"{float(number[0]):.{DECIMALS}f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text

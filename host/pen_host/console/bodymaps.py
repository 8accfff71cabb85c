"""The scalp seen from above and the face seen from the front, with the zones that plans name.

Drawn by us, in the coordinates of a view box; a zone that lies on no map is in the list beside it all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from nicegui import ui
from nicegui.element import Element

from .texts import Catalogue
from .widgets import tag


class MapName(StrEnum):
    """Which map."""

    SCALP = "scalp"
    FACE = "face"


@dataclass(frozen=True, slots=True)
class Shape:
    """One zone on a map.

    Attributes:
        path: Its outline, as SVG writes it.
        label_x: Middle of its name.
        label_y: Base line of its name.
        turned: The name runs along the zone, turned clockwise by so many degrees about that point.
    """

    path: str
    label_x: int
    label_y: int
    turned: int = 0


@dataclass(frozen=True, slots=True)
class BodyMap:
    """A map: view box, what is drawn below the zones, and the zones, lower ones first."""

    width: int
    height: int
    outline: tuple[str, ...]
    features: tuple[str, ...]
    clip: str
    zones: Mapping[str, Shape]
    sides: tuple[tuple[str, int, int], ...]
    """Keys and places of the letters for the patient's left and right."""


_HEAD = (
    "M180 36 C286 36 334 120 334 216 C334 330 268 404 180 404 C92 404 26 330 26 216 C26 120 74 36 180 36 Z"
)

SCALP = BodyMap(
    width=360,
    height=424,
    outline=(
        "M160 40 Q180 4 200 40 Z",
        "M28 190 Q2 190 6 222 Q10 250 34 244 Z",
        "M332 190 Q358 190 354 222 Q350 250 326 244 Z",
        _HEAD,
    ),
    features=(),
    clip=_HEAD,
    zones={
        "temple_left": Shape("M0 0 H94 L88 138 Q58 160 0 172 Z", 56, 118),
        "temple_right": Shape("M360 0 H266 L272 138 Q302 160 360 172 Z", 304, 118),
        "frontal": Shape("M100 0 H260 L266 134 Q180 164 94 134 Z", 180, 100),
        "hairline": Shape("M100 0 H260 L262 66 Q180 44 98 66 Z", 180, 52),
        "parietal_left": Shape("M0 178 Q60 166 88 145 L88 300 Q60 330 0 330 Z", 56, 246),
        "parietal_right": Shape("M360 178 Q300 166 272 145 L272 300 Q300 330 360 330 Z", 304, 246),
        "midscalp": Shape("M94 141 Q180 171 266 141 L266 240 Q180 256 94 240 Z", 180, 206),
        "part_line": Shape("M170 36 H190 V248 H170 Z", 184, 150, -90),
        "occipital": Shape("M0 337 Q62 336 92 306 L268 306 Q298 336 360 337 V424 H0 Z", 180, 388),
        "vertex": Shape("M94 247 Q180 263 266 247 V300 Q240 362 180 362 Q120 362 94 300 Z", 180, 314),
    },
    sides=(("side_left", 14, 130), ("side_right", 346, 130)),
)

_FACE = (
    "M180 28 C262 28 300 84 298 162 C297 206 294 250 280 304 C262 366 218 408 180 408 "
    "C142 408 98 366 80 304 C66 250 63 206 62 162 C60 84 98 28 180 28 Z"
)

FACE = BodyMap(
    width=360,
    height=500,
    outline=("M128 372 L122 500 H238 L232 372 Z", _FACE),
    features=(
        "M110 176 Q132 162 156 176",
        "M204 176 Q228 162 250 176",
        "M114 200 Q134 188 154 200 Q134 211 114 200",
        "M206 200 Q226 188 246 200 Q226 211 206 200",
        "M152 330 Q180 342 208 330",
    ),
    clip="M0 0 H360 V500 H0 Z",
    zones={
        "forehead": Shape(
            "M82 150 C84 70 276 70 278 150 Q230 138 200 152 L160 152 Q130 138 82 150 Z", 180, 112
        ),
        "glabella": Shape("M160 156 H200 L196 192 H164 Z", 180, 178),
        "periorbital_right": Shape(
            "M76 190 Q90 154 132 156 Q158 160 158 196 Q150 228 116 226 Q84 222 76 190 Z", 116, 221
        ),
        "periorbital_left": Shape(
            "M284 190 Q270 154 228 156 Q202 160 202 196 Q210 228 244 226 Q276 222 284 190 Z", 244, 221
        ),
        "nose": Shape("M165 198 H195 L208 268 Q180 284 152 268 Z", 180, 256),
        "cheek_right": Shape(
            "M74 232 Q112 246 148 226 L148 268 L130 322 Q104 318 84 292 Q76 262 74 232 Z", 112, 278
        ),
        "cheek_left": Shape(
            "M286 232 Q248 246 212 226 L212 268 L230 322 Q256 318 276 292 Q284 262 286 232 Z", 248, 278
        ),
        "cheek_fold_right": Shape("M148 272 L158 282 L140 330 L128 326 Z", 147, 304, -70),
        "cheek_fold_left": Shape("M212 272 L202 282 L220 330 L232 326 Z", 213, 304, 70),
        "perioral": Shape("M142 288 Q180 300 218 288 L222 348 Q180 362 138 348 Z", 180, 326),
        "upper_lip": Shape("M150 288 Q180 298 210 288 L206 316 Q180 308 154 316 Z", 180, 306),
        "chin": Shape("M142 354 Q180 368 218 354 Q216 400 180 404 Q144 400 142 354 Z", 180, 387),
        "jaw_right": Shape("M84 298 Q104 324 130 328 L138 386 Q98 356 84 298 Z", 116, 346),
        "jaw_left": Shape("M276 298 Q256 324 230 328 L222 386 Q262 356 276 298 Z", 244, 346),
        "neck_right": Shape("M129 396 L150 412 V496 H124 Z", 142, 456, -90),
        "neck_left": Shape("M231 396 L210 412 V496 H236 Z", 226, 456, -90),
        "neck_front": Shape("M154 413 Q180 420 206 413 V496 H154 Z", 180, 462),
    },
    # who looks at a face has its left on the right
    sides=(("side_right", 34, 130), ("side_left", 326, 130)),
)

MAPS: Mapping[MapName, BodyMap] = {MapName.SCALP: SCALP, MapName.FACE: FACE}


def map_of(zones: tuple[str, ...]) -> MapName:
    """The map that has most of these zones; the scalp when none has any."""
    return max(MAPS, key=lambda name: sum(zone in MAPS[name].zones for zone in zones))


def draw(
    name: MapName, text: Catalogue, chosen: tuple[str, ...], press: Callable[[str], None] | None = None
) -> Element:
    """Draw a map with these zones marked. Overlapping zones are shown only where a plan has them.

    Args:
        name: Which map.
        text: For the names.
        chosen: Zones of the plan.
        press: Told which zone was pressed; the list beside the map does the same for keys.
    """
    body = MAPS[name]
    with tag("figure", None, "map") as figure:
        listed = ", ".join(text.other(f"zones.{zone}", zone) for zone in chosen if zone in body.zones)
        label = f"{text(f'plan.map_{name}')}: {listed or text('frame.none')}"
        with _svg(
            "svg", "body", viewBox=f"0 0 {body.width} {body.height}", role="img", **{"aria-label": label}
        ):
            with _svg("clipPath", "", id=f"clip-{name}"):
                _svg("path", "", d=body.clip)
            for outline in body.outline:
                _svg("path", "outline", d=outline)
            with _svg("g", "", **{"clip-path": f"url(#clip-{name})"}):
                for zone, shape in body.zones.items():
                    if zone in OVERLAYS and zone not in chosen:
                        continue
                    part = _svg("path", "zone on" if zone in chosen else "zone", d=shape.path)
                    with part:
                        _svg("title", "")._text = text.other(f"zones.{zone}", zone)
                    if press is not None:
                        part.on("click", partial(press, zone), args=[])
            for feature in body.features:
                _svg("path", "feature", d=feature)
            for key, x, y in body.sides:
                _svg("text", "side", x=x, y=y)._text = text(f"plan.{key}")
            for zone, shape in body.zones.items():
                if zone in chosen:
                    _name(text, zone, shape)
    return figure


def map_name(text: Catalogue, zone: str) -> str:
    """A zone's name where little room is for it; the side is told by the letters beside the map."""
    return text.other(f"map.{zone}", text.other(f"zones.{zone}", zone))


def _name(text: Catalogue, zone: str, shape: Shape) -> None:
    made = _svg("text", "", x=shape.label_x, y=shape.label_y)
    made._text = map_name(text, zone)
    if shape.turned:
        made.props.update({"transform": f"rotate({shape.turned} {shape.label_x} {shape.label_y})"})


OVERLAYS = frozenset(
    {"hairline", "part_line", "cheek_fold_left", "cheek_fold_right", "upper_lip", "glabella"}
)
"""Zones that lie over larger ones."""


def _svg(name: str, classes: str, **attributes: object) -> Element:
    made = ui.element(name)
    if classes:
        made.classes(classes)
    made.props.update(attributes)
    return made

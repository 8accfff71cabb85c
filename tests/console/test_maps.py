"""Names of zones lie inside their zones, and drawings of measures keep their scales."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from datetime import date

import pytest

from pen_host.console import plots
from pen_host.console.bodymaps import MAPS, MapName, Shape, map_name
from pen_host.console.measure_fields import KINDS, Choice, Number
from pen_host.console.texts import catalogue
from pen_host.records.models import OUTCOME_KINDS
from pen_host.reports.plots import Series

FONT_PX = 11
LETTER_EM = 0.56
"""Mean width of a letter of the maps' font at weight 600."""
CAPITAL_EM = 0.66
ZONES = [(name, zone) for name, drawn in MAPS.items() for zone in drawn.zones]


def outline(path: str) -> list[tuple[float, float]]:
    """Corners of a path of absolute M, L, H, V, Q, C and Z, its curves in short pieces."""
    words: Iterator[str] = iter(re.findall(r"[MLHVQCZ]|-?\d+(?:\.\d+)?", path))
    found: list[tuple[float, float]] = []
    command, x, y = "", 0.0, 0.0
    for word in words:
        first: float | None = None
        if word.isalpha():
            command = word
            if command == "Z":
                continue
        else:
            first = float(word)
        count = {"M": 2, "L": 2, "H": 1, "V": 1, "Q": 4, "C": 6}[command]
        numbers = [first] if first is not None else []
        numbers += [float(next(words)) for _ in range(count - len(numbers))]
        given = [number for number in numbers if number is not None]
        if command in "ML":
            x, y = given
            found.append((x, y))
        elif command == "H":
            x = given[0]
            found.append((x, y))
        elif command == "V":
            y = given[0]
            found.append((x, y))
        else:
            corners = [(x, y), *zip(given[::2], given[1::2], strict=True)]
            found += [bezier(corners, step / 20) for step in range(1, 21)]
            x, y = corners[-1]
    return found


def bezier(corners: list[tuple[float, float]], t: float) -> tuple[float, float]:
    while len(corners) > 1:
        corners = [
            ((1 - t) * a[0] + t * b[0], (1 - t) * a[1] + t * b[1]) for a, b in itertools.pairwise(corners)
        ]
    return corners[0]


def inside(corners: list[tuple[float, float]], x: float, y: float) -> bool:
    odd = False
    for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
            odd = not odd
    return odd


def box(shape: Shape, words: str) -> Iterator[tuple[float, float]]:
    """Corners of a name as it is drawn: in the middle above its base line, turned about that point."""
    half, tall = len(words) * LETTER_EM * FONT_PX / 2, CAPITAL_EM * FONT_PX
    turn = math.radians(shape.turned)
    for along, up in ((-half, 0.0), (half, 0.0), (-half, -tall), (half, -tall)):
        yield (
            shape.label_x + along * math.cos(turn) - up * math.sin(turn),
            shape.label_y + along * math.sin(turn) + up * math.cos(turn),
        )


@pytest.mark.parametrize(("name", "zone"), ZONES)
def test_a_name_lies_inside_its_zone(name: MapName, zone: str) -> None:
    shape = MAPS[name].zones[zone]
    words = map_name(catalogue(), zone)
    corners = outline(shape.path)
    assert all(inside(corners, x, y) for x, y in box(shape, words)), (words, list(box(shape, words)))


def test_measures_are_drawn_each_on_its_own_scale_over_the_treatments() -> None:
    days = (date(2026, 1, 5), date(2026, 3, 30))
    drawn = plots.trend_of(
        [Series("count", days, (92.0, 117.0), 92.0), Series("score", days, (0.0, 0.0), None, (-3, 3))],
        [date(2026, 2, 16)],
    )
    assert drawn is not None
    count, score = drawn.lanes
    assert count.points[0].y > count.points[1].y, "more is higher"
    assert count.baseline == count.points[0].y
    assert score.points[0].y == score.points[1].y
    (treated,) = drawn.treated
    assert count.points[0].x < treated < count.points[1].x
    assert plots.trend_of([], days) is None


def test_every_measure_of_the_record_can_be_typed_field_by_field() -> None:
    assert list(KINDS) == list(OUTCOME_KINDS)
    for kind, fields in KINDS.items():
        wanted = set(OUTCOME_KINDS[kind].model_fields) - {"kind"}
        assert {one.name for one in fields} == wanted, kind
        assert all(one.usual in ("", *one.of) for one in fields if isinstance(one, Choice))


@pytest.mark.parametrize(
    ("typed", "kept"), [("1.0", 1000), ("0,5", 500), ("", None), ("1.0005", ValueError), ("nan", ValueError),
                        ("1e9999", ValueError), ("many", ValueError)]
)  # fmt: skip
def test_an_area_is_read_as_it_was_meant_or_refused(typed: str, kept: object) -> None:
    area = next(one for one in KINDS["hair_count"] if one.name == "area_thousandths")
    assert isinstance(area, Number)
    if kept is ValueError:
        with pytest.raises(ValueError, match=re.escape(typed)):
            area.read(typed)
    else:
        assert area.read(typed) == kept

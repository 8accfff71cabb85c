"""RIG.md and its picture say what the tables say, and the rig's table fits the pen's."""

from __future__ import annotations

import ast
import xml.etree.ElementTree as ET

import pytest

from hil_tests.rig import image, pins
from pen_firmware import pins as pen_pins
from pen_sim.plant import analog
from tests.rig import make_rig

SVG = "{http://www.w3.org/2000/svg}"
NOT_ON_THE_CHIP = {"RUN", "V_BAT"}
TEXT = make_rig.FILE.read_text(encoding="utf-8")


def shown() -> list[str]:
    root = ET.fromstring(make_rig.PICTURE.read_text(encoding="utf-8"))
    return ["".join(node.itertext()).strip() for node in root.iter(f"{SVG}text")]


def test_page_and_picture_are_up_to_date() -> None:
    assert not list(make_rig.stale()), "run python -m tests.rig.make_rig"


def test_every_part_is_used_once() -> None:
    assert sorted(found[2] for found in make_rig.PART.finditer(TEXT)) == sorted(make_rig.PARTS)


@pytest.mark.parametrize("entry", pins.LINES, ids=lambda entry: entry[0])
def test_every_line_is_in_the_picture_and_meets_a_signal_of_the_pen(entry: tuple) -> None:
    words = shown()
    assert entry[0] in words
    assert f"GP{entry[1]}" in words
    if entry[2] == pins.OWN:
        assert not entry[3]
        return
    assert entry[3] in words
    assert entry[3] in NOT_ON_THE_CHIP or pen_pins.gpio(entry[3]) >= 0


def test_hands_drive_what_the_pen_reads_and_measured_lines_are_what_it_drives() -> None:
    direction = {entry[0]: entry[2] for entry in pen_pins.PINS}
    for name, _gpio, kind, signal, part, _role in pins.LINES:
        if kind in (pins.HAND, pins.PLAYED):
            assert direction[signal] == pen_pins.IN
        elif kind in (pins.MEASURED, pins.WATCHED) and name != "SAFE":
            assert direction[signal] == pen_pins.OUT
        assert bool(part) == (kind != pins.OWN)


def test_what_the_pen_sees_of_a_released_rig_is_what_its_own_pulls_say() -> None:
    driven = {entry[0] for entry in pins.LINES if entry[2] in (pins.HAND, pins.PLAYED, pins.SWITCH)}
    assert set(make_rig.RELEASED) == driven
    pulls = {entry[0]: entry[3] for entry in pen_pins.PINS}
    for line in pins.HANDS:
        assert pulls[line] == (pen_pins.UP if line == "CHARGER" else pen_pins.DOWN)


def test_the_boot_file_releases_every_line_that_may_be_driven() -> None:
    tree = ast.parse((image.DEVICE / "boot.py").read_text(encoding="utf-8"))
    (numbers,) = [node for node in ast.walk(tree) if isinstance(node, ast.Tuple)]
    released = {int(ast.literal_eval(item)) for item in numbers.elts}
    may_be_driven = {
        entry[1]
        for entry in pins.LINES
        if entry[2] not in (pins.MEASURED, pins.WATCHED) and entry[0] != "PEN_RUN"
    }
    assert released == may_be_driven


def parallel(*ohms: float) -> float:
    return 1 / sum(1 / ohm for ohm in ohms)


@pytest.mark.parametrize(("ohm", "celsius"), [(4_700, 58), (3_300, 66)])
def test_the_stand_ins_of_the_coils_sensor_read_as_the_table_says(ohm: float, celsius: int) -> None:
    stand_in = parallel(analog.NTC_OHM_AT_25C, ohm)
    reading = 4095 * stand_in / (stand_in + 10_000)
    assert abs(reading - analog.ntc_reading(celsius)) < 25, "within half a degree"


def test_a_low_supply_is_too_low_for_any_battery_that_is_not_empty() -> None:
    share = (parallel(100, 47) / (parallel(100, 47) + 200)) / (100 / 300)
    assert round(share, 2) == 0.41
    assert 8_400 * share < 4_500

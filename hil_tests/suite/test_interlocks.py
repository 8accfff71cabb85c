"""Sensors: what they see stops strokes, and a sensor that sees nothing blocks like one that sees the worst."""

from __future__ import annotations

import pytest

from hil_tests.benches import Ability, Sensor
from hil_tests.evidence.recorder import Evidence
from hil_tests.host import Station
from hil_tests.stages import Stage
from hil_tests.suite.strokes import judge_off, stroke
from pen_host.names import Condition
from pen_protocol import limits

SEEN_MS = 250
"""Analogue readings are filtered: a stop follows within this."""
TOO_HOT_C = limits.COIL_TRIP_CC / 100 + 5
TOO_LOW_MV = limits.SUPPLY_MIN_MV - 300


@pytest.mark.stage(Stage.ARMED)
@pytest.mark.needs(Ability.SENSORS)
@pytest.mark.parametrize(
    ("sensor", "value", "cause"),
    [
        (Sensor.COIL_C, TOO_HOT_C, Condition.COIL_HOT),
        (Sensor.COIL_OPEN, 1, Condition.COIL_SENSOR),
        (Sensor.SUPPLY_MV, TOO_LOW_MV, Condition.SUPPLY_LOW),
        (Sensor.FLUID_WET, 1, Condition.FLUID),
    ],
    ids=["hot", "broken wire", "supply", "fluid"],
)
@pytest.mark.covers("COIL_HOT", "COIL_SENSOR", "SUPPLY_LOW", "FLUID")
def test_a_sensor_stops_strokes_and_is_named(
    station: Station, evidence: Evidence, sensor: Sensor, value: float, cause: Condition
) -> None:
    stroke(station)
    begun_ns = station.bench.now_ns
    station.bench.sensor(sensor, value)
    station.let_pass(SEEN_MS)
    judge_off(station, evidence, f"{sensor.value} {value:g}", begun_ns, SEEN_MS, hazard="HAZ-16")
    assert station.status().first_cause == cause

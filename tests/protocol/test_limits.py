"""Every limit says what it is, in which unit and why; and limits that depend on each other agree."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from pen_protocol import limits

UNITS = re.compile(r"_(UM|MHZ|HZ|MS|US|S|CC|MA|MV|PERCENT|TRIES|MAX)$")
SOURCES = ("(S)", "(J)", "(P)")
NAMES = [name for name in vars(limits) if name.isupper()]


def documented() -> dict[str, str]:
    """Constant -> the string that stands behind it."""
    body = ast.parse(Path(limits.__file__).read_text(encoding="utf-8")).body
    found = {}
    for node, behind in zip(body, [*body[1:], None], strict=True):
        if not isinstance(node, ast.Assign):
            continue
        (target,) = node.targets
        assert isinstance(target, ast.Name)
        says = behind.value if isinstance(behind, ast.Expr) else None
        found[target.id] = str(says.value) if isinstance(says, ast.Constant) else ""
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_limit_is_documented_and_names_its_source(name: str) -> None:
    says = documented()[name]
    assert says.rstrip().endswith(SOURCES), f"{name}: {says!r}"


@pytest.mark.parametrize("name", NAMES)
def test_a_limit_has_its_unit_in_its_name_and_is_an_integer(name: str) -> None:
    assert UNITS.search(name) or name == "REQUEST_TRIES", name
    assert type(getattr(limits, name)) is int
    assert abs(getattr(limits, name)) <= limits.WORD_MAX


def test_depths_are_whole_steps_inside_the_mechanical_stop() -> None:
    assert 0 < limits.DEPTH_STEP_UM <= limits.DEPTH_CAP_UM <= limits.DEPTH_STOP_UM
    assert limits.DEPTH_CAP_UM % limits.DEPTH_STEP_UM == limits.DEPTH_STOP_UM % limits.DEPTH_STEP_UM == 0
    assert limits.DEPTH_TOLERANCE_UM <= limits.DEPTH_STEP_UM


def test_a_droop_is_seen_above_the_slowest_rate_ever_allowed_to_run() -> None:
    assert 0 < limits.RATE_DROOP_PERCENT < 100
    slowest_period_ms = 1_000_000 // limits.RATE_MIN_MHZ
    assert 2 * slowest_period_ms <= limits.RATE_DROOP_MS, "two strokes fit the window at the slowest rate"


def test_coil_limits_are_in_order() -> None:
    order = (limits.COIL_SENSOR_MIN_CC, limits.COIL_WARN_CC, limits.COIL_TRIP_CC, limits.COIL_SENSOR_MAX_CC)
    assert list(order) == sorted(order)


def test_a_silent_host_ends_strokes_inside_its_budget() -> None:
    """Host lease, one tick until the firmware notices, and the needle's own lease at worst."""
    assert limits.HOST_LEASE_MS + limits.LEASE_MS <= limits.BUDGET_HOST_SILENT_MS


def test_the_host_may_lose_heartbeats_without_losing_its_lease() -> None:
    assert 3 * limits.HEARTBEAT_PERIOD_MS < limits.HOST_LEASE_MS


def test_a_stop_is_repeated_before_its_absence_is_shown() -> None:
    assert 3 * limits.STOP_REPEAT_MS <= limits.STOP_CONFIRM_MS


def test_leases_are_shorter_than_what_stands_behind_them() -> None:
    assert limits.BUDGET_TRIGGER_MS < limits.LEASE_MS < limits.HOST_LEASE_MS < limits.WATCHDOG_MS


def test_a_status_cannot_be_confused_with_silence() -> None:
    assert 2 * limits.STATUS_PERIOD_MS <= limits.HOST_LEASE_MS

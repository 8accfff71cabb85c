"""Cartridge, settings and service by request: burned once, kept over power, left to an engineer."""

from __future__ import annotations

from typing import Any

import pytest

from pen_protocol import limits
from pen_protocol.faults import Event, Refusal
from pen_protocol.messages import SCHEMA_HASH
from pen_protocol.states import Condition, Flag, ServiceAction, State
from pen_sim.eeprom import Cartridge
from tests.firmware.hands import NONCE, Hands
from tests.firmware.requests import STATES, into_service


def test_another_cartridge_than_named_is_not_burned() -> None:
    hands = Hands().until_open()
    assert hands.refused("CARTRIDGE_USE", b"12345678")[0] == Refusal.CARTRIDGE
    assert hands.status()["conditions"] >> Condition.CARTRIDGE_NOT_BURNED & 1


def test_using_a_cartridge_twice_burns_it_once() -> None:
    hands = Hands().until_open()
    hands.use_cartridge()
    hands.use_cartridge()
    assert len([e for e in hands.pull_events() if e[2] == Event.CARTRIDGE_BURNED]) == 1


def test_a_used_cartridge_is_refused_in_the_next_session() -> None:
    hands = Hands().until_open()
    hands.use_cartridge()
    serial = hands.firmware.cartridge.serial
    hands.do("CLOSE_SESSION")
    hands.do("OPEN_SESSION", NONCE + 1, 9, 1_500, 0)
    hands.session = NONCE + 1
    assert hands.refused("CARTRIDGE_USE", serial) == (Refusal.CARTRIDGE, Condition.CARTRIDGE_USED)


def test_a_cartridge_is_read_by_itself_when_latched() -> None:
    hands = Hands(eeprom=None).until_idle()
    assert hands.present(Condition.CARTRIDGE_UNLATCHED)
    inserted = hands.bench.insert_cartridge(Cartridge(number=42))
    hands.run(1_500)
    assert not hands.present(Condition.CARTRIDGE_ABSENT)
    assert bytes(hands.firmware.cartridge.serial) == inserted.serial


def write(hands: Hands, version: int, cap_um: int = 1_200) -> Any:
    return hands.call("SETTINGS_WRITE", version, cap_um, 149_000, 2_000, 0, 50, 6_000, 1_800, 60_000)


def test_settings_are_written_once_and_survive_power() -> None:
    hands = Hands().until_idle()
    assert write(hands, 1).values["value"] == 1
    assert write(hands, 1).values["event_id"] == 0
    conflict = write(hands, 1, cap_um=1_300)
    assert (conflict.values["reason"], conflict.values["detail"]) == (Refusal.VERSION_CONFLICT, 1)
    assert write(hands, 3).values["reason"] == Refusal.VERSION_CONFLICT
    hands.sim.power_cycle()
    hands.until_idle()
    assert hands.do("SETTINGS_READ").values["depth_cap_um"] == 1_200
    assert hands.status()["depth_cap_um"] == 1_200


def test_settings_do_not_change_under_a_session() -> None:
    hands = Hands().until_open()
    assert write(hands, 1).values["reason"] == Refusal.SESSION_OPEN


def test_service_names_the_boot_and_needs_the_session_closed() -> None:
    hands = Hands().until_open()
    boot_id = hands.firmware.boot_id
    assert hands.refused("SERVICE", ServiceAction.ENTER_REPL, boot_id ^ 1)[0] == Refusal.WRONG_STATE
    assert hands.refused("SERVICE", ServiceAction.ENTER_REPL, boot_id)[0] == Refusal.SERVICE_LOCKED
    assert hands.refused("SERVICE", ServiceAction.CLEAR_QUARANTINE, boot_id)[0] == Refusal.SERVICE_LOCKED


@pytest.mark.parametrize("state", [State.IDLE, State.STROKING, State.STOPPED])
def test_a_reboot_is_no_fault_and_loses_no_stroke(state: int) -> None:
    hands = STATES[state](Hands())
    hands.do("SERVICE", ServiceAction.REBOOT, hands.firmware.boot_id)
    hands.beating = False
    hands.bench.release_trigger()
    strokes = sum(1 for _, signal, level in hands.sim.trace if signal == "coil" and level)
    hands.run(1_000)
    assert hands.sim.resets == 1
    hands.until_idle()
    assert hands.status()["strokes_total"] == strokes


def test_a_reboot_keeps_the_events_nobody_has_read() -> None:
    hands = Hands().until_open()
    hands.do("SET_RATE", 90_000)
    hands.do("SERVICE", ServiceAction.REBOOT, hands.firmware.boot_id)
    hands.run(1_000)
    hands.until_idle()
    codes = [event[2] for event in hands.pull_events()]
    assert Event.RATE_SET in codes
    assert Event.SERVICE in codes
    assert not hands.status()["flags"] & Flag.EVENTS_LOST


def test_the_prompt_is_reached_through_a_reset_that_starts_no_watchdog() -> None:
    """The watchdog cannot be stopped, and would reset an engineer's prompt."""
    hands = Hands().until_idle()
    hands.do("SERVICE", ServiceAction.ENTER_REPL, hands.firmware.boot_id)
    hands.run(1_000)
    assert hands.sim.at_prompt
    hands.run(3 * limits.WATCHDOG_MS)
    assert hands.sim.resets == 1
    hands.sim.reset()
    hands.run(1_000)
    assert hands.state == State.IDLE


def test_quarantine_is_cleared_by_an_engineer_only_and_only_when_dry() -> None:
    hands = Hands().until_idle()
    hands.bench.wet()
    hands.run(200)
    assert hands.firmware.supervisor.first_cause == Condition.FLUID
    boot_id = hands.firmware.boot_id
    assert hands.refused("SERVICE", ServiceAction.CLEAR_QUARANTINE, boot_id)[0] == Refusal.CAUSE_PRESENT
    hands.bench.dry()
    hands.run(3_000)
    assert hands.clear().values["reason"] == Refusal.CAUSE_PRESENT
    hands.sim.power_cycle()
    hands.run(500)
    hands.do("HELLO", SCHEMA_HASH, 5)
    assert hands.firmware.supervisor.first_cause == Condition.FLUID
    hands.do("SERVICE", ServiceAction.CLEAR_QUARANTINE, hands.firmware.boot_id)
    assert hands.clear().name == "DONE"


def test_telemetry_comes_at_the_rate_asked_for() -> None:
    hands = Hands().until_idle()
    hands.do("SET_TELEMETRY", 50)
    hands.frames.clear()
    hands.run(2_000)
    count = len([f for f in hands.frames if f.name == "TELEMETRY"])
    assert 80 <= count <= 101
    hands.do("SET_TELEMETRY", 0)
    hands.frames.clear()
    hands.run(500)
    assert not [f for f in hands.frames if f.name == "TELEMETRY"]


def test_a_stop_amid_service_is_not_cleared_before_the_reset() -> None:
    hands = into_service(Hands())
    stopped = hands.do("STOP", 0).values
    assert stopped["state"] == State.STOPPED
    cause = (stopped["first_cause"], stopped["cause_event"])
    assert hands.refused("CLEAR_FAULT", *cause, 1) == (Refusal.SERVICE_LOCKED, State.STOPPED)
    hands.run(2_000)
    assert hands.sim.resets == 1

"""Every request and state there is, values that fit them, and what a request that was not executed must not change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pen_protocol import messages
from pen_protocol.messages import SCHEMA_HASH, TABLE, Kind
from pen_protocol.states import ServiceAction, State
from tests.firmware.hands import DEPTH_UM, RATE_MHZ, Hands

REQUESTS = [m for m in TABLE if m.kind in (Kind.QUERY, Kind.COMMAND, Kind.LINK) and m.name != "HEARTBEAT"]
COMMANDS = [m for m in REQUESTS if m.kind == Kind.COMMAND]

STATES: dict[int, Callable[[Hands], Hands]] = {
    State.BOOT: lambda hands: hands,
    State.IDLE: Hands.until_open,
    State.ARMING: Hands.until_arming,
    State.ARMED: Hands.until_armed,
    State.STROKING: Hands.until_stroking,
    State.STOPPED: Hands.until_stopped,
    State.SERVICE: lambda hands: into_service(hands),
}


def into_service(hands: Hands) -> Hands:
    hands.until_idle()
    hands.do("SERVICE", ServiceAction.ENTER_REPL, hands.firmware.boot_id)
    assert hands.state == State.SERVICE
    return hands


def values_of(message: messages.Message, hands: Hands) -> list[Any]:
    """Values that fit the table and, where they can, the pen."""
    fitting = {
        "schema_hash": SCHEMA_HASH,
        "boot_id": hands.firmware.boot_id,
        "nonce": 99,
        "serial": bytes(hands.firmware.cartridge.serial),
        "depth_um": DEPTH_UM,
        "rate_mhz": RATE_MHZ,
        "version": 1,
        "cause": max(hands.firmware.supervisor.first_cause, 1),
        "event_id": hands.firmware.supervisor.cause_event,
        "action": ServiceAction.CLEAR_QUARANTINE,
        "depth_cap_um": 1_000,
        "rate_max_mhz": 140_000,
        "unlock_reason": 0,
    }
    return [
        fitting.get(field.name, b"" if field.holds_bytes else max(field.low, 1)) for field in message.fields
    ]


def session_state(hands: Hands) -> tuple[Any, ...]:
    """What a request that was not executed must not change."""
    pen = hands.firmware
    s = pen.session
    return (
        *(s.nonce, s.depth_um, s.depth_set, s.rate_mhz, s.rate_set, s.depth_cap_um, s.rate_max_mhz),
        *(s.armed_max_s, s.stroking_max_ms, pen.supervisor.state, pen.settings.values(), pen.events.next_id),
    )

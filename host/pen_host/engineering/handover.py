"""Asks a running firmware to leave for its prompt. It does so disarmed and with no session open, outputs low, or refuses."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

from pen_protocol import limits, messages
from pen_protocol.faults import Refusal
from pen_protocol.states import ServiceAction, State
from pen_protocol.version import PROTOCOL_VERSION

from ..advice import refusal_sentence
from ..errors import NotAPenError, RefusedError, SchemaMismatchError, TransportLostError
from ..link import frames
from ..outcomes import Value
from ..transport import Transport

PATIENCE_S = 2.0
"""How long a firmware is given to answer. One that hangs is reset by its watchdog sooner."""
SILENCE_SHARE = 0.25
"""Silent for this share of the patience, a firmware that sends STATUS all the time has left."""
_RETRY_S = limits.REQUEST_RETRY_MS / 1000
_HELLO_SEQUENCE = 1
_SERVICE_SEQUENCE = 2


@dataclass(frozen=True)
class Running:
    """The firmware that answered and left."""

    serial: str
    firmware: str


def ask_for_prompt(transport: Transport, patience_s: float = PATIENCE_S) -> Running | None:
    """Bring a running firmware to its prompt; None when no firmware answers (it may be at its prompt already).

    A firmware built from other message tables is asked all the same: flashing is the way out of that mismatch.

    Args:
        transport: An open way to the pen.
        patience_s: Time for each of the two questions.

    Raises:
        RefusedError: The pen is armed or has a session open.
        NotAPenError: What answered is another product.
        SchemaMismatchError: The firmware speaks another version of the wire and would not understand.
        TransportLostError: The connection broke.
    """
    nonce = secrets.randbelow(limits.WORD_MAX) + 1
    greeting = {"schema_hash": messages.SCHEMA_HASH, "host_nonce": nonce}
    hello = frames.encode(messages.HELLO, _HELLO_SEQUENCE, 0, greeting)
    identity = _ask(transport, hello, _HELLO_SEQUENCE, patience_s)
    if identity is None or identity.number != messages.IDENTITY:
        return None
    running = _recognise(identity)
    wish = {"action": ServiceAction.ENTER_REPL, "boot_id": identity.values["boot_id"]}
    service = frames.encode(messages.SERVICE, _SERVICE_SEQUENCE, 0, wish)
    answer = _ask(transport, service, _SERVICE_SEQUENCE, patience_s)
    if answer is not None and answer.number == messages.REFUSED and not _leaves_already(answer.values):
        raise _refused(answer.values)
    _let_it_leave(transport, patience_s)
    return running


def _leaves_already(refused: Mapping[str, Value]) -> bool:
    """The answer to an earlier sending was lost: the pen is on its way."""
    return (refused["reason"], refused["detail"]) == (Refusal.WRONG_STATE, State.SERVICE)


def _let_it_leave(transport: Transport, patience_s: float) -> None:
    """Wait until the firmware has fallen silent; its reset may take the port away under us, which is well."""
    end_s = time.monotonic() + patience_s
    with contextlib.suppress(TransportLostError):
        while time.monotonic() < end_s and transport.read(patience_s * SILENCE_SHARE):
            pass


def _ask(transport: Transport, request: bytes, sequence: int, patience_s: float) -> frames.Frame | None:
    """Send a request again and again until its answer comes; None when it does not."""
    reader = frames.FrameReader()
    end_s = time.monotonic() + patience_s
    while (now_s := time.monotonic()) < end_s:
        transport.write(request)
        again_s = min(now_s + _RETRY_S, end_s)
        while (left_s := again_s - time.monotonic()) > 0:
            for frame, _body in reader.feed(transport.read(left_s)):
                if frame.sequence == sequence and _is_answer(frame):
                    return frame
    return None


def _is_answer(frame: frames.Frame) -> bool:
    return frame.number in (messages.IDENTITY, messages.DONE, messages.REFUSED)


def _recognise(identity: frames.Frame) -> Running:
    values = identity.values
    if values["product"] != messages.PRODUCT:
        raise NotAPenError(
            "The device on this port answers like a pen but says it is another product, so nothing was written to it. "
            "Connect the pen, or name its port."
        )
    firmware = ".".join(str(values[part]) for part in ("fw_major", "fw_minor", "fw_patch"))
    if identity.version != PROTOCOL_VERSION:
        raise SchemaMismatchError(
            f"The pen's firmware {firmware} speaks protocol {identity.version}, this program {PROTOCOL_VERSION}, so it "
            "cannot be asked to make way; it goes on running and nothing was written. Flash it with the release of "
            f"derma-pen it was built from ({firmware}) up to one that speaks both, or hold BOOTSEL while connecting and "
            "put MicroPython on it anew."
        )
    return Running(bytes(values["serial"]).hex(), firmware)


def _refused(values: Mapping[str, Value]) -> RefusedError:
    why = refusal_sentence(messages.SERVICE, int(values["reason"]), int(values["detail"]))
    return RefusedError(
        f"{why} The pen keeps its firmware and nothing was written. End the treatment (disarm, close the session), "
        "then flash again."
    )

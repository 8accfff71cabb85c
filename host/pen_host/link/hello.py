"""The handshake: HELLO with our nonce, IDENTITY that echoes it, the comparison of message tables.

HELLO is said again when the pen falls silent: one that restarted says nothing until it is greeted.
"""

from __future__ import annotations

from collections.abc import Mapping

from pen_protocol import limits, messages
from pen_protocol.version import PROTOCOL_VERSION

from ..outcomes import Value
from . import events
from .frames import Frame

RETRY_S = limits.REQUEST_RETRY_MS / 1000
TRIES = limits.WATCHDOG_MS // limits.REQUEST_RETRY_MS
"""Greetings before it is said that nobody is there: a pen that writes its flash, or is reset by its watchdog, answers by then.

Greeting is harmless, so there is more patience than with a request, whose outcome must be known. (J)
"""
SILENCE_S = 5 * limits.STATUS_PERIOD_MS / 1000
"""No frame for this long after the handshake: the pen restarted, hangs, or the cable is out."""


class Handshake:
    """Who is on the other side, and whether it still is."""

    def __init__(self) -> None:
        self.identity: Mapping[str, Value] | None = None
        self._nonce = 0
        self._active = False
        self._tries = 0
        self._due_s = 0.0
        self._heard_s = 0.0

    def start(self, now_s: float, nonce: int) -> None:
        """Greet anew with `nonce`."""
        self._nonce = nonce
        self._active = True
        self._tries = 0
        self._due_s = now_s

    def say(self, now_s: float) -> Mapping[str, Value]:
        """Values of the HELLO that is sent now."""
        self._tries += 1
        self._due_s = now_s + RETRY_S
        return {"schema_hash": messages.SCHEMA_HASH, "host_nonce": self._nonce}

    def heard(self, now_s: float) -> None:
        """A frame came."""
        self._heard_s = now_s

    def doubt(self, now_s: float) -> None:
        """Something came that our pen would not say: ask who is there."""
        if not self._active:
            self.start(now_s, self._nonce % limits.WORD_MAX + 1)

    def due(self, now_s: float) -> bool:
        """Whether HELLO is to be said now."""
        return self._active and now_s >= self._due_s

    def tick(self, now_s: float) -> events.HelloUnanswered | events.PenSilent | None:
        """Ends a first greeting that nobody answers; greets a known pen that fell silent, as long as it takes."""
        if self.identity is None:
            if self._active and self._tries >= TRIES and now_s >= self._due_s:
                self._active = False
                return events.HelloUnanswered(self._tries)
            return None
        if self._active or now_s < self._heard_s + SILENCE_S:
            return None
        self.doubt(now_s)
        return events.PenSilent(now_s - self._heard_s)

    def answer(self, frame: Frame, now_s: float) -> events.IdentityReceived | events.Mismatch | None:
        """What an IDENTITY means; None when it answers another greeting than ours."""
        if not self._active or frame.values["host_nonce"] != self._nonce:
            return None
        self._active = False
        complaint = _complaint(frame)
        if complaint is not None:
            self.identity = None  # also of a pen that was flashed meanwhile
            return complaint
        self.identity = frame.values
        return events.IdentityReceived(frame.values, now_s)

    def next_deadline(self) -> float:
        """When something is due, infinity for never."""
        if self._active:
            return self._due_s
        return float("inf") if self.identity is None else self._heard_s + SILENCE_S


def _complaint(frame: Frame) -> events.Mismatch | None:
    values = frame.values
    if values["product"] != messages.PRODUCT:
        return events.Mismatch(
            "The device answers like a pen but says it is another product, so nothing but a greeting was sent to it. "
            "Connect the pen, or name its port.",
            is_pen=False,
        )
    if frame.version == PROTOCOL_VERSION and values["schema_hash"] == messages.SCHEMA_HASH:
        return None
    firmware = ".".join(str(int(values[part])) for part in ("fw_major", "fw_minor", "fw_patch"))
    name, table = bytes(values["serial"]).hex(), int(values["schema_hash"])
    return events.Mismatch(
        f"This program speaks protocol {PROTOCOL_VERSION} with message table {messages.SCHEMA_HASH:08x}; pen {name} "
        f"with firmware {firmware} speaks protocol {frame.version} with message table {table:08x}. "
        "The pen stays idle and takes no command from this program. Flash the firmware of this program's release "
        "(pen fw flash), or run the program of the pen's release.",
        is_pen=True,
    )

"""A host made of frames only: no retries, no threads, no view of its own. What the rig's tests talk to the pen with."""

from __future__ import annotations

from typing import Any

from pen_protocol import messages
from pen_protocol.codec import header_number, header_sequence, pack_payload, put_header, unpack_payload
from pen_protocol.framing import Decoder, Encoder
from pen_sim.rig import SimPen

NONCE = 4711


class RawHost:
    """Sends requests by name and waits for their answers in simulated time, with a heartbeat while asked to."""

    def __init__(self, pen: SimPen) -> None:
        self.pen = pen
        self.sequence = 0
        self.session = 0
        self.beats = 0
        self.beating = False
        self.status: dict[str, Any] = {}
        self.seen: list[tuple[str, int, dict[str, Any]]] = []
        self._encoder = Encoder()
        self._decoder = Decoder()
        self._beat_at_us = 0

    def frame(self, name: str, sequence: int, **values: Any) -> bytes:
        """One frame on the wire."""
        message = messages.BY_NAME[name]
        put_header(self._encoder.body, message.number, sequence, self.session)
        length = pack_payload(
            self._encoder.body, message.number, tuple(values[f.name] for f in message.fields)
        )
        return bytes(self._encoder.wire[: self._encoder.finish(length)])

    def send(self, name: str, **values: Any) -> int:
        """Send with the next sequence number, which is returned."""
        self.sequence += 1
        self.pen.stream.write(self.frame(name, self.sequence, **values))
        return self.sequence

    def ask(self, name: str, limit_ms: int = 500, **values: Any) -> tuple[str, dict[str, Any]]:
        """Send and wait for the answer; ACCEPTED is waited through. ("", {}) when none came."""
        sequence = self.send(name, **values)
        until_us = self.pen.now_us + limit_ms * 1_000
        while self.pen.now_us < until_us:
            self.run_ms(5)
            for seen_name, seen_sequence, seen_values in self.seen:
                if seen_sequence != sequence or (
                    seen_name == "STATUS" and name not in ("GET_STATUS", "STOP")
                ):
                    continue
                if seen_name == "ACCEPTED":
                    until_us = self.pen.now_us + seen_values["budget_ms"] * 1_000
                    continue
                return seen_name, seen_values
            self.seen.clear()
        return "", {}

    def done(self, name: str, **values: Any) -> dict[str, Any]:
        """Ask and insist on an answer that is no refusal."""
        answer, fields = self.ask(name, **values)
        assert answer not in ("", "REFUSED"), f"{name}: {answer or 'no answer'} {fields} status {self.status}"
        return fields

    def run_ms(self, duration_ms: int) -> None:
        """Let time pass, beating and listening."""
        until_us = self.pen.now_us + duration_ms * 1_000
        while self.pen.now_us < until_us:
            if self.beating and self.pen.now_us >= self._beat_at_us:
                self.beats += 1
                self.pen.stream.write(self.frame("HEARTBEAT", 0, count=self.beats))
                self._beat_at_us = self.pen.now_us + 80_000
            self.pen.advance_to(min(until_us, self.pen.now_us + 5_000))
            self.listen()

    def listen(self) -> None:
        """Take in what has arrived."""
        data = self.pen.stream.read()
        at = 0
        while at < len(data):
            at = self._decoder.feed(data, at, len(data))
            if self._decoder.length:
                self._take(bytes(self._decoder.frame[: self._decoder.length]))

    def _take(self, frame: bytes) -> None:
        message = messages.BY_NUMBER[header_number(frame)]
        names = [f.name for f in message.fields]
        values = dict(zip(names, unpack_payload(message, frame), strict=True))
        if message.name == "STATUS":
            self.status = values
        self.seen.append((message.name, header_sequence(frame), values))

    # --- the way to strokes -------------------------------------------------------------------------------------------

    def hello(self) -> dict[str, Any]:
        """HELLO until the self-test is over."""
        self.run_ms(400)
        identity = self.done("HELLO", schema_hash=messages.SCHEMA_HASH, host_nonce=1)
        self.run_ms(50)
        return identity

    def open_session(self) -> None:
        """A session at the default cap."""
        self.session = 0
        self.done("OPEN_SESSION", nonce=NONCE, operator=1, depth_cap_um=1_500, unlock_reason=0)
        self.session = NONCE

    def ready(self, depth_um: int = 750, rate_mhz: int = 100_000) -> None:
        """Everything up to the trigger: session, home, cartridge, set-points, arm."""
        self.hello()
        self.open_session()
        self.done("HOME")
        serial = self.done("CARTRIDGE_READ")["serial"]
        self.done("CARTRIDGE_USE", serial=serial)
        self.done("SET_DEPTH", depth_um=depth_um)
        self.done("SET_RATE", rate_mhz=rate_mhz)
        self.done("ARM", depth_um=depth_um, rate_mhz=rate_mhz, plan_hash=0)
        self.beating = True
        self.run_ms(100)

    def stroke_ms(self, duration_ms: int) -> None:
        """Hold the trigger."""
        self.pen.bench.press_trigger()
        self.run_ms(duration_ms)
        self.pen.bench.release_trigger()
        self.run_ms(100)

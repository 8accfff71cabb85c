"""The least host an emulated pen can be asked with: frames over its USB stream, answers by sequence, heartbeats.

Waits are counted in the chip's time, so a slow machine changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hil_tests.chip import ChipPen
from pen_protocol import codec, limits, messages
from pen_protocol.framing import Decoder, Encoder

STEP_MS = 3.0
ANSWER_MS = 400.0
"""An answer is due within this; the emulated USB makes Python code look slow."""
_ANSWERS_LAST = {messages.DONE, messages.REFUSED}


class Answer:
    """One message from the pen: its name and its fields as attributes."""

    def __init__(self, message: messages.Message, values: tuple[Any, ...]) -> None:
        self.name = message.name
        self.values = {field.name: value for field, value in zip(message.fields, values, strict=True)}

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(name) from None

    def __repr__(self) -> str:
        return f"{self.name} {self.values}"


class ChipClient:
    """Requests one at a time; STATUS and TELEMETRY are kept as they come."""

    def __init__(self, pen: ChipPen) -> None:
        self.pen = pen
        self.session = 0
        self.status: Answer | None = None
        self.notices: list[Answer] = []
        self.decoder = Decoder()
        self.raw = bytearray()
        """Every byte since it was last cleared: what a guest prints between frames."""
        self._encoder = Encoder()
        self._sequence = 0
        self._answers: dict[int, list[Answer]] = {}
        self._beats = 0
        self._end_beats: Callable[[], None] | None = None

    def hello(self, tries: int = 20) -> Answer:
        """Ask who it is until it answers."""
        for _ in range(tries):
            answer = self.request("HELLO", wait_ms=150.0, schema_hash=messages.SCHEMA_HASH, host_nonce=7)
            if answer is not None:
                return answer
        raise AssertionError("the pen did not answer HELLO")

    def request(self, name: str, *, wait_ms: float = ANSWER_MS, **values: Any) -> Answer | None:
        """Send a request and wait for its last answer; None when none came in time. ACCEPTED lengthens the wait."""
        self._sequence += 1
        sequence = self._sequence
        self.pen.write(self._frame(self._encoder, name, sequence, values))
        until_ms = self.pen.now_ms + wait_ms
        while self.pen.now_ms < until_ms:
            self.pen.run_ms(STEP_MS)
            self.poll()
            for answer in self._answers.pop(sequence, []):
                if answer.name != "ACCEPTED":
                    return answer
                until_ms = self.pen.now_ms + answer.budget_ms + wait_ms
        return None

    def done(self, name: str, **values: Any) -> Answer:
        """A request that must be DONE."""
        answer = self.request(name, **values)
        assert answer is not None, f"{name} was not answered"
        assert answer.name == "DONE", f"{name}: {answer}"
        return answer

    def open_session(self, nonce: int = 4711) -> None:
        """Open a session and keep it with heartbeats."""
        self.done("OPEN_SESSION", nonce=nonce, operator=1, depth_cap_um=limits.DEPTH_CAP_UM, unlock_reason=0)
        self.session = nonce
        encoder = Encoder()

        def beat() -> None:
            self._beats += 1
            self.pen.write_now(self._frame(encoder, "HEARTBEAT", 0, {"count": self._beats}))

        self._end_beats = self.pen.every_ns(limits.HEARTBEAT_PERIOD_MS * 1_000_000, beat)

    def fall_silent(self) -> None:
        """Send no further heartbeat."""
        if self._end_beats:
            self._end_beats()

    def wait_for(self, condition: Callable[[Answer], bool], limit_ms: float) -> bool:
        """Live on until a STATUS satisfies `condition`; False when none did in time."""
        until_ms = self.pen.now_ms + limit_ms
        while self.pen.now_ms < until_ms:
            self.pen.run_ms(STEP_MS)
            self.poll()
            if self.status is not None and condition(self.status):
                return True
        return False

    def get_status(self) -> Answer:
        """A STATUS asked for now."""
        answer = self.request("GET_STATUS")
        assert answer is not None, "GET_STATUS was not answered"
        return answer

    def poll(self) -> None:
        """Take in what has come."""
        data = self.pen.read()
        self.raw += data
        at = 0
        while at < len(data):
            at = self.decoder.feed(data, at, len(data))
            if self.decoder.length:
                self._take(bytes(self.decoder.frame[: self.decoder.length]))

    def _take(self, frame: bytes) -> None:
        message = messages.BY_NUMBER[codec.header_number(frame)]
        answer = Answer(message, codec.unpack_payload(message, frame))
        if answer.name == "STATUS":
            self.status = answer
        if answer.name in ("STATUS", "TELEMETRY"):
            self.notices.append(answer)
        sequence = codec.header_sequence(frame)
        if sequence:
            self._answers.setdefault(sequence, []).append(answer)

    def _frame(self, encoder: Encoder, name: str, sequence: int, values: dict[str, Any]) -> bytes:
        message = messages.BY_NAME[name]
        codec.put_header(encoder.body, message.number, sequence, self.session)
        ordered = tuple(values[field.name] for field in message.fields)
        length = codec.pack_payload(encoder.body, message.number, ordered)
        return bytes(encoder.wire[: encoder.finish(length)])

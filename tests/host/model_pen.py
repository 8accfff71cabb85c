"""A pen reduced to its manners on the wire, for tests of the link alone, and a wire that behaves badly.

It decides nothing about needles: it executes each command once per sequence number, answers repeats from a small cache, and says
what it did in `executed`. Everything above the link is tested against the real firmware.
"""

from __future__ import annotations

import random
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from pen_host.link import Frame, FrameReader, encode
from pen_host.link.core import Link
from pen_host.link.events import Event
from pen_host.names import Fault, Refusal, State
from pen_host.outcomes import Value
from pen_protocol import codec, framing, limits, messages

LONG = {messages.HOME, messages.SET_DEPTH}
LONG_S = 1.2


def wire_of(number: int, sequence: int, session: int, values: dict[str, Value], version: int = 1) -> bytes:
    """Bytes of a frame of the pen; the version may be another one."""
    message = messages.BY_NUMBER[number]
    encoder = framing.Encoder()
    codec.put_header(encoder.body, number, sequence, session)
    encoder.body[0] = version
    length = codec.pack_payload(encoder.body, number, [values[field.name] for field in message.fields])
    return bytes(encoder.wire[: encoder.finish(length)])


class ModelPen:
    """Answers frames. Time is what the caller says."""

    def __init__(self, boot_id: int = 7, version: int = 1, schema: int = messages.SCHEMA_HASH) -> None:
        self.boot_id = boot_id
        self.version = version
        self.schema = schema
        self.product = messages.PRODUCT
        self.state = int(State.IDLE)
        self.session = 0
        self.last_seq = 0
        self.deaf = False
        self.greeted = False
        self.executed: list[tuple[str, int, int]] = []
        self.heartbeats: list[int] = []
        self.stops = 0
        self.output = bytearray()
        self._reader = FrameReader()
        self._cache: OrderedDict[int, tuple[bytes, bytes]] = OrderedDict()
        self._running: tuple[Frame, bytes, float] | None = None
        self._status_due_s = 0.0
        self._now_s = 0.0

    def restart(self) -> None:
        """As after a watchdog reset."""
        self.__init__(self.boot_id + 1, self.version, self.schema)  # type: ignore[misc]

    def step(self, data: bytes, now_s: float) -> bytes:
        """Take bytes, let time pass, give bytes."""
        self._now_s = now_s
        for frame, body in self._reader.feed(data):
            if not self.deaf:
                self._take(frame, body)
        if self._running is not None and now_s >= self._running[2]:
            frame, body, _ = self._running
            self._running = None
            self._decide(frame, body, self._done(frame))
        if self.greeted and not self.deaf and now_s >= self._status_due_s:
            self._status_due_s = now_s + limits.STATUS_PERIOD_MS / 1000
            self.send_status(0)
        out = bytes(self.output)
        self.output.clear()
        return out

    def send_status(self, sequence: int) -> None:
        values: dict[str, Value] = {field.name: 0 for field in messages.BY_NAME["STATUS"].fields}
        values |= {
            "uptime_ms": int(self._now_s * 1000) & 0x3FFFFFFF,
            "boot_id": self.boot_id,
            "session_nonce": self.session,
            "last_seq": self.last_seq,
            "state": self.state,
        }
        self.output += wire_of(messages.STATUS, sequence, self.session, values)

    def _take(self, frame: Frame, body: bytes) -> None:
        number = frame.number
        if number == messages.HELLO:
            self.greeted = True
            self._send_identity(frame)
        elif number == messages.STOP:
            self.stops += 1
            self.state = int(State.STOPPED)
            self._abort()
            self.send_status(frame.sequence)
        elif number == messages.GET_STATUS:
            self.send_status(frame.sequence)
        elif number == messages.HEARTBEAT:
            self.heartbeats.append(int(frame.values["count"]))
        elif number == messages.OPEN_SESSION:
            self._open_session(frame)
        else:
            self._command(frame, body)

    def _send_identity(self, frame: Frame) -> None:
        values: dict[str, Value] = {
            "product": self.product,
            "schema_hash": self.schema,
            "host_nonce": frame.values["host_nonce"],
            "boot_id": self.boot_id,
            "serial": b"\x00\x01\x02\x03\x04\x05\x06\x07",
            "fw_major": 9,
            "fw_minor": 8,
            "fw_patch": 7,
            "reset_cause": 1,
            "runtime": b"model" + bytes(7),
        }
        self.output += wire_of(messages.IDENTITY, frame.sequence, frame.session, values, self.version)

    def _open_session(self, frame: Frame) -> None:
        nonce = int(frame.values["nonce"])
        if self.session and self.session != nonce:
            self.output += self._refused(frame, Refusal.SESSION_OPEN, 0)
            return
        if self.session != nonce:
            self.executed.append(("OPEN_SESSION", frame.session, frame.sequence))
            self._cache.clear()
        self.session = nonce
        self.last_seq = frame.sequence
        self.output += self._done(frame)

    def _command(self, frame: Frame, body: bytes) -> None:
        if not self.session or frame.session != self.session:
            reason = Refusal.WRONG_SESSION if self.session else Refusal.NO_SESSION
            self.output += self._refused(frame, reason, 0)
            return
        if self._running is not None and self._running[0].sequence == frame.sequence:
            self._accept(frame)
            return
        ahead = (frame.sequence - self.last_seq) & 0xFFFF
        if not 0 < ahead < 0x8000:
            self._repeat(frame, body)
            return
        self.last_seq = frame.sequence
        if self.state == State.STOPPED:
            self._decide(frame, body, self._refused(frame, Refusal.STOPPED, Fault.STOP_COMMAND))
        elif self._running is not None and frame.number != messages.DISARM:
            self._decide(frame, body, self._refused(frame, Refusal.BUSY, self._running[0].number))
        elif frame.number in LONG:
            self.executed.append((frame.name, frame.session, frame.sequence))
            self._running = (frame, body, self._now_s + LONG_S)
            self._accept(frame)
        else:
            self.executed.append((frame.name, frame.session, frame.sequence))
            self._abort()
            self._decide(frame, body, self._done(frame))

    def _repeat(self, frame: Frame, body: bytes) -> None:
        cached = self._cache.get(frame.sequence)
        if cached is None:
            self.output += self._refused(frame, Refusal.STALE_SEQUENCE, self.last_seq)
        elif cached[0] != body:
            self.output += self._refused(frame, Refusal.SEQUENCE_REUSED, 0)
        else:
            self.output += cached[1]

    def _abort(self) -> None:
        if self._running is not None:
            frame, body, _ = self._running
            self._running = None
            self._decide(frame, body, self._refused(frame, Refusal.ABORTED, Fault.STOP_COMMAND))

    def _decide(self, frame: Frame, body: bytes, answer: bytes) -> None:
        self._cache[frame.sequence] = (body, answer)
        while len(self._cache) > 4:
            self._cache.popitem(last=False)
        self.output += answer

    def _accept(self, frame: Frame) -> None:
        values: dict[str, Value] = {"request": frame.number, "budget_ms": int(LONG_S * 1000) + 200}
        self.output += encode(messages.ACCEPTED, frame.sequence, frame.session, values)

    def _done(self, frame: Frame) -> bytes:
        values: dict[str, Value] = {"request": frame.number, "value": 0, "event_id": 0}
        return encode(messages.DONE, frame.sequence, frame.session, values)

    def _refused(self, frame: Frame, reason: int, detail: int) -> bytes:
        values: dict[str, Value] = {"request": frame.number, "reason": int(reason), "detail": int(detail)}
        return encode(messages.REFUSED, frame.sequence, frame.session, values)


@dataclass
class Manners:
    """How badly one direction of a wire behaves; shares are 0 to 1."""

    lose: float = 0.0
    double: float = 0.0
    corrupt: float = 0.0
    delay_s: float = 0.0
    one_by_one: bool = False
    reorder: float = 0.0


@dataclass
class BadWire:
    """One direction. What is put in comes out late, twice, damaged, in another order, or never."""

    manners: Manners
    rng: random.Random
    waiting: deque[tuple[float, bytes]] = field(default_factory=deque)

    def put(self, data: bytes, now_s: float) -> None:
        if not data or self.rng.random() < self.manners.lose:
            return
        if self.rng.random() < self.manners.corrupt:
            at = self.rng.randrange(len(data))
            data = data[:at] + bytes([data[at] ^ 1 << self.rng.randrange(8)]) + data[at + 1 :]
        for _ in range(2 if self.rng.random() < self.manners.double else 1):
            entry = (now_s + self.rng.random() * self.manners.delay_s, data)
            if self.waiting and self.rng.random() < self.manners.reorder:
                self.waiting.appendleft(entry)
            else:
                self.waiting.append(entry)

    def take(self, now_s: float) -> list[bytes]:
        pieces = []
        while self.waiting and self.waiting[0][0] <= now_s:
            pieces.append(self.waiting.popleft()[1])
        if self.manners.one_by_one:
            return [bytes([byte]) for piece in pieces for byte in piece]
        return pieces


class Bench:
    """A link, a model pen and a wire each way, stepped together in fake time."""

    STEP_S = 0.005

    def __init__(self, manners: Manners | None = None, seed: int = 0, first_sequence: int = 0) -> None:
        rng = random.Random(seed)
        self.manners = manners or Manners()
        self.pen = ModelPen()
        self.link = Link(first_sequence)
        self.now_s = 100.0
        self.events: list[Event] = []
        self.may_beat = False
        self._down = BadWire(self.manners, rng)
        self._up = BadWire(self.manners, rng)

    def step(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.now_s += self.STEP_S
            self._once()

    def _once(self) -> None:
        for piece in self._up.take(self.now_s):
            self.link.receive(piece, self.now_s)
        self.link.tick(self.now_s, self.may_beat)
        assert self.link.next_deadline() > self.now_s, (
            "what is due was done: an owner that waits for it does not spin"
        )
        self.collect()
        while (wire := self.link.next_output()) is not None:
            self._down.put(wire, self.now_s)
        arrived = self._down.take(self.now_s)
        for piece in arrived or [b""]:
            for answer in split(self.pen.step(piece, self.now_s)):
                self._up.put(answer, self.now_s)

    def collect(self) -> None:
        while (event := self.link.next_event()) is not None:
            self.events.append(event)

    def greet(self) -> None:
        self.link.hello(self.now_s, 4711)
        self.step(0.05)

    def of(self, kind: type) -> list[Event]:
        self.collect()
        return [event for event in self.events if isinstance(event, kind)]


def split(stream: bytes) -> list[bytes]:
    """Frames of a stream, one by one: 0x00 stands before and after each."""
    return [b"\x00" + piece + b"\x00" for piece in stream.split(b"\x00") if piece]

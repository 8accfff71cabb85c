"""A host as small as can be: speaks the wire to a simulated pen, in simulated time, and remembers every frame."""

from __future__ import annotations

from typing import Any, NamedTuple

from pen_protocol import codec, framing, messages
from pen_protocol.messages import BY_NAME, BY_NUMBER, SCHEMA_HASH
from pen_protocol.states import Condition, State
from pen_sim.rig import SimPen

PASS_MS = 5
HEARTBEAT_MS = 80
NONCE = 4711
DEPTH_UM = 750
RATE_MHZ = 100_000
FINAL = {"DONE", "REFUSED", "IDENTITY", "STATUS", "EVENTS", "SETTINGS", "CARTRIDGE"}


class Frame(NamedTuple):
    name: str
    sequence: int
    session: int
    values: dict[str, Any]


def parse(frame: bytes) -> Frame:
    message = BY_NUMBER[codec.header_number(frame)]
    names = [field.name for field in message.fields]
    values = dict(zip(names, codec.unpack_payload(message, frame), strict=True))
    return Frame(message.name, codec.header_sequence(frame), codec.header_session(frame), values)


class Hands:
    """Requests, heartbeats and simulated time for one pen. `frames` holds everything the pen has said."""

    def __init__(self, pen: SimPen | None = None, **kwargs: Any) -> None:
        self.sim = pen if pen is not None else SimPen(**kwargs)
        self.bench = self.sim.bench
        self.sequence = 100
        self.session = 0
        self.beating = False
        self.frames: list[Frame] = []
        self._beats = 0
        self._beat_due_us = 0
        self._encoder = framing.Encoder()
        self._decoder = framing.Decoder()

    @property
    def firmware(self) -> Any:
        return self.sim.pen

    def encode(self, name: str, *values: Any, sequence: int, session: int) -> bytes:
        number = BY_NAME[name].number
        codec.put_header(self._encoder.body, number, sequence, session)
        return bytes(
            self._encoder.wire[: self._encoder.finish(codec.pack_payload(self._encoder.body, number, values))]
        )

    def raw(self, body: bytes) -> None:
        """Send a frame of any content: header and payload as given."""
        self._encoder.body[: len(body)] = body
        self.sim.stream.write(bytes(self._encoder.wire[: self._encoder.finish(len(body))]))

    def send(self, name: str, *values: Any, sequence: int | None = None, session: int | None = None) -> int:
        """Send a request; its sequence number."""
        if sequence is None:
            self.sequence += 1
            sequence = self.sequence
        session = self.session if session is None else session
        self.sim.stream.write(self.encode(name, *values, sequence=sequence, session=session))
        return sequence

    def run(self, duration_ms: int) -> None:
        """Let simulated time pass, with heartbeats while `beating`."""
        end_us = self.sim.now_us + duration_ms * 1_000
        while self.sim.now_us < end_us:
            if self.beating and self.sim.now_us >= self._beat_due_us:
                self.beat()
                self._beat_due_us = self.sim.now_us + HEARTBEAT_MS * 1_000
            self.sim.advance_ms(PASS_MS)
            self.listen()

    def beat(self) -> None:
        self._beats += 1
        self.send("HEARTBEAT", self._beats, sequence=0)

    def listen(self) -> None:
        data = self.sim.stream.read()
        at = 0
        while at < len(data):
            at = self._decoder.feed(data, at, len(data))
            if self._decoder.length:
                self.frames.append(parse(bytes(self._decoder.frame[: self._decoder.length])))

    def answers(self, sequence: int) -> list[Frame]:
        return [frame for frame in self.frames if frame.sequence == sequence]

    def finals(self, sequence: int) -> list[Frame]:
        return [frame for frame in self.answers(sequence) if frame.name in FINAL]

    def call(self, name: str, *values: Any, limit_ms: int = 12_000, **kwargs: Any) -> Frame:
        """Send a request and wait for its final answer, which is not kept in `frames`."""
        self.listen()
        start = len(self.frames)
        sequence = self.send(name, *values, **kwargs)
        for _ in range(limit_ms // PASS_MS):
            self.run(PASS_MS)
            for frame in self.frames[start:]:
                if frame.sequence == sequence and frame.name in FINAL:
                    return frame
        raise AssertionError(f"{name} was not answered in {limit_ms} ms")

    def do(self, name: str, *values: Any, **kwargs: Any) -> Frame:
        """A request that must be done."""
        answer = self.call(name, *values, **kwargs)
        assert answer.name != "REFUSED", (name, answer.values)
        return answer

    def refused(self, name: str, *values: Any, **kwargs: Any) -> tuple[int, int]:
        """A request that must be refused: reason and detail."""
        answer = self.call(name, *values, **kwargs)
        assert answer.name == "REFUSED", (name, answer)
        return answer.values["reason"], answer.values["detail"]

    def status(self) -> dict[str, Any]:
        return self.do("GET_STATUS").values

    @property
    def state(self) -> int:
        state: int = self.firmware.supervisor.state
        return state

    def present(self, condition: int) -> bool:
        return bool(self.firmware.conditions >> condition & 1)

    def pull_events(self) -> list[tuple[int, ...]]:
        """All unread events, oldest first: (id, time, code, arg, value, strokes, contact)."""
        import struct

        events: list[tuple[int, ...]] = []
        next_id = 0
        while True:
            page = self.do("PULL_EVENTS", next_id).values
            records = [
                struct.unpack_from(messages.EVENT_CODES, page["records"], index * messages.EVENT_SIZE)
                for index in range(page["count"])
            ]
            if not records:
                return events
            events += records
            next_id = records[-1][0] + 1

    # --- the way to a state -----------------------------------------------------------------------------------------

    def until_idle(self) -> Hands:
        """Booted and greeted."""
        assert self.sim.run_until(lambda: self.state == State.IDLE, 2_000), self.state
        self.do("HELLO", SCHEMA_HASH, 77)
        return self

    def until_open(self, cap_um: int = 1500, reason: int = 0, nonce: int = NONCE) -> Hands:
        self.until_idle()
        self.do("OPEN_SESSION", nonce, 9, cap_um, reason, session=0)
        self.session = nonce
        return self

    def until_ready(self, depth_um: int = DEPTH_UM, rate_mhz: int = RATE_MHZ) -> Hands:
        """Everything done but ARM."""
        self.until_open()
        self.do("HOME")
        self.do("SET_DEPTH", depth_um)
        self.do("SET_RATE", rate_mhz)
        self.use_cartridge()
        return self

    def use_cartridge(self) -> None:
        serial = self.do("CARTRIDGE_READ").values["serial"]
        self.do("CARTRIDGE_USE", serial)

    def until_arming(self, depth_um: int = DEPTH_UM, rate_mhz: int = RATE_MHZ) -> Hands:
        """Armed with the trigger held, as it must not be."""
        self.until_ready(depth_um, rate_mhz)
        self.bench.press_trigger()
        self.run(50)
        self.arm(depth_um, rate_mhz)
        assert self.state == State.ARMING
        return self

    def arm(self, depth_um: int = DEPTH_UM, rate_mhz: int = RATE_MHZ) -> None:
        self.do("ARM", depth_um, rate_mhz, 5)
        self.beating = True
        self._beat_due_us = 0

    def until_armed(self, depth_um: int = DEPTH_UM, rate_mhz: int = RATE_MHZ) -> Hands:
        self.until_ready(depth_um, rate_mhz)
        self.arm(depth_um, rate_mhz)
        self.run(60)
        assert self.state == State.ARMED, self.state
        return self

    def until_stroking(self, depth_um: int = DEPTH_UM, rate_mhz: int = RATE_MHZ) -> Hands:
        self.until_armed(depth_um, rate_mhz)
        self.bench.press_trigger()
        self.run(300)
        assert self.state == State.STROKING, (self.state, self.firmware.supervisor.first_cause)
        return self

    def until_stopped(self) -> Hands:
        """Stopped by the STOP message."""
        self.until_open()
        self.do("STOP", 0)
        assert self.state == State.STOPPED
        return self

    def clear(self) -> Frame:
        supervisor = self.firmware.supervisor
        return self.call("CLEAR_FAULT", supervisor.first_cause, supervisor.cause_event, 9)


CARTRIDGE_CONDITIONS = range(Condition.CARTRIDGE_ABSENT, Condition.CARTRIDGE_NOT_BURNED + 1)


def coil_edges(hands: Hands) -> int:
    """Rising edges of the coil since the simulation began: the truth the totals are held against."""
    return sum(1 for _, signal, level in hands.sim.trace if signal == "coil" and level)


def coil_off_after_us(hands: Hands, since_us: int) -> int:
    """How long after an instant the coil was last on, in us."""
    last_us = since_us
    for time_us, signal, level in hands.sim.trace:
        if signal == "coil" and not level and time_us > last_us:
            last_us = time_us
    return last_us - since_us


def first_cause(hands: Hands) -> int:
    cause: int = hands.firmware.supervisor.first_cause
    return cause


def events_of(hands: Hands, *codes: int) -> list[tuple[int, ...]]:
    return [event for event in hands.pull_events() if event[2] in codes]

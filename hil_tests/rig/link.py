"""The laptop's end of the rig's protocol without I/O: bytes and a time in, bytes, answers and edges out."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from hil_tests.rig import messages
from hil_tests.rig.capture import Capture, GapError, Timing
from pen_protocol.codec import HEADER_SIZE, header_number, header_sequence, header_session
from pen_protocol.framing import Decoder, Encoder

BEAT_S = 0.2
"""How often an otherwise silent laptop says that it is there."""
RIG_SILENCE_S = 1.0
"""A running rig sends a mark at least every 8 ms; after this without one it is gone."""
SEQUENCE_MASK = 0xFFFF


class RigError(RuntimeError):
    """The rig cannot be used as asked; the sentence says what to do."""


class RigLostError(RigError):
    """The rig lost its state: what was measured in this run cannot be trusted."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The rig lost its run: {why}. It has opened the stop contact and let the trigger go; nothing measured in "
            "this run counts. Check the rig's cable and supply, then start the run anew."
        )
        self.why = why


@dataclass(frozen=True)
class Greeting:
    """Who the rig is."""

    version: int
    boot_id: int
    serial: str
    clock_hz: int
    runtime: str


@dataclass(frozen=True)
class Answer:
    """What came back for one request."""

    number: int
    """DONE, REFUSED or GREETING."""
    values: tuple[int | bytes, ...]


class RigLink:
    """One connection.

    Attributes:
        capture: Edges of the run, None before the first.
        lost: Why the run is over, None while it goes on or before it begins.
    """

    def __init__(self) -> None:
        self.capture: Capture | None = None
        self.lost: str | None = None
        self.run = 0
        self._begun = False
        self._sequence = 0
        self._encoder = Encoder()
        self._decoder = Decoder()
        self._answers: dict[int, Answer] = {}
        self._sent_s = 0.0
        self._heard_s = 0.0

    # --- out --------------------------------------------------------------------------------------------------------------

    def begin(self, run: int, timing: Timing, now_s: float) -> None:
        """A run with this number is about to be started: forget the one before."""
        self.run = run
        self._begun = True
        self.capture = Capture(timing)
        self.lost = None
        self._heard_s = now_s

    def end(self) -> None:
        """No run any more, and none to miss."""
        self._begun = False
        self.run = 0

    def request(self, name: str, values: tuple[int, ...], now_s: float) -> tuple[int, bytes]:
        """Bytes of a request and the number its answer will carry.

        Raises:
            ValueError: A value is outside its field's range.
        """
        message = messages.BY_NAME[name]
        for field, value in zip(message.fields, values, strict=True):
            if not field.low <= value <= field.high:
                raise ValueError(
                    f"{name}.{field.name} = {value} is outside {field.low} to {field.high} {field.unit}".rstrip()
                )
        self._sequence = self._sequence % SEQUENCE_MASK + 1
        length = messages.pack(self._encoder, message.number, self._sequence, self.run, values)
        self._sent_s = now_s
        return self._sequence, bytes(self._encoder.wire[:length])

    def beat(self, now_s: float) -> bytes:
        """Bytes to keep the run alive, when it is time for them."""
        if not self._begun or self.lost or now_s - self._sent_s < BEAT_S:
            return b""
        return self.request("BEAT", (), now_s)[1]

    # --- in ---------------------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now_s: float) -> None:
        """Take bytes in pieces of any size."""
        at = 0
        errors = self._decoder.errors()
        while at < len(data):
            at = self._decoder.feed(data, at, len(data))
            if self._decoder.length:
                self._frame(self._decoder.frame, self._decoder.length, now_s)
        if self._decoder.errors() != errors and self._begun and self._heard_run:
            self._lose("a frame was damaged on its way")
        if self._begun and not self.lost and now_s - self._heard_s > RIG_SILENCE_S:
            self._lose(f"it said nothing for {RIG_SILENCE_S:.0f} s")

    def answer(self, sequence: int) -> Answer | None:
        """The answer to a request, once."""
        return self._answers.pop(sequence, None)

    @property
    def _heard_run(self) -> bool:
        """The run's first words have come; what lay on the wire before may have been anything."""
        return self.capture is not None and self.capture.words > 0

    def _lose(self, why: str) -> None:
        if self._begun and self.lost is None:
            self.lost = why

    def _frame(self, frame: bytearray, length: int, now_s: float) -> None:
        number = header_number(frame)
        values = messages.unpack(frame, length)
        if values is None:
            self._lose(f"it sent message {number:#x} in a form this release does not know")
        elif number == messages.EDGES:
            self._edges(frame, values, now_s)
        elif number == messages.LOST:
            if self._begun and header_session(frame) == self.run:
                self._lose(messages.REASON_TEXT[values[0]])
        else:
            self._answers[header_sequence(frame)] = Answer(number, values)
            if number == messages.REFUSED and values[0] == messages.BEAT and self._begun:
                self._lose(messages.REASON_TEXT[values[1]])

    def _edges(self, frame: bytearray, values: tuple[int, ...], now_s: float) -> None:
        if not self._begun or header_session(frame) != self.run or self.lost or self.capture is None:
            return  # of a run before this one
        self._heard_s = now_s
        first, count = values
        words = struct.unpack_from(f"<{count}I", frame, messages.EDGES_HEAD)
        try:
            self.capture.feed(first, words)
        except GapError as gap:
            self._lose(f"edges are missing ({gap})")


def greeting(values: tuple[int | bytes, ...]) -> Greeting:
    """Who a rig says it is.

    Raises:
        RigError: It is no rig, or of another release.
    """
    product, schema, _nonce, version, boot_id, serial, clock_hz, runtime = values
    if product != messages.PRODUCT:
        raise RigError("What answers on the rig's port is no rig: check --rig; nothing was driven.")
    if schema != messages.SCHEMA_HASH:
        raise RigError(
            f"The rig runs other firmware (version {int(version)}) than this release knows (version {messages.VERSION}), so "
            "its words would be misread. Install this release's with python -m hil_tests.rig.install."
        )
    return Greeting(
        int(version),
        int(boot_id),
        bytes(serial).hex(),
        int(clock_hz),
        bytes(runtime).rstrip(b"\0").decode("ascii", "replace"),
    )


assert HEADER_SIZE < messages.EDGES_HEAD

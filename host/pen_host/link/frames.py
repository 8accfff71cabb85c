"""Whole frames on the host: a frozen `Frame`, its bytes, and a reader that turns bytes into frames.

Bytes are made and checked by the codec and framing the firmware runs. The reader drops what does not fit the message table
and counts it by kind: nothing a cable can do raises here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pen_protocol import codec, framing, messages
from pen_protocol.version import PROTOCOL_VERSION

from ..names import message_name
from ..outcomes import NO_VALUES, Value

_FIXED_LAYOUT = frozenset({messages.HELLO, messages.IDENTITY})
"""Messages that keep their layout through every version, so that two versions can tell each other apart."""

OWN_LANES = frozenset({messages.HELLO, messages.STOP, messages.HEARTBEAT})
"""Sent by the link itself, never as a request."""
_REQUEST_KINDS = (messages.Kind.QUERY, messages.Kind.COMMAND, messages.Kind.LINK)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: header and the payload's fields by name."""

    number: int
    sequence: int
    session: int
    values: Mapping[str, Value]
    version: int = PROTOCOL_VERSION

    @property
    def name(self) -> str:
        """Name of the message."""
        return message_name(self.number)

    def __str__(self) -> str:
        """The frame as a person reads it."""
        fields = "".join(f" {name}={_text(value)}" for name, value in self.values.items())
        return f"{self.name} seq={self.sequence} session={self.session}{fields}"


@dataclass(slots=True)
class Dropped:
    """Frames that were whole on the wire and still dropped, by reason."""

    other_version: int = 0
    unknown_number: int = 0
    bad_length: int = 0
    bad_value: int = 0


class FrameReader:
    """Turns bytes, in pieces of any size, into frames."""

    def __init__(self) -> None:
        self._decoder = framing.Decoder()
        self.dropped = Dropped()

    @property
    def good(self) -> int:
        """Frames with a right check sum so far."""
        return int(self._decoder.frames)

    @property
    def damaged(self) -> int:
        """Pieces of input that were no frame so far."""
        return int(self._decoder.errors())

    def feed(self, data: bytes) -> Iterator[tuple[Frame, bytes]]:
        """Every frame that ends in `data`, with its header and payload bytes."""
        decoder = self._decoder
        at, stop = 0, len(data)
        while at < stop:
            at = decoder.feed(data, at, stop)
            if not decoder.length:
                continue
            body = bytes(decoder.frame[: decoder.length])
            frame = self._accept(body)
            if frame is not None:
                yield frame, body

    def _accept(self, body: bytes) -> Frame | None:
        number, version = codec.header_number(body), codec.header_version(body)
        if version != PROTOCOL_VERSION and number not in _FIXED_LAYOUT:
            self.dropped.other_version += 1
            return None
        message = messages.BY_NUMBER.get(number)
        if message is None:
            self.dropped.unknown_number += 1
            return None
        if len(body) != codec.HEADER_SIZE + message.size:
            self.dropped.bad_length += 1
            return None
        values = codec.unpack_payload(message, body)
        if codec.first_out_of_range(message, values) >= 0:
            self.dropped.bad_value += 1
            return None
        return _frame(message, body, values)


def decode_body(body: bytes) -> Frame | None:
    """The frame in header and payload bytes, None when they do not fit the message table."""
    message = messages.BY_NUMBER.get(codec.header_number(body)) if len(body) >= codec.HEADER_SIZE else None
    if message is None or len(body) != codec.HEADER_SIZE + message.size:
        return None
    return _frame(message, body, codec.unpack_payload(message, body))


def encode(number: int, sequence: int, session: int, values: Mapping[str, Value] = NO_VALUES) -> bytes:
    """Bytes of one frame as they go on the wire.

    Raises:
        ValueError: A field is missing, is not of the message, or holds a value outside its range.
    """
    message = messages.BY_NUMBER[number]
    encoder = framing.Encoder()
    codec.put_header(encoder.body, number, sequence, session)
    length = codec.pack_payload(encoder.body, number, _ordered(message, values))
    return bytes(encoder.wire[: encoder.finish(length)])


def check_request(name: str, values: Mapping[str, Value]) -> None:
    """Whether a caller may send this.

    Raises:
        ValueError: There is no such request, or a value is outside its range.
    """
    encode(request_message(name).number, 1, 0, values)


def request_message(name: str) -> messages.Message:
    """The message a caller may send as a request.

    Raises:
        ValueError: There is no such request.
    """
    message = messages.BY_NAME.get(name)
    if message is None or message.kind not in _REQUEST_KINDS or message.number in OWN_LANES:
        raise ValueError(f"{name} is not a request a caller can send")
    return message


def body_of(wire: bytes) -> bytes:
    """Header and payload of one encoded frame, for the record."""
    decoder = framing.Decoder()
    decoder.feed(wire, 0, len(wire))
    return bytes(decoder.frame[: decoder.length])


def _frame(message: messages.Message, body: bytes, values: tuple[Value, ...]) -> Frame:
    named = dict(zip((field.name for field in message.fields), values, strict=True))
    return Frame(
        message.number,
        codec.header_sequence(body),
        codec.header_session(body),
        named,
        codec.header_version(body),
    )


def _ordered(message: messages.Message, values: Mapping[str, Value]) -> list[Value]:
    names = [field.name for field in message.fields]
    if set(names) != set(values):
        raise ValueError(
            f"{message.name} takes {', '.join(names) or 'no fields'}; given: {', '.join(values) or 'none'}"
        )
    for field in message.fields:
        value, is_bytes = values[field.name], field.code.endswith("s")
        if is_bytes != isinstance(value, bytes):
            raise ValueError(f"{message.name}.{field.name} = {value!r} is not of the kind {field.code}")
        if isinstance(value, bytes) and len(value) != struct.calcsize(field.code):
            raise ValueError(
                f"{message.name}.{field.name} takes {struct.calcsize(field.code)} bytes, given {len(value)}"
            )
    return [values[name] for name in names]


def _text(value: Value) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)

"""What tests of the wire share: values of fields, frames made by other people's code, a way to run our decoder."""

from __future__ import annotations

import itertools
import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

from cobs import cobs
from hypothesis import strategies as st

from pen_protocol import codec, framing, messages
from pen_protocol.messages import Field, Message

Values = tuple[Any, ...]

COUNTERS = ("frames", "bad_cobs", "bad_crc", "too_long", "too_short")


def is_bytes(part: Field) -> bool:
    """Whether a field holds bytes; all others hold an integer."""
    return part.code.endswith("s")


def width(part: Field) -> int:
    """Bytes a field takes in the payload."""
    return struct.calcsize("<" + part.code)


def lowest(part: Field) -> Any:
    return bytes(width(part)) if is_bytes(part) else part.low


def highest(part: Field) -> Any:
    return b"\xff" * width(part) if is_bytes(part) else part.high


def typical(part: Field) -> Any:
    """A value inside the range whose bytes differ from each other, so that a swapped byte shows."""
    if is_bytes(part):
        return bytes(range(0x41, 0x41 + width(part)))
    return part.low + (part.high - part.low) * 5 // 8


def field_values(part: Field) -> st.SearchStrategy[Any]:
    """Any value the field takes."""
    if is_bytes(part):
        return st.binary(min_size=width(part), max_size=width(part))
    return st.integers(part.low, part.high)


def message_values(message: Message) -> st.SearchStrategy[Values]:
    """Any values the message takes."""
    return st.tuples(*[field_values(part) for part in message.fields])


@st.composite
def any_message(draw: st.DrawFn) -> tuple[Message, int, int, Values]:
    """A message of the table with sequence, session and values in range."""
    message = draw(st.sampled_from(messages.TABLE))
    sequence = draw(st.integers(0, 0xFFFF))
    session = draw(st.integers(0, messages.U30))
    return message, sequence, session, draw(message_values(message))


def header_bytes(number: int, sequence: int, session: int, version: int = 1) -> bytes:
    """A header as struct makes it."""
    return struct.pack("<BBHI", version, number, sequence, session)


def foreign_frame(inner: bytes) -> bytes:
    """A frame around header and payload, made by PyPI cobs and zlib alone."""
    return b"\0" + cobs.encode(inner + struct.pack("<I", zlib.crc32(inner))) + b"\0"


def foreign_read(wire: bytes) -> list[bytes]:
    """Header and payload of every good frame in a stream, read by PyPI cobs and zlib alone."""
    found = []
    for piece in wire.split(b"\0")[:-1]:
        try:
            body = cobs.decode(piece)
        except cobs.DecodeError:
            continue
        if not framing.MIN_BODY <= len(body) <= framing.MAX_BODY:
            continue
        if zlib.crc32(body[:-4]) == struct.unpack("<I", body[-4:])[0]:
            found.append(body[:-4])
    return found


def our_frame(inner: bytes) -> bytes:
    """A frame around header and payload, made by our encoder."""
    encoder = framing.Encoder()
    encoder.body[: len(inner)] = inner
    return bytes(encoder.wire[: encoder.finish(len(inner))])


def our_message(message: Message, sequence: int, session: int, values: Values) -> bytes:
    """A whole frame from values, made by our codec and our encoder."""
    encoder = framing.Encoder()
    codec.put_header(encoder.body, message.number, sequence, session)
    length = codec.pack_payload(encoder.body, message.number, values)
    return bytes(encoder.wire[: encoder.finish(length)])


@dataclass
class Reading:
    """What a decoder made of a stream."""

    frames: list[bytes] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)

    @property
    def errors(self) -> int:
        return sum(count for name, count in self.counters.items() if name != "frames")


def take(decoder: framing.Decoder, data: bytes) -> list[bytes]:
    """Feed one piece as a reader does: call again from the returned index until it is used up."""
    found = []
    at = 0
    while at < len(data):
        behind = decoder.feed(data, at, len(data))
        assert at < behind <= len(data), "the decoder moves forward and stays inside the data"
        at = behind
        if decoder.length:
            found.append(bytes(decoder.frame[: decoder.length]))
    return found


def our_read(*pieces: bytes) -> Reading:
    """What our decoder makes of a stream that arrives in pieces."""
    decoder = framing.Decoder()
    frames = [frame for piece in pieces for frame in take(decoder, piece)]
    return Reading(frames, {name: getattr(decoder, name) for name in COUNTERS})


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The data in pieces, cut at the places (any numbers)."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]

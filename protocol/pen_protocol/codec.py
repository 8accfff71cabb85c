"""Header and payload bytes. Small integer readers and writers allocate nothing on MicroPython.

Header, 8 bytes: version u8, message u8, sequence u16, session u32, all little-endian.
"""

import struct

from .messages import BY_NUMBER, Field, Message
from .version import PROTOCOL_VERSION

HEADER_SIZE = 8


def get_u16(buffer: bytes | bytearray | memoryview, offset: int) -> int:
    """Unsigned 16 bits at `offset`."""
    return buffer[offset] | (buffer[offset + 1] << 8)


def get_u32(buffer: bytes | bytearray | memoryview, offset: int) -> int:
    """Unsigned 32 bits at `offset`; no allocation on MicroPython below 2^30."""
    return (
        buffer[offset] | (buffer[offset + 1] << 8) | (buffer[offset + 2] << 16) | (buffer[offset + 3] << 24)
    )


def put_header(buffer: bytearray, number: int, sequence: int, session: int) -> None:
    """Write the header of message `number` at the start of `buffer`."""
    buffer[0] = PROTOCOL_VERSION
    buffer[1] = number
    buffer[2] = sequence & 0xFF
    buffer[3] = sequence >> 8
    buffer[4] = session & 0xFF
    buffer[5] = (session >> 8) & 0xFF
    buffer[6] = (session >> 16) & 0xFF
    buffer[7] = (session >> 24) & 0xFF


def header_version(frame: bytes | bytearray | memoryview) -> int:
    """Protocol version of the frame."""
    return frame[0]


def header_number(frame: bytes | bytearray | memoryview) -> int:
    """Message number of the frame."""
    return frame[1]


def header_sequence(frame: bytes | bytearray | memoryview) -> int:
    """Sequence number of the frame."""
    return frame[2] | (frame[3] << 8)


def header_session(frame: bytes | bytearray | memoryview) -> int:
    """Session nonce of the frame, 0 for none."""
    return get_u32(frame, 4)


def pack_payload(
    buffer: bytearray, number: int, values: "tuple[int | bytes, ...] | list[int | bytes]"
) -> int:
    """Write the payload of message `number` behind the header; return the frame's length without check sum.

    Raises ValueError naming the message when the number of values is wrong and the field when a value is outside its
    range or too long: a sender's error, found before anything is written or sent.
    """
    message = BY_NUMBER[number]
    if len(values) != len(message.fields):
        raise ValueError("{} takes {} values, not {}".format(message.name, len(message.fields), len(values)))
    bad = first_out_of_range(message, values)
    if bad >= 0:
        raise ValueError(_complaint(message, message.fields[bad], values[bad]))
    struct.pack_into(message.struct_format, buffer, HEADER_SIZE, *values)
    return HEADER_SIZE + message.size


def unpack_payload(message: Message, frame: bytes | bytearray | memoryview) -> "tuple[int | bytes, ...]":
    """Values of the payload as a tuple. The caller has checked the length against `message.size`."""
    return struct.unpack_from(message.struct_format, frame, HEADER_SIZE)


def first_out_of_range(message: Message, values: "tuple[int | bytes, ...] | list[int | bytes]") -> int:
    """Index of the first value outside its field's range, -1 when all fit.

    Bytes fit when they are no longer than their field; shorter ones are padded with zeros.
    """
    for index, field in enumerate(message.fields):
        value = values[index]
        if isinstance(value, bytes):
            if len(value) > field.size:
                return index
        elif value < field.low or value > field.high:
            return index
    return -1


def _complaint(message: Message, field: Field, value: int | bytes) -> str:
    if isinstance(value, bytes):
        return "{}.{} is {} bytes long, its field takes {} bytes".format(
            message.name, field.name, len(value), field.size
        )
    return "{}.{} = {} is outside {} to {} {}".format(
        message.name, field.name, value, field.low, field.high, field.unit
    ).rstrip()

"""Values become bytes and come back; what is out of range is refused before it is sent, with a sentence."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_protocol import codec, messages
from pen_protocol.messages import BY_NAME, BY_NUMBER, TABLE, Field, Message
from pen_protocol.version import PROTOCOL_VERSION
from tests.protocol.samples import (
    Values,
    any_message,
    foreign_read,
    header_bytes,
    highest,
    is_bytes,
    lowest,
    our_message,
    our_read,
    typical,
    width,
)

EDGES = {"lowest": lowest, "highest": highest, "typical": typical}
RANGED = [
    (message, index) for message in TABLE for index, part in enumerate(message.fields) if not is_bytes(part)
]
BYTES = [(message, index) for message in TABLE for index, part in enumerate(message.fields) if is_bytes(part)]


def name_of(case: object) -> str:
    return case.name if isinstance(case, Message) else str(case)


def packed(message: Message, values: Values) -> bytes:
    buffer = bytearray(codec.HEADER_SIZE + messages.MAX_PAYLOAD)
    length = codec.pack_payload(buffer, message.number, values)
    assert not any(buffer[length:]), "nothing is written behind the payload"
    assert not any(buffer[: codec.HEADER_SIZE]), "nor into the header"
    return bytes(buffer[codec.HEADER_SIZE : length])


def unpacked(message: Message, payload: bytes) -> Values:
    return codec.unpack_payload(message, bytes(codec.HEADER_SIZE) + payload)


def with_value(message: Message, index: int, value: object) -> Values:
    values = [typical(part) for part in message.fields]
    values[index] = value
    return tuple(values)


# --- header ----------------------------------------------------------------------------------------------------------
@given(st.integers(0, 255), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF))
def test_a_header_reads_as_it_was_written(number: int, sequence: int, session: int) -> None:
    buffer = bytearray(codec.HEADER_SIZE)
    codec.put_header(buffer, number, sequence, session)
    assert bytes(buffer) == header_bytes(number, sequence, session, PROTOCOL_VERSION)
    assert codec.header_version(buffer) == PROTOCOL_VERSION
    assert codec.header_number(buffer) == number
    assert codec.header_sequence(buffer) == sequence
    assert codec.header_session(buffer) == session


@given(st.binary(min_size=8, max_size=40), st.integers(0, 4))
def test_small_readers_agree_with_struct(data: bytes, at: int) -> None:
    assert codec.get_u16(data, at) == struct.unpack_from("<H", data, at)[0]
    assert codec.get_u32(data, at) == struct.unpack_from("<I", data, at)[0]


# --- payload ---------------------------------------------------------------------------------------------------------
@given(any_message())
def test_any_message_comes_back_as_it_was_sent(case: tuple[Message, int, int, Values]) -> None:
    message, sequence, session, values = case
    (frame,) = our_read(our_message(message, sequence, session, values)).frames
    assert codec.header_number(frame) == message.number
    assert codec.header_sequence(frame) == sequence
    assert codec.header_session(frame) == session
    assert len(frame) == codec.HEADER_SIZE + message.size
    assert codec.unpack_payload(message, frame) == values


@given(any_message())
def test_other_implementations_find_header_and_payload_where_the_table_says(
    case: tuple[Message, int, int, Values],
) -> None:
    message, sequence, session, values = case
    (frame,) = foreign_read(our_message(message, sequence, session, values))
    assert frame[:8] == header_bytes(message.number, sequence, session)
    for part, offset, value in zip(message.fields, message.offsets, values, strict=True):
        assert struct.unpack_from("<" + part.code, frame, 8 + offset) == (value,), part.name


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("message", TABLE, ids=name_of)
def test_edges_of_the_ranges_are_carried(message: Message, edge: str) -> None:
    values = tuple(EDGES[edge](part) for part in message.fields)
    assert unpacked(message, packed(message, values)) == values
    assert codec.first_out_of_range(message, values) == -1


@pytest.mark.parametrize(("message", "index"), RANGED, ids=name_of)
@pytest.mark.covers("REQ-1101")
def test_a_value_next_to_its_range_is_refused_by_name(message: Message, index: int) -> None:
    part = message.fields[index]
    for wrong in (part.low - 1, part.high + 1):
        values = with_value(message, index, wrong)
        assert codec.first_out_of_range(message, values) == index
        with pytest.raises(ValueError, match=rf"^{message.name}\.{part.name} = {wrong} is outside"):
            packed(message, values)


def test_the_refusal_says_the_range_and_its_unit() -> None:
    with pytest.raises(ValueError, match=r"^SET_DEPTH\.depth_um = 2501 is outside 0 to 2500 um$"):
        packed(BY_NAME["SET_DEPTH"], (2501,))


@pytest.mark.parametrize(("message", "index"), BYTES, ids=name_of)
def test_bytes_too_long_for_their_field_are_refused_and_never_cut(message: Message, index: int) -> None:
    """A serial or lot that lost its end would name another cartridge."""
    part = message.fields[index]
    values = with_value(message, index, bytes(width(part) + 1))
    with pytest.raises(
        ValueError, match=rf"^{message.name}\.{part.name} .*{width(part) + 1}.*{width(part)} bytes"
    ):
        packed(message, values)


@pytest.mark.parametrize(("message", "index"), BYTES, ids=name_of)
def test_bytes_shorter_than_their_field_end_in_zeros(message: Message, index: int) -> None:
    payload = packed(message, with_value(message, index, b"ab"))
    assert unpacked(message, payload)[index] == b"ab" + bytes(width(message.fields[index]) - 2)


@pytest.mark.parametrize("message", TABLE, ids=name_of)
def test_a_wrong_number_of_values_is_refused_by_name(message: Message) -> None:
    values = tuple(typical(part) for part in message.fields)
    for wrong in (values[:-1], (*values, 0)) if values else ((0,),):
        with pytest.raises(ValueError, match=f"^{message.name} takes {len(values)} values, not {len(wrong)}"):
            packed(message, wrong)


@pytest.mark.parametrize("message", TABLE, ids=name_of)
def test_a_refused_message_leaves_the_buffer_as_it_was(message: Message) -> None:
    if not message.fields:
        return
    buffer = bytearray(codec.HEADER_SIZE + messages.MAX_PAYLOAD)
    with pytest.raises(ValueError, match=message.name):
        codec.pack_payload(buffer, message.number, ())
    assert not any(buffer)


def test_an_unknown_number_is_no_message() -> None:
    assert set(range(256)) - BY_NUMBER.keys()
    with pytest.raises(KeyError):
        codec.pack_payload(bytearray(200), 0xEE, ())


@given(st.data())
def test_a_received_value_out_of_range_is_found_by_its_index(data: st.DataObject) -> None:
    """What the bytes can say but the range forbids: the pen refuses it with the index as detail."""
    message, index = data.draw(st.sampled_from([case for case in RANGED if narrow(case[0].fields[case[1]])]))
    part = message.fields[index]
    low, high = carried(part)
    wrong = data.draw(st.integers(low, high).filter(lambda value: not part.low <= value <= part.high))
    payload = struct.pack(message.struct_format, *with_value(message, index, wrong))
    assert codec.first_out_of_range(message, unpacked(message, payload)) == index


def carried(part: Field) -> tuple[int, int]:
    """Smallest and largest integer the field's bytes can say."""
    bits = 8 * width(part)
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if part.code.islower() else (0, (1 << bits) - 1)


def narrow(part: Field) -> bool:
    return (part.low, part.high) != carried(part)

"""Frames survive any stream, damage never does, and every loss is counted by its kind."""

from __future__ import annotations

import zlib

import pytest
from cobs import cobs
from hypothesis import example, given
from hypothesis import strategies as st

from pen_protocol import framing
from pen_protocol.codec import HEADER_SIZE
from pen_protocol.messages import MAX_PAYLOAD
from tests.protocol.samples import (
    COUNTERS,
    cut,
    foreign_frame,
    foreign_read,
    our_frame,
    our_read,
    take,
)

LONGEST = HEADER_SIZE + MAX_PAYLOAD
inners = st.binary(min_size=HEADER_SIZE, max_size=LONGEST)
# few different bytes: many zeros, many runs
coarse = st.lists(st.sampled_from([0, 1, 0xFF]), min_size=HEADER_SIZE, max_size=LONGEST).map(bytes)
any_inner = inners | coarse
noise = st.binary(max_size=300) | st.lists(st.sampled_from([0, 1, 2, 0xFF]), max_size=300).map(bytes)
places = st.lists(st.integers(0, 2000), max_size=12)


# --- round trip ------------------------------------------------------------------------------------------------------
@given(any_inner)
@example(bytes(HEADER_SIZE))
@example(bytes(LONGEST))
@example(b"\xff" * LONGEST)
def test_our_frame_is_the_one_other_implementations_make(inner: bytes) -> None:
    assert our_frame(inner) == foreign_frame(inner)


@given(any_inner)
def test_other_implementations_read_our_frame(inner: bytes) -> None:
    assert foreign_read(our_frame(inner)) == [inner]


@given(any_inner)
def test_our_decoder_reads_other_implementations_frames(inner: bytes) -> None:
    read = our_read(foreign_frame(inner))
    assert read.frames == [inner]
    assert read.errors == 0


@given(st.lists(any_inner, max_size=6), places)
def test_a_stream_may_arrive_in_any_pieces(sent: list[bytes], where: list[int]) -> None:
    stream = b"".join(map(our_frame, sent))
    read = our_read(*cut(stream, where))
    assert read.frames == sent
    assert read.counters == {"frames": len(sent), "bad_cobs": 0, "bad_crc": 0, "too_long": 0, "too_short": 0}


@given(st.lists(any_inner, max_size=3))
def test_byte_by_byte_is_the_same_as_at_once(sent: list[bytes]) -> None:
    stream = b"".join(map(our_frame, sent))
    assert (
        our_read(*[stream[i : i + 1] for i in range(len(stream))]).frames == our_read(stream).frames == sent
    )


@given(st.lists(any_inner, min_size=2, max_size=5))
def test_one_shared_delimiter_between_frames_is_enough(sent: list[bytes]) -> None:
    stream = b"\0" + b"".join(our_frame(inner)[1:] for inner in sent)
    assert our_read(stream).frames == sent


@given(st.lists(any_inner, min_size=1, max_size=3), st.integers(0, 40))
def test_zeros_between_frames_are_no_errors(sent: list[bytes], zeros: int) -> None:
    read = our_read(bytes(zeros).join(map(our_frame, sent)))
    assert (read.frames, read.errors) == (sent, 0)


@given(any_inner)
def test_a_frame_has_no_zero_between_its_delimiters(inner: bytes) -> None:
    wire = our_frame(inner)
    assert wire[0] == wire[-1] == 0
    assert 0 not in wire[1:-1]
    assert len(wire) == len(inner) + framing.CRC_SIZE + 3 <= framing.MAX_WIRE


def test_an_encoder_used_again_leaves_nothing_of_the_frame_before() -> None:
    encoder = framing.Encoder()
    for inner in (b"\xff" * LONGEST, bytes(HEADER_SIZE), b"x" * 40, bytes(LONGEST)):
        encoder.body[: len(inner)] = inner
        assert bytes(encoder.wire[: encoder.finish(len(inner))]) == foreign_frame(inner)


def test_the_residue_is_what_a_crc_leaves_over_its_own_sum() -> None:
    body = b"any body at all"
    assert zlib.crc32(body + zlib.crc32(body).to_bytes(4, "little")) == framing.CRC_RESIDUE


# --- garbage ---------------------------------------------------------------------------------------------------------
@given(noise, any_inner, noise, any_inner, noise, places)
def test_garbage_before_between_and_after_costs_no_frame(
    before: bytes, one: bytes, between: bytes, two: bytes, after: bytes, where: list[int]
) -> None:
    stream = before + our_frame(one) + between + our_frame(two) + after
    read = our_read(*cut(stream, where))
    assert [inner for inner in read.frames if inner in (one, two)] == [one, two]
    assert read.frames == foreign_read(stream), "and invents none"


@given(st.lists(st.binary(max_size=400), max_size=8))
def test_the_decoder_never_raises_and_finds_again(pieces: list[bytes]) -> None:
    decoder = framing.Decoder()
    for piece in pieces:
        take(decoder, piece)
    inner = b"after anything: resync"
    assert take(decoder, our_frame(inner)) == [inner]


@given(st.lists(any_inner, max_size=3), noise, places, places)
def test_the_cut_of_the_stream_changes_neither_frames_nor_counters(
    sent: list[bytes], garbage: bytes, one: list[int], other: list[int]
) -> None:
    stream = garbage.join([b"", *map(our_frame, sent), b""])
    assert our_read(*cut(stream, one)) == our_read(*cut(stream, other))


@given(st.binary(min_size=1, max_size=200).map(lambda data: data.replace(b"\0", b"\1")), any_inner)
def test_a_half_frame_left_by_a_reset_is_one_error_and_costs_no_frame(half: bytes, inner: bytes) -> None:
    read = our_read(half + our_frame(inner))
    assert read.frames == [inner]
    assert read.errors == 1


# --- damage ----------------------------------------------------------------------------------------------------------
@given(any_inner, st.data())
@pytest.mark.covers("REQ-1201")
def test_a_flipped_bit_is_dropped_and_counted(inner: bytes, data: st.DataObject) -> None:
    wire = bytearray(our_frame(inner))
    bit = data.draw(st.integers(8, (len(wire) - 1) * 8 - 1), "bit between the delimiters")
    wire[bit // 8] ^= 1 << bit % 8
    read = our_read(bytes(wire))
    assert read.frames == []
    assert read.errors in (1, 2), "two when the flip made a delimiter that parts the frame"


@pytest.mark.parametrize("inner", [bytes(HEADER_SIZE), bytes(range(60)), b"\xff" * LONGEST, b"\0\1" * 30])
@pytest.mark.covers("REQ-1201")
def test_every_single_flipped_bit_costs_this_frame_and_not_the_next(inner: bytes) -> None:
    """Delimiters included: a frame brings both of its own, so damage never reaches the neighbour."""
    wire = our_frame(inner)
    follower = b"the frame behind it"
    for bit in range(len(wire) * 8):
        damaged = bytearray(wire)
        damaged[bit // 8] ^= 1 << bit % 8
        read = our_read(bytes(damaged) + our_frame(follower))
        assert read.frames == [follower], f"bit {bit}"
        assert read.errors in (1, 2), f"bit {bit}"


@pytest.mark.parametrize("inner", [bytes(HEADER_SIZE), bytes(range(60)), b"\xff" * LONGEST])
@pytest.mark.covers("REQ-1201")
def test_every_truncation_is_dropped_and_counted_once(inner: bytes) -> None:
    wire = our_frame(inner)
    for length in range(2, len(wire) - 1):
        read = our_read(wire[:length] + b"\0")
        assert read.frames == []
        assert read.errors == 1, f"cut to {length}"


@given(any_inner, st.data())
def test_a_lost_byte_is_dropped(inner: bytes, data: st.DataObject) -> None:
    wire = our_frame(inner)
    lost = data.draw(st.integers(1, len(wire) - 2))
    assert our_read(wire[:lost] + wire[lost + 1 :]).frames == []


@given(any_inner, st.data())
def test_two_bytes_that_changed_places_are_dropped(inner: bytes, data: st.DataObject) -> None:
    wire = bytearray(our_frame(inner))
    at = data.draw(st.integers(1, len(wire) - 3))
    if wire[at] == wire[at + 1]:
        return
    wire[at], wire[at + 1] = wire[at + 1], wire[at]
    assert our_read(bytes(wire)).frames == []


# --- counters --------------------------------------------------------------------------------------------------------
def stuffed(body: bytes) -> bytes:
    """A body without regard to its check sum, as a stream piece."""
    return b"\0" + cobs.encode(body) + b"\0"


GOOD = our_frame(b"eight or more bytes")
PIECES = {
    "frames": [GOOD, foreign_frame(bytes(HEADER_SIZE)), foreign_frame(b"\xff" * LONGEST)],
    "bad_cobs": [b"\0\x05ab\0", b"\0\xff\x01\0", GOOD[:-2] + b"\0", b"\0\x02\0"],
    "bad_crc": [stuffed(b"twelve bytes"), stuffed(bytes(framing.MAX_BODY)), stuffed(bytes(framing.MIN_BODY))],
    "too_long": [
        stuffed(bytes(framing.MAX_BODY + 1)),
        stuffed(b"\xff" * (framing.MAX_BODY + 1)),
        b"\0" + b"\xff" * 5000 + b"\0",
        b"\0" + b"\x01" * 5000 + b"\0",
    ],
    "too_short": [b"\0\x01\0", b"\0\x02x\0", stuffed(bytes(framing.MIN_BODY - 1)), foreign_frame(b"seven b")],
}


@pytest.mark.parametrize(("kind", "piece"), [(kind, piece) for kind in PIECES for piece in PIECES[kind]])
def test_a_piece_is_counted_once_as_what_it_is(kind: str, piece: bytes) -> None:
    counted = our_read(piece).counters
    assert counted == {name: int(name == kind) for name in COUNTERS}


@given(st.lists(st.sampled_from([(kind, piece) for kind in PIECES for piece in PIECES[kind]])), places)
@pytest.mark.covers("REQ-1201")
def test_counters_are_exact_in_any_mixture(pieces: list[tuple[str, bytes]], where: list[int]) -> None:
    read = our_read(*cut(b"".join(piece for _, piece in pieces), where))
    assert read.counters == {name: sum(kind == name for kind, _ in pieces) for name in COUNTERS}


def test_errors_is_the_sum_of_the_kinds() -> None:
    decoder = framing.Decoder()
    for kind, pieces in PIECES.items():
        take(decoder, b"".join(pieces) if kind != "frames" else b"")
    assert decoder.errors() == sum(len(pieces) for kind, pieces in PIECES.items() if kind != "frames")


# --- memory ----------------------------------------------------------------------------------------------------------
@given(st.lists(st.binary(max_size=600), max_size=6))
def test_the_decoders_buffer_is_one_and_never_grows(pieces: list[bytes]) -> None:
    decoder = framing.Decoder()
    buffer = decoder.frame
    for piece in pieces:
        take(decoder, piece)
    assert decoder.frame is buffer
    assert len(buffer) == framing.MAX_BODY


def test_a_decoder_takes_only_the_range_it_is_given() -> None:
    inner = b"inside the range"
    data = b"\xffgarbage" + our_frame(inner) + b"beyond"
    decoder = framing.Decoder()
    behind = decoder.feed(data, 8, 8 + len(our_frame(inner)))
    assert bytes(decoder.frame[: decoder.length]) == inner
    assert behind == 8 + len(our_frame(inner))
    assert decoder.errors() == 0


def test_a_body_fits_one_cobs_block() -> None:
    """Blocks of 254 bytes end without a zero: a body that stays below never meets that rule."""
    assert framing.MAX_BODY < 254

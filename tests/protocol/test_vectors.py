"""The golden frames are up to date, true for other implementations and true for ours."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

import pytest
from cobs import cobs

from pen_protocol import codec
from pen_protocol.messages import BY_NAME, TABLE
from tests.protocol import make_vectors
from tests.protocol.samples import COUNTERS, foreign_read, header_bytes, our_message, our_read

VECTORS = json.loads(make_vectors.FILE.read_text(encoding="utf-8"))
FRAMES: list[dict[str, Any]] = VECTORS["frames"]
STREAMS: list[dict[str, Any]] = VECTORS["streams"]

every_frame = pytest.mark.parametrize("vector", FRAMES, ids=lambda vector: vector["name"])
every_stream = pytest.mark.parametrize("vector", STREAMS, ids=lambda vector: vector["name"])


def values_of(vector: dict[str, Any]) -> tuple[Any, ...]:
    """Values in the table's order, byte fields as bytes."""
    return tuple(
        bytes.fromhex(vector["values"][part.name]) if part.holds_bytes else vector["values"][part.name]
        for part in BY_NAME[vector["message"]].fields
    )


def test_the_file_is_what_the_tool_writes() -> None:
    assert make_vectors.FILE.read_text(encoding="utf-8") == make_vectors.text(), (
        "protocol/vectors.json is out of date: run python -m tests.protocol.make_vectors and look at the difference"
    )


def test_every_message_has_its_frames() -> None:
    for message in TABLE:
        edges = {vector["name"] for vector in FRAMES if vector["message"] == message.name}
        assert {f"{message.name} {edge}" for edge in ("lowest", "typical", "highest")} <= edges


def test_names_are_unique() -> None:
    names = [vector["name"] for vector in FRAMES + STREAMS]
    assert len(set(names)) == len(names)


def test_every_counter_is_raised_by_some_stream() -> None:
    for counter in COUNTERS:
        assert any(vector["counters"][counter] for vector in STREAMS), counter


@every_frame
def test_pypi_cobs_and_zlib_read_the_frame(vector: dict[str, Any]) -> None:
    wire = bytes.fromhex(vector["wire"])
    body = cobs.decode(wire[1:-1])
    header = header_bytes(
        vector["number"], vector["sequence"], vector["session"], VECTORS["protocol_version"]
    )
    assert wire[0] == wire[-1] == 0
    assert body == header + bytes.fromhex(vector["payload"]) + bytes.fromhex(vector["crc32"])[::-1]
    assert f"{zlib.crc32(body[:-4]):08x}" == vector["crc32"]
    message = BY_NAME[vector["message"]]
    assert struct.unpack(message.struct_format, bytes.fromhex(vector["payload"])) == values_of(vector)


@every_frame
def test_our_codec_writes_the_frame(vector: dict[str, Any]) -> None:
    message = BY_NAME[vector["message"]]
    wire = our_message(message, vector["sequence"], vector["session"], values_of(vector))
    assert wire.hex() == vector["wire"]


@every_frame
def test_our_codec_reads_the_frame(vector: dict[str, Any]) -> None:
    (frame,) = our_read(bytes.fromhex(vector["wire"])).frames
    assert codec.header_version(frame) == VECTORS["protocol_version"]
    assert codec.header_number(frame) == vector["number"]
    assert codec.header_sequence(frame) == vector["sequence"]
    assert codec.header_session(frame) == vector["session"]
    assert codec.unpack_payload(BY_NAME[vector["message"]], frame) == values_of(vector)


@every_stream
def test_our_decoder_makes_of_a_stream_what_the_file_says(vector: dict[str, Any]) -> None:
    read = our_read(bytes.fromhex(vector["stream"]))
    assert [frame.hex() for frame in read.frames] == vector["frames"]
    assert read.counters == vector["counters"]


@every_stream
def test_pypi_cobs_and_zlib_find_the_same_frames(vector: dict[str, Any]) -> None:
    assert [frame.hex() for frame in foreign_read(bytes.fromhex(vector["stream"]))] == vector["frames"]


def test_one_entry_stands_on_one_line() -> None:
    """A chip reads the file line by line; no entry may outgrow its memory."""
    lines = make_vectors.FILE.read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line.rstrip(",")) for line in lines if line.startswith('{"')]
    assert entries == FRAMES + STREAMS
    assert max(map(len, lines)) < 2000

"""PROTOCOL.md says what the tables say, and each hex example is what the text beside it claims."""

from __future__ import annotations

import json
import re
import struct
import zlib

import pytest
from cobs import cobs

from pen_firmware.jobs import Jobs
from pen_protocol import faults, messages, states
from pen_protocol.messages import BY_NAME, BY_NUMBER, TABLE
from tests.protocol import make_spec
from tests.protocol.meanings import FIELDS, MESSAGES

TEXT = make_spec.FILE.read_text(encoding="utf-8")
HAND = make_spec.PART.sub("", TEXT)
FRAMES = make_spec.frames(TEXT)


def test_the_generated_parts_are_up_to_date() -> None:
    assert make_spec.filled(TEXT) == TEXT, (
        "PROTOCOL.md is out of date: run python -m tests.protocol.make_spec"
    )


def test_every_part_is_used_once_and_every_mark_is_closed() -> None:
    names = [part[2] for part in make_spec.PART.finditer(TEXT)]
    assert sorted(names) == sorted(make_spec.PARTS)
    assert TEXT.count("<!-- generated:") == TEXT.count("<!-- end -->") == len(names)


def test_a_stale_part_is_noticed() -> None:
    stale = TEXT.replace("| `LEASE_MS` | 40 |", "| `LEASE_MS` | 90 |")
    assert stale != TEXT
    assert make_spec.filled(stale) == TEXT


def test_every_message_has_a_meaning() -> None:
    assert MESSAGES.keys() == BY_NAME.keys()


def test_every_field_has_a_meaning_and_every_meaning_a_field() -> None:
    fields = [(message.name, part.name) for message in TABLE for part in message.fields]
    for message, part in fields:
        assert f"{message}.{part}" in FIELDS or part in FIELDS, f"{message}.{part}"
    known = {part for _, part in fields} | {f"{message}.{part}" for message, part in fields}
    assert {name for name in FIELDS if not name.startswith("event.")} <= known


def test_there_are_examples_for_the_life_of_a_request() -> None:
    shown = {entry["message"] for entry in FRAMES}
    assert {
        "HELLO",
        "IDENTITY",
        "OPEN_SESSION",
        "SET_DEPTH",
        "ACCEPTED",
        "DONE",
        "REFUSED",
        "STOP",
        "STATUS",
    } <= shown


@pytest.mark.parametrize("entry", FRAMES, ids=lambda entry: f"{entry['message']}-{entry['sequence']}")
def test_an_example_decodes_to_what_the_text_says(entry: dict[str, str]) -> None:
    wire = bytes.fromhex(entry["wire"])
    assert wire[0] == wire[-1] == 0
    body = cobs.decode(wire[1:-1])
    assert body == bytes.fromhex(entry["body"])
    assert int(entry["crc32"], 16) == zlib.crc32(body[:-4]) == struct.unpack("<I", body[-4:])[0]
    version, number, sequence, session = struct.unpack_from("<BBHI", body)
    message = BY_NAME[entry["message"]]
    assert (version, number) == (1, message.number)
    assert (sequence, session) == (int(entry["sequence"]), int(entry["session"]))
    values = struct.unpack(message.struct_format, body[8:-4])
    said = json.loads(entry["values"])
    assert list(said) == [part.name for part in message.fields]
    for part, value in zip(message.fields, values, strict=True):
        assert said[part.name] == (value.hex() if isinstance(value, bytes) else str(value)), part.name


def test_the_steps_of_the_worked_example_lead_from_one_to_the_next() -> None:
    (part,) = [found[0] for found in make_spec.PART.finditer(TEXT) if found[2] == "steps"]
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in part.splitlines()
        if line.startswith("| ")
    ]
    steps = {row[0]: bytes.fromhex(row[1]) for row in rows[2:]}
    inner = steps["header"] + steps["payload"]
    assert steps["check sum"] == zlib.crc32(inner).to_bytes(4, "little")
    assert steps["stuffed"] == cobs.encode(inner + steps["check sum"])
    assert steps["on the wire"] == b"\0" + steps["stuffed"] + b"\0"


def test_numbers_in_the_hand_written_text_are_the_tables() -> None:
    longest = 8 + messages.MAX_PAYLOAD + 4
    for phrase in (
        f"12 to {longest} bytes",
        f"0 to {messages.MAX_PAYLOAD}",
        f"more than {longest} bytes of body",
    ):
        assert phrase in HAND, phrase
    assert zlib.crc32(b"123456789") == 0xCBF43926
    assert "0xCBF43926" in HAND
    assert "0x2144DF1C" in HAND


def test_the_long_requests_of_the_text_are_those_of_the_firmware() -> None:
    (paragraph,) = re.findall(r"### 7\.4 Long requests\n\n(.*?)\n\n", HAND, re.DOTALL)
    named = set(re.findall(r"\b[A-Z_]{3,}\b", paragraph)) - {"ACCEPTED"}
    assert named == {BY_NUMBER[number].name for number in Jobs(None)._steps}


def test_every_name_in_capitals_is_one_of_the_tables() -> None:
    """A renamed limit, refusal or message would otherwise live on in the text."""
    known = set(BY_NAME) | set(states.STATE_NAMES) | set(states.CONDITION_NAMES) | set(faults.REFUSAL_NAMES)
    known |= set(faults.FAULT_NAMES.values()) | set(faults.EVENT_NAMES.values())
    known |= set(make_spec.docs(make_spec.limits)) | {name for name in vars(states.Flag) if name.isupper()}
    words = set(re.findall(r"\b[A-Z]+(?:_[A-Z0-9]+)+\b", HAND))
    assert words - known == set()


def test_sections_named_in_the_text_exist() -> None:
    heads = set(re.findall(r"^#{2,3} (\d+(?:\.\d+)?)\.? ", TEXT, re.MULTILINE))
    named = set(re.findall(r"\bsee (\d+(?:\.\d+)?)", TEXT))
    assert named <= heads, named - heads

"""Writes protocol/vectors.json: golden frames for every implementation of the wire, in any language.

    python -m tests.protocol.make_vectors

The frames are made by PyPI cobs, zlib and struct, not by our own codec: the file is a second opinion. What the damaged
streams must count is written down here by hand. One entry stands on one line, so that a chip can read it in pieces.
"""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

from cobs import cobs

from pen_protocol import framing, messages, states
from pen_protocol.faults import Refusal
from pen_protocol.messages import BY_NAME, MAX_PAYLOAD, TABLE, Field, Message
from pen_protocol.version import FIRMWARE_VERSION, PROTOCOL_VERSION
from tests.protocol.samples import Values, foreign_frame, header_bytes, highest, lowest, typical

FILE = Path(__file__).resolve().parents[2] / "protocol" / "vectors.json"

ABOUT = [
    "Golden frames of the pen's wire, see PROTOCOL.md. Written by: python -m tests.protocol.make_vectors.",
    "frames: values -> payload -> wire, both ways. Hex text; byte fields of values are hex too.",
    "streams: bytes as they arrive -> the good frames (header and payload) and the counters behind them.",
]

NONCE = 0x1E240
OPERATOR = 17


def frame(name: str, message: Message, sequence: int, session: int, values: Values) -> dict[str, Any]:
    """One golden frame."""
    payload = struct.pack(message.struct_format, *values)
    inner = header_bytes(message.number, sequence, session, PROTOCOL_VERSION) + payload
    return {
        "name": name,
        "message": message.name,
        "number": message.number,
        "sequence": sequence,
        "session": session,
        "values": {part.name: plain(value) for part, value in zip(message.fields, values, strict=True)},
        "payload": payload.hex(),
        "crc32": f"{zlib.crc32(inner):08x}",
        "wire": foreign_frame(inner).hex(),
    }


def plain(value: Any) -> Any:
    """A value as JSON has it: bytes as hex."""
    return value.hex() if isinstance(value, bytes) else value


def dialogue() -> list[dict[str, Any]]:
    """Frames as they follow each other when a host connects, sets a depth, stops and clears the stop."""
    serial = b"PEN00042"
    steps: list[tuple[str, str, int, int, dict[str, Any]]] = [
        ("host says hello", "HELLO", 1, 0, {"schema_hash": messages.SCHEMA_HASH, "host_nonce": 4711}),
        (
            "pen says who it is",
            "IDENTITY",
            1,
            0,
            {
                "product": messages.PRODUCT,
                "schema_hash": messages.SCHEMA_HASH,
                "host_nonce": 4711,
                "boot_id": 77,
                "serial": serial,
                "fw_major": FIRMWARE_VERSION[0],
                "fw_minor": FIRMWARE_VERSION[1],
                "fw_patch": FIRMWARE_VERSION[2],
                "reset_cause": 1,
                "runtime": b"micropython ",
            },
        ),
        (
            "open a session",
            "OPEN_SESSION",
            2,
            0,
            {"nonce": NONCE, "operator": OPERATOR, "depth_cap_um": 1500, "unlock_reason": 0},
        ),
        ("session is open", "DONE", 2, 0, {"request": messages.OPEN_SESSION, "value": NONCE, "event_id": 2}),
        ("set depth 0.75 mm", "SET_DEPTH", 3, NONCE, {"depth_um": 750}),
        ("the move has begun", "ACCEPTED", 3, NONCE, {"request": messages.SET_DEPTH, "budget_ms": 1500}),
        ("depth reached", "DONE", 3, NONCE, {"request": messages.SET_DEPTH, "value": 750, "event_id": 3}),
        ("set depth off the step", "SET_DEPTH", 4, NONCE, {"depth_um": 760}),
        (
            "refused: off the step",
            "REFUSED",
            4,
            NONCE,
            {"request": messages.SET_DEPTH, "reason": Refusal.OFF_STEP, "detail": 50},
        ),
        ("renew the host's lease", "HEARTBEAT", 5, NONCE, {"count": 1}),
        ("stop", "STOP", 6, 0, {"origin": 1}),
        ("stop is latched", "STATUS", 6, NONCE, stopped_status()),
        (
            "stopped by command: clear it",
            "CLEAR_FAULT",
            7,
            0,
            {"cause": 32, "event_id": 4, "operator": OPERATOR},
        ),
    ]
    return [
        frame(name, BY_NAME[message], sequence, session, in_order(BY_NAME[message], values))
        for name, message, sequence, session, values in steps
    ]


def stopped_status() -> dict[str, Any]:
    """STATUS of a pen stopped by command after depth 0.75 mm was set."""
    return {
        "uptime_ms": 65_000,
        "boot_id": 77,
        "session_nonce": NONCE,
        "last_seq": 4,
        "state": states.State.STOPPED,
        "first_cause": 32,
        "cause_event": 4,
        "conditions": states.bits(
            states.Condition.CARTRIDGE_NOT_BURNED, states.Condition.NOT_HOMED, states.Condition.SETPOINTS
        ),
        "flags": states.Flag.CARTRIDGE_LATCHED,
        "depth_requested_um": 750,
        "depth_measured_um": 750,
        "depth_cap_um": 1500,
        "rate_requested_mhz": 0,
        "rate_measured_mhz": 0,
        "measured_age_ms": 0xFFFF,
        "strokes_total": 120_034,
        "contact_total": 118_990,
        "truncated_total": 12,
        "next_event": 5,
        "oldest_event": 1,
        "coil_cc": 2_415,
        "supply_mv": 5_020,
        "lease_left_ms": 0,
        "armed_left_s": 1_800,
    }


def in_order(message: Message, values: dict[str, Any]) -> Values:
    """Values by name in the order of the table; each field named, none invented."""
    names = [part.name for part in message.fields]
    assert sorted(names) == sorted(values), f"{message.name}: {set(names) ^ set(values)}"
    return tuple(values[name] for name in names)


def ranges() -> list[dict[str, Any]]:
    """Every message with the lowest, a typical and the highest value of each field."""
    found = []
    for message in TABLE:
        for edge, pick, sequence, session in (
            ("lowest", lowest, 0, 0),
            ("typical", typical, 0x1234, 0x0A0B0C0D),
            ("highest", highest, 0xFFFF, messages.U30),
        ):
            values = tuple(value(part, pick) for part in message.fields)
            found.append(frame(f"{message.name} {edge}", message, sequence, session, values))
    return found


def value(part: Field, pick: Any) -> Any:
    """A field's value; a schema hash stands still so that the file changes only where the wire does."""
    return (
        {lowest: 0, typical: 0x89ABCDEF, highest: 0xFFFFFFFF}[pick]
        if part.name == "schema_hash"
        else pick(part)
    )


def stream(name: str, data: bytes, good: list[bytes], **counts: int) -> dict[str, Any]:
    """One stream with what a decoder must make of it."""
    counters = {"frames": len(good), "bad_cobs": 0, "bad_crc": 0, "too_long": 0, "too_short": 0, **counts}
    return {"name": name, "stream": data.hex(), "frames": [one.hex() for one in good], "counters": counters}


def flipped(data: bytes, index: int, mask: int) -> bytes:
    """The data with bits of one byte turned over."""
    changed = bytearray(data)
    changed[index] ^= mask
    return bytes(changed)


def stuffed(body: bytes) -> bytes:
    """A body as a frame, without regard to its check sum."""
    return b"\0" + cobs.encode(body) + b"\0"


def streams() -> list[dict[str, Any]]:
    """Whole, damaged and hostile streams."""
    one = header_bytes(messages.SET_DEPTH, 3, NONCE) + struct.pack("<H", 750)
    two = header_bytes(messages.STOP, 6, 0) + b"\1"
    zeros = bytes(8 + MAX_PAYLOAD)
    full = b"\xff" * (8 + MAX_PAYLOAD)
    other_version = header_bytes(messages.GET_STATUS, 9, 0, PROTOCOL_VERSION + 1)
    first, second = foreign_frame(one), foreign_frame(two)
    return [
        stream("nothing", b"", []),
        stream("zeros only", bytes(20), []),
        stream("two frames", first + second, [one, two]),
        stream("two frames that share a delimiter", first + second[1:], [one, two]),
        stream("longest body, all zeros", foreign_frame(zeros), [zeros]),
        stream("longest body, no zeros", foreign_frame(full), [full]),
        stream(
            "another protocol version is a good frame to this layer",
            foreign_frame(other_version),
            [other_version],
        ),
        stream("text of a terminal before the frame", b"\r\n>>> import pen\r\n" + second, [two], bad_cobs=1),
        stream("frame not ended yet", first[:-1], []),
        stream("lost end is made good by the next frame's start", first[:-1] + second, [one, two]),
        stream("one bit of the payload flipped", flipped(first, -7, 0x10) + second, [two], bad_crc=1),
        stream("one bit of the check sum flipped", flipped(first, -2, 0x01) + second, [two], bad_crc=1),
        stream("first overhead byte too large", flipped(first, 1, 0x40) + second, [two], bad_cobs=1),
        stream("cut inside a block", first[:12] + b"\0" + second, [two], bad_cobs=1),
        stream("cut between two blocks", first[:9] + b"\0" + second, [two], too_short=1),
        stream("end and next start lost: two frames run into one", first[:-1] + second[1:], [], bad_crc=1),
        stream(
            "zero inserted at an overhead byte", first[:1] + first[1:2] + b"\0" + first[2:], [], bad_cobs=2
        ),
        stream("body of eleven bytes", stuffed(bytes(range(1, 12))), [], too_short=1),
        stream(
            "check sum of seven bytes is right but no header fits", foreign_frame(b"\1" * 7), [], too_short=1
        ),
        stream("body of twelve bytes, wrong sum", stuffed(bytes(range(1, 13))), [], bad_crc=1),
        stream("body one byte too long", stuffed(bytes(framing.MAX_BODY + 1)) + second, [two], too_long=1),
        stream("three hundred bytes without end", b"\0" + b"\x55" * 300 + second, [two], too_long=1),
        stream(
            "frame between two kinds of noise",
            b"\x03\x11\0" + first + b"\xfe" * 200 + b"\0",
            [one],
            bad_cobs=1,
            too_long=1,
        ),
        stream("same frame twice: repeats are decided above this layer", first + first, [one, one]),
    ]


def text() -> str:
    """The whole file."""
    parts = {
        "about": ABOUT,
        "protocol_version": PROTOCOL_VERSION,
        "crc32_of_123456789": f"{zlib.crc32(b'123456789'):08x}",
        "max_payload": MAX_PAYLOAD,
    }
    lines = ["{"]
    lines += [f"{json.dumps(name)}: {json.dumps(part)}," for name, part in parts.items()]
    for name, entries in (("frames", dialogue() + ranges()), ("streams", streams())):
        lines.append(f'"{name}": [')
        lines += [json.dumps(entry) + "," for entry in entries[:-1]]
        lines.append(json.dumps(entries[-1]))
        lines.append("]" if name == "streams" else "],")
    return "\n".join([*lines, "}", ""])


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")

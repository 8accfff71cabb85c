"""What laptop and rig say to each other: one table, the frames of `pen_protocol.framing` around it. Runs on both.

The header is the pen's (`pen_protocol.codec`); its session field carries the number of the run, drawn by the laptop at
START. A rig that lost its state has no run any more: it opens the hands, refuses what belongs to a run and says why, until
a new one is started. Answers echo the sequence number of their request. EDGES carries as many words as its `count` says.
"""

import binascii
import struct

from hil_tests.rig import pins, programs
from pen_protocol import framing
from pen_protocol.codec import HEADER_SIZE, put_header
from pen_protocol.messages import U8, U30, Message

VERSION = 1
"""Of the rig's protocol. The schema hash tells builds of one version apart."""
PRODUCT = b"PEN-RIG\0"
EDGES_MAX = 24
"""Words in one EDGES at most: with its head they fit the pen's longest payload."""
WORD_SIZE = 4

GREET = 0x01
START = 0x02
BEAT = 0x03
HANDS = 0x04
CANCEL = 0x05
SWITCH = 0x06
RUN_LOW = 0x07
SKIP = 0x08
NOW = 0x09
PULL = 0x0A
END = 0x0B
LEAVE = 0x0C
GREETING = 0x40
DONE = 0x41
REFUSED = 0x42
EDGES = 0x43
LOST = 0x44


class Reason:
    """Why the rig refuses, or why it has no run any more."""

    NO_RUN = 1
    """It was never started, or was reset since."""
    RING_FULL = 2
    """More edges than its memory held until they were sent."""
    FIFO_FULL = 3
    """Edges came faster than DMA took them."""
    HOST_SILENT = 4
    """No message for `SILENCE_MS`."""
    BUSY = 5
    """Its queue of hands is full: one waits for a stroke that does not come, or CANCEL."""
    UNKNOWN = 6
    """No such message, of this size."""
    ENDED = 7
    """The laptop ended the run."""
    OUT_OF_RANGE = 8


REASON_TEXT = {
    Reason.NO_RUN: "it was never started, or was reset since",
    Reason.RING_FULL: "more edges came than its memory held until they were sent",
    Reason.FIFO_FULL: "edges came faster than its memory took them",
    Reason.HOST_SILENT: "the laptop was silent",
    Reason.BUSY: "hands wait for a stroke already: cancel them first",
    Reason.UNKNOWN: "it does not know the message: flash the rig with this release",
    Reason.ENDED: "the run was ended",
    Reason.OUT_OF_RANGE: "a value is outside its range",
}
"""The same for a person."""

SILENCE_MS = 1_000
"""A laptop silent for this long has died: the rig opens the hands and ends the run."""

_LEVELS = ("levels", "B", "", 0, pins.HANDS_MASK)

TABLE = tuple(
    [
        Message(number, name, 0, answer, True, 1, fields)
        for number, name, answer, fields in (
            # ---- laptop to rig
            (
                GREET,
                "GREET",
                GREETING,
                (("schema_hash", "I", "", 0, 0xFFFFFFFF), ("nonce", "I", "", 1, U30)),
            ),
            # begins the run of the header: machines anew, hands resting, nothing remembered
            (START, "START", DONE, (("divider", "B", "", 1, 25), ("plays_hall", "B", "", 0, 1))),
            (BEAT, "BEAT", 0, ()),
            # all hands at once, after a delay, which a stroke's rise begins when amid is 1
            (
                HANDS,
                "HANDS",
                DONE,
                (
                    _LEVELS,
                    ("amid", "B", "", 0, 1),
                    ("delay_us", "I", "us", 0, programs.HAND_DELAY_MAX_US),
                ),
            ),
            # forget hands that wait; they stay as they are
            (CANCEL, "CANCEL", DONE, ()),
            (SWITCH, "SWITCH", DONE, (("levels", "B", "", 0, (1 << len(pins.SWITCHES)) - 1),)),
            (RUN_LOW, "RUN_LOW", DONE, (("low", "B", "", 0, 1),)),
            # leave so many strokes from now on without a hall pulse
            (SKIP, "SKIP", DONE, (("strokes", "I", "", 0, U30),)),
            # change NOW; the value of DONE is how many words there were before
            (NOW, "NOW", DONE, ()),
            # pull the inputs up or down and say what all lines show then; needs no run
            (PULL, "PULL", DONE, (("up", "B", "", 0, 1),)),
            (END, "END", DONE, ()),
            # give the interpreter's prompt back, for flashing; only without a run since the last reset
            (LEAVE, "LEAVE", DONE, ()),
            # ---- rig to laptop
            (
                GREETING,
                "GREETING",
                0,
                (
                    ("product", "8s", "", 0, 0),
                    ("schema_hash", "I", "", 0, 0xFFFFFFFF),
                    ("nonce", "I", "", 1, U30),
                    ("version", "B", "", 0, U8),
                    ("boot_id", "I", "", 1, U30),
                    ("serial", "8s", "", 0, 0),
                    ("clock_hz", "I", "Hz", 1, U30),
                    ("runtime", "12s", "", 0, 0),
                ),
            ),
            (DONE, "DONE", 0, (("request", "B", "", 0, U8), ("value", "I", "", 0, U30))),
            (REFUSED, "REFUSED", 0, (("request", "B", "", 0, U8), ("reason", "B", "", 0, U8))),
            # words from number `first` of the run on
            (EDGES, "EDGES", 0, (("first", "I", "", 0, U30), ("count", "B", "", 1, EDGES_MAX))),
            (LOST, "LOST", 0, (("reason", "B", "", 0, U8), ("words", "I", "", 0, U30))),
        )
    ]
)
BY_NUMBER = {message.number: message for message in TABLE}
BY_NAME = {message.name: message for message in TABLE}
EDGES_HEAD = HEADER_SIZE + BY_NUMBER[EDGES].size
"""Where an EDGES frame's words begin."""


def canonical():
    """Table, lines and word layout as text: what the schema hash covers."""
    lines = ["rig %d look %d bits %d" % (VERSION, programs.LOOK_CYCLES, programs.TIME_BITS)]
    for m in TABLE:
        fields = ["%s:%s:%s:%d:%d" % (f.name, f.code, f.unit, f.low, f.high) for f in m.fields]
        lines.append("%02x %s %02x %s" % (m.number, m.name, m.answer, ",".join(fields)))
    lines += ["line %s %d %s" % (entry[0], entry[1], entry[2]) for entry in pins.LINES]
    lines += ["reason %d %s" % (number, REASON_TEXT[number]) for number in sorted(REASON_TEXT)]
    return "\n".join(lines)


SCHEMA_HASH = binascii.crc32(canonical().encode()) & 0xFFFFFFFF
"""Differs when the same bytes would mean something else."""


def pack(encoder, number, sequence, run, values):
    """Make a frame in `encoder.wire`; its length. EDGES is made by `pack_edges`."""
    message = BY_NUMBER[number]
    put_header(encoder.body, number, sequence, run)
    struct.pack_into(message.struct_format, encoder.body, HEADER_SIZE, *values)
    return encoder.finish(HEADER_SIZE + message.size)


def pack_edges(encoder, run, first, count):
    """Make an EDGES frame of words that lie in `encoder.body` from `EDGES_HEAD` on; its length."""
    put_header(encoder.body, EDGES, 0, run)
    struct.pack_into(BY_NUMBER[EDGES].struct_format, encoder.body, HEADER_SIZE, first, count)
    return encoder.finish(EDGES_HEAD + WORD_SIZE * count)


def unpack(frame, length):
    """Values of a received frame, or None when its size or a value does not fit its message.

    Args:
        frame: Header and payload.
        length: Of both; what lies behind is not looked at.
    """
    message = BY_NUMBER.get(frame[1])
    if message is None or length < HEADER_SIZE + message.size:
        return None
    values = struct.unpack_from(message.struct_format, frame, HEADER_SIZE)
    rest = length - HEADER_SIZE - message.size
    if rest != (WORD_SIZE * values[1] if message.number == EDGES else 0):
        return None
    for index, field in enumerate(message.fields):
        if not field.holds_bytes and not field.low <= values[index] <= field.high:
            return None
    return values


assert HEADER_SIZE + BY_NUMBER[EDGES].size + WORD_SIZE * EDGES_MAX + framing.CRC_SIZE <= framing.MAX_BODY

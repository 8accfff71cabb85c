"""Runs on MicroPython: does what protocol/vectors.json asks and prints what came out, one JSON line an entry.

Reads the file line by line, so that it fits a chip too. `VECTORS` may be set before to another path.
"""

import json
from binascii import hexlify, unhexlify

from pen_protocol import codec, framing
from pen_protocol.messages import BY_NUMBER

encoder = framing.Encoder()


def text(data):
    """Bytes as hex text."""
    return hexlify(data).decode()


def read(data):
    """Frames and counters a fresh decoder makes of a stream."""
    decoder = framing.Decoder()
    frames = []
    at = 0
    while at < len(data):
        at = decoder.feed(data, at, len(data))
        if decoder.length:
            frames.append(bytes(decoder.frame[: decoder.length]))
    counters = {}
    for name in ("frames", "bad_cobs", "bad_crc", "too_long", "too_short"):
        counters[name] = getattr(decoder, name)
    return frames, counters


def write(entry):
    """The wire bytes of an entry's values."""
    message = BY_NUMBER[entry["number"]]
    values = []
    for field in message.fields:
        value = entry["values"][field.name]
        values.append(unhexlify(value) if field.holds_bytes else value)
    codec.put_header(encoder.body, message.number, entry["sequence"], entry["session"])
    length = encoder.finish(codec.pack_payload(encoder.body, message.number, values))
    return bytes(encoder.wire[:length])


def values_of(frame):
    """Values of a received frame by name, bytes as hex."""
    message = BY_NUMBER[codec.header_number(frame)]
    found = {}
    for field, value in zip(message.fields, codec.unpack_payload(message, frame)):  # noqa: B905 - MicroPython
        found[field.name] = text(value) if field.holds_bytes else value
    return found


def outcome(entry):
    """What this implementation makes of one entry."""
    if "stream" in entry:
        frames, counters = read(unhexlify(entry["stream"]))
        return {"name": entry["name"], "frames": [text(frame) for frame in frames], "counters": counters}
    frames, _ = read(unhexlify(entry["wire"]))
    frame = frames[0]
    return {
        "name": entry["name"],
        "wire": text(write(entry)),
        "number": codec.header_number(frame),
        "sequence": codec.header_sequence(frame),
        "session": codec.header_session(frame),
        "values": values_of(frame),
    }


with open(VECTORS) as file:  # noqa: F821 - given by whoever runs this
    for line in file:
        line = line.strip()
        if line.startswith('{"'):
            print(json.dumps(outcome(json.loads(line[:-1] if line.endswith(",") else line))))

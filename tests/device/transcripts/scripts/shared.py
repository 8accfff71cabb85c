"""pen_protocol beyond the golden frames: hash, masks, refusals, damaged bytes without order."""

from bench import Random

from pen_protocol import codec, faults, framing, limits, messages, states, version

print(messages.SCHEMA_HASH, version.PROTOCOL_VERSION, version.FIRMWARE_VERSION)
print(messages.canonical())
for name in sorted(dir(states)):
    if name.startswith(("STOPS_", "BLOCKS_")):
        print(name, getattr(states, name))
print(sorted(faults.FAULT_NAMES.items()), faults.REFUSAL_NAMES, limits.WORD_MAX)

random = Random(1)
buffer = bytearray(200)
for message in messages.TABLE:
    for index, field in enumerate(message.fields):
        values = [b"" if other.holds_bytes else other.low for other in message.fields]
        values[index] = bytes(field.size + 1) if field.holds_bytes else field.high + 1
        try:
            codec.pack_payload(buffer, message.number, values)
        except ValueError as refused:
            print(refused)

decoder = framing.Decoder()
for _ in range(300):
    data = random.bytes(random.below(200))
    if random.below(2):
        data = bytes([byte & random.pick((0, 1, 3, 255)) for byte in data])
    at = 0
    while at < len(data):
        at = decoder.feed(data, at, len(data))
        if decoder.length:
            print("frame", bytes(decoder.frame[: decoder.length]))
print(
    decoder.frames, decoder.bad_cobs, decoder.bad_crc, decoder.too_long, decoder.too_short, decoder.errors()
)

"""Frames on a byte stream: 0x00, COBS(header, payload, CRC-32 little-endian), 0x00.

A frame's body is at most `MAX_BODY` bytes, below COBS's block length of 254, so one overhead byte always suffices.
The CRC is IEEE 802.3 (`binascii.crc32`); run over the body and its own check sum it leaves `CRC_RESIDUE`.
"""

import binascii
import struct

from .codec import HEADER_SIZE
from .messages import MAX_PAYLOAD

CRC_SIZE = 4
CRC_RESIDUE = 0x2144DF1C
MIN_BODY = HEADER_SIZE + CRC_SIZE
MAX_BODY = HEADER_SIZE + MAX_PAYLOAD + CRC_SIZE
MAX_WIRE = MAX_BODY + 3
"""Longest frame with both delimiters and the COBS overhead byte."""


class Encoder:
    """Builds one frame at a time: fill `body` with header and payload, then `finish(length)`; bytes are in `wire`."""

    def __init__(self) -> None:
        self.body = bytearray(MAX_BODY)
        self.wire = bytearray(MAX_WIRE)
        view = memoryview(self.body)
        self._views = [view[:n] for n in range(MAX_BODY + 1)]

    def finish(self, length: int) -> int:
        """Add the check sum behind `length` bytes of `body` and stuff the whole into `wire`; return the wire length."""
        body = self.body
        wire = self.wire
        # 32 bits are boxed on MicroPython: once for the sum itself, not again for each byte taken from it
        struct.pack_into("<I", body, length, binascii.crc32(self._views[length]))
        length += CRC_SIZE
        wire[0] = 0
        code_at = 1
        out = 2
        for index in range(length):
            byte = body[index]
            if byte:
                wire[out] = byte
            else:
                wire[code_at] = out - code_at
                code_at = out
            out += 1
        wire[code_at] = out - code_at
        wire[out] = 0
        return out + 1


class Decoder:
    """Takes bytes in pieces of any size, gives whole checked frames; never raises on input.

    Whatever is not a frame is dropped up to the next 0x00 and counted by kind: `bad_cobs`, `bad_crc`, `too_long`,
    `too_short`. `frames` counts good ones. After `feed` returned with `length` > 0 the frame (header and payload,
    without check sum) is `frame[:length]` until the next `feed`.
    """

    def __init__(self) -> None:
        self.frame = bytearray(MAX_BODY)
        view = memoryview(self.frame)
        self._views = [view[:n] for n in range(MAX_BODY + 1)]
        self.length = 0
        self.frames = 0
        self.bad_cobs = 0
        self.bad_crc = 0
        self.too_long = 0
        self.too_short = 0
        self._fill = 0
        self._left = 0
        self._zero_due = False
        self._skipping = False

    def errors(self) -> int:
        """How many pieces of input were dropped, of any kind."""
        return self.bad_cobs + self.bad_crc + self.too_long + self.too_short

    def feed(self, data: bytes | bytearray | memoryview, start: int, stop: int) -> int:
        """Take `data[start:stop]` up to the end of the next whole frame; return the index behind the last byte taken.

        `length` is that frame's length, or 0 when the data ran out first. Call again from the returned index.
        """
        frame = self.frame
        fill = self._fill
        left = self._left
        zero_due = self._zero_due
        skipping = self._skipping
        self.length = 0
        while start < stop:
            byte = data[start]
            start += 1
            if byte == 0:
                if skipping:
                    skipping = False
                elif left:
                    self.bad_cobs += 1
                elif zero_due:
                    self._end_frame(fill)
                fill = 0
                left = 0
                zero_due = False
                if self.length:
                    break
            elif skipping:
                continue
            elif left:
                if fill >= MAX_BODY:
                    self.too_long += 1
                    skipping = True
                    continue
                frame[fill] = byte
                fill += 1
                left -= 1
            else:
                if zero_due:
                    if fill >= MAX_BODY:
                        self.too_long += 1
                        skipping = True
                        continue
                    frame[fill] = 0
                    fill += 1
                zero_due = True
                left = byte - 1
        self._fill = fill
        self._left = left
        self._zero_due = zero_due
        self._skipping = skipping
        return start

    def _end_frame(self, fill: int) -> None:
        if fill < MIN_BODY:
            self.too_short += 1
        elif binascii.crc32(self._views[fill]) != CRC_RESIDUE:
            self.bad_crc += 1
        else:
            self.frames += 1
            self.length = fill - CRC_SIZE

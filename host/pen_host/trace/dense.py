"""Columns of whole numbers in few bytes: differences from one to the next, their bytes sorted by weight, then zlib.

A packed column is: one byte, whose low bits say how many bytes a difference takes (0, 1, 2, 4 or 8; 0 for a column that never
changes) and whose top bit says that values are missing; then, if they are, a bit for each value, lowest first, 1 where it is
known; then the first known value as 8 bytes and the differences of the known ones: all their lowest bytes, then all their next
ones. Integers are signed and little-endian. Columns follow one another, and all of them together are one zlib stream (RFC 1950).

A value that is not known has no number here, so it cannot come back as one. Everything is pure, and every length is checked
before it is believed.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from itertools import accumulate, pairwise

Value = int | None

COUNT_MAX = 100_000
"""Values in a column at most: what a chunk claims beyond is not unpacked. (J)"""
VALUE_MAX = 2**53 - 1
"""Greatest value, either side of nought: what JSON carries exactly, as in the chunks of rows."""
LEVEL = 6
"""Of zlib. Level 9 saves 2 % more of a stroke train and takes three times as long. (J)"""
_HAS_UNKNOWN = 0x80
_CODES = {1: "b", 2: "h", 4: "i", 8: "q"}
_FIRST = struct.Struct("<q")


class DenseError(ValueError):
    """Bytes that are no packed columns; the message is a clause that says why."""


def pack_columns(columns: Sequence[Sequence[Value]]) -> bytes:
    """Columns of equal length, packed.

    Raises:
        DenseError: A value or a column is too large.
    """
    return zlib.compress(b"".join(map(_packed, columns)), LEVEL)


def unpack_columns(packed: bytes, count: int, width: int) -> list[list[Value]]:
    """The columns that were packed.

    Args:
        packed: What `pack_columns` gave.
        count: Values in each.
        width: How many columns.

    Raises:
        DenseError: The bytes are not that.
    """
    if not 0 <= count <= COUNT_MAX:
        raise DenseError(f"it claims {count} values")
    reader = _Reader(_inflated(packed, width * (1 + 8 + count * 9)))
    found = [reader.column(count) for _ in range(width)]
    if reader.left:
        raise DenseError(f"{reader.left} bytes are left over")
    return found


def _inflated(packed: bytes, at_most: int) -> bytes:
    """The stream's content; one that claims more than can be is not unpacked to its end."""
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(packed, at_most + 1)
    except zlib.error as error:
        raise DenseError(f"it cannot be unpacked ({error})") from error
    if not stream.eof or stream.unused_data or len(content) > at_most:
        raise DenseError("it ends too early or too late")
    return content


def _packed(column: Sequence[Value]) -> bytes:
    if len(column) > COUNT_MAX:
        raise DenseError(f"a column of {len(column)} values is too long")
    known: Sequence[int] = [value for value in column if value is not None]
    mask = b""
    if len(known) < len(column):
        bits = sum(1 << place for place, value in enumerate(column) if value is not None)
        mask = bits.to_bytes((len(column) + 7) // 8, "little")
    unknown = _HAS_UNKNOWN if mask else 0
    if not known:
        return bytes([unknown]) + mask
    low, high = min(known), max(known)
    if low < -VALUE_MAX or high > VALUE_MAX:
        raise DenseError("a value is beyond what a record carries exactly")
    if low == high:
        return bytes([unknown]) + mask + _FIRST.pack(low)
    steps = [after - before for before, after in pairwise(known)]
    size = _size(min(steps), max(steps))
    plain = struct.pack(f"<{len(steps)}{_CODES[size]}", *steps)
    planes = b"".join(plain[weight::size] for weight in range(size))
    return bytes([unknown | size]) + mask + _FIRST.pack(known[0]) + planes


def _size(low: int, high: int) -> int:
    """Bytes that hold every number from `low` to `high`."""
    return next(size for size in _CODES if low >= -(1 << 8 * size - 1) and high < 1 << 8 * size - 1)


class _Reader:
    """Takes one column after the other off the bytes."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes that nothing was read from yet."""
        return len(self._content) - self._at

    def column(self, count: int) -> list[Value]:
        """The next column."""
        head = self._take(1)[0]
        known = self._known(count) if head & _HAS_UNKNOWN else None
        size = head & ~_HAS_UNKNOWN
        if size and size not in _CODES:
            raise DenseError(f"a column has differences of {size} bytes")
        values = self._values(count if known is None else sum(known), size)
        if known is None:
            return values
        following = iter(values)
        return [next(following) if one else None for one in known]

    def _known(self, count: int) -> list[int]:
        """For each value, 1 where it is known."""
        bits = int.from_bytes(self._take((count + 7) // 8), "little")
        if bits >> count:
            raise DenseError("values are known that do not exist")
        return [bits >> place & 1 for place in range(count)]

    def _values(self, count: int, size: int) -> list[Value]:
        if not count:
            return []
        (first,) = _FIRST.unpack(self._take(_FIRST.size))
        if not size:
            return [first] * count
        plain = bytearray((count - 1) * size)
        for weight in range(size):
            plain[weight::size] = self._take(count - 1)
        return list(accumulate(struct.unpack(f"<{count - 1}{_CODES[size]}", plain), initial=first))

    def _take(self, count: int) -> bytes:
        found = self._content[self._at : self._at + count]
        if len(found) < count:
            raise DenseError("it ends too early")
        self._at += count
        return found

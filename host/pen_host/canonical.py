"""One spelling for one value: the canonical JSON of RFC 8785, so that equal values have equal digests.

Keys are sorted by UTF-16 code units, there is no white space, strings carry only the escapes JSON demands, and
numbers are spelled as ECMAScript spells them. What JSON cannot carry exactly is refused instead of rounded:
integers beyond 2^53 - 1 (give them as strings), infinities, NaN and half surrogates.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from functools import lru_cache
from operator import itemgetter

EXACT_MAX = 2**53 - 1
"""Largest integer every JSON reader keeps exactly (RFC 7493 section 2.2)."""

# ECMAScript writes plain digits between these powers of ten and an exponent beyond them.
_PLAIN_ABOVE = -7
_PLAIN_UP_TO = 21
_DEPTH_MAX = 64
_KEYS_KEPT = 1_024

_order = itemgetter(0)

_quote = json.encoder.encode_basestring


class CanonicalError(ValueError):
    """The value has no canonical JSON; the message says which part and why."""


def canonical_json(value: object) -> str:
    """The canonical JSON text of a value.

    Args:
        value: None, bool, int, float, str, or mappings with string keys, lists and tuples of these.

    Raises:
        CanonicalError: The value, or a part of it, cannot be written exactly.
    """
    return _text(value, _DEPTH_MAX)


def digest(value: object) -> str:
    """SHA-256 of the canonical JSON, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def quoted(text: str) -> str:
    """A string as it stands in canonical JSON, quotes included.

    Raises:
        CanonicalError: The text holds half a surrogate pair, which no UTF-8 can carry.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise CanonicalError(f"the text {text[:40]!a} holds half a surrogate pair") from error
    return _quote(text)


def _text(value: object, depth_left: int) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return _number(value)
    if depth_left == 0:
        raise CanonicalError(f"the value is nested deeper than {_DEPTH_MAX} levels")
    if isinstance(value, Mapping):
        return _object(value, depth_left - 1)
    if isinstance(value, list | tuple):
        return "[" + ",".join(_text(item, depth_left - 1) for item in value) + "]"
    raise CanonicalError(f"a {type(value).__name__} has no place in JSON")


def _object(value: Mapping[object, object], depth_left: int) -> str:
    members = []
    for key, item in value.items():
        if not isinstance(key, str):
            raise CanonicalError(f"the key {key!r} is no string")
        members.append((*_key(key), item))
    members.sort(key=_order)
    return "{" + ",".join([f"{name}:{_text(item, depth_left)}" for _, name, item in members]) + "}"


@lru_cache(_KEYS_KEPT)
def _key(key: str) -> tuple[bytes, str]:
    """By what a key is sorted, and how it is written; a record has few keys, again and again."""
    name = quoted(key)
    return key.encode("utf-16-be"), name


def _integer(value: int) -> str:
    if not -EXACT_MAX <= value <= EXACT_MAX:
        raise CanonicalError(
            f"an integer of {value.bit_length()} bits is beyond 2^53 - 1; give it as a string"
        )
    return int.__repr__(value)


def _number(value: float) -> str:
    """ECMAScript's Number::toString: the shortest digits that read back as the same double."""
    if not math.isfinite(value):
        raise CanonicalError(f"{value} is no number JSON can carry")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = f"{float.__repr__(abs(value))}e0".partition("e")
    exponent = exponent.removesuffix("e0") or "0"
    whole, _, fraction = mantissa.partition(".")
    fraction = fraction.rstrip("0")
    point = len(whole) + int(exponent)
    digits = whole + fraction
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    return sign + _placed(stripped.rstrip("0"), point)


def _placed(digits: str, point: int) -> str:
    """Digits with the decimal point after `point` of them, spelled as ECMAScript spells it."""
    if len(digits) <= point <= _PLAIN_UP_TO:
        return digits + "0" * (point - len(digits))
    if 0 < point <= _PLAIN_UP_TO:
        return f"{digits[:point]}.{digits[point:]}"
    if _PLAIN_ABOVE < point - 1 < 0:
        return "0." + "0" * -point + digits
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+d}"

"""GS1 element strings, as a DataMatrix on a package holds them and a scanner types them. Pure.

Only a whole code is taken: article, lot, expiry and serial, each as GS1 writes it. A code that was cut short, typed by a
scanner that drops the separators, or carries something unknown in between is refused with what is wrong, because a wrong
lot number on record is worse than none. (GS1 General Specifications, sections 3 and 7.)
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pen_host.errors import UsageError

SEPARATOR = "\x1d"
"""FNC1 within the data: ends a value of variable length."""
GTIN, LOT, PRODUCED, EXPIRY, SERIAL = "01", "10", "11", "17", "21"
NEEDED = {
    GTIN: "the article number (01)",
    LOT: "the lot (10)",
    EXPIRY: "the expiry (17)",
    SERIAL: "the serial number (21)",
}
LENGTH_MAX = 512
"""More letters than any label: a stuck key. (J)"""

# What scanners type for the separator, and the symbology identifiers they put in front.
_SPELLINGS = ("\u241d", "<GS>", "{GS}", "^]")
_PREFIXES = ("]d2", "]Q3", "]C1", "]e0")
# Characters of GS1 AI encodable set 82.
_SET_82 = re.compile(r"[!\"%-?A-Z_a-z]+")
_BRACKETED = re.compile(r"\((\d{2,4})\)([^()]*)")


@dataclass(frozen=True, slots=True)
class _Element:
    """How a value is written.

    Attributes:
        longest: Most characters.
        fixed: Whether it always has exactly so many, and then no separator after it.
        digits: Whether it holds digits only.
    """

    longest: int
    fixed: bool = False
    digits: bool = False


_KNOWN: Mapping[str, _Element] = {
    GTIN: _Element(14, fixed=True, digits=True),
    LOT: _Element(20),
    PRODUCED: _Element(6, fixed=True, digits=True),
    "13": _Element(6, fixed=True, digits=True),
    "15": _Element(6, fixed=True, digits=True),
    EXPIRY: _Element(6, fixed=True, digits=True),
    SERIAL: _Element(20),
    "30": _Element(8, digits=True),
    "37": _Element(8, digits=True),
    "240": _Element(30),
    "241": _Element(30),
    "250": _Element(30),
}


class LabelError(UsageError):
    """A scanned code cannot be used.

    Args:
        why: What is wrong, as a clause.
    """

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(
            f"The scanned code was not taken: {why}. No cartridge was chosen or changed. Scan the square code on the "
            "cartridge's package again; if it stays so, do not use that package."
        )


@dataclass(frozen=True, slots=True)
class Scanned:
    """A whole code.

    Attributes:
        gtin: Article, 14 digits.
        lot: Lot.
        expiry: Last day of use.
        serial: Serial number.
        more: Whatever else it holds, by application identifier.
    """

    gtin: str
    lot: str
    expiry: date
    serial: str
    more: Mapping[str, str]


def parse(scan: str, today: date) -> Scanned:
    """Reads a scanned code, raw or with its identifiers in brackets.

    Args:
        scan: What the scanner typed.
        today: For the century of the expiry, which has two digits of the year.

    Raises:
        LabelError: Says what is wrong with it.
    """
    elements = _elements(_cleaned(scan))
    missing = [name for ai, name in NEEDED.items() if ai not in elements]
    if missing:
        hint = "; the scanner may drop the separators" if _swallowed(elements) else ""
        raise LabelError(f"it lacks {', '.join(missing)}{hint}")
    if check_digit(elements[GTIN][:-1]) != elements[GTIN][-1]:
        raise LabelError(f"the article number {elements[GTIN]} has a wrong check digit, so a digit is wrong")
    more = {ai: value for ai, value in elements.items() if ai not in NEEDED}
    return Scanned(elements[GTIN], elements[LOT], _day(elements[EXPIRY], today), elements[SERIAL], more)


def element_string(scanned: Scanned) -> str:
    """The code as a DataMatrix holds it, for a label of one's own: fixed lengths first, then lot, then serial."""
    expiry = f"{scanned.expiry:%y%m%d}"
    fixed = "".join(f"{ai}{value}" for ai, value in scanned.more.items() if _KNOWN[ai].fixed)
    variable = "".join(
        f"{SEPARATOR}{ai}{value}" for ai, value in scanned.more.items() if not _KNOWN[ai].fixed
    )
    return f"{GTIN}{scanned.gtin}{EXPIRY}{expiry}{fixed}{LOT}{scanned.lot}{SEPARATOR}{SERIAL}{scanned.serial}{variable}"


def check_digit(digits: str) -> str:
    """The last digit of a GTIN: weights 3 and 1 from the right (GS1 General Specifications 7.9)."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def _cleaned(scan: str) -> str:
    """The scan with one spelling for the separator, and without what scanners put around it."""
    if len(scan) > LENGTH_MAX:
        raise LabelError(f"it has {len(scan)} characters, so it is no label")
    text = scan.strip(" \t\r\n")
    for spelling in _SPELLINGS:
        text = text.replace(spelling, SEPARATOR)
    for prefix in _PREFIXES:
        text = text.removeprefix(prefix)
    text = text.strip(SEPARATOR)
    if not text:
        raise LabelError("it is empty")
    return text


def _elements(text: str) -> dict[str, str]:
    if text.startswith("("):
        return _bracketed(text)
    found: dict[str, str] = {}
    rest = text
    while rest:
        ai = _identifier(rest)
        element, rest = _KNOWN[ai], rest[len(ai) :]
        if element.fixed:
            value, rest = rest[: element.longest], rest[element.longest :].removeprefix(SEPARATOR)
        else:
            value, _, rest = rest.partition(SEPARATOR)
        _keep(found, ai, value)
    return found


def _bracketed(text: str) -> dict[str, str]:
    """The form printed below the code, for people."""
    found: dict[str, str] = {}
    end = 0
    for match in _BRACKETED.finditer(text):
        if match.start() != end:
            break
        if match[1] not in _KNOWN:
            raise LabelError(f"it holds the element ({match[1]}), which is not known here")
        _keep(found, match[1], match[2].strip(f" {SEPARATOR}"))
        end = match.end()
    if end != len(text):
        raise LabelError("it ends within an element")
    return found


def _identifier(text: str) -> str:
    for length in (2, 3, 4):
        if text[:length] in _KNOWN:
            return text[:length]
    raise LabelError(f"it holds the element {text[:4]!r}, which is not known here, or was cut before it")


def _keep(found: dict[str, str], ai: str, value: str) -> None:
    """Takes over one value, if it is written as it must be."""
    element = _KNOWN[ai]
    if not value or (element.fixed and len(value) != element.longest):
        raise LabelError(f"the element ({ai}) was cut short, only {len(value)} characters are there")
    if len(value) > element.longest:
        raise LabelError(
            f"the element ({ai}) has {len(value)} characters, at most {element.longest} are possible"
        )
    if element.digits and not (value.isascii() and value.isdigit()):
        raise LabelError(f"the element ({ai}) holds {value[:20]!a} where only digits can be")
    if not _SET_82.fullmatch(value):
        raise LabelError(f"the element ({ai}) holds {value[:20]!a}, which no label can carry")
    if found.get(ai, value) != value:
        raise LabelError(f"the element ({ai}) is there twice with different content")
    found[ai] = value


def _swallowed(elements: Mapping[str, str]) -> bool:
    """Whether a value of variable length seems to hold the elements that should follow it."""
    values = [value for ai, value in elements.items() if not _KNOWN[ai].fixed]
    return any(re.search(r"(10|17|21)[!-z]", value[1:]) for value in values)


def _day(digits: str, today: date) -> date:
    """YYMMDD; day 00 is the last of the month, and the century is the nearest one (7.12)."""
    year = today.year - today.year % 100 + int(digits[:2])
    ahead = year - today.year
    if ahead >= 51:
        year -= 100
    elif ahead <= -50:
        year += 100
    month, day = int(digits[2:4]), int(digits[4:])
    try:
        return date(year, month, day or calendar.monthrange(year, month)[1])
    except (ValueError, calendar.IllegalMonthError) as error:
        raise LabelError(f"the expiry {digits} is no day of the calendar") from error

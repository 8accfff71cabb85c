"""Sets a sheet with typst: tagged PDF/A, or its pages as pictures. The template is ours, everything else is data."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from pen_host.errors import UsageError
from pen_host.reports.blocks import Block, Note, Picture, Sheet, Side, Tone

TEMPLATE = Path(__file__).parent / "sheet.typ"
STANDARDS = ("a-2a", "ua-1")
"""PDF/A-2a for archives, PDF/UA-1 for screen readers."""
SCREEN_DPI = 110
FALLBACK = "DejaVuSans.ttf"
"""Latin, Greek, Cyrillic, Arabic, Hebrew and more; no Chinese, Japanese or Korean."""
_NEVER = ("Cc", "Cf", "Co", "Cs", "Mn", "Zs", "Zl", "Zp")
"""Kinds of letters that PDF/A forbids, or that no font has for every letter they may stand above."""
MISSING = "\u25af"
"""Stands for a letter that cannot be set."""
UNSET_MAX = 12
"""Words with such letters that are spelled out under a report. (J)"""
_PUNCTUATION = ",.;:()[]'\""
_EXTRA = "record"


class ReportsMissingError(UsageError):
    """The program was installed without what sets a report."""

    def __init__(self) -> None:
        super().__init__(
            f"Reports need the extra {_EXTRA!r}, which is not installed here, so nothing was written. Install it with "
            f"pip install 'derma-pen[{_EXTRA}]'; the record itself is complete without it."
        )


def pdf(sheet: Sheet, at: datetime) -> bytes:
    """A sheet as PDF: the same sheet and moment give the same bytes.

    Args:
        sheet: What to set.
        at: The moment it tells of, from the record; stands in the document's metadata.

    Raises:
        ReportsMissingError: typst is not installed.
    """
    moment = at.astimezone(UTC).replace(microsecond=0)
    made: bytes = _compile(
        sheet, moment, format="pdf", pdf_standards=list(STANDARDS), timestamp=_seconds(moment)
    )
    return made


def pages(sheet: Sheet, at: datetime, dpi: int = SCREEN_DPI) -> list[bytes]:
    """A sheet as one PNG a page, for a screen.

    Raises:
        ReportsMissingError: typst is not installed.
    """
    made = _compile(sheet, at.astimezone(UTC).replace(microsecond=0), format="png", ppi=float(dpi))
    return list(made) if isinstance(made, list) else [made]


def _compile(sheet: Sheet, at: datetime, **options: Any) -> Any:
    try:
        # imported late: only a report needs it
        import typst
    except ImportError as error:
        raise ReportsMissingError from error
    files = {"main": TEMPLATE.read_bytes(), "sheet.json": _data(sheet, at), **_files(sheet)}
    return typst.compile(files, ignore_system_fonts=True, font_paths=[str(_fonts())], **options)


def _data(sheet: Sheet, at: datetime) -> bytes:
    content: dict[str, Any] = {
        "title": sheet.title,
        "subtitle": sheet.subtitle,
        "running": sheet.running,
        "badges": [{"text": one.text, "tone": one.tone} for one in sheet.badges],
        "sealed": sheet.sealed,
        "at": [at.year, at.month, at.day, at.hour, at.minute, at.second],
        "blocks": [],
    }
    names = _names(sheet)
    content["blocks"] = [_block(block, names) for block in sheet.blocks]
    content["blocks"] += [_block(note, names) for note in _unset_note(content)]
    return json.dumps(_printable(content), ensure_ascii=False).encode()


def _unset_note(content: Any) -> Iterator[Note]:
    """Says for each word with a letter that cannot be set how it is written: a name must not be lost on paper."""
    unset: dict[str, str] = {}
    for text in _texts(content):
        for word in unicodedata.normalize("NFC", text).split():
            points = [f"U+{ord(letter):04X}" for letter in word if _is_unset(letter)]
            if points:
                unset[word.strip(_PUNCTUATION)] = " ".join(points)
    if not unset:
        return
    lines = [f"{word}: {points}" for word, points in sorted(unset.items())[:UNSET_MAX]]
    if len(unset) > UNSET_MAX:
        lines.append(
            f"and {len(unset) - UNSET_MAX} more words; the record has all of them as they were typed"
        )
    title = f"Letters that no font here has stand as {MISSING}; by their Unicode numbers they are"
    yield Note(title, tuple(lines), Tone.WARN)


def _texts(value: Any) -> Iterator[str]:
    """Every text in what is to be set."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


def _is_unset(letter: str) -> bool:
    return letter not in _letters() and _letter(letter) == MISSING


def _printable(value: Any) -> Any:
    """With a box for every letter that no font here has: PDF/A refuses a page on which one letter cannot be shown."""
    if isinstance(value, str):
        return "".join(map(_letter, unicodedata.normalize("NFC", value)))
    if isinstance(value, dict):
        return {name: _printable(one) for name, one in value.items()}
    return [_printable(one) for one in value] if isinstance(value, list | tuple) else value


def _letter(letter: str) -> str:
    """One letter as it can be set: any space is a space, what only steers is left out."""
    if letter in _letters():
        return letter
    category = unicodedata.category(letter)
    if category.startswith("Z") or letter in "\n\t":
        return " "
    return "" if category == "Cf" else MISSING


@cache
def _letters() -> frozenset[str]:
    """Every letter that can be set: those of the font that fills in for all others."""
    from matplotlib.ft2font import FT2Font

    found = map(chr, FT2Font(str(_fonts() / FALLBACK)).get_charmap())
    return frozenset(
        letter for letter in found if letter == " " or unicodedata.category(letter) not in _NEVER
    )


def _block(block: Block, names: Mapping[int, str]) -> dict[str, Any]:
    if isinstance(block, Picture):
        return _named(block, names)
    if isinstance(block, Side):
        return {"kind": block.kind, "pictures": [_named(one, names) for one in block.pictures]}
    return {one.name: getattr(block, one.name) for one in fields(block)}


def _named(picture: Picture, names: Mapping[int, str]) -> dict[str, Any]:
    return {
        "kind": picture.kind,
        "file": names[id(picture)],
        "alt": picture.alt,
        "caption": picture.caption,
    }


def _names(sheet: Sheet) -> dict[int, str]:
    """A file name for each picture."""
    return {id(one): f"picture-{number}.svg" for number, one in enumerate(sheet.pictures())}


def _files(sheet: Sheet) -> dict[str, bytes]:
    names = _names(sheet)
    return {names[id(one)]: one.content for one in sheet.pictures()}


@cache
def _fonts() -> Path:
    """Fonts that are the same on every machine: matplotlib's, for letters that typst's own do not have."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def _seconds(at: datetime) -> int:
    return int(at.timestamp())

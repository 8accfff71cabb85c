"""Sets a sheet with typst: tagged PDF/A, or its pages as pictures. The template is ours, everything else is data."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pen_host.errors import UsageError
from pen_host.reports.blocks import Block, Note, Picture, Sheet, Side, Tone
from pen_host.reports.letters import MISSING, fonts_for, is_unset, shown

TEMPLATE = Path(__file__).parent / "sheet.typ"
STANDARDS = ("a-2a", "ua-1")
"""PDF/A-2a for archives, PDF/UA-1 for screen readers."""
SCREEN_DPI = 110
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
    content = _content(sheet, at)
    fonts = fonts_for(_texts(content))
    data = json.dumps({**content, "fonts": fonts.families}, ensure_ascii=False).encode()
    files = {"main": TEMPLATE.read_bytes(), "sheet.json": data, **_files(sheet)}
    folders = [str(folder) for folder in fonts.folders]
    return typst.compile(files, ignore_system_fonts=True, font_paths=folders, **options)


def _content(sheet: Sheet, at: datetime) -> dict[str, Any]:
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
    return {name: _printable(value) for name, value in content.items()}


def _unset_note(content: Any) -> Iterator[Note]:
    """Says for each word with a letter that cannot be set how it is written: a name must not be lost on paper."""
    unset: dict[str, str] = {}
    for text in _texts(content):
        for word in unicodedata.normalize("NFC", text).split():
            points = [f"U+{ord(letter):04X}" for letter in word if is_unset(letter)]
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


def _printable(value: Any) -> Any:
    """With a box for every letter that no font here has: PDF/A refuses a page on which one letter cannot be shown."""
    if isinstance(value, str):
        return "".join(map(shown, unicodedata.normalize("NFC", value)))
    if isinstance(value, dict):
        return {name: _printable(one) for name, one in value.items()}
    return [_printable(one) for one in value] if isinstance(value, list | tuple) else value


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


def _seconds(at: datetime) -> int:
    return int(at.timestamp())

"""Which letters a report can show, and with which fonts: PDF/A refuses a page on which one letter cannot be shown."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

TEXT, FALLBACK = "Libertinus Serif", "DejaVu Sans"
"""What a report is set in, and what fills in: Latin, Greek, Cyrillic, Arabic, Hebrew and more."""
FALLBACK_FILE = "DejaVuSans.ttf"
MISSING = "\u25af"
"""Stands for a letter that cannot be set."""
_NEVER = ("Cc", "Cf", "Co", "Cs", "Mn", "Zs", "Zl", "Zp")
"""Kinds of letters that PDF/A forbids, or that no font has for every letter they may stand above."""


class EastAsian(StrEnum):
    """Families of one font that draw the characters of East Asia as they are drawn where the text is from."""

    CHINESE = "Noto Sans CJK SC"
    JAPANESE = "Noto Sans CJK JP"
    KOREAN = "Noto Sans CJK KR"


@dataclass(frozen=True, slots=True)
class Fonts:
    """What a report is set with.

    Attributes:
        families: In the order in which they are asked for a letter.
        folders: Where their files lie; typst knows its own.
    """

    families: tuple[str, ...]
    folders: tuple[Path, ...]


def fonts_for(texts: Iterator[str]) -> Fonts:
    """Fonts for all of these: the same on every machine with the same packages, whatever its system has.

    The large font of East Asia is read only where something needs it.
    """
    wanted = {letter for text in texts for letter in text} - _filled_in()
    base = Fonts((TEXT, FALLBACK), (_fallback_folder(),))
    if not wanted & _east_asian():
        return base
    return Fonts((*base.families, _family(wanted)), (*base.folders, _east_asian_file().parent))  # type: ignore[union-attr]


def shown(letter: str) -> str:
    """One letter as it can be set: any space is a space, what only steers is left out, one without a font is a box."""
    if _can_be_set(letter):
        return letter
    category = unicodedata.category(letter)
    if category.startswith("Z") or letter in "\n\t":
        return " "
    return "" if category == "Cf" else MISSING


def is_unset(letter: str) -> bool:
    """Whether a box stands for it."""
    return not _can_be_set(letter) and shown(letter) == MISSING


def _can_be_set(letter: str) -> bool:
    return letter in _filled_in() or letter in _east_asian()


def _family(letters: set[str]) -> EastAsian:
    """Of the region that the text shows: the same character is drawn otherwise in Beijing and in Tokyo."""
    names = {unicodedata.name(letter, "").split(" ", 1)[0] for letter in letters}
    if names & {"HIRAGANA", "KATAKANA"}:
        return EastAsian.JAPANESE
    return EastAsian.KOREAN if "HANGUL" in names else EastAsian.CHINESE


@cache
def _filled_in() -> frozenset[str]:
    return _letters_of(_fallback_folder() / FALLBACK_FILE)


@cache
def _east_asian() -> frozenset[str]:
    """Nothing where the font is not installed: such letters are then boxes that a note spells out."""
    file = _east_asian_file()
    return _letters_of(file) - _filled_in() if file else frozenset()


def _letters_of(file: Path) -> frozenset[str]:
    from matplotlib.ft2font import FT2Font

    found = map(chr, FT2Font(str(file)).get_charmap())
    return frozenset(
        letter for letter in found if letter == " " or unicodedata.category(letter) not in _NEVER
    )


@cache
def _fallback_folder() -> Path:
    """Fonts that are the same on every machine: matplotlib's, for letters that typst's own do not have."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"


@cache
def _east_asian_file() -> Path | None:
    try:
        from noto_cjk_sans_otc import FONT_PATH
    except ImportError:
        return None
    return Path(str(FONT_PATH))

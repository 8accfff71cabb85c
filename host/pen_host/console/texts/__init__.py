"""Every text that the console's pages show, by key; another language is another TOML file in this folder.

What the pen, the record and the rules say in words (interlocks, refusals, questions) is theirs; a language may replace
such a sentence by its code with `Catalogue.other`.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

ENGLISH = "en"
"""The language that has every key; the others fall back to it."""


class UnknownTextError(KeyError):
    """A page asks for a text that no file has: an error in the program, found by its tests."""


class Catalogue:
    """Texts of one language.

    Args:
        language: As in the `lang` attribute of a page.
        texts: Text by key, keys with points.
        fallback: Where a text is looked for that this language does not have.
    """

    def __init__(self, language: str, texts: Mapping[str, str], fallback: Catalogue | None = None) -> None:
        self.language = language
        self._texts = dict(texts)
        self._fallback = fallback

    def __call__(self, key: str, /, **values: object) -> str:
        """The text of a key, its named places filled in.

        Raises:
            UnknownTextError: No language has it.
        """
        text = self._find(key)
        return text.format(**values) if values else text

    def other(self, key: str, said: str) -> str:
        """This language's words for something that the program itself says, or those words as they are."""
        return self._texts.get(key, said)

    def section(self, prefix: str) -> dict[str, str]:
        """All texts below a key, by the rest of theirs: what a script of a page is given."""
        found = self._fallback.section(prefix) if self._fallback else {}
        start = f"{prefix}."
        found |= {key[len(start) :]: text for key, text in self._texts.items() if key.startswith(start)}
        return found

    @property
    def keys(self) -> frozenset[str]:
        """Keys of this language, without the fallback's."""
        return frozenset(self._texts)

    def _find(self, key: str) -> str:
        found = self._texts.get(key)
        if found is not None:
            return found
        if self._fallback is None:
            raise UnknownTextError(f"no text for {key!r} in {self.language}")
        return self._fallback._find(key)


def read(content: str) -> dict[str, str]:
    """Texts of a TOML file, flat.

    Raises:
        ValueError: Not TOML, or something in it is no text.
    """
    return dict(_flat("", tomllib.loads(content)))


def places(text: str) -> frozenset[str]:
    """Names of the places that a text has filled in."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


@cache
def catalogue(language: str = ENGLISH) -> Catalogue:
    """The catalogue of a language that lies in this folder.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not readable.
    """
    content = (files(__name__) / f"{Path(language).name}.toml").read_text(encoding="utf-8")
    fallback = None if language == ENGLISH else catalogue(ENGLISH)
    return Catalogue(language, read(content), fallback)


def languages() -> tuple[str, ...]:
    """Languages that have a file here, English first."""
    found = sorted(Path(item.name).stem for item in files(__name__).iterdir() if item.name.endswith(".toml"))
    return (ENGLISH, *(name for name in found if name != ENGLISH))


def _flat(prefix: str, table: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flat(f"{name}.", value)
        elif isinstance(value, str):
            yield name, value
        else:
            raise ValueError(f"{name} is no text")

"""What a report is made of. Every text in a block is data: the template prints it as it stands and never reads it as markup."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum


class Tone(StrEnum):
    """How a note or badge looks; what it says is in its words as well."""

    CALM = "calm"
    GOOD = "good"
    WARN = "warn"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Badge:
    """A word or two beside the title."""

    text: str
    tone: Tone = Tone.CALM


@dataclass(frozen=True, slots=True)
class Heading:
    """The beginning of a section."""

    text: str
    kind: str = field(default="heading", init=False)


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, two pairs a line."""

    rows: tuple[tuple[str, str], ...]
    kind: str = field(default="facts", init=False)


@dataclass(frozen=True, slots=True)
class Grid:
    """A table.

    Attributes:
        header: Names of its columns.
        rows: Their values.
        right: Columns of numbers, by index.
        wide: Columns that take what room is left, by index.
        tall: Rows have room for handwriting.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[int, ...] = ()
    wide: tuple[int, ...] = ()
    tall: bool = False
    kind: str = field(default="grid", init=False)


@dataclass(frozen=True, slots=True)
class Note:
    """Something that must not be overlooked, or not be misunderstood."""

    title: str
    lines: tuple[str, ...]
    tone: Tone = Tone.CALM
    kind: str = field(default="note", init=False)


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph."""

    text: str
    kind: str = field(default="prose", init=False)


@dataclass(frozen=True, slots=True)
class Steps:
    """A list, for a person who does one thing after another; large enough to be read without glasses."""

    items: tuple[str, ...]
    kind: str = field(default="steps", init=False)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture.

    Attributes:
        content: SVG.
        alt: What it shows, for who cannot see it.
        caption: Below it.
    """

    content: bytes
    alt: str
    caption: str
    kind: str = field(default="picture", init=False)


@dataclass(frozen=True, slots=True)
class Side:
    """Pictures side by side."""

    pictures: tuple[Picture, ...]
    kind: str = field(default="side", init=False)


Block = Heading | Facts | Grid | Note | Prose | Steps | Picture | Side


@dataclass(frozen=True, slots=True)
class Sheet:
    """A whole report.

    Attributes:
        title: What it is.
        subtitle: Of whom or what.
        running: At the top of every page: enough to put a lost page back.
        badges: Beside the title.
        blocks: In order.
        sealed: At the bottom of every page: the chain's head, or where the content comes from.
    """

    title: str
    subtitle: str
    running: str
    badges: tuple[Badge, ...]
    blocks: tuple[Block, ...]
    sealed: str

    def pictures(self) -> Iterator[Picture]:
        """Every picture, in order."""
        for block in self.blocks:
            if isinstance(block, Picture):
                yield block
            elif isinstance(block, Side):
                yield from block.pictures

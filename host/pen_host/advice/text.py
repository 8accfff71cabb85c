"""The shape of advice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Advice:
    """What a person is told about one code. All but the title are whole sentences.

    Attributes:
        title: A few words for a heading.
        happened: What happened.
        means: What it means for patient and device.
        now: What to do now.
    """

    title: str
    happened: str
    means: str
    now: str

    @property
    def sentence(self) -> str:
        """All of it as one text."""
        return f"{self.happened} {self.means} {self.now}"

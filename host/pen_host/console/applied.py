"""What several pages say about something that was applied to the skin."""

from __future__ import annotations

from ..records.models import Substance
from .texts import Catalogue
from .widgets import Tone, note, tag


def warning(text: Catalogue, rule_id: str, sentence: str, source: str) -> None:
    """What is to be told about something that was applied; it forbids nothing."""
    with note(text.other(f"rules.{rule_id}", sentence), Tone.WARN):
        tag("span", text("screening.source", source=source), "muted small")


def substances(text: Catalogue) -> dict[str, str]:
    """What can be recorded, for a list."""
    return {str(one): text(f"close.substance_{one}") for one in Substance}

"""Entries for a journal under test, and the marker for what must hold for an encrypted one as well."""

from __future__ import annotations

from pathlib import Path

import pytest

from pen_host.journal import (
    Head,
    Journal,
    JournalReader,
    Kind,
)
from pen_host.models import PenEvent

either = pytest.mark.parametrize("path", ["plain", "encrypted"], indirect=True)
"""What must hold for an encrypted record as well, whose SQLite is another one."""


def event(number: int, **changes: int) -> PenEvent:
    fields = {"event_id": number, "time_ms": 5, "code": 5, "arg": 0, "value": 600}
    return PenEvent(**{**fields, "strokes_total": 10 * number, "contact_total": 0, **changes})


def note(journal: Journal, text: str = "x") -> Head:
    return journal.append(Kind.NOTE, {"text": text}).head


def kinds(path: Path) -> list[str]:
    with JournalReader(path) as reader:
        return [row.kind for row in reader.rows()]

"""The reports that can be asked for, made from the record by the very functions that `pen report` calls: the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from ..records import Clinic

if TYPE_CHECKING:
    from ..reports.make import Made


class Paper(StrEnum):
    """A report, and what it is about."""

    TREATMENT = "treatment"
    """A visit."""
    AFTER_CARE = "after-care"
    """A visit."""
    COURSE = "course"
    """A patient."""
    LOT = "lot"
    """A lot, and an article if one is given."""
    DATA_SHEET = "spec"
    """The pen; about nothing in the record."""


def report(record: Path, paper: Paper, about: str = "", gtin: str | None = None) -> bytes:
    """A report as PDF. Takes a second, and is for the workshop's process.

    Args:
        record: The record's file.
        paper: Which report.
        about: Of what: see `Paper`.
        gtin: Only this article, of a lot.

    Raises:
        PenError: There is no such thing in the record, it cannot be read, or reports are not installed.
    """
    from ..reports import paper as press

    if paper is Paper.DATA_SHEET:
        from ..reports.data_sheet import specification

        return press.pdf(*specification())
    with Clinic.read(record) as clinic:
        made = _sheets(gtin)[paper](clinic, about)
    return press.pdf(*made)


def warm() -> None:
    """Loads what sets papers and sets one, so that the first that somebody asks for takes no longer than the next.

    For the workshop's process.

    Raises:
        PenError: Reports are not installed.
    """
    from ..reports import paper as press
    from ..reports.data_sheet import specification

    _sheets(None)
    press.pdf(*specification())


def _sheets(gtin: str | None) -> dict[Paper, Callable[[Clinic, str], Made]]:
    from ..reports.after_care import after_care_sheet
    from ..reports.course import course_summary
    from ..reports.lot import lot_report
    from ..reports.treatment import treatment_record

    return {
        Paper.TREATMENT: treatment_record,
        Paper.AFTER_CARE: after_care_sheet,
        Paper.COURSE: course_summary,
        Paper.LOT: lambda clinic, lot: lot_report(clinic, lot, gtin),
    }

"""A report as a file: the sheet, set and written whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pen_host.errors import UsageError
from pen_host.reports import paper
from pen_host.reports.blocks import Sheet
from pen_host.whole_files import write_whole

Made = tuple[Sheet, datetime]


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A report that was written.

    Attributes:
        path: Where.
        sha256: Of it.
        bytes: Its size.
    """

    path: Path
    sha256: str
    bytes: int


def write_report(made: Made, path: Path) -> ReportFile:
    """Sets a report and writes it.

    Args:
        made: The sheet and its moment.
        path: A file that ends in .pdf.

    Raises:
        UsageError: The file's name is none for a PDF, it cannot be written, or the extra is not installed.
    """
    if path.suffix.lower() != ".pdf":
        raise UsageError(
            f"{path.name} is no name for a PDF, so nothing was written. Give --out a name that ends in .pdf."
        )
    content = paper.pdf(*made)
    return ReportFile(path, write_whole(path, content), len(content))

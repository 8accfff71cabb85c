"""Rows for people: a table on a terminal, plain aligned lines in a pipe."""

import sys
from collections.abc import Sequence

Rows = Sequence[Sequence[object]]


def show_rows(columns: Sequence[str], rows: Rows, *, right: Sequence[str] = (), title: str = "") -> None:
    """Print rows.

    Args:
        columns: Names of the columns.
        rows: Their values.
        right: Columns of numbers.
        title: Above the table; not in a pipe.
    """
    texts = [[str(value) for value in row] for row in rows]
    if sys.stdout.isatty():
        _table(columns, texts, right, title)
        return
    widths = [max(map(len, column)) for column in zip(columns, *texts, strict=True)]
    for row in [list(columns), *texts]:
        cells = [
            text.rjust(width) if name in right else text.ljust(width)
            for name, text, width in zip(columns, row, widths, strict=True)
        ]
        print("  ".join(cells).rstrip())


def show_facts(facts: Sequence[tuple[str, object]], title: str = "") -> None:
    """Print names and values, one a line."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim")
        table.add_column(overflow="fold")
        for name, value in facts:
            table.add_row(name, Text(str(value)))
        console = Console()
        if title:
            console.print(f"[bold]{title}[/bold]")
        console.print(table)
        return
    width = max((len(name) for name, _ in facts), default=0)
    for name, value in facts:
        print(f"{name.ljust(width)}  {value}")


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str], title: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", header_style="bold")
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(text) for text in row))
    Console().print(table)

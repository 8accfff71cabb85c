"""How far a run is: a bar on a terminal, one plain line for each test elsewhere. Told by the run's log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hil_tests.evidence.log import Event
from hil_tests.evidence.results import Outcome, TestResult, result_of

REFRESH_HZ = 4
_COLORS = {Outcome.PASSED: "green", Outcome.FAILED: "bold red", Outcome.SKIPPED: "yellow"}


class RunProgress:
    """Shows lines of a log as they come."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._counts: Counter[Outcome] = Counter()
        self._tests: int | None = None
        self._width = 1
        self._bar: Progress | None = None
        if console.is_terminal:
            self._bar = Progress(
                BarColumn(bar_width=28),
                MofNCompleteColumn(),
                TextColumn("{task.fields[counts]}"),
                TimeElapsedColumn(),
                TextColumn("{task.description}", style="dim"),
                console=console,
                transient=True,
                refresh_per_second=REFRESH_HZ,
            )
            self._task = self._bar.add_task("the pen is being prepared", total=None, counts="")

    def __enter__(self) -> RunProgress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, line: Mapping[str, Any]) -> None:
        """One line of the log."""
        if line["event"] == Event.COLLECTED:
            self._tests = line["tests"]
            self._width = len(str(self._tests))
            self._update(total=self._tests)
        elif line["event"] == Event.STARTED:
            self._update(description=escape(TestResult(line["test"], Outcome.PASSED).title))
        elif line["event"] == Event.FINISHED:
            self._finished(result_of(line["test"]))

    def say(self, words: str) -> None:
        """Words between the lines."""
        self._console.print(escape(words), soft_wrap=True, highlight=False)

    def _finished(self, test: TestResult) -> None:
        self._counts[test.outcome] += 1
        done = sum(self._counts.values())
        self._update(completed=done, counts=self._words())
        if self._bar is None:
            of = "?" if self._tests is None else str(self._tests)
            self.say(
                f"{done:{self._width}}/{of} {test.outcome:7} {test.duration_s:7.2f} s  {test.title}{_why(test)}"
            )
        elif test.outcome is Outcome.FAILED:
            self._console.print(
                f"[bold red]failed[/]  {escape(test.title)}{escape(_why(test))}", soft_wrap=True
            )

    def _words(self) -> str:
        return " ".join(
            f"[{_COLORS[outcome]}]{self._counts[outcome]} {outcome}[/]"
            for outcome in Outcome
            if self._counts[outcome]
        )

    def _update(self, **fields: Any) -> None:
        if self._bar is not None:
            self._bar.update(self._task, **fields)


def _why(test: TestResult) -> str:
    return f": {test.sentence}" if test.sentence else ""

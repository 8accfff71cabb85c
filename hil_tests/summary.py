"""The last words of a run: what it came to, the worst values against their limits, what did not run and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hil_tests.evidence.page import PAGE
from hil_tests.evidence.parts import limit, margin_words, value
from hil_tests.evidence.results import RESULTS, Outcome, Run, Worst, tightness, worst_cases
from pen_host.cli.output import show_rows


def summary_json(run: Run, folder: Path) -> dict[str, Any]:
    """The same for programs; the whole is in `results.json`."""
    return {
        "verdict": run.verdict,
        "sentence": run.sentence,
        "ending": run.ending,
        **{outcome.value: run.count(outcome) for outcome in Outcome},
        "missing": run.missing,
        "page": str(folder / PAGE),
        "results": str(folder / RESULTS),
    }


def show_summary(run: Run, folder: Path) -> None:
    """Print it."""
    _show_worst(worst_cases(run.tests))
    failed = [test for test in run.tests if test.outcome is Outcome.FAILED]
    for test in failed:
        print(f"FAILED   {test.title}: {test.sentence}")
    skipped = Counter(test.sentence for test in run.tests if test.outcome is Outcome.SKIPPED)
    for reason, count in skipped.most_common():
        print(f"not run  {count}: {reason}")
    if failed or skipped:
        print()
    print(f"{run.verdict.upper()}  {run.sentence}")
    print(f"page     {folder / PAGE}")
    print(f"results  {folder / RESULTS}")


def _show_worst(all_worst: Sequence[Worst]) -> None:
    """The tightest first; those that must be exact and are, as a number only."""
    graded = sorted((worst for worst in all_worst if worst.measurement.graded), key=tightness, reverse=True)
    rows = []
    for worst in graded:
        one = worst.measurement
        rows.append((one.name, value(one), limit(one), margin_words(one), one.hazard or "-", worst.count))
    if rows:
        columns = ("measured", "worst", "limit", "margin", "hazard", "values")
        show_rows(columns, rows, right=("worst", "values"), title="The worst value against each limit")
    rest = len(all_worst) - len(graded)
    if rest:
        print(f"{rest} more leave no margin to tell, and hold")
    if all_worst:
        print()

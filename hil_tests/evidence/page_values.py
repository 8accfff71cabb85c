"""Measured values on the page: the worst against each limit, and those of one test."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from markupsafe import Markup

from hil_tests.evidence import parts
from hil_tests.evidence.measure import Measurement, from_properties
from hil_tests.evidence.recorder import slug
from hil_tests.evidence.results import Run, TestResult, Worst, of_type, tightness, worst_cases

HAZARDS = "hazards"
"""Title of the run's facts that name the hazards."""
_MEASURED = (
    ("measured", ""),
    ("value", "value"),
    ("limit", "limit"),
    ("used of the limit", "bar"),
    ("margin", ""),
)


def limits(run: Run) -> Iterator[Markup]:
    """The worst of each, by hazard, the tightest first; what must be exact and is, folded below."""
    worst = worst_cases(run.tests)
    names = run.facts.get(HAZARDS, {})
    telling = [one for one in worst if one.measurement.graded]
    exact = [one for one in worst if not one.measurement.graded]
    if telling:
        yield _by_hazard(telling, names)
        yield Markup(
            '<p class="faint small">The upright line of a bar is the limit. <em>Values</em> counts how many were measured '
            "for it; the worst is shown.</p>"
        )
    if exact:
        yield Markup(
            "<details><summary>{} more that leave no margin to tell, and hold</summary>{}</details>"
        ).format(len(exact), _by_hazard(exact, names))


def _by_hazard(some: list[Worst], names: Mapping[str, str]) -> Markup:
    by_hazard: dict[str, list[Worst]] = defaultdict(list)
    for worst in some:
        by_hazard[worst.measurement.hazard].append(worst)
    rows = []
    for hazard in sorted(by_hazard, key=lambda one: (not one, one)):
        title = f"{hazard} {names.get(hazard, '')}".strip() or "No hazard named"
        rows.append(Markup('<tr class="group"><td colspan="6">{}</td></tr>').format(title))
        rows += [_worst(worst) for worst in sorted(by_hazard[hazard], key=tightness, reverse=True)]
    return parts.table((*_MEASURED, ("values", "value")), rows)


def _worst(worst: Worst) -> Markup:
    name = Markup('<a href="#{}">{}</a>').format(anchor(worst.test), worst.measurement.name)
    return parts.row(*_measured_cells(worst.measurement, name), (worst.count, "value"))


def _measured_cells(one: Measurement, name: object) -> list[tuple[object, str]]:
    judged = parts.limit(one) != "no limit"
    return [
        (name, ""),
        (parts.value(one), "value"),
        (parts.limit(one), "limit"),
        (parts.bar(one), "bar"),
        (parts.margin(one) if judged else "", ""),
    ]


def measurements(test: TestResult) -> Markup:
    """All that one test measured; nothing for a test that measured nothing."""
    measured = of_type(from_properties(test.records), Measurement)
    if not measured:
        return Markup("")
    rows = [parts.row(*_measured_cells(one, one.name), (one.hazard, "")) for one in measured]
    return parts.table((*_MEASURED, ("hazard", "")), rows)


def anchor(test: str) -> str:
    """A test's place on the page."""
    return f"t-{slug(test)}"

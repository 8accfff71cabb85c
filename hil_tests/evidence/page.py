"""One page of a run, for people: `index.html`, drawn from its results; style and pictures are in it, so it can be sent on.

First the verdict and who was tested, then what failed, the limits with the worst value against each, waveforms, every
test, what did not run and why, and all hashes and versions.
"""

from __future__ import annotations

import base64
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from markupsafe import Markup

from hil_tests.evidence import parts
from hil_tests.evidence.measure import Facts, Measurement, Note, Picture, from_properties
from hil_tests.evidence.page_values import HAZARDS, anchor, limits, measurements
from hil_tests.evidence.results import (
    Outcome,
    Run,
    TestResult,
    of_type,
    read_run,
    worst_cases,
    write_results,
)

PAGE = "index.html"
CHANGED = "changed files"
_STYLE = Path(__file__).with_name("page.css")
_OPEN_FOR_PRINT = """
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(one => { one.open = true }))
"""


def write_all(folder: Path) -> Run:
    """Write everything that is made of a run's log: results and page.

    Raises:
        ValueError: There is no log, or it is damaged.
    """
    run = read_run(folder)
    write_results(run, folder)
    page = folder / PAGE
    partial = page.with_suffix(f".{os.getpid()}")
    partial.write_text(render(run, folder), encoding="utf-8", errors="backslashreplace")
    partial.replace(page)
    return run


def render(run: Run, folder: Path) -> str:
    """The page; pictures are read from the run's folder."""
    failed = [test for test in run.tests if test.outcome is Outcome.FAILED]
    sections = [
        _section("failures", "What failed", [_failure(test, folder) for test in failed]),
        _section("limits", "Limits, and the worst value against each", limits(run)),
        _section("shown", "What these tests show", _shown(run)),
        _section("waveforms", "Waveforms", _waveforms(run, folder)),
        _section("tests", "Every test", _tests(run)),
        _section("skipped", "Not run, and why", _skipped(run)),
        _section("versions", "Versions and hashes", [_everything(run)]),
    ]
    there = [section for section in sections if section]
    return str(
        Markup(
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            "<title>{}: {}</title>\n<style>\n{}</style>\n<script>{}</script></head>\n<body>\n{}\n{}\n</body></html>\n"
        ).format(
            run.verdict,
            _pen_line(run),
            Markup(_STYLE.read_text(encoding="utf-8")),
            Markup(_OPEN_FOR_PRINT),
            _head(run),
            parts.lines(there),
        )
    )


# --- the top ----------------------------------------------------------------------------------------------------------------


def _head(run: Run) -> Markup:
    return Markup(
        "<header><h1>derma-pen, hardware-in-the-loop suite: {}</h1>\n"
        '<div class="verdict {}"><strong>{}</strong>{}</div>\n{}</header>'
    ).format(_pen_line(run), run.verdict, run.verdict.upper(), _verdict_words(run), _who(run))


def _verdict_words(run: Run) -> Markup:
    words = parts.tag("p", run.sentence)
    words += parts.tag("p", f"{_time(run.began)}, took {_took(run)}", "faint")
    tightest = [worst for worst in worst_cases(run.tests) if worst.measurement.used is not None]
    if tightest:
        worst = max(tightest, key=lambda one: one.measurement.used or 0.0).measurement
        which = "Nearest to its limit" if worst.passed else "Farthest beyond its limit"
        words += Markup("<p>{}: {}, {} where {} is allowed.</p>").format(
            which, worst.name, parts.value(worst), parts.limit(worst)
        )
    return words


def _pen_line(run: Run) -> str:
    return run.facts.get("asked for", {}).get("pen", "a pen")


def _who(run: Run) -> Markup:
    """What a reader needs to know at once; the rest stands at the end of the page."""
    source = run.facts.get("source", {})
    boxes = [parts.facts(f"Pen{number}", facts) for number, facts in _numbered(_met(run, "pen"))]
    boxes += [parts.facts(f"Bench{number}", facts) for number, facts in _numbered(_met(run, "bench"))]
    changed = [CHANGED] if source.get(CHANGED) not in {"0", None} else []
    of_clone = {**source, **run.facts.get("firmware of this clone", {})}
    boxes.append(parts.facts("Source and firmware of this clone", of_clone, warn=changed))
    return Markup('<div class="facts">{}</div>').format(parts.lines(boxes))


def _met(run: Run, about: str) -> list[Mapping[str, str]]:
    """Each bench or pen that tests met, once."""
    met: list[Mapping[str, str]] = []
    for test in run.tests:
        for one in of_type(from_properties(test.records), Facts):
            if one.about == about and one.facts not in met:
                met.append(one.facts)
    return met


def _numbered(several: list[Mapping[str, str]]) -> Iterator[tuple[str, Mapping[str, str]]]:
    for number, facts in enumerate(several, 1):
        yield (f" {number}" if len(several) > 1 else ""), facts


def _time(moment: str) -> str:
    return datetime.fromisoformat(moment).strftime("%Y-%m-%d %H:%M:%S UTC")


def _took(run: Run) -> str:
    if run.ended is None:
        return "not known"
    seconds = round((datetime.fromisoformat(run.ended) - datetime.fromisoformat(run.began)).total_seconds())
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"


def _section(anchor: str, title: str, content: Iterable[Markup]) -> Markup:
    """A section, or nothing when there is nothing in it."""
    body = parts.lines(content)
    return Markup('<section id="{}"><h2>{}</h2>\n{}</section>').format(anchor, title, body) if body else body


# --- what is shown ---------------------------------------------------------------------------------------------------------


def _shown(run: Run) -> Iterator[Markup]:
    """Ids of the safety file and whether the tests that name them passed."""
    tests: dict[str, list[TestResult]] = defaultdict(list)
    for test in run.tests:
        for one in test.covers:
            tests[one].append(test)
    chips = [_shown_chip(one, tests[one]) for one in sorted(tests)]
    if chips:
        yield parts.tag(
            "p",
            "Hazards, requirements and codes of firmware/SAFETY.md, each with the number of tests of this run that ran for "
            "it. Green: all passed; red: one failed; grey: none ran.",
            "faint small",
        )
        yield parts.tag("p", Markup(" ").join(chips))


def _shown_chip(one: str, tests: list[TestResult]) -> Markup:
    ran = [test for test in tests if test.outcome is not Outcome.SKIPPED]
    failed = any(test.outcome is Outcome.FAILED for test in ran)
    state = Outcome.FAILED if failed else Outcome.PASSED if ran else Outcome.SKIPPED
    return parts.tag("span", f"{one} · {len(ran)}", f"chip {state}")


# --- tests ------------------------------------------------------------------------------------------------------------------


def _failure(test: TestResult, folder: Path) -> Markup:
    folded = [
        _folded("Traceback", test.trace),
        _folded("What the test printed", test.output),
    ]
    return Markup(
        '<article class="failure"><h3>{}</h3><p class="sentence">{}</p><p class="mono faint">{}</p>{}{}{}</article>'
    ).format(
        test.title,
        test.sentence,
        test.id,
        measurements(test),
        parts.lines(_figures(test, folder)),
        parts.lines(folded),
    )


def _folded(title: str, text: str) -> Markup:
    if not text.strip():
        return Markup("")
    return Markup("<details><summary>{}</summary><pre>{}</pre></details>").format(title, text)


def _waveforms(run: Run, folder: Path) -> Iterator[Markup]:
    """Those of a failed test stand with its failure."""
    for test in run.tests:
        if test.outcome is not Outcome.FAILED:
            yield from _figures(test, folder)


def _figures(test: TestResult, folder: Path) -> Iterator[Markup]:
    for picture in of_type(from_properties(test.records), Picture):
        yield Markup(
            '<figure><img alt="{}" src="{}"><figcaption>{} <a href="#{}">Test</a>. For a waveform viewer: '
            '<a href="{}">{}</a></figcaption></figure>'
        ).format(
            picture.title,
            _source(folder, picture),
            f"{picture.title}.",
            anchor(test.id),
            picture.vcd,
            picture.vcd,
        )


def _source(folder: Path, picture: Picture) -> str:
    """The picture itself, so that the page can be sent on alone; its path when it is gone."""
    try:
        content = (folder / picture.png).read_bytes()
    except (OSError, ValueError):  # gone, or no name that a file can have
        return picture.png
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def _tests(run: Run) -> Iterator[Markup]:
    by_file: dict[str, list[TestResult]] = defaultdict(list)
    for test in run.tests:
        by_file[test.id.partition("::")[0]].append(test)
    for file, tests in by_file.items():
        yield Markup('<h3 class="mono">{}</h3>').format(file)
        yield parts.table(
            (("outcome", ""), ("test", ""), ("shows", ""), ("took", "value")), [_test(test) for test in tests]
        )


def _test(test: TestResult) -> Markup:
    chips = Markup(" ").join(parts.tag("span", one, "chip") for one in test.covers)
    cells = [
        (parts.outcome(test.outcome), ""),
        (_test_words(test), ""),
        (chips, ""),
        (f"{test.duration_s:.2f} s", "value"),
    ]
    body = Markup("").join(parts.tag("td", content, classes) for content, classes in cells)
    return Markup('<tr id="{}">{}</tr>').format(anchor(test.id), body)


def _test_words(test: TestResult) -> Markup:
    """Its title; folded below it what it measured and noted."""
    words = Markup("{}").format(test.title)
    if test.sentence:
        words += parts.tag("div", test.sentence, "small faint")
    notes = of_type(from_properties(test.records), Note)
    said = parts.lines(Markup("<p><b>{}</b>: {}</p>").format(note.name, note.text) for note in notes)
    measured = measurements(test)
    if not measured and not said:
        return words
    count = len(of_type(from_properties(test.records), Measurement))
    summary = f"{count} measured" if not notes else f"{count} measured, {len(notes)} noted"
    return words + Markup('<details class="small"><summary class="faint">{}</summary>{}{}</details>').format(
        summary, measured, said
    )


def _skipped(run: Run) -> Iterator[Markup]:
    by_reason: dict[str, list[TestResult]] = defaultdict(list)
    for test in run.tests:
        if test.outcome is Outcome.SKIPPED:
            by_reason[test.sentence].append(test)
    for reason, tests in by_reason.items():
        items = Markup("").join(parts.tag("li", test.title) for test in tests)
        yield Markup('<h3>{}</h3><ul class="plain">{}</ul>').format(f"{len(tests)}: {reason}", items)
    if run.missing:
        yield Markup("<h3>{}: the run ended before their turn</h3>").format(run.missing)


def _everything(run: Run) -> Markup:
    boxes = [
        parts.facts(title.capitalize(), pairs)
        for title, pairs in run.facts.items()
        if title not in {HAZARDS, "source", "firmware of this clone"}
    ]
    return Markup('<div class="facts">{}</div>').format(parts.lines(boxes))

"""The page: well formed, everything foreign escaped, the verdict first, nothing fetched from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil_tests.evidence import parts
from hil_tests.evidence.log import Ending
from hil_tests.evidence.measure import Facts, Kind, Limit, Measurement, Note, Picture, to_properties
from hil_tests.evidence.page import render
from hil_tests.evidence.results import Outcome, Run, TestResult

VOID = {"meta", "img", "br", "link", "input", "hr"}
BEGAN, ENDED = "2026-01-02T03:04:05.000+00:00", "2026-01-02T03:06:07.000+00:00"
HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>&amp;"


class Page(HTMLParser):
    """Elements, and the text between them; fails on what is not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.words.append(data)

    def has(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def measurement(value: float, limit: Limit, name: str = "coil off", unit: str = "us") -> Measurement:
    return Measurement(name, value, unit, limit, "HAZ-03")


AT_MOST = Limit(Kind.AT_MOST, high=10)


def run_of(*tests: TestResult, ending: Ending = Ending.COMPLETE, facts: dict | None = None) -> Run:
    known = {"asked for": {"pen": "sim"}, "hazards": {"HAZ-03": "Starts, or runs on, without intent"}}
    return Run(facts or known, tests, ending, BEGAN, ENDED, len(tests))


def page_of(run: Run, folder: Path = Path("nowhere")) -> Page:
    return Page(render(run, folder))


words = st.text(max_size=30) | st.just(HOSTILE)
tests = st.builds(
    TestResult,
    id=words.map(lambda text: f"a.py::test_{text}"),
    outcome=st.sampled_from(Outcome),
    sentence=words,
    trace=words,
    output=words,
    duration_s=st.floats(0, 1e4),
    covers=st.lists(words, max_size=2).map(tuple),
    records=st.lists(
        st.builds(measurement, st.floats(-1e9, 1e9), st.just(AT_MOST), words, words)
        | st.builds(Note, words, words)
        | st.builds(Picture, words, words, words.map(lambda text: f"w/{text}"))
        | st.builds(Facts, st.sampled_from(["bench", "pen"]), st.dictionaries(words, words, max_size=2)),
        max_size=4,
    ).map(lambda records: tuple(to_properties(records))),
)


@settings(max_examples=60)
@given(st.lists(tests, max_size=4), st.sampled_from(Ending))
def test_whatever_names_tests_have_the_page_is_well_formed_and_runs_nothing_of_theirs(
    taken: list[TestResult], ending: Ending
) -> None:
    page = page_of(run_of(*taken, ending=ending))
    assert page.has("script") == 1, "our own, for printing"
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
    shown = [attributes.get("src", "") for tag, attributes in page.elements if tag == "img"]
    assert "x" not in shown


def test_every_foreign_word_is_shown_as_it_is() -> None:
    records = to_properties(
        [
            measurement(12, AT_MOST, HOSTILE, HOSTILE),
            Note(HOSTILE, HOSTILE),
            Picture(HOSTILE, "w/a.png", "w/a.vcd"),
            Facts("pen", {HOSTILE: HOSTILE}),
        ]
    )
    one = TestResult(
        f"{HOSTILE}.py::{HOSTILE}", Outcome.FAILED, HOSTILE, HOSTILE, HOSTILE, 1, (HOSTILE,), tuple(records)
    )
    page = page_of(run_of(one, facts={"asked for": {"pen": HOSTILE}, HOSTILE: {HOSTILE: HOSTILE}}))
    assert page.text.count("<script>alert('x')</script>") >= 14
    assert page.has("script") == 1


@pytest.mark.parametrize(
    ("tests", "word"),
    [
        ((TestResult("a.py::test_a", Outcome.PASSED),), "PASSED"),
        ((TestResult("a.py::test_a", Outcome.FAILED, "too long"),), "FAILED"),
        ((), "INCOMPLETE"),
    ],
)
def test_the_verdict_comes_first(tests: tuple[TestResult, ...], word: str) -> None:
    page = page_of(run_of(*tests))
    verdict = next(attributes["class"] for tag, attributes in page.elements if tag == "div")
    assert verdict == f"verdict {word.lower()}"
    assert word in page.text[:140]


def test_a_failure_shows_its_sentence_before_its_folded_trace() -> None:
    one = TestResult(
        "a.py::test_a", Outcome.FAILED, "coil off: 12 us, but must be at most 10 us", "E assert", "out"
    )
    html = render(run_of(one), Path("nowhere"))
    sentence, trace = html.index("coil off: 12 us"), html.index("E assert")
    assert sentence < html.index("<details>") < trace


def test_the_limits_show_the_worst_under_its_hazard() -> None:
    values = to_properties([measurement(5, AT_MOST), measurement(9, AT_MOST), measurement(1, AT_MOST)])
    page = page_of(run_of(TestResult("a.py::test_a", Outcome.PASSED, records=tuple(values))))
    assert "HAZ-03 Starts, or runs on, without intent" in page.text
    assert "coil off 9 µs at most 10 µs 10 % left 3" in page.text
    assert "Nearest to its limit: coil off, 9 µs where at most 10 µs is allowed." in page.text


def test_what_did_not_run_is_told_with_its_reason() -> None:
    tests = [TestResult(f"a.py::test_{name}", Outcome.SKIPPED, "no rig") for name in ("one", "two")]
    assert "2: no rig one two" in page_of(run_of(*tests)).text


def test_pictures_are_in_the_page_and_nothing_is_fetched(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    records = to_properties([Picture("stop", "a.png", "a.vcd")])
    page = page_of(run_of(TestResult("a.py::test_a", Outcome.PASSED, records=tuple(records))), tmp_path)
    sources = [attributes["src"] for tag, attributes in page.elements if tag == "img"]
    assert sources == ["data:image/png;base64,iVBORw=="]
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert "a.vcd" in links
    assert not page.has("link")
    assert not re.search(r"https?:|url\(", render(run_of(), tmp_path))


def test_links_within_the_page_lead_somewhere() -> None:
    records = to_properties([measurement(5, AT_MOST), Picture("stop", "a.png", "a.vcd")])
    page = page_of(run_of(TestResult("a.py::test_a[x]", Outcome.PASSED, records=tuple(records))))
    places = {attributes.get("id") for _, attributes in page.elements}
    targets = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    within = [target[1:] for target in targets if target and target.startswith("#")]
    assert within
    assert set(within) <= places


# --- bars -------------------------------------------------------------------------------------------------------------------


def fill(one: Measurement) -> tuple[float, str]:
    """Length of a bar's fill, and its tone."""
    found = re.search(r'<rect class="(good|near|bad)" x="([\d.]+)" y="\d" width="([\d.]+)"', parts.bar(one))
    assert found
    return float(found[2]) + float(found[3]), found[1]


@given(st.floats(0, 30))
def test_a_bar_passes_the_line_exactly_when_the_value_passes_its_limit(value: float) -> None:
    length, tone = fill(measurement(value, AT_MOST))
    assert length <= 100
    if abs(value - 10) > 0.01:
        assert (length > parts.LIMIT_AT) == (value > 10)
    assert (tone == "bad") == (value > 10)
    assert (tone == "near") == (8 <= value <= 10)


@given(st.floats(-100, 100))
def test_a_value_in_a_band_is_shown_inside_exactly_when_it_is(value: float) -> None:
    at, tone = fill(measurement(value, Limit(Kind.WITHIN, -10, 10)))
    assert 0 <= at <= 101
    assert (tone == "bad") == (abs(value) > 10)
    if abs(abs(value) - 10) > 0.1:
        assert (15 < at - 1 < 85) == (abs(value) < 10)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (measurement(5, AT_MOST), "50 % left"),
        (measurement(15, AT_MOST), "50 % beyond"),
        (measurement(0, Limit(Kind.AT_MOST, high=0)), "holds"),
        (measurement(1, Limit(Kind.AT_MOST, high=0)), "does not hold"),
        (measurement(0, Limit(Kind.AT_LEAST, low=5)), "far beyond"),
        (measurement(5, Limit(Kind.EQUAL, 5, 5)), "exact"),
        (measurement(7, Limit(Kind.EQUAL, 5, 5)), "off by 2 µs"),
        (measurement(5, Limit(Kind.WITHIN, 5, 5)), "holds"),
    ],
)
def test_margins_in_words(one: Measurement, words: str) -> None:
    assert parts.margin_words(one) == words


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (measurement(174_455, Limit(Kind.AT_MOST, high=300_000)), "174.455 ms, at most 300 ms"),
        (measurement(4, Limit(Kind.AT_MOST, high=300_000)), "0.004 ms, at most 300 ms"),
        (measurement(9_999, Limit(Kind.AT_MOST, high=9_999)), "9999 µs, at most 9999 µs"),
        (measurement(1_500, Limit(Kind.WITHIN, 0, 2_500), unit="um"), "1500 µm, 0 to 2500 µm"),
        (measurement(40_000_000, Limit(Kind.AT_LEAST, low=0)), "40 s, at least 0 s"),
        (
            measurement(70_000, Limit(Kind.EQUAL, 70_000, 70_000), unit="strokes"),
            "70000 strokes, equal 70000 strokes",
        ),
        (measurement(5, Limit(Kind.FIGURE), unit=""), "5, no limit"),
    ],
)
def test_value_and_limit_are_told_in_one_unit_of_their_size(one: Measurement, words: str) -> None:
    assert f"{parts.value(one)}, {parts.limit(one)}" == words

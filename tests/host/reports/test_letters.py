"""Letters on paper: names of every script, and none that is lost."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from pen_host.reports import letters, paper
from pen_host.reports.blocks import Facts, Grid, Heading, Note, Prose, Sheet, Steps

AT = datetime(2028, 2, 1, tzinfo=UTC)


@pytest.fixture
def no_east_asian_font(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is without the extra."""
    monkeypatch.setattr(letters, "_east_asian", frozenset)


def sheet(*words: str) -> Sheet:
    return Sheet("T", "s", "r", (), tuple(map(Prose, words)), "sealed")


def text(content: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)


def fonts(content: bytes) -> set[str]:
    """Names of the fonts that a file carries, without the tag of its letters."""
    found = set()
    for page in PdfReader(io.BytesIO(content)).pages:
        found |= {font["/BaseFont"].split("+")[1] for font in page["/Resources"]["/Font"].values()}
    return found


@pytest.mark.parametrize(
    ("name", "family"),
    [("王小明", "NotoSansCJKsc"), ("田中 はなこ", "NotoSansCJKjp"), ("김철수", "NotoSansCJKkr")],
)
def test_a_name_of_east_asia_is_set_as_it_is_drawn_there(name: str, family: str) -> None:
    made = paper.pdf(sheet(f"Patient {name}"), AT)
    assert name in text(made)
    assert letters.MISSING not in text(made)
    assert any(font.startswith(family) for font in fonts(made)), fonts(made)
    assert paper.pdf(sheet(f"Patient {name}"), AT) == made


def test_a_report_without_such_a_letter_carries_no_such_font() -> None:
    assert letters.fonts_for(iter(["Zoë Ж"])).families == (letters.TEXT, letters.FALLBACK)
    assert not any("CJK" in font for font in fonts(paper.pdf(sheet("Zoë Ж"), AT)))


@pytest.mark.usefixtures("no_east_asian_font")
def test_a_name_whose_letters_no_font_has_is_spelled_out_under_the_report() -> None:
    blocks = (Facts((("Patient", "田中 Anna"),)), Prose("Anna 田中, 김"))
    said = text(paper.pdf(Sheet("T", "s", "r", (), blocks, "sealed"), AT))
    spelled = said[said.index("Letters that no font here has") :]
    assert "▯▯: U+7530 U+4E2D" in spelled
    assert "▯: U+AE40" in spelled
    assert spelled.count("U+7530") == 1, "a comma makes no other word of it"


@pytest.mark.usefixtures("no_east_asian_font")
def test_of_many_such_words_it_is_said_how_many_are_not_spelled_out() -> None:
    words = " ".join(chr(0x4E00 + number) for number in range(paper.UNSET_MAX + 3))
    said = text(paper.pdf(Sheet("T", "s", "r", (), (Prose(words),), ""), AT))
    assert said.count("U+4E") == paper.UNSET_MAX
    assert "and 3 more words" in said
    plain = paper.pdf(Sheet("T", "s", "r", (), (Prose("Ärzte, Ελένη, Борис"),), ""), AT)
    assert "no font here" not in text(plain)


# any letters at all, marks and private ones among them: PDF/A refuses a page on which one of them cannot be shown
LETTERS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=60)


@given(words=LETTERS)
@settings(max_examples=25)
def test_no_text_whatsoever_breaks_a_report(words: str) -> None:
    blocks = (Heading(words), Facts(((words, words),)), Grid((words,), ((words,),)), Note(words, (words,)))
    sheet = Sheet(words, words, words, (), (*blocks, Prose(words), Steps((words,))), words)
    assert paper.pdf(sheet, AT).startswith(b"%PDF-1.7")


@pytest.mark.usefixtures("no_east_asian_font")
def test_letters_that_no_font_has_are_boxes_and_others_stay() -> None:
    said = text(
        paper.pdf(
            Sheet("t", "s", "r", (), (Prose("Zoe\u0308 \u0416 \u738b\u200d"),), "x"),
            AT,
        )
    )
    assert f"Zo\u00eb \u0416 {letters.MISSING}" in said

"""Scanned codes: whole ones are read whatever the scanner does around them, half ones never become a cartridge."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pen_host.errors import ExitCode
from pen_host.gs1 import LENGTH_MAX, SEPARATOR, LabelError, Scanned, check_digit, element_string, parse

TODAY = date(2026, 3, 1)
GS = SEPARATOR
CODE = f"0109506000134352172806301{''}0LOT-7{GS}21SER.001"
WHOLE = Scanned("09506000134352", "LOT-7", date(2028, 6, 30), "SER.001", {})

SET_82 = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
VALUES = st.text(SET_82, min_size=1, max_size=20)
GTINS = st.text("0123456789", min_size=13, max_size=13).map(lambda digits: digits + check_digit(digits))
LABELS = st.builds(
    Scanned, GTINS, VALUES, st.dates(date(2020, 1, 1), date(2070, 12, 31)), VALUES, st.just({})
)


def test_the_check_digit_is_that_of_the_specification() -> None:
    # GS1 General Specifications, example GTIN 9506000134352
    assert check_digit("0950600013435") == "2"
    assert check_digit("629104150021") == "3"


@given(LABELS)
def test_a_label_that_is_written_is_read_again(label: Scanned) -> None:
    assume(not any(spelling in label.lot + label.serial for spelling in ("<GS>",)))
    assert parse(element_string(label), TODAY) == label


@pytest.mark.parametrize(
    "scan",
    [
        CODE,
        f"]d2{CODE}",
        f"]C1{CODE}\r\n",
        f"{GS}{CODE}\t",
        CODE.replace(GS, "<GS>"),
        CODE.replace(GS, "\u241d"),
        CODE.replace(GS, "^]"),
        f"10LOT-7{GS}21SER.001{GS}0109506000134352{GS}17280630",
        f"010950600013435221SER.001{GS}10LOT-7{GS}17280630",
        "(01)09506000134352(17)280630(10)LOT-7(21)SER.001",
        "(01) 09506000134352 (17) 280630 (10) LOT-7 (21) SER.001",
    ],
)
def test_scanners_differ_and_the_label_stays_the_same(scan: str) -> None:
    assert parse(scan, TODAY) == WHOLE


def test_more_elements_are_kept() -> None:
    read = parse(f"0109506000134352112501151728063010LOT-7{GS}240ART{GS}21SER.001", TODAY)
    assert read.more == {"11": "250115", "240": "ART"}
    assert parse(element_string(read), TODAY) == read


@pytest.mark.parametrize(
    ("scan", "why"),
    [
        ("", "it is empty"),
        ("   \r\n", "it is empty"),
        ("x" * (LENGTH_MAX + 1), "characters, so it is no label"),
        (CODE[:9], r"\(01\) was cut short"),
        (CODE[:16], "lacks the lot .10., the expiry .17., the serial number .21."),
        (CODE[:20], r"\(17\) was cut short"),
        (CODE.partition(GS)[0], "lacks the serial number"),
        (CODE.replace(GS, ""), "lacks the serial number .21.; the scanner may drop the separators"),
        (f"{CODE[:-7]}", r"\(21\) was cut short"),
        (CODE.replace("4352", "4353", 1), "wrong check digit"),
        (CODE.replace("280630", "281301"), "no day of the calendar"),
        (CODE.replace("280630", "270229"), "no day of the calendar"),
        (CODE.replace("280630", "28O630"), "only digits"),
        (CODE.replace("LOT-7", "LOT 7"), "no label can carry"),
        (CODE.replace("LOT-7", "L" * 21), "at most 20"),
        (f"{CODE}{GS}99ABC", "not known here"),
        (f"{CODE}{GS}10OTHER", "twice with different content"),
        ("(01)09506000134352(17)280630(10)LOT-7(21", "ends within an element"),
        ("(01)09506000134352(88)1(17)280630(10)L(21)S", "not known here"),
        ("https://example.org/01/09506000134352", "not known here"),
        (CODE.replace("\u0030", "\u0660", 1), "not known here|only digits"),
    ],
)
def test_a_code_that_is_not_whole_is_refused_with_what_is_wrong(scan: str, why: str) -> None:
    with pytest.raises(LabelError, match=why) as caught:
        parse(scan, TODAY)
    assert caught.value.exit_code is ExitCode.USAGE
    assert "No cartridge was chosen or changed" in caught.value.sentence


@given(LABELS, st.integers(0, 80))
def test_a_code_cut_anywhere_before_its_serial_is_refused(label: Scanned, cut: int) -> None:
    code = element_string(label)
    whole = len(code) - len(label.serial)
    with pytest.raises(LabelError):
        parse(code[: min(cut, whole)], TODAY)


@given(st.text(max_size=80))
def test_whatever_is_typed_is_read_or_refused(text: str) -> None:
    try:
        read = parse(text, TODAY)
    except LabelError:
        return
    assert len(read.gtin) == 14
    assert read.lot
    assert read.serial


@given(LABELS)
def test_a_dropped_separator_never_gives_another_lot(label: Scanned) -> None:
    with pytest.raises(LabelError):
        parse(element_string(label).replace(GS, ""), TODAY)


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("260200", date(2026, 2, 28)),
        ("280200", date(2028, 2, 29)),
        ("760101", date(2076, 1, 1)),
        ("770101", date(1977, 1, 1)),
        ("991231", date(1999, 12, 31)),
    ],
)
def test_two_digits_of_a_year_mean_the_nearest_one_and_day_00_the_last(digits: str, expected: date) -> None:
    assert parse(CODE.replace("280630", digits), TODAY).expiry == expected

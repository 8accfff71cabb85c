"""The chip benchmark without a chip: its arithmetic, its lines, its table and JSON from canned figures, and no image."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from hil_tests.benches.contract import Edge
from hil_tests.benchmarks import programs, report
from hil_tests.benchmarks.__main__ import main
from hil_tests.benchmarks.measures import (
    Figures,
    OffFigures,
    Spread,
    StepFigures,
    StrokeFigures,
    lateness,
    off_figures,
    spread,
    step_figures,
    stroke_figures,
)
from hil_tests.benchmarks.rows import Better, Bound, Row, Value, all_rows, resolved
from hil_tests.benchmarks.settings import Settings
from hil_tests.chip import image as chip_image

PERIOD_US = 8_000
US = 1_000
GUESTS = chip_image.ROOT / "hil_tests" / "benchmarks" / "guests"
FACTS = {"micropython": "MicroPython v1.0", "image": "a.uf2", "emulator": "rp2040py 0", "wall_s": 12.0}


def strokes(off_us: float, missing: int = 0) -> StrokeFigures:
    return StrokeFigures(120, missing, PERIOD_US, off_us / 2, off_us, off_us, 2_000, 0.0, Spread(9, 8, 9, 9))


def steps(off_us: float, rate: float) -> StepFigures:
    return StepFigures(200, 1_250, rate, off_us / 2, off_us)


def canned() -> dict[str, Figures]:
    trips = Spread(24, 8.0, 12.0, 12.0)
    fast = Spread(24, 2.0, 3.0, 3.0)
    peers = {
        programs.TIMER_SOFT: Figures(
            programs.TIMER_SOFT, strokes=strokes(9_000, 4), off=OffFigures(1_490, True, 170)
        ),
        programs.TIMER_HARD: Figures(programs.TIMER_HARD, lacks="this image has none"),
        programs.PWM: Figures(programs.PWM, strokes=strokes(0.1), off=OffFigures(1_495, True, 180)),
        programs.PWM_ALONE: Figures(programs.PWM_ALONE, off=OffFigures(3_000, False, 360)),
        programs.LOOP: Figures(programs.LOOP, off=OffFigures(1_500, True, 0)),
        programs.MPREMOTE: Figures(
            programs.MPREMOTE, trips_ms={programs.WIRE: fast, programs.CALLER: Spread(24, 10, 11, 11)}
        ),
        programs.STEPS_LOOP: Figures(
            programs.STEPS_LOOP,
            steps={
                programs.CRUISE: steps(20, 800),
                programs.COLLECTED: steps(9_000, 500),
                programs.LEAST: steps(30, 15_000),
                programs.UNTIMED: steps(5, 50_000),
            },
        ),
    }
    ours = Figures(
        programs.PEN,
        strokes=strokes(0),
        off=OffFigures(30, True, 3),
        steps={programs.FIRMWARE_LEG: steps(400, 760)},
        trips_ms={programs.WIRE: trips, programs.CALLER: trips},
    )
    axis = Figures(
        programs.STEPS_PEN,
        steps={
            programs.CRUISE: steps(0, 800),
            programs.COLLECTED: steps(5_000, 600),
            programs.LEAST: steps(45, 9_700),
            programs.MACHINE: steps(0, 16_900),
        },
    )
    board = Figures(programs.STROKES_PEN, strokes=strokes(0), off=OffFigures(35, True, 2))
    return {programs.PEN: ours, programs.STROKES_PEN: board, programs.STEPS_PEN: axis, **peers}


def row(rows: list[Row], peer: str, figure: str) -> Row:
    return next(one for one in rows if one.peer_is == peer and figure in one.figure)


# --- arithmetic -------------------------------------------------------------------------------------------------------


def test_percentiles_are_samples() -> None:
    assert spread([5, 1, 3, 2, 4]) == Spread(5, 3, 5, 5)
    assert spread(range(1, 201)) == Spread(200, 100, 198, 200)
    with pytest.raises(ValueError, match="nothing was measured"):
        spread([])


@given(st.lists(st.integers(0, PERIOD_US * US // 2 - 1), min_size=2, max_size=50))
def test_lateness_is_the_span_of_the_edges_around_their_grid(late_ns: list[int]) -> None:
    times = [place * PERIOD_US * US + late for place, late in enumerate(late_ns)]
    worst_us, missing = lateness(times, PERIOD_US)
    assert missing == 0
    assert worst_us == pytest.approx((max(late_ns) - min(late_ns)) / US)


@given(st.integers(1, 28), st.integers(0, 3_000))
def test_a_missing_stroke_is_missing_and_makes_no_other_late(gap: int, late_us: int) -> None:
    times = [place * PERIOD_US * US for place in range(30) if place != gap]
    times[-1] += late_us * US
    assert lateness(times, PERIOD_US) == (pytest.approx(late_us), 1)


def test_strokes_of_the_measured_part_only_are_judged_each_to_its_end() -> None:
    coil = []
    for place in range(10):
        rise = place * PERIOD_US * US + (300 * US if place == 5 else 0)
        length = 7_000 if place == 8 else 2_000
        coil += [Edge(rise, 1), Edge(rise + length * US, 0)]
    window = (2 * PERIOD_US * US - 1, 8 * PERIOD_US * US + 1)
    found = stroke_figures(coil, window, PERIOD_US, 2_000)
    assert (found.strokes, found.missing, found.collect_ms) == (7, 0, None)
    assert found.off_worst_us == pytest.approx(300)
    assert found.late_worst_us == pytest.approx(300)
    assert found.on_excess_us == pytest.approx(5_000)


def test_the_coil_is_off_at_its_last_fall_or_never() -> None:
    ms = 1_000_000
    coil = [Edge(1 * ms, 1), Edge(3 * ms, 0), Edge(9 * ms, 1), Edge(11 * ms, 0)]
    assert off_figures(coil, 2 * ms, 20 * ms, ended=True) == OffFigures(9.0, True, 1)
    assert off_figures(coil, 12 * ms, 20 * ms, ended=True) == OffFigures(0.0, True, 0)
    assert off_figures(coil, 2 * ms, 20 * ms, ended=False) == OffFigures(18.0, False, 1)


def test_steps_without_an_asked_period_are_compared_with_their_own_median() -> None:
    times = [0, 10_000, 20_000, 30_000, 45_000]
    assert step_figures(times, 0) == StepFigures(5, 0, pytest.approx(88_888.9, rel=1e-4), 5.0, 5.0)
    assert step_figures(times, 9).off_worst_us == pytest.approx(6)


# --- ratios -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("better", "ours", "peer", "ratio"),
    [
        (Better.LESS, Value(2), Value(8), Value(4)),
        (Better.MORE, Value(2), Value(8), Value(0.25)),
        (Better.LESS, resolved(0), Value(900), Value(900, Bound.AT_LEAST)),
        (Better.LESS, Value(900), resolved(0.3), Value(1 / 900, Bound.AT_MOST)),
        (Better.LESS, resolved(0), resolved(0.06), Value(1)),
        (Better.LESS, Value(30), Value(3_000, Bound.AT_LEAST), Value(100, Bound.AT_LEAST)),
        (Better.LESS, Value(0), Value(4), None),
        (Better.LESS, Value(2), None, None),
    ],
)
def test_a_ratio_says_how_many_times_better_ours_is_and_what_is_known_of_it(
    better: Better, ours: Value, peer: Value | None, ratio: Value | None
) -> None:
    assert Row("section", "figure", "us", better, ours, "peer", peer).ratio == ratio


def test_every_peer_has_its_lines_and_worse_figures_stay_worse() -> None:
    rows = all_rows(canned())
    soft = row(rows, programs.TIMER_SOFT, "period off the one asked for, worst")
    assert str(soft.ratio) == ">=9000"
    assert row(rows, programs.PWM, "worst").ratio == Value(1)
    assert row(rows, programs.PWM, "hang").ratio == Value(pytest.approx(1_495 / 30))
    assert str(row(rows, programs.PWM_ALONE, "hang").peer) == ">=3000"
    lacking = [one for one in rows if one.peer_is == programs.TIMER_HARD]
    assert [(one.peer, one.ratio, one.note) for one in lacking] == [(None, None, "this image has none")] * 2
    assert row(rows, programs.MPREMOTE, "wire, p50").ratio == Value(0.25)
    assert row(
        rows, programs.STEPS_LOOP, "whole firmware: interval off the one asked for, worst"
    ).ratio == Value(0.05)
    assert row(rows, "native loop that does not wait", "rate").ratio == Value(pytest.approx(0.338))


def test_a_program_that_was_not_run_is_no_line_left_out() -> None:
    figures = canned()
    del figures[programs.PWM]
    with pytest.raises(KeyError):
        all_rows(figures)


# --- output -----------------------------------------------------------------------------------------------------------


def test_table_and_json_show_the_same_lines() -> None:
    figures = canned()
    rows = all_rows(figures)
    said = io.StringIO()
    report.show(Console(file=said, width=report.WIDTH), rows, FACTS)
    document = json.loads(json.dumps(report.to_json(rows, figures, FACTS, Settings())))
    assert [one["figure"] for one in document["rows"]] == [one.figure for one in rows]
    assert document["rows"][1]["ratio"] == {"amount": 9_000, "bound": ">="}
    assert document["programs"][programs.PEN]["off"]["off_ms"] == 30
    text = said.getvalue()
    for one in rows:
        assert one.section in text
        assert one.peer_is in text
    assert ">=9000" in text
    for caveat in report.CAVEATS:
        assert caveat in text


def test_without_an_image_one_sentence_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv(chip_image.IMAGE_VARIABLE, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert main(["--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "PEN_MICROPYTHON_UF2" in err
    assert err.count("\n") == 1


def test_a_folder_that_is_not_there_is_told_before_minutes_of_measuring(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    image = tmp_path / "image.uf2"
    image.write_bytes(b"")
    monkeypatch.setenv(chip_image.IMAGE_VARIABLE, str(image))
    assert main(["--out", str(tmp_path / "none" / "out.json")]) == 2
    assert "make the folder" in capsys.readouterr().err


# --- guests -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("guest", sorted(GUESTS.glob("*.py")), ids=lambda path: path.stem)
def test_guests_compile_for_the_chip(guest: Path, tmp_path: Path) -> None:
    chip_image.compile_device_file(guest, tmp_path / "guest.mpy")


def test_guests_find_every_setting_they_read() -> None:
    given_names: dict[str, int] = {}
    exec(replace(Settings(), HARD=1).source(), given_names)
    assert given_names["HARD"] == 1
    for guest in GUESTS.glob("*.py"):
        for word in guest.read_text(encoding="utf-8").split("settings.")[1:]:
            name = word.partition("\n")[0].split(")")[0].split(",")[0].split(":")[0].split(" ")[0]
            assert name in given_names, f"{guest.name} reads settings.{name}"


def test_the_program_starts_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hil_tests.benchmarks", "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=chip_image.ROOT,
    )
    assert "PEN_MICROPYTHON_UF2" in done.stdout

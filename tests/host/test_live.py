"""The live view: requested beside measured, the age of what was measured, a stop that nobody overlooks."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from pen_host.live import LiveView, render
from pen_host.progress import Phase, Progress, ZoneProgress
from pen_host.trace import Sample

SAMPLE = Sample(1_000, 0, "STROKING", 600, 580, 100_000, 99_500, 98, 90, 3_120, 225)
ZONES = (
    ZoneProgress("frontal", 2_500, 1_000, 98, 90, 90.4, 250, 300),
    ZoneProgress("vertex", 2_500, target_low=250, target_high=300),
)
STROKING = Progress(Phase.STROKING, "frontal: stroking.", ZONES, 0, SAMPLE, 40, (), 0)


def drawn(progress: Progress, *, colour: bool = False, width: int = 110) -> str:
    console = Console(
        file=io.StringIO(), width=width, force_terminal=colour, color_system="truecolor" if colour else None
    )
    console.print(render(progress, "A plan"))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def line_with(text: str, word: str) -> str:
    return next(line for line in text.splitlines() if word in line)


def test_requested_and_measured_stand_in_rows_of_their_own() -> None:
    text = drawn(STROKING)
    requested, measured = line_with(text, "requested"), line_with(text, "measured")
    assert "0.60 mm" in requested
    assert "100.0 Hz" in requested
    assert "0.58 mm" in measured
    assert "99.5 Hz" in measured
    assert "40 ms ago" in measured
    assert "31.2 C" in measured
    assert "225 ms" in measured


def test_a_zone_shows_its_estimated_maximum_beside_its_target() -> None:
    text = drawn(STROKING)
    assert "est. maximum /cm2" in text
    active = line_with(text, "> frontal")
    assert " 90 " in active
    assert "250-300" in active
    assert "not yet known" in line_with(text, "vertex")


def test_values_that_are_old_say_so() -> None:
    assert "OLD" not in drawn(STROKING)
    assert "OLD" in drawn(replace(STROKING, age_ms=301))


def test_what_is_not_known_is_not_shown_as_a_number() -> None:
    unknown = drawn(replace(STROKING, sample=replace(SAMPLE, depth_measured_um=None, state="IDLE")))
    assert "not homed" in unknown
    assert "not armed" in unknown
    assert "not yet known" in line_with(drawn(replace(STROKING, sample=None)), "measured")


def test_a_stop_is_red_readable_and_tells_what_to_do() -> None:
    stopped = replace(
        STROKING,
        phase=Phase.STOPPED,
        message="The latch is open. Push the cartridge in.",
        conditions=("CARTRIDGE_UNLATCHED",),
        trips=1,
    )
    text = drawn(stopped, colour=True)
    assert "\x1b[1;37;41m STOPPED " in text, "white on red"
    assert "\x1b[1;31m  The latch is open. Push the cartridge in." in text, "red on the terminal's own ground"
    plain = drawn(stopped)
    assert "blocking: CARTRIDGE_UNLATCHED" in plain
    assert "1 stop" in plain


def test_more_than_the_target_is_red() -> None:
    over = replace(ZONES[0], dose_per_cm2=301.0)
    text = drawn(replace(STROKING, zones=(over, ZONES[1])), colour=True)
    assert "31" in line_with(text, "301")
    assert "\x1b[1;31m" in line_with(text, "301")


@pytest.mark.parametrize("width", [60, 80, 200])
def test_every_width_shows_every_zone(width: int) -> None:
    text = drawn(STROKING, width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "frontal" in text
    assert "vertex" in text


def test_in_a_pipe_each_sentence_is_one_line_and_comes_once() -> None:
    console = Console(file=io.StringIO(), width=40)
    sentence = "A sentence that is a good deal longer than this narrow terminal is wide."
    with LiveView(console, "A plan") as view:
        for _ in range(3):
            view.show(replace(STROKING, message=sentence))
        view.show(replace(STROKING, phase=Phase.DONE, message="Done."))
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().splitlines() == [f"[stroking] {sentence}", "[done] Done."]

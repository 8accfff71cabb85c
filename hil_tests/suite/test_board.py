"""The board module on the chip: what only MicroPython and its PIO assembler can show."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from hil_tests.chip.emulator import ChipPen
from hil_tests.chip.guest import guest_results
from hil_tests.evidence.recorder import Evidence
from pen_firmware import hal
from pen_firmware import pio_programs as programs
from pen_protocol import limits

GOLDEN = json.loads(
    (Path(__file__).parents[2] / "tests" / "pio" / "golden_words.json").read_text(encoding="utf-8")
)
OPENS_AFTER_NS = 400_000


def test_every_method_of_the_board_works_on_the_chip(
    guest: Callable[[str], ChipPen], evidence: Evidence
) -> None:
    pen = guest("board.py")
    wiring = pen.wiring
    opened_ns: list[int] = []

    def hand(line: str) -> None:
        if line == "stop":
            wiring.on_stroke = lambda: pen.at_ns(OPENS_AFTER_NS, open_stop)
        elif line == "close":
            pen.set(estop_closed=True)

    def open_stop() -> None:
        wiring.on_stroke = lambda: None
        opened_ns.append(pen.now_ns)
        pen.set(estop_closed=False)

    said = guest_results(pen, hand)

    assert said["started"] is True
    for name, (words, execctrl, shiftctrl) in said["programs"].items():
        assert words == GOLDEN[name]["words"], name
        assert (execctrl, shiftctrl) == (GOLDEN[name]["execctrl"], GOLDEN[name]["shiftctrl"]), name
    assert set(said["programs"]) == set(GOLDEN)
    assert said["inputs"] == hal.Input.ESTOP_CLOSED | hal.Input.ESTOP_PRESENT | hal.Input.LATCH
    assert said["analog"] == [int(value) for value in pen.mcu.adc.channel_values[:4]]
    assert said["runtime"].startswith("mpy 1.")
    assert all(0 < word <= limits.WORD_MAX for word in said["random"])

    words = [
        programs.needle_word(1003, programs.NEEDLE_PERIOD_BASE_US + 4 * number, number) for number in range(3)
    ]
    assert said["acks"] == [programs.word_ack(word) for word in words]
    assert said["edges"] == 3
    assert all(abs(period - 6680) < 12 for period in said["halls"][:2])
    assert said["allocated"] == 0, "a method of the steady pass allocates"

    assert said["steps"] == [4, True, False]
    assert said["home"] == [True, False]
    assert said["restarted"] == [False, True]
    assert said["wire"] is True
    assert bytes(said["rom"]) == wiring.wire.device.cartridge.serial
    assert said["written"] is True
    assert said["read"] == [61, True, 0]

    edges = wiring.edges
    cut = next(fell for fell in edges.needle_fall_ns if fell >= opened_ns[0])
    stop_us = (cut - opened_ns[0]) / 1000
    evidence.at_most("coil off after the stop contact, board alone", stop_us, limits.BUDGET_ESTOP_US, "us")
    # the cut stroke; then none although the contact closed and the lease was fed
    cut_one = said["until_now"] + 1
    assert said["stopped"] == [True, cut_one]
    assert said["closed"] == [True, cut_one]
    assert said["again"] == [False, cut_one + 1]
    # firmware that no longer feeds: strokes end with the lease, whatever was queued
    assert said["hung"][0] is False or said["hung"][1] <= cut_one + 5
    assert wiring.safe is False
    assert wiring.glitches == 0

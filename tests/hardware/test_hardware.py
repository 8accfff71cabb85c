"""The hardware pages and the wiring picture say what the code says, and the worked figures keep their bounds."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from pen_firmware import cartridge_layout, pins, pio_programs, sensors
from pen_firmware.hal import Analog, Input
from pen_protocol import limits
from tests.hardware import make_hardware, values, wiring

TEXT = make_hardware.FILE.read_text(encoding="utf-8")
PICTURE = wiring.FILE.read_text(encoding="utf-8")
SVG = "{http://www.w3.org/2000/svg}"


def words_in_picture() -> list[str]:
    return ["".join(node.itertext()).strip() for node in ET.fromstring(PICTURE).iter(f"{SVG}text")]


def test_pages_and_picture_are_up_to_date() -> None:
    assert not list(make_hardware.stale()), "run python -m tests.hardware.make_hardware"


def test_every_part_is_used_once() -> None:
    assert sorted(found[2] for found in make_hardware.PART.finditer(TEXT)) == sorted(make_hardware.PARTS)


def test_a_stale_pin_is_noticed() -> None:
    stale = TEXT.replace("| GP10 | `NEEDLE`", "| GP20 | `NEEDLE`")
    assert stale != TEXT
    assert make_hardware.filled(stale) == TEXT


def test_drawing_twice_gives_the_same_picture() -> None:
    assert wiring.draw() == wiring.draw()


@pytest.mark.parametrize("entry", pins.PINS, ids=lambda entry: entry[0])
def test_picture_shows_every_signal_at_the_chip_and_in_its_block(entry: tuple) -> None:
    shown = words_in_picture()
    assert shown.count(entry[0]) >= 2
    assert str(entry[1]) in shown


def test_a_signal_the_pin_table_does_not_know_is_refused() -> None:
    with pytest.raises(KeyError, match="COIL_DRIVE"):
        wiring.Sheet().net("COIL_DRIVE", (0, 0), "left")


def test_a_signal_no_block_uses_is_refused() -> None:
    sheet = wiring.Sheet()
    wiring.chip(sheet)
    with pytest.raises(KeyError, match="in no block"):
        sheet.svg()


def test_picture_is_self_contained() -> None:
    assert "href" not in PICTURE.replace("xmlns:xlink", "")
    assert "<script" not in PICTURE


# --- the circuit keeps what the code relies on --------------------------------------------------------------------------


def test_stop_contact_acts_within_its_budget() -> None:
    """Through the AND gate alone; neither pump nor program is on that way."""
    assert values.stop_falls_us() < limits.BUDGET_ESTOP_US / 2


def test_lease_decays_within_about_fifty_us_and_holds_between_edges() -> None:
    low_us, high_us = values.lease_decays_us()
    assert high_us < 60
    assert low_us > 5 * 1e6 / values.PUMP_HZ, "a late edge does not drop SAFE"
    assert values.pump_v() > 2.2, "above the Schmitt trigger's highest rising threshold"


def test_one_shot_lets_every_stroke_word_through_and_no_more_than_the_limit() -> None:
    short_us, long_us = values.shot_us()
    assert short_us > pio_programs.NEEDLE_ON_MAX_US
    assert long_us <= limits.COIL_ON_MAX_US


def test_current_is_gone_before_the_next_stroke_with_the_clamp_and_late_with_a_diode() -> None:
    """The spring needs the rest of the pause to return."""
    assert values.current_gone_us(values.CLAMP_V) < values.off_time_us() / 10
    assert values.current_gone_us(values.DIODE_V) > values.off_time_us() / 2


def test_current_limit_lies_on_the_scale_and_off_the_converters_jumps() -> None:
    assert values.current_code() < values.ADC_FULL
    assert min(abs(values.current_code() - trap) for trap in sensors.ADC_TRAPS) > sensors.TRAP_CLEARANCE


def test_machines_fit_their_blocks_and_have_numbers_of_their_own() -> None:
    numbers = [make_hardware.machine_number(entry[0]) for entry in make_hardware.MACHINES]
    assert len(set(numbers)) == len(numbers)
    for block in (0, 1):
        programs = {
            entry[1]
            for entry, number in zip(make_hardware.MACHINES, numbers, strict=True)
            if number // 4 == block
        }
        assert sum(map(make_hardware.words, programs)) <= make_hardware.BLOCK_WORDS


def test_docstrings_of_the_programs_name_their_true_length() -> None:
    for program in pio_programs.OPTIONS:
        assert f" {make_hardware.words(program)} words." in str(getattr(pio_programs, program).__doc__), (
            program
        )


def test_contacts_are_read_as_one_word_in_the_order_of_their_bits() -> None:
    bits = [value for name, value in vars(Input).items() if name.isupper()]
    assert sorted(bits) == [1 << bit for bit in range(pins.INPUT_COUNT)]
    channels = [value for name, value in vars(Analog).items() if name.isupper()]
    assert len(channels) == sum(entry[2] == pins.ANALOG for entry in pins.PINS)


def test_memory_table_names_the_layout_the_firmware_reads() -> None:
    assert f"used mark, {cartridge_layout.MARK_SIZE} bytes" in make_hardware.memory_table()

"""Flashing an emulated RP2040 that runs the real MicroPython, over TCP as over a serial port."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil_tests.chip import image
from hil_tests.chip.emulator import ChipPen
from hil_tests.chip.serve import ChipPort
from pen_host.engineering import changes
from pen_host.engineering.build import build
from pen_host.engineering.bundle import BOOT, MAIN, Bundle, make_bundle
from pen_host.engineering.changes import Change
from pen_host.engineering.flash import FlashProgress, flash
from pen_host.engineering.handover import ask_for_prompt
from pen_host.errors import NotAPenError, RefusedError
from pen_host.transport import open_transport
from pen_sim.eeprom import Cartridge

pytestmark = pytest.mark.chip

SETTINGS = {"settings_a.bin": b"keep", "record_b.bin": b"keep too"}
OLD = {BOOT: b"", MAIN: b"import pen_firmware.a\n", "pen_firmware/a.py": b"which = 'old'\n", **SETTINGS}
NEW = {
    BOOT: b"import machine\n",
    MAIN: b"import pen_firmware.a\n# new\n",
    "pen_firmware/a.mpy": b"M\x06" + bytes(1500),
}
WATCHDOG_CONTROL = 0x40058000
PATIENT_S = 40.0
"""The emulated chip is some twenty times slower than a real one."""


def on_chip(chip: ChipPen) -> dict[str, bytes]:
    return image.read_file_system(chip.flash())


def new_bundle() -> Bundle:
    return make_bundle(NEW)


def test_a_pen_holds_the_bundle_afterwards_and_keeps_its_records(chip_image: Path) -> None:
    """A stale source would hide the compiled module of the same name: it goes."""
    said: list[FlashProgress] = []
    with ChipPen(chip_image, OLD) as chip, ChipPort(chip) as port:
        report = flash(port.url, said.append, new_bundle())
        assert chip.until(lambda: chip.resets == 1, 2000), "the pen was reset"
        assert on_chip(chip) == {**NEW, **SETTINGS}
        assert {entry.path: entry.change for entry in report.changes} == {
            BOOT: Change.CHANGED,
            MAIN: Change.CHANGED,
            "pen_firmware/a.mpy": Change.ADDED,
            "pen_firmware/a.py": Change.REMOVED,
        }
        assert "RP2040" in report.board
        assert report.before == "", "the old main.py speaks no protocol"
        assert said[-1].written == said[-1].total == report.written == sum(map(len, NEW.values()))

        again = flash(port.url, None, new_bundle())
        assert again.written == 0
        assert {entry.change for entry in again.changes} == {Change.SAME}


def test_a_host_that_dies_while_writing_leaves_the_old_firmware_and_the_next_run_goes_on(
    chip_image: Path,
) -> None:
    class DiedError(Exception):
        pass

    def die_at_the_last_file(progress: FlashProgress) -> None:
        if "a.mpy" in progress.doing:
            raise DiedError

    with ChipPen(chip_image, OLD) as chip, ChipPort(chip) as port:
        with pytest.raises(DiedError):
            flash(port.url, die_at_the_last_file, new_bundle())
        left = on_chip(chip)
        assert {
            path: content for path, content in left.items() if not path.startswith(changes.STAGING)
        } == OLD
        assert left[changes.staged(BOOT)] == NEW[BOOT], "what arrived waits"

        report = flash(port.url, None, new_bundle())
        assert report.written == len(NEW["pen_firmware/a.mpy"]), "what waited was not sent again"
        assert on_chip(chip) == {**NEW, **SETTINGS}


def test_a_watchdog_left_running_does_not_cut_the_writing(chip_image: Path) -> None:
    """MicroPython cannot stop one; it would reset the pen between two files."""
    main = b"import machine\nmachine.WDT(timeout=8000)\n"
    running, resets = [], []

    with ChipPen(chip_image, {BOOT: b"", MAIN: main}) as chip, ChipPort(chip) as port:

        def look(progress: FlashProgress) -> None:
            if "asking" in progress.doing:
                assert chip.until(lambda: watchdog_runs(chip), 2000)
            running.append(watchdog_runs(chip))
            resets.append(chip.resets)

        flash(port.url, look, new_bundle())
        assert not any(running[2:]), "off from the moment the prompt was entered"
        assert len(set(resets[2:])) == 1, "no reset from then on"
        assert chip.until(lambda: chip.resets > resets[-1], 2000), "but the one at the end"


def watchdog_runs(chip: ChipPen) -> bool:
    return bool(chip.word(WATCHDOG_CONTROL) & 1 << 30)


@pytest.mark.timeout(1200)
def test_the_pens_own_firmware_makes_way_and_comes_back(chip_image: Path) -> None:
    bundle = build()
    with (
        ChipPen(chip_image, bundle.contents, cartridge=Cartridge(number=1)) as chip,
        ChipPort(chip) as port,
    ):
        assert chip.until(lambda: watchdog_runs(chip), 20_000), "the firmware has booted"
        report = flash(port.url, None, bundle, patience_s=PATIENT_S)
        assert report.before == bundle.manifest.firmware
        assert {entry.change for entry in report.changes} == {Change.SAME}
        assert chip.until(lambda: watchdog_runs(chip), 20_000)
        again = open_transport(port.url)
        try:
            assert ask_for_prompt(again, PATIENT_S) is not None, "it runs again after the reset"
        finally:
            again.close()


def test_a_firmware_that_neither_answers_nor_yields_is_reported(chip_image: Path) -> None:
    main = b"import micropython\nmicropython.kbd_intr(-1)\nwhile True:\n    pass\n"
    with ChipPen(chip_image, {BOOT: b"", MAIN: main}) as chip, ChipPort(chip) as port:
        with pytest.raises(NotAPenError, match="No MicroPython prompt answers"):
            flash(port.url, None, new_bundle())
        assert on_chip(chip) == {BOOT: b"", MAIN: main}


def test_a_pen_without_room_is_not_written(chip_image: Path) -> None:
    litter = {"big.bin": bytes(image.BLOCK_COUNT * image.BLOCK_SIZE - 80 * 1024)}
    with ChipPen(chip_image, {**OLD, **litter}) as chip, ChipPort(chip) as port:
        with pytest.raises(RefusedError, match="Nothing was written"):
            flash(port.url, None, new_bundle())
        assert on_chip(chip) == {**OLD, **litter}

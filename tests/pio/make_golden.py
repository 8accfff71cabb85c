"""Writes the golden words of the PIO programs, as MicroPython's own assembler prints them on the chip.

`python -m tests.pio.make_golden` boots every image found, and writes only when all of them agree.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from hil_tests.chip import image as chip_image
from hil_tests.chip.emulator import ChipPen
from hil_tests.chip.guest import GUESTS, guest_results

FILE = Path(__file__).with_name("golden_words.json")
KEYS = ("words", "execctrl", "shiftctrl")


def words_of(image: Path) -> dict[str, Any]:
    """Name to words, EXECCTRL and SHIFTCTRL of each program, assembled by this MicroPython."""
    with tempfile.TemporaryDirectory() as folder:
        files = {**chip_image.device_tree(Path(folder)), "main.py": (GUESTS / "words.py").read_bytes()}
        with ChipPen(image, files) as pen:
            return guest_results(pen)


def text_of(golden: dict[str, Any]) -> str:
    """One line a program, in the order of their names."""
    ordered = {name: {key: golden[name][key] for key in KEYS} for name in sorted(golden)}
    lines = (f'  "{name}": {json.dumps(program)}' for name, program in ordered.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> int:
    """Exit code 1 when there is no image or two images disagree."""
    images = chip_image.find_images()
    if not images:
        sys.stderr.write(f"{chip_image.NO_IMAGE}\n")
        return 1
    found = {image.name: words_of(image) for image in images}
    first = found[images[0].name]
    if any(words != first for words in found.values()):
        sys.stderr.write(f"the images disagree, nothing was written: {json.dumps(found)}\n")
        return 1
    FILE.write_text(text_of(first), encoding="utf-8")
    sys.stdout.write(f"{FILE.name} written from {', '.join(found)}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

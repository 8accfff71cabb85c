"""The pen beside its peers on an emulated RP2040: stroke jitter, a hang, a request's round trip, steps.

    python -m hil_tests.benchmarks [--json] [--out FILE]

The image is the first that PEN_MICROPYTHON_UF2 names, or else the newest that rp2040py has fetched. Every program runs on a
chip of its own, two side by side; about four minutes on two idle cores.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from hil_tests.benchmarks.report import WIDTH, show, to_json
from hil_tests.benchmarks.rows import all_rows
from hil_tests.benchmarks.settings import Settings
from hil_tests.chip import image as chip_image
from pen_host.errors import ExitCode

FAILED = 1
"""Exit code when a program did not do what it was there for."""


def main(arguments: Sequence[str]) -> int:
    """Measure, print, write; the exit code."""
    parser = argparse.ArgumentParser(
        prog="hil_tests.benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--json", action="store_true", help="JSON on standard output, the table on standard error"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the JSON there as well")
    options = parser.parse_args(arguments)
    errors = Console(stderr=True, width=WIDTH)
    try:
        image = _image()
        if options.out is not None and not options.out.resolve().parent.is_dir():
            raise FileNotFoundError(
                f"{options.out} lies in no folder there is: make the folder, or name another"
            )
    except FileNotFoundError as error:
        errors.print(f"Nothing was measured: {error}.", soft_wrap=True, highlight=False, markup=False)
        return ExitCode.USAGE
    # imported late: an emulator and a host are heavy for a sentence
    from hil_tests.benchmarks.chip_guest import GuestLost
    from hil_tests.benchmarks.run import run

    def told(sentence: str) -> None:
        errors.print(sentence, style="dim", highlight=False, markup=False)

    try:
        figures, facts = run(image, told)
    except GuestLost as lost:
        errors.print(str(lost), soft_wrap=True, highlight=False, markup=False)
        return FAILED
    rows = all_rows(figures)
    document = json.dumps(to_json(rows, figures, facts, Settings()), indent=1)
    if options.out is not None:
        options.out.write_text(document + "\n", encoding="utf-8")
    show(errors if options.json else Console(width=WIDTH), rows, facts)
    if options.json:
        print(document)
    return 0


def _image() -> Path:
    """The image to measure with.

    Raises:
        FileNotFoundError: There is none, or the environment names a file that is not there.
    """
    images = chip_image.find_images()
    if not images:
        raise FileNotFoundError(chip_image.NO_IMAGE)
    return images[0] if os.environ.get(chip_image.IMAGE_VARIABLE) else images[-1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

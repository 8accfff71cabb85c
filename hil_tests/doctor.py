"""Is the rig wired to the pen as RIG.md says? One line for each wire.

    python -m hil_tests.doctor --pen serial:PORT --rig serial:PORT
    python -m hil_tests.doctor --pen chip

Exit code 0: every wire that was tried is as it should be. 1: some are not. 2: wrong words. 3: pen or rig cannot be reached.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from hil_tests.benches.rig import RigBench
from hil_tests.rig.doctor import PEN, Doctor, Finding, Verdict
from hil_tests.rig.link import RigError
from pen_host.errors import PenError

OK, BAD, USAGE, UNREACHED = 0, 1, 2, 3
SERIAL = "serial:"
CHIP = "chip"


def main(arguments: Sequence[str]) -> int:
    """Check, print, say how it went by the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hil_tests.doctor", description=__doc__)
    parser.add_argument("--pen", required=True, help="serial:PORT, or chip: two emulated chips")
    parser.add_argument("--rig", help="serial:PORT of the rig")
    parser.add_argument(
        "--no-reset", action="store_true", help="leave PEN_RUN untried: the pen is not restarted"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    options = parser.parse_args(arguments)
    if options.pen != CHIP and not options.rig:
        parser.error("--rig serial:PORT is needed with a real pen")
    try:
        bench = _bench(options.pen, options.rig or "")
    except (RigError, PenError, FileNotFoundError) as error:
        return _unreached(error, options.json)
    try:
        findings = examine(bench, reset=not options.no_reset, tell=None if options.json else _tell)
    except (RigError, PenError) as error:
        return _unreached(error, options.json)
    finally:
        bench.end()
    if options.json:
        print(json.dumps({"findings": [finding.record() for finding in findings], "facts": bench.facts()}))
    bad = [finding.line for finding in findings if finding.verdict is Verdict.BAD]
    if bad and not options.json:
        print(
            f"{len(bad)} of {len(findings)} lines are bad: {', '.join(bad)}. No test is worth running before they are good."
        )
    if PEN in bad:
        return UNREACHED
    return BAD if bad else OK


def examine(bench: RigBench, *, reset: bool = True, tell: object = None) -> list[Finding]:
    """Every finding; each is told as soon as it is known."""
    found = []
    for finding in Doctor(bench, reset=reset).findings():
        if callable(tell):
            tell(finding)
        found.append(finding)
    return found


def _tell(finding: Finding) -> None:
    print(finding.sentence(), flush=True)


def _unreached(error: Exception, as_json: bool) -> int:
    print(
        json.dumps({"error": str(error)}) if as_json else str(error),
        file=sys.stdout if as_json else sys.stderr,
    )
    return UNREACHED


def _bench(pen: str, rig: str) -> RigBench:
    if pen == CHIP:
        from hil_tests.chip import image  # late: a real pen needs no emulator
        from hil_tests.rig.emulated import pair_bench

        images = image.find_images()
        if not images:
            raise FileNotFoundError(f"Nothing was checked: {image.NO_IMAGE}.")
        return pair_bench(images[0])
    from hil_tests.benches.rig import SerialBench

    return SerialBench(pen.removeprefix(SERIAL), rig.removeprefix(SERIAL))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

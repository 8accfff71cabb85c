"""What a test is handed as `evidence`: each call records first and judges then, so a failed test leaves its values too."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hil_tests.benches.contract import Bench, Signal
from hil_tests.evidence.measure import (
    NO_HAZARD,
    Facts,
    Kind,
    Limit,
    Measurement,
    Note,
    Picture,
    Record,
    to_properties,
)
from hil_tests.evidence.waveform import Delay, Mark, Waveform, capture

if TYPE_CHECKING:
    from pen_host.link.readings import Identity

RUN_ON = "HAZ-03"
"""Starts or runs on without intent: the hazard most of this suite is about."""
WAVEFORMS = "waveforms"
"""Folder of pictures and VCD files in a run's folder."""
_SLUG_LENGTH = 60
_SLUG_HASH = 6


class Evidence:
    """What one test measured."""

    def __init__(self, test: str, properties: list[tuple[str, object]], folder: Path | None) -> None:
        """Record for a test.

        Args:
            test: Its id.
            properties: Where its report takes user properties from.
            folder: The run's folder; None: no files are kept.
        """
        self._test = test
        self._properties = properties
        self._folder = folder
        self._waveforms = 0

    # --- values -----------------------------------------------------------------------------------------------------

    def at_most(self, name: str, value: float, limit: float, unit: str, *, hazard: str = RUN_ON) -> None:
        """The value must not be above the limit.

        Raises:
            AssertionError: It is; the value is recorded all the same.
        """
        self._judge(Measurement(name, value, unit, Limit(Kind.AT_MOST, high=limit), hazard))

    def at_least(self, name: str, value: float, limit: float, unit: str, *, hazard: str = RUN_ON) -> None:
        """The value must not be below the limit. See `at_most`."""
        self._judge(Measurement(name, value, unit, Limit(Kind.AT_LEAST, low=limit), hazard))

    def equal(self, name: str, value: float, expected: float, unit: str, *, hazard: str = RUN_ON) -> None:
        """The value must be this one, exactly. See `at_most`."""
        self._judge(Measurement(name, value, unit, Limit(Kind.EQUAL, expected, expected), hazard))

    def within(
        self, name: str, value: float, low: float, high: float, unit: str, *, hazard: str = RUN_ON
    ) -> None:
        """The value must lie between the two, both allowed. See `at_most`."""
        self._judge(Measurement(name, value, unit, Limit(Kind.WITHIN, low, high), hazard))

    def figure(self, name: str, value: float, unit: str, *, hazard: str = NO_HAZARD) -> None:
        """A value without a limit."""
        self._judge(Measurement(name, value, unit, Limit(Kind.FIGURE), hazard))

    def note(self, name: str, text: str) -> None:
        """Words about this run, such as what the test stepped around and why."""
        self._keep(Note(name, text))

    # --- waveforms ----------------------------------------------------------------------------------------------------

    def waveform(
        self,
        bench: Bench,
        title: str,
        signals: Sequence[Signal],
        from_ns: int,
        to_ns: int,
        marks: Sequence[Mark] = (),
        delays: Sequence[Delay] = (),
    ) -> Waveform:
        """Keep the lines between two moments as a picture and a VCD file, when the run has a folder.

        Args:
            bench: Whose edges.
            title: What it shows, in words.
            signals: Lines from top to bottom.
            from_ns: First moment, on the bench's time line.
            to_ns: Last moment.
            marks: Moments with a name; the first is the picture's zero.
            delays: Measured times, drawn as arrows beside their limits.

        Returns:
            What was captured, kept or not.

        Raises:
            ValueError: The moments are the wrong way round, or the lines are none.
        """
        waveform = capture(bench, title, signals, (from_ns, to_ns), marks, delays)
        if self._folder is not None:
            self._keep(self._save(waveform, self._folder))
        return waveform

    def _save(self, waveform: Waveform, folder: Path) -> Picture:
        from hil_tests.evidence.drawing import draw
        from hil_tests.evidence.vcd_file import write_vcd

        self._waveforms += 1
        stem = f"{WAVEFORMS}/{slug(self._test)}-{self._waveforms}"
        png, vcd = folder / f"{stem}.png", folder / f"{stem}.vcd"
        png.parent.mkdir(parents=True, exist_ok=True)
        write_vcd(waveform, vcd)
        draw(waveform, png)
        return Picture(waveform.title, f"{stem}.png", f"{stem}.vcd")

    # --- who ------------------------------------------------------------------------------------------------------------

    def bench(self, bench: Bench) -> None:
        """Record which bench this was."""
        self._keep(Facts("bench", {"address": bench.name, **bench.facts()}))

    def pen(self, identity: Identity) -> None:
        """Record which pen this was, as it greeted the host."""
        from hil_tests.evidence.identity import pen_facts

        self._keep(Facts("pen", pen_facts(identity)))

    def facts(self, about: str, facts: Mapping[str, str]) -> None:
        """Record what else identifies what was tested."""
        self._keep(Facts(about, dict(facts)))

    def _judge(self, measurement: Measurement) -> None:
        self._keep(measurement)
        if not measurement.passed:
            raise AssertionError(measurement.sentence)

    def _keep(self, record: Record) -> None:
        self._properties.extend(to_properties([record]))


def slug(test: str) -> str:
    """A test's id as part of a file's name: readable, and another one for each test."""
    readable = re.sub(r"[^a-z0-9]+", "-", test.rpartition("::")[2].lower()).strip("-")[:_SLUG_LENGTH]
    return f"{readable}-{hashlib.sha256(test.encode()).hexdigest()[:_SLUG_HASH]}"

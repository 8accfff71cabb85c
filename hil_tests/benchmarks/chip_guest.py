"""One program on an emulated chip of its own: boots it, waits for its marks, collects what its pads did."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from hil_tests.benches.contract import Edge
from hil_tests.benchmarks.settings import Settings
from hil_tests.chip import image as chip_image
from hil_tests.chip.emulator import ChipPen
from pen_sim.eeprom import Cartridge

GUESTS = Path(__file__).parent / "guests"
HIGH = 1
LOOK_MS = 1.0


class GuestLost(RuntimeError):  # noqa: N818 - the sentence says what was lost
    """A program did not do what it was there for; the sentence holds what it said."""


class Guest:
    """A program on a chip.

    Attributes:
        chip: The chip.
        settings: What the program runs with.
    """

    def __init__(self, image: Path, program: str, settings: Settings, *, firmware: bool = False) -> None:
        """Boot a program to USB.

        Args:
            image: MicroPython UF2.
            program: File of `guests/` that takes the place of main.py; empty: none, the chip comes to its prompt.
            settings: What it runs with.
            firmware: Put the pen's packages on the chip as well, and its main.py as shipped_main.py.
        """
        self.program = program
        self.settings = settings
        files: dict[str, bytes] = {"settings.py": settings.source()}
        if firmware:
            device = chip_image.device_tree(Path(tempfile.gettempdir()) / "pen-device-tree")
            files |= {"shipped_main.py": device.pop("main.py"), **device}
        if program:
            for path, name in (("shared.py", "shared.py"), ("main.py", program)):
                files[path] = (GUESTS / name).read_bytes()
        self.chip = ChipPen(image, files, Cartridge())
        self._marks: dict[int, list[Edge]] = {}
        for number in (
            settings.LOADED_GPIO,
            settings.HUNG_GPIO,
            settings.LACKS_GPIO,
            settings.COLLECTING_GPIO,
        ):
            self._watch(number)
        self.chip.start()

    def _watch(self, number: int) -> None:
        seen: list[Edge] = []
        self._marks[number] = seen

        def changed(level: int, _before: int) -> None:
            high = int(level == HIGH)
            if high != (seen[-1].level if seen else 0):
                seen.append(Edge(self.chip.now_ns, high))

        self.chip.mcu.gpio[number].add_listener(changed)

    def wait(self, condition: Callable[[], object], limit_ms: float, what: str) -> None:
        """Let the chip live until something is so.

        Raises:
            GuestLost: It was not within the limit of the chip's time.
        """
        if not self.chip.until(lambda: bool(condition()), limit_ms, LOOK_MS):
            said = self.chip.read().decode("utf-8", "replace").strip()
            raise GuestLost(
                f"the benchmark's program {self.program} did not come to {what} within {limit_ms:.0f} ms of the "
                f"emulated chip, so the run has no figures. It said: {said or 'nothing'}"
            )

    @property
    def lacks(self) -> bool:
        """The image lacks what the program needs."""
        return bool(self._marks[self.settings.LACKS_GPIO])

    @property
    def hung_ns(self) -> int | None:
        """When the program hung; None: not yet."""
        marks = self._marks[self.settings.HUNG_GPIO]
        return marks[0].t_ns if marks else None

    @property
    def parts(self) -> list[tuple[int, int]]:
        """From and to of the measured parts that are over."""
        marks = self._marks[self.settings.LOADED_GPIO]
        return [(one.t_ns, other.t_ns) for one, other in zip(marks[::2], marks[1::2], strict=False)]

    @property
    def collections(self) -> list[Edge]:
        """Collections of the heap, high while one is under way."""
        return self._marks[self.settings.COLLECTING_GPIO]

    def edges(self, line: str) -> list[Edge]:
        """Changes of NEEDLE or STEP."""
        changes: Mapping[str, list[tuple[int, int]]] = self.chip.wiring.edges.changes
        return [Edge(t_ns, level) for t_ns, level in changes[line]]

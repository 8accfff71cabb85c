"""One run of each test for each MicroPython image on this machine; without one, skipped with a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from hil_tests import chip_image
from hil_tests.chip import ChipPen
from pen_sim.eeprom import Cartridge

GUESTS = Path(__file__).parent / "guests"
GUEST_LIMIT_MS = 6_000


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`image` takes every image found."""
    if "image" not in metafunc.fixturenames:
        return
    images = chip_image.find_images()
    if images:
        metafunc.parametrize("image", images, ids=[image.stem for image in images])
    else:
        metafunc.parametrize(
            "image", [pytest.param(None, marks=pytest.mark.skip(reason=chip_image.NO_IMAGE))]
        )


@pytest.fixture(scope="session")
def device_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The whole device tree, compiled for the chip."""
    return chip_image.device_tree(tmp_path_factory.mktemp("device"))


@pytest.fixture
def boot(image: Path, device_files: dict[str, bytes]) -> Iterator[Callable[..., ChipPen]]:
    """Boots a pen; `main` replaces main.py by one of the guests."""
    pens: list[ChipPen] = []

    def start(main: str | None = None, flash: bytes | None = None) -> ChipPen:
        files: Mapping[str, bytes] = device_files
        if main is not None:
            files = {**device_files, "main.py": (GUESTS / main).read_bytes()}
        pen = ChipPen(image, files, Cartridge(), flash)
        pens.append(pen)
        pen.start()
        return pen

    yield start
    for pen in pens:
        pen.close()


def guest_results(pen: ChipPen, on_line: Callable[[str], None] | None = None) -> dict[str, Any]:
    """Lines `name json` a guest prints, until `end`.

    Raises:
        AssertionError: It did not end; what it said is in the message.
    """
    said = b""
    seen = 0
    results: dict[str, Any] = {}
    while pen.now_ms < GUEST_LIMIT_MS:
        pen.run_ms(5)
        said += pen.read()
        lines = said.split(b"\r\n")
        for line in lines[seen:-1]:
            name, _, value = line.decode("utf-8", "replace").partition(" ")
            if name == "end":
                return results
            results[name] = _value(value)
            if on_line is not None:
                on_line(name)
        seen = len(lines) - 1
    raise AssertionError(f"the guest did not end: {said.decode('utf-8', 'replace')}")


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text

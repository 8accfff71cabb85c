"""Emulated rigs and pens for the tests marked `chip`: one of each for an image and a file of tests, for booting takes long."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hil_tests.benches.rig import RigBench
from hil_tests.chip import image as chip_image
from hil_tests.chip.transport import ChipTransport
from hil_tests.rig.client import Rig
from hil_tests.rig.emulated import DIVIDER, Pair, RigChip, bench_of, booted_pen, booted_rig


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`image` takes every MicroPython image found."""
    if "image" not in metafunc.fixturenames:
        return
    images = chip_image.find_images()
    if images:
        metafunc.parametrize("image", images, ids=[image.stem for image in images], scope="module")
    else:
        skip = pytest.param(None, marks=pytest.mark.skip(reason=chip_image.NO_IMAGE))
        metafunc.parametrize("image", [skip], ids=["no image"], scope="module")


@pytest.fixture(scope="module")
def rig_chip(image: Path) -> RigChip:
    """An emulated rig alone, its wires to be driven by the test."""
    return booted_rig(image)


@pytest.fixture
def rig(rig_chip: RigChip) -> Iterator[Rig]:
    """The laptop's client, a run begun."""
    way = ChipTransport(rig_chip)
    rig = Rig(way, way.clock)
    rig.connect()
    rig.start(DIVIDER)
    yield rig
    rig.close()


@pytest.fixture(scope="module")
def pair(image: Path) -> Pair:
    """Rig and pen, pins joined."""
    return Pair(booted_pen(image), booted_rig(image))


@pytest.fixture(scope="module")
def pair_bench(pair: Pair) -> RigBench:
    """The bench of a real pen on the pair."""
    return bench_of(pair)

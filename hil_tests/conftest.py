"""The bench of a run: `--pen sim` (as it is), `--pen chip` (every MicroPython image found), `--pen serial:PORT`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hil_tests import forked
from hil_tests.benches import Ability, Bench, Unable
from hil_tests.benches.sim import SimBench
from hil_tests.chip import image as chip_image
from hil_tests.evidence import plugin as evidence_plugin
from hil_tests.host import Station
from hil_tests.stages import ForkKeeper, FreshKeeper, Keeper, LedKeeper, Stage
from pen_host.errors import PenError

if TYPE_CHECKING:
    from hil_tests.chip.emulator import ChipPen

SIM = "sim"
CHIP = "chip"
SERIAL = "serial"
KEEPERS = pytest.StashKey[dict[str, Keeper]]()
COPIES = pytest.StashKey[list[forked.Copies]]()
CHIP_LIMIT_S = 600
"""For one test on an emulated chip."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --pen and --evidence."""
    evidence_plugin.add_options(parser)
    parser.addoption(
        "--pen",
        default=SIM,
        metavar="PEN",
        help="pen under test in hil_tests: sim, chip, or serial:PORT with a rig beside it",
    )
    parser.addoption("--rig", metavar="RIG", help="serial:PORT of the rig beside a real pen")


def pytest_configure(config: pytest.Config) -> None:
    """Name this suite's markers and prepare the keepers."""
    config.addinivalue_line("markers", "stage(stage): what has happened to the pen before the test begins")
    config.addinivalue_line("markers", "needs(*abilities): what the bench must be able to do")
    config.addinivalue_line("markers", "spends_tip: no session can be opened with the pen's tip afterwards")
    config.stash[KEEPERS] = {}
    config.stash[COPIES] = []
    evidence_plugin.register(config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One run of each test for each pen: the images of a chip, or the one that was named."""
    if "pen_name" not in metafunc.fixturenames:
        return
    asked = metafunc.config.getoption("--pen")
    if asked != CHIP:
        metafunc.parametrize("pen_name", [asked], ids=[str(asked).partition(":")[0]], scope="session")
        return
    images = chip_image.find_images()
    if images:
        names = [f"{CHIP}:{image}" for image in images]
        metafunc.parametrize("pen_name", names, ids=[image.stem for image in images], scope="session")
    else:
        skip = pytest.param(CHIP, marks=pytest.mark.skip(reason=chip_image.NO_IMAGE))
        metafunc.parametrize("pen_name", [skip], ids=[CHIP], scope="session")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """But for the simulated pen: by image, then by stage, for a pen only ever goes on; the tests of one pen stay together."""
    kind = str(config.getoption("--pen")).partition(":")[0]
    if kind == SIM:
        return
    ours = [item for item in items if _pen_name(item)]
    ours.sort(key=lambda item: (_pen_name(item), _stage(item) or Stage.BOOTED, _spends_tip(item)))
    items[:] = [item for item in items if not _pen_name(item)] + ours
    for item in ours if kind == CHIP else ():
        item.add_marker(pytest.mark.xdist_group(_pen_name(item)))
        item.add_marker(pytest.mark.timeout(0))  # a copy has a limit of its own


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """On a chip: all tests of an image run side by side in copies, from the first one's turn on; each waits for its own."""
    name = _pen_name(item)
    if name.partition(":")[0] != CHIP or item.get_closest_marker("skip"):
        return None
    copies = next((one for one in item.config.stash[COPIES] if item in one), None)
    if copies is None:
        alike = [
            one for one in item.session.items if _pen_name(one) == name and not one.get_closest_marker("skip")
        ]
        copies = forked.Copies(alike, _lead_to, _cores(item), CHIP_LIMIT_S)
        item.config.stash[COPIES].append(copies)
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    copies.report(item)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_sessionfinish(session: pytest.Session) -> None:
    """What still runs is not waited for."""
    for copies in session.config.stash[COPIES]:
        copies.end()
    for keeper in session.config.stash[KEEPERS].values():
        keeper.end()


def _cores(item: pytest.Item) -> int:
    """Copies of a chip that run at a time: workers of xdist share the cores."""
    images = {_pen_name(one) for one in item.session.items} - {""}
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return max(1, (os.cpu_count() or 1) // min(len(images), workers))


def _lead_to(item: pytest.Item) -> None:
    """Take the pen to where a test begins."""
    stage = _stage(item)
    if stage is None:
        return
    try:
        _keeper(item.config, _pen_name(item)).station(stage)
    except (AssertionError, RuntimeError, OSError, PenError) as error:
        # told by the test itself, which then leads its own copy there and meets the same
        item.user_properties.append(("stage_error", str(error)))


@pytest.fixture(scope="session")
def pen_name(request: pytest.FixtureRequest) -> str:
    """Address of the pen under test."""
    return str(request.param)


@pytest.fixture
def station(request: pytest.FixtureRequest, pen_name: str) -> Iterator[Station]:
    """A host at a pen that has reached the stage the test is marked with."""
    keeper = _keeper(request.config, pen_name)
    marked = _stage(request.node)
    if marked is None:
        raise pytest.UsageError(f"{request.node.nodeid} needs a mark: stage(Stage.…)")
    try:
        station = keeper.station(marked)
    except Unable as lacking:
        pytest.skip(str(lacking))
    _require(request.node, station.bench)
    began_ns = station.bench.now_ns
    yield station
    request.node.user_properties.append(("pen_ms", round((station.bench.now_ns - began_ns) / 1e6)))
    evidence_plugin.record_who(request.node, station.bench, station.worker.snapshot().identity)
    keeper.finish(station)


@pytest.fixture
def bench(station: Station) -> Bench:
    """The bench of the station."""
    return station.bench


@pytest.fixture
def guest(pen_name: str) -> Callable[[str], ChipPen]:
    """Boots a chip with one of `chip/guests` in place of the firmware."""
    kind, _, image = pen_name.partition(":")
    if kind != CHIP:
        pytest.skip(f"the bench {pen_name} cannot {Ability.GUEST.value}")

    def boot(program: str) -> ChipPen:
        from hil_tests.benches.chip import ChipBench  # late: only a chip needs an emulator

        return ChipBench(Path(image), guest=program).chip

    return boot


def _require(node: pytest.Item, bench: Bench) -> None:
    mark = node.get_closest_marker("needs")
    abilities: tuple[Ability, ...] = mark.args if mark else ()
    try:
        bench.require(*abilities)
    except Unable as lacking:
        pytest.skip(str(lacking))


def _keeper(config: pytest.Config, name: str) -> Keeper:
    keepers = config.stash[KEEPERS]
    if name not in keepers:
        keepers.clear()  # the pen of another image takes memory and is not asked for again
        keepers[name] = _new_keeper(name, config.getoption("--rig"))
    return keepers[name]


def _new_keeper(name: str, rig: str | None) -> Keeper:
    kind, _, rest = name.partition(":")
    if kind == SIM:
        return FreshKeeper(lambda: SimBench(name))
    if kind == CHIP:
        from hil_tests.benches.chip import ChipBench  # late: only a chip needs an emulator

        return ForkKeeper(lambda: ChipBench(Path(rest)))
    if kind == SERIAL and rest and rig:
        from hil_tests.benches.rig import SerialBench  # late: opens ports

        return LedKeeper(lambda: SerialBench(rest, rig.removeprefix(f"{SERIAL}:")))
    raise pytest.UsageError(f"--pen {name}: use sim, chip, or serial:PORT with --rig serial:PORT")


def _pen_name(item: pytest.Item) -> str:
    callspec = getattr(item, "callspec", None)
    return str(callspec.params.get("pen_name", "")) if callspec else ""


def _spends_tip(item: pytest.Item) -> bool:
    return item.get_closest_marker("spends_tip") is not None


def _stage(item: pytest.Item) -> Stage | None:
    mark = item.get_closest_marker("stage")
    return mark.args[0] if mark else None

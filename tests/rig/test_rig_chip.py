"""The rig's firmware on its own MicroPython in an emulated RP2040: known trains on its pins, and every way to lose a run."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from hil_tests.chip.image import read_file_system
from hil_tests.chip.serve import ChipPort
from hil_tests.chip.transport import ChipTransport
from hil_tests.rig import messages, pins, programs
from hil_tests.rig.capture import Timing
from hil_tests.rig.client import Rig
from hil_tests.rig.emulated import DIVIDER, RigChip, rig_files
from hil_tests.rig.install import install
from hil_tests.rig.link import RigLostError
from hil_tests.waves import pulses
from tests.pio.assembler import asm_pio

pytestmark = [pytest.mark.chip, pytest.mark.timeout(1_800), pytest.mark.xdist_group("rig chip")]
LOOK_NS = Timing(125_000_000, DIVIDER).look_ns
ESTOP = frozenset({"ESTOP"})
SETTLE_MS = 3.0
PATIENT_S = 40.0
"""The emulated chip is some thirty times slower than a real one."""


def test_it_says_who_it_is_and_begins_with_every_hand_open(rig: Rig, rig_chip: RigChip) -> None:
    assert rig.identity is not None
    assert rig.identity.runtime.startswith("mpy 1.")
    assert rig.identity.clock_hz == 125_000_000
    rig.now_ns()
    assert [rig_chip.wiring.level(name) for name in pins.HANDS] == [False] * len(pins.HANDS)
    assert rig_chip.wiring.level("PEN_POWER")
    assert rig_chip.wiring.level("PEN_RUN") is None, "never driven high"


def test_the_chips_assembler_makes_the_words_that_the_desks_tests_step(rig_chip: RigChip) -> None:
    for number, names in ((0, ("sampler", "alive", "mark")), (1, ("hands", "hall"))):
        memory = list(rig_chip.mcu.pio[number].instructions)
        for name in names:
            options = programs.OPTIONS[name]
            made = asm_pio(
                sideset_init=0 if options["side"] else None,
                in_shiftdir=int(options["in_right"]),
                out_shiftdir=1,
            )(getattr(programs, name))[0]
            assert any(
                [word + at if word >> 13 == 0 else word for word in made] == memory[at : at + len(made)]
                for at in range(32)
            ), name


def test_a_train_keeps_its_count_widths_and_period_exactly(rig: Rig, rig_chip: RigChip) -> None:
    """Whole microseconds are not whole looks: a width is right to one look, and errors do not add up."""
    for _ in range(8):
        rig_chip.wiring.drive("COIL", True)
        rig_chip.run_ms(0.503)
        rig_chip.wiring.drive("COIL", False)
        rig_chip.run_ms(6.676 - 0.503)
        rig.service()
    seen = pulses(rig.edges("COIL"))
    assert len(seen) == 8
    # two calls that let the chip live end within an instruction of the asked moment
    assert all(abs(pulse.fall_ns - pulse.rise_ns - 503_000) <= LOOK_NS + 1_000 for pulse in seen)
    assert all(
        abs(later.rise_ns - earlier.rise_ns - 6_676_000) <= LOOK_NS + 1_000
        for earlier, later in pairwise(seen)
    )
    assert abs(seen[-1].rise_ns - seen[0].rise_ns - 7 * 6_676_000) <= LOOK_NS + 1_000
    assert len([edge for edge in rig.edges("HALL") if not edge.level]) == 8


def test_at_full_clock_a_look_takes_80_ns(image: Path) -> None:
    chip = RigChip(image, divider=1, cycle_ns=200)
    chip.start()
    chip.run_ms(700)
    way = ChipTransport(chip)
    rig = Rig(way, way.clock)
    rig.connect()
    rig.start(1)
    rig.now_ns()
    true: list[int] = []
    high = False
    for steps in (13, 7, 22, 5, 31, 9, 16, 50, 4, 27):
        high = not high
        chip.wiring.drive("STEP", high)
        true.append(chip.now_ns)
        chip.run_ms(steps * 200 / 1e6)
    edges = rig.edges("STEP")
    assert [edge.level for edge in edges] == [1, 0] * 5
    for (first, second), (one, two) in zip(pairwise(edges), pairwise(true), strict=True):
        assert abs((second.t_ns - first.t_ns) - (two - one)) <= 200 + 80
    assert all(edge.t_ns % 80 == 0 for edge in edges)
    rig.close()


def test_hands_move_amid_a_stroke_where_they_are_told_to(rig: Rig, rig_chip: RigChip) -> None:
    rig.hands(ESTOP)
    rig.hands(frozenset(), amid=True, delay_us=300)
    rig_chip.run_ms(SETTLE_MS)
    assert rig_chip.wiring.level("ESTOP")
    rig_chip.wiring.drive("COIL", True)
    rig_chip.run_ms(1.0)
    assert not rig_chip.wiring.level("ESTOP")
    rig_chip.wiring.drive("COIL", False)
    rise = rig.edges("COIL")[0]
    opened = rig.edges("ESTOP")[-1]
    assert opened.level == 0
    assert abs(opened.t_ns - rise.t_ns - 300_000) <= LOOK_NS + 200


def test_a_living_lease_shows_and_a_level_does_not(rig: Rig, rig_chip: RigChip) -> None:
    for _ in range(50):
        rig_chip.wiring.drive("LEASE", True)
        rig_chip.run_ms(0.002)
        rig_chip.wiring.drive("LEASE", False)
        rig_chip.run_ms(0.002)
    rig_chip.wiring.drive("LEASE", True)
    rig_chip.run_ms(1)
    rig_chip.wiring.drive("LEASE", False)
    (alive,) = pulses(rig.edges("ALIVE"))
    assert abs(alive.length_us - 200 - programs.ALIVE_HOLD_US) <= 3


def test_skipped_hall_pulses_are_counted(rig: Rig, rig_chip: RigChip) -> None:
    rig.request("SKIP", 2)
    for _ in range(5):
        rig_chip.wiring.drive("COIL", True)
        rig_chip.run_ms(1)
        rig_chip.wiring.drive("COIL", False)
        rig_chip.run_ms(4)
        rig.service()
    falls = [edge for edge in rig.edges("HALL") if not edge.level]
    assert len(falls) == 3


def test_a_storm_of_edges_ends_the_run_and_opens_the_hands(rig: Rig, rig_chip: RigChip) -> None:
    rig.hands(ESTOP)
    rig_chip.run_ms(SETTLE_MS)
    assert rig_chip.wiring.level("ESTOP")
    for number in range(6_000):
        rig_chip.wiring.drive("STEP", number % 2 == 0)
        rig_chip.run_ms(0.001)
    rig_chip.run_ms(20)
    assert rig_chip.wiring.level("ESTOP") is None
    rig.service()
    with pytest.raises(RigLostError, match="more edges"):
        rig.hands(ESTOP)
    with pytest.raises(RigLostError):
        rig.edges("STEP")
    rig.start(DIVIDER)
    assert rig.edges("STEP") == []


def test_a_silent_laptop_opens_the_hands(rig: Rig, rig_chip: RigChip) -> None:
    rig.hands(ESTOP | {"TRIGGER"})
    rig_chip.run_ms(messages.SILENCE_MS - 100)
    assert rig_chip.wiring.level("TRIGGER")
    rig_chip.run_ms(200)
    assert [rig_chip.wiring.level(name) for name in pins.HANDS] == [None] * len(pins.HANDS)
    assert not rig_chip.wiring.level("PEN_POWER")
    rig.service()
    with pytest.raises(RigLostError, match="silent"):
        rig.hands(ESTOP)


def test_a_rig_that_hangs_is_reset_by_its_watchdog_and_knows_nothing_of_the_run(
    rig: Rig, rig_chip: RigChip
) -> None:
    """Its machines would hold the hands for ever; the reset lets them go."""
    rig.hands(ESTOP | {"TRIGGER"})
    rig_chip.run_ms(SETTLE_MS)
    assert rig.identity is not None
    resets = rig_chip.resets
    rig_chip.skip_ms(1_600)
    assert rig_chip.resets == resets + 1
    assert [rig_chip.wiring.level(name) for name in pins.HANDS] == [None] * len(pins.HANDS)
    rig_chip.run_ms(900)
    with pytest.raises(RigLostError):
        rig.hands(ESTOP)
    rig.close()
    again = rig.connect()
    assert again.runtime.startswith("mpy 1.")
    rig.start(DIVIDER)
    rig.hands(ESTOP)
    rig_chip.run_ms(SETTLE_MS)
    assert rig_chip.wiring.level("ESTOP")


def test_bytes_that_are_no_frames_do_no_harm(rig: Rig, rig_chip: RigChip) -> None:
    rig.hands(ESTOP)
    rig_chip.write(bytes(range(256)) + b"\x03\x03\0\xff\0")
    rig_chip.run_ms(30)
    rig.now_ns()
    assert rig_chip.wiring.level("ESTOP")


def test_a_bare_board_becomes_a_rig_and_is_left_alone_when_it_is_one(image: Path) -> None:
    chip = RigChip(image, {"boot.py": b"", "main.py": b"pass\n"})
    chip.start()
    said: list[str] = []
    with ChipPort(chip) as port:
        assert install(port.url, rig_files(), said.append, PATIENT_S) == len(rig_files())
        assert chip.until(lambda: chip.connected > 1, 3_000), "the board was reset"
    assert said[-1] == "main.py", "until then a cut leaves a board that drives nothing"
    assert read_file_system(chip.flash()) == rig_files()
    chip.run_ms(900)
    way = ChipTransport(chip)
    assert Rig(way, way.clock).connect().version == messages.VERSION

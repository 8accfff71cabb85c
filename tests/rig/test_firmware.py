"""The rig's firmware on a board of software: requests, and every way a run may end."""

from __future__ import annotations

import pytest

from hil_tests.rig import messages, pins
from hil_tests.rig.client import Rig
from hil_tests.rig.link import RigError, RigLostError
from tests.rig.soft_pair import RING_WORDS, SoftPair

ESTOP = frozenset({"ESTOP"})


@pytest.fixture
def pair() -> SoftPair:
    return SoftPair()


@pytest.fixture
def rig(pair: SoftPair) -> Rig:
    rig = pair.rig()
    rig.connect()
    return rig


def wait_ms(pair: SoftPair, rig: Rig, duration_ms: int) -> None:
    end_us = pair.bench.sim.now_us + duration_ms * 1000
    while pair.bench.sim.now_us < end_us:
        rig.service(0.005)


def quiet_ms(pair: SoftPair, duration_ms: int) -> None:
    """The rig lives on, the laptop does not."""
    for _ in range(duration_ms):
        pair.live_us(1_000)
        pair.work()


def test_it_says_who_it_is(rig: Rig) -> None:
    assert rig.identity is not None
    assert rig.identity.clock_hz == 125_000_000
    assert rig.identity.runtime == "CPython"


def test_without_a_run_nothing_is_driven_and_the_refusal_says_why(pair: SoftPair, rig: Rig) -> None:
    with pytest.raises(RigLostError, match="never started"):
        rig.hands(ESTOP)
    assert not pair.board.bench_hand("ESTOP")
    assert pair.board.bench_hand("CHARGER"), "a loose wire is a charger"


def test_a_start_opens_all_hands_and_powers_the_pen(pair: SoftPair, rig: Rig) -> None:
    rig.start()
    assert not any(pair.board.bench_hand(name) for name in pins.HANDS)
    rig.hands(ESTOP)
    wait_ms(pair, rig, 5)
    assert pair.board.bench_hand("ESTOP")
    rig.start()
    assert not pair.board.bench_hand("ESTOP"), "a new run begins as the first"
    assert rig.capture.edges("ESTOP") == []
    assert pair.board.power_losses == 0, "the pen does not lose its supply between two runs"


def test_a_silent_laptop_opens_the_hands(pair: SoftPair, rig: Rig) -> None:
    rig.start()
    rig.hands(ESTOP | {"TRIGGER"})
    wait_ms(pair, rig, 3_000)
    assert pair.board.bench_hand("TRIGGER"), "service keeps the run alive"
    quiet_ms(pair, messages.SILENCE_MS - 250)
    assert pair.board.bench_hand("TRIGGER")
    quiet_ms(pair, 500)
    assert not pair.board.bench_hand("TRIGGER")
    assert not pair.board.bench_hand("ESTOP")
    assert pair.board.power_losses == 1
    rig.service(0.01)
    with pytest.raises(RigLostError, match="laptop was silent"):
        rig.hands(ESTOP)
    assert not pair.board.bench_hand("ESTOP")


def test_more_edges_than_its_memory_holds_end_the_run(pair: SoftPair, rig: Rig) -> None:
    rig.start()
    rig.hands(ESTOP)
    wait_ms(pair, rig, 30)
    for number in range(RING_WORDS + 200):
        pair.board._change(pair.bench.now_ns + number * 100, "STEP", number % 2)
    pair.bench.live_to(pair.bench.sim.now_us + 1_000)
    for _ in range(3):
        rig.service(0.01)
    with pytest.raises(RigLostError, match="more edges"):
        rig.edges("STEP")
    assert not pair.board.bench_hand("ESTOP")


def test_a_word_the_sampler_could_not_push_ends_the_run(pair: SoftPair, rig: Rig) -> None:
    rig.start()
    rig.hands(ESTOP)
    wait_ms(pair, rig, 30)
    pair.board.overrun = True
    rig.service(0.01)
    rig.service(0.01)
    with pytest.raises(RigLostError, match="faster than"):
        rig.edges("COIL")
    assert not pair.board.bench_hand("ESTOP")
    rig.start()
    assert rig.edges("COIL") == [], "a new run is whole again"
    rig.start()
    assert rig.now_ns() < 100_000_000, "its time begins anew, below that of the run before"


def test_a_burst_that_its_memory_holds_arrives_whole(pair: SoftPair, rig: Rig) -> None:
    rig.start()
    wait_ms(pair, rig, 30)
    for number in range(RING_WORDS - 200):
        pair.board._change(pair.bench.now_ns + number * 200, "STEP", 1 - number % 2)
    pair.bench.live_to(pair.bench.sim.now_us + 1_000)
    assert len(rig.edges("STEP")) == RING_WORDS - 200


def test_damage_on_the_wire_is_noticed(pair: SoftPair, rig: Rig) -> None:
    rig.start()
    wait_ms(pair, rig, 50)
    pair.transport.damage = lambda data: data.replace(b"\x43", b"\x42") if data else data
    for _ in range(20):
        rig.service(0.01)
    with pytest.raises(RigLostError):
        rig.edges("COIL")


def test_a_lost_frame_is_noticed(pair: SoftPair, rig: Rig) -> None:
    rig.start()
    wait_ms(pair, rig, 50)
    pair.transport.damage = lambda _data: b""
    wait_ms(pair, rig, 60)
    pair.transport.damage = lambda data: data
    wait_ms(pair, rig, 60)
    with pytest.raises(RigLostError, match="edges are missing"):
        rig.edges("COIL")


def test_a_fifth_waiting_hand_is_refused_until_they_are_cancelled(pair: SoftPair, rig: Rig) -> None:
    rig.start()
    for _ in range(4):
        rig.hands(ESTOP, amid=True, delay_us=100)
    with pytest.raises(RigError, match="cancel"):
        rig.hands(ESTOP, amid=True, delay_us=100)
    rig.cancel()
    rig.hands(ESTOP)
    wait_ms(pair, rig, 5)
    assert pair.board.bench_hand("ESTOP")


def test_a_message_it_does_not_know_is_refused_by_name(rig: Rig) -> None:
    rig.start()
    link = rig._link
    sequence, _data = link.request("BEAT", (), 0.0)
    length = messages.pack(link._encoder, messages.BEAT, sequence, link.run, ())
    assert length
    link._encoder.body[1] = 0x33
    rig._transport.write(bytes(link._encoder.wire[: link._encoder.finish(8)]))
    for _ in range(5):
        rig.service(0.01)
    answer = link.answer(sequence)
    assert answer is not None
    assert answer.number == messages.REFUSED
    assert answer.values == (0x33, messages.Reason.UNKNOWN)


def test_the_prompt_is_given_back_only_to_a_rig_that_drives_nothing(pair: SoftPair, rig: Rig) -> None:
    rig.start()
    with pytest.raises(RigError):
        rig.request("LEAVE")
    pair.restart_rig()
    again = pair.rig()
    again.connect()
    assert again.request("LEAVE") == 0
    assert pair.firmware is not None
    assert pair.firmware.left


def test_the_watchdog_is_fed_by_every_pass(pair: SoftPair, rig: Rig) -> None:
    before = pair.board.fed
    rig.start()
    assert pair.board.fed > before

"""What ends a run besides the stop contact: a lease that runs out, answers nobody reads. A lease taken away: `test_latencies`."""

from __future__ import annotations

import random
from typing import Any

import pytest

from pen_firmware import pio_programs as programs
from pen_firmware.lease import FirmwareLease
from pen_protocol import limits
from tests.pio import latencies
from tests.pio.bench import Bench
from tests.pio.solo import Solo


def stroking(bench: Bench) -> None:
    """Lease fed, needle restarted, the longest stroke under way."""
    bench.board.lease_feed(programs.LEASE_TICKS_MAX)
    bench.run(10)
    bench.board.needle_restart()
    bench.board.needle_put(programs.needle_word(2_047, 6_678, 1))
    bench.run_until(lambda: bench.level("NEEDLE") == 1, 20)


@pytest.mark.parametrize("offset_us", [0, 1_001, 2_002, 3_003, 5_505, 6_606])
@pytest.mark.covers("REQ-0305")
def test_a_lease_nobody_renews_takes_the_coil_with_it(offset_us: int) -> None:
    """HAZ-13: the CPU hangs with words in the queue; the last stroke is over when the lease and its pump are."""
    bench = Bench()
    stroking(bench)
    bench.run(offset_us)
    for seq in range(programs.NEEDLE_QUEUE):
        bench.board.needle_put(programs.needle_word(2_047, 9_000, seq))
    bench.board.lease_feed(FirmwareLease.TICKS)
    fed = bench.now_us
    bench.run(limits.LEASE_MS * 1_000 + 20_000)

    last = bench.edges["NEEDLE"][-1]
    assert last[1] == 0
    assert last[0] - fed < latencies.UNRENEWED.cycles
    assert sum(bench.alive()[-1]) - fed <= limits.LEASE_MS * 1_000 + programs.LEASE_TICK_US


def test_a_machine_whose_answers_nobody_reads_stops_with_the_fifth_stroke(needle: list[Any]) -> None:
    """Whatever the words: four answers fit, the fifth stroke is made and waits to say so, its pad low."""
    seed = 5
    print(f"seed {seed}")
    source = random.Random(seed)
    solo = Solo(needle)
    for _ in range(5):
        solo.restart()
        solo.edges.clear()
        for _ in range(40):
            while solo.machine.tx_fifo() < programs.NEEDLE_QUEUE:
                solo.machine.put(source.getrandbits(32) & ~(0x3F00 << programs.NEEDLE_ON_BITS))
            solo.run(2_000)
        assert len(solo.strokes()) == 5
        assert solo.level == 0
        assert solo.machine.tx_fifo() == programs.NEEDLE_QUEUE


def test_reading_again_lets_the_machine_go_on_with_a_whole_pause(needle: list[Any]) -> None:
    """A stroke whose answer waited is not followed sooner: what was left of its period begins when the answer is read."""
    solo = Solo(needle)
    for _ in range(20):
        while solo.machine.tx_fifo() < programs.NEEDLE_QUEUE:
            solo.machine.put(programs.needle_word(1_003, 6_678, 0))
        solo.run(2_500)
    assert len(solo.strokes()) == 5
    read_at = solo.now
    solo.machine.get()
    solo.run(10_000)

    assert solo.strokes()[-1][0] - read_at == 6_678 - 1_003 - 1

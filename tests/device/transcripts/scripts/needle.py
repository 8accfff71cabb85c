"""Runs of strokes: healthy, with lost acknowledgements and hall pulses, cut by the lease and by the stop contact."""

from bench import Bench

from pen_firmware import pio_programs as pio
from pen_firmware.needle import Needle

for faults in (0, 0, 3, 30, 200):
    board = Bench(40 + faults, faults)
    board.start_machines()
    needle = Needle(board)
    for run in range(4):
        needle.set(pio.needle_period_us(board.random.pick((25_000, 80_000, 120_000, 149_000))), 2000)
        board.lease_feed(pio.lease_ticks(40) - 1)
        needle.start(board.now_ms())
        for step in range(200):
            board.advance(5_000)
            now_ms = board.now_ms()
            needle.tick(now_ms)
            if step < 150 or run != 2:
                board.lease_feed(pio.lease_ticks(40) - 1)
            board.open_estop = run == 3 and step > 120
            print(
                needle.edges_total,
                needle.acks_total,
                needle.truncated_total,
                needle.rate_measured_mhz,
                end=" ",
            )
            print(needle.measured_age_ms(now_ms), needle.droop(now_ms), needle.mismatch(), needle.tripped())
        board.open_estop = False
        needle.stop()
        for _ in range(8):
            board.advance(5_000)
            needle.tick(board.now_ms())
        needle.settle()
        print("run", run, needle.running, needle.edges_total, needle.acks_total, needle.truncated_total)

"""Homing and moves: healthy, with lost steps, stopped on the way."""

from bench import Bench

from pen_firmware.depth import Depth

for faults in (0, 0, 2, 40):
    board = Bench(60 + faults, faults)
    board.start_machines()
    axis = Depth(board)
    axis.configure(100, 50)
    for target in (-1, 250, 1500, 700, 0, 2500, -1, 750):
        if target < 0:
            axis.home()
        else:
            axis.move(target)
        print("to", target, axis.budget_ms(target))
        for step in range(4000):
            board.advance(5_000)
            axis.tick(board.now_ms())
            if target == 2500 and step == 40:
                axis.stop()
            if step % 50 == 0:
                print(axis.measured_um, axis.busy, axis.homed, axis.mismatch())
            if not axis.busy:
                break
        print(
            "end",
            axis.result,
            axis.homed,
            axis.measured_um,
            axis.requested_um,
            axis.home_difference_um,
            axis.mismatch(),
        )

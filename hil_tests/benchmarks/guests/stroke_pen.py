"""Ours: the needle machine on the pen's own board, fed by the firmware's own `needle`, under the same load as the peers."""

import settings
import shared

from pen_firmware.board_rp2040 import Board
from pen_firmware.lease import FirmwareLease
from pen_firmware.needle import Needle
from pen_firmware.pio_programs import needle_period_us


def run():
    """One pass is what the firmware does in its own: acknowledgements, edges, checks, new words, then the lease."""
    board = Board()
    board.start_machines()
    board.watchdog_start(settings.WATCHDOG_MS)
    lease = FirmwareLease(board)
    needle = Needle(board)
    needle.set(needle_period_us(settings.RATE_HZ * 1_000), settings.ON_MS * 1_000)

    def one_pass():
        needle.tick(board.now_ms())
        lease.feed()
        board.watchdog_feed()

    lease.feed()
    board.wait_us(200)
    needle.start(board.now_ms())
    shared.load(one_pass)


_kept = shared.hoard()
run()

"""Runs the pen; started by the chip after `boot.py`.

Every way out leaves the outputs forced low and the machines stopped. A running pen that fails resets the chip (the pen
has noted why in the words that survive). A pen that cannot even be built or booted stays at the interpreter's prompt,
safe, so that an engineer can read why; the prompt is also where the service exit leads.
"""

import gc

import micropython

# A 0x03 in a binary frame must not interrupt the firmware (and empty the receive buffer): before anything else.
micropython.kbd_intr(-1)

from pen_firmware.board_rp2040 import Board  # noqa: E402
from pen_firmware.pen import Pen  # noqa: E402


def main():
    """Build and boot the pen, then run it until an engineer asks for the prompt."""
    board = Board()
    pen = None
    left_for_service = False
    try:
        booting = Pen(board, gc)
        booting.boot()
        pen = booting
        pen.run()
        left_for_service = True
    finally:
        board.make_safe()
        if pen and not left_for_service:
            board.reset()


main()

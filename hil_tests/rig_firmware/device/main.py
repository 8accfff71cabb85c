"""Runs the rig; started by the chip after `boot.py`.

Every way out releases the lines to the pen. A running rig that fails resets its chip and has no run any more, which the
laptop is told. One that cannot even be built stays at the interpreter's prompt.
"""

import micropython

# A 0x03 in a binary frame must not interrupt the firmware: before anything else.
micropython.kbd_intr(-1)

from hil_tests.rig_firmware.board import Board  # noqa: E402
from hil_tests.rig_firmware.rig import Rig  # noqa: E402


def main():
    """Build the rig and run it until the laptop asks for the prompt."""
    board = Board()
    rig = Rig(board)
    left = False
    try:
        rig.serve()
        left = True
    finally:
        board.release()
        if not left:
            board.reset()
    micropython.kbd_intr(3)


main()

"""Stroke totals over the pen's life, and their copy in the four words that survive every reset but power loss."""

from pen_protocol.limits import WORD_MAX

_MAGIC = 0x2B1D5EED
_CHECK = 0
_STROKES = 1
_NEXT_EVENT = 2
_CONTACT = 3
"""Low bits of contact_total and the marks."""

_CONTACT_BITS = 26
_CONTACT_MASK = (1 << _CONTACT_BITS) - 1


class Mark:
    """What the firmware was doing, kept in the surviving words."""

    ARMED = 1
    STROKING = 2
    EXCEPTION = 4
    """An exception ended the firmware; it reset itself."""
    SERVICE = 8
    """An engineer asked for the interpreter's prompt: reached through a reset, without the watchdog."""


class Counters:
    """`strokes_total` counts every rising edge of the coil's pad, `contact_total` those while the tip touched skin.

    `truncated_total` counts strokes whose on-time was cut short. All are below 2^30 and wrap there.
    """

    def __init__(self, board):
        self._board = board
        self.strokes_total = 0
        self.contact_total = 0
        self.truncated_total = 0
        self._edges = 0
        self._truncated = 0

    def start(self, edges, truncated):
        """Count from these readings of the needle on."""
        self._edges = edges
        self._truncated = truncated

    def update(self, edges, truncated, contact):
        """Take the needle's readings: what is new counts, and as contact when the tip touches skin now."""
        new = (edges - self._edges) & WORD_MAX
        if new:
            self._edges = edges
            self.strokes_total = (self.strokes_total + new) & WORD_MAX
            if contact:
                self.contact_total = (self.contact_total + new) & WORD_MAX
        new = (truncated - self._truncated) & WORD_MAX
        if new:
            self._truncated = truncated
            self.truncated_total = (self.truncated_total + new) & WORD_MAX

    def mirror(self, next_event, marks):
        """Copy totals, next event id and `Mark`s to the surviving words. Allocates nothing."""
        board = self._board
        contact = (self.contact_total & _CONTACT_MASK) | (marks << _CONTACT_BITS)
        board.word_write(_STROKES, self.strokes_total)
        board.word_write(_NEXT_EVENT, next_event)
        board.word_write(_CONTACT, contact)
        board.word_write(_CHECK, _MAGIC ^ self.strokes_total ^ next_event ^ contact)

    def survived(self):
        """True when the surviving words hold what `mirror` wrote."""
        board = self._board
        check = board.word_read(_STROKES) ^ board.word_read(_NEXT_EVENT) ^ board.word_read(_CONTACT)
        return board.word_read(_CHECK) == _MAGIC ^ check

    def surviving_marks(self):
        """`Mark`s of the surviving words."""
        return self._board.word_read(_CONTACT) >> _CONTACT_BITS

    def surviving_next_event(self):
        """Next event id of the surviving words."""
        return self._board.word_read(_NEXT_EVENT)

    def restore(self):
        """Take the totals from the surviving words; the high bits of contact_total from what it held before."""
        self.strokes_total = self._board.word_read(_STROKES)
        low = self._board.word_read(_CONTACT) & _CONTACT_MASK
        self.contact_total = (self.contact_total + ((low - self.contact_total) & _CONTACT_MASK)) & WORD_MAX

    def note_exception(self):
        """Mark the surviving words: the firmware ends by an exception."""
        board = self._board
        contact = board.word_read(_CONTACT) | (Mark.EXCEPTION << _CONTACT_BITS)
        board.word_write(_CONTACT, contact)
        check = board.word_read(_STROKES) ^ board.word_read(_NEXT_EVENT) ^ contact
        board.word_write(_CHECK, _MAGIC ^ check)

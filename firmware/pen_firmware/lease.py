"""The two leases above the lease machine: the host's, renewed by heartbeats, and the firmware's, fed by whole passes."""

from pen_firmware import pio_programs
from pen_protocol import limits

LATE_US = limits.LEASE_MS * 1000 * 3 // 4
"""A pass this long after the last one is late: seen while a lease fed at its end still holds."""


class HostLease:
    """The host's promise to be there. Due from ARM on; before it the host owes no heartbeat."""

    def __init__(self, board):
        self._board = board
        self._renewed_ms = 0
        self._count = 0
        self.due = False

    def new_session(self):
        """Heartbeats count from 1 again. Not due until `start`."""
        self._count = 0
        self.due = False

    def start(self, now_ms):
        """From now on a heartbeat is due every `limits.HOST_LEASE_MS`."""
        self._renewed_ms = now_ms
        self.due = True

    def end(self):
        """No heartbeat is due any more."""
        self.due = False

    def renew(self, count, now_ms):
        """Take a heartbeat; True when it renewed. A count not above the last one is a replay and renews nothing."""
        if count <= self._count:
            return False
        self._count = count
        self._renewed_ms = now_ms
        return True

    def left_ms(self, now_ms):
        """Time left, 0 when expired or not due."""
        if not self.due:
            return 0
        left_ms = limits.HOST_LEASE_MS - self._board.elapsed_ms(now_ms, self._renewed_ms)
        return left_ms if left_ms > 0 else 0

    def expired(self, now_ms):
        """True when a heartbeat is overdue. A clock that ran backwards counts as overdue."""
        if not self.due:
            return False
        age_ms = self._board.elapsed_ms(now_ms, self._renewed_ms)
        return age_ms < 0 or age_ms >= limits.HOST_LEASE_MS


class FirmwareLease:
    """Feeds the lease machine, at most once a pass, and tells when a pass came too late for it."""

    TICKS = pio_programs.lease_ticks(limits.LEASE_MS) - 1
    """A word of N ticks holds the line N + 1 ticks: the line falls within `limits.LEASE_MS` of the last feed."""

    def __init__(self, board):
        self._board = board
        self._pass_us = 0
        self._open = False
        self.late_us = 0

    def begin_pass(self, now_us):
        """Mark a pass; return the time since the last one in us, 0 for the first after `forget`."""
        self.late_us = self._board.elapsed_us(now_us, self._pass_us) if self._open else 0
        self._pass_us = now_us
        self._open = True
        return self.late_us

    def late(self):
        """True when this pass came `LATE_US` or more after the last one, or the clock ran back."""
        return self.late_us < 0 or self.late_us >= LATE_US

    def forget(self):
        """What follows may take long (flash, collecting memory): only while the needle is off."""
        self._open = False

    def feed(self):
        """Keep the needle permitted for one lease. Called once, at the end of a whole healthy pass."""
        self._board.lease_feed(self.TICKS)

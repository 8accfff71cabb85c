"""One treatment session: who opened it, its limits, its set-points, and which request was executed last."""

from pen_protocol import limits

_NONCES_KEPT = 4
_ANSWERS_KEPT = 4


class Session:
    """Limits start as the settings' and are only tightened; set-points start unset. `nonce` 0: none is open."""

    def __init__(self, settings):
        self._settings = settings
        self._used = [0] * _NONCES_KEPT
        self._used_at = 0
        self.nonce = 0
        self.last_nonce = 0
        """The session open now or closed last: whose answers are kept."""
        self.last_sequence = 0
        self.opened_event = 0
        self.operator = 0
        self.plan_hash = 0
        self.answers = AnswerCache()
        self.unlocked = False
        self.depth_um = 0
        self.depth_set = False
        self.rate_mhz = 0
        self.rate_set = False
        self.armed_ms = 0
        self.reset_limits()

    def reset_limits(self):
        """Limits as the settings have them; for no session and at the start of one."""
        self.depth_cap_um = self._settings.depth_cap_um
        self.rate_max_mhz = self._settings.rate_max_mhz
        self.armed_max_s = self._settings.session_armed_max_s
        self.stroking_max_ms = self._settings.stroking_max_ms

    def deepest_cap_um(self, unlock_reason):
        """Largest cap a session may ask for. An unlock passes the default cap, never one an engineer has lowered."""
        if unlock_reason and self._settings.depth_cap_um == limits.DEPTH_CAP_UM:
            return limits.DEPTH_STOP_UM
        return self._settings.depth_cap_um

    def used(self, nonce):
        """True for one of the last nonces that opened a session."""
        return nonce in self._used

    def open(self, nonce, operator, depth_cap_um, unlock_reason, sequence):
        """Begin: nothing of an earlier session counts, no answer of it is kept."""
        self._used[self._used_at] = nonce
        self._used_at = (self._used_at + 1) % _NONCES_KEPT
        self.nonce = nonce
        self.operator = operator
        self.last_nonce = nonce
        self.last_sequence = sequence
        self.answers.clear()
        self.reset_limits()
        self.depth_cap_um = depth_cap_um
        self.unlocked = unlock_reason != 0 and depth_cap_um > limits.DEPTH_CAP_UM
        self.armed_ms = 0
        self.plan_hash = 0
        self.drop_setpoints()

    def close(self):
        """End: limits as the settings', set-points unset. The last answers are kept for repeated requests."""
        self.nonce = 0
        self.reset_limits()
        self.unlocked = False
        self.armed_ms = 0
        self.drop_setpoints()

    def tighten(self, values):
        """Take cap, rate, armed and stroking time, none above what is in force. Set-points beyond them are dropped."""
        self.depth_cap_um, self.rate_max_mhz, self.armed_max_s, self.stroking_max_ms = values
        if self.depth_um > self.depth_cap_um:
            self.depth_set = False
        if self.rate_mhz > self.rate_max_mhz:
            self.rate_set = False

    def drop_setpoints(self):
        """Depth and rate must be set and confirmed again."""
        self.depth_set = False
        self.rate_set = False

    def newer(self, sequence):
        """True for a sequence number after the last executed one, modulo 2^16."""
        ahead = (sequence - self.last_sequence) & 0xFFFF
        return 0 < ahead < 0x8000

    def armed_left_ms(self):
        """Armed time left in this session."""
        return self.armed_max_s * 1000 - self.armed_ms


class AnswerCache:
    """The last answers given to commands: a repeated request is answered again, never executed again.

    An answer is (number, first, second): DONE value and event id, or REFUSED reason and detail.
    """

    def __init__(self):
        self._sequence = [0] * _ANSWERS_KEPT
        self._crc = [0] * _ANSWERS_KEPT
        self.number = [0] * _ANSWERS_KEPT
        self.first = [0] * _ANSWERS_KEPT
        self.second = [0] * _ANSWERS_KEPT
        self._at = 0

    def clear(self):
        """Forget everything."""
        for index in range(_ANSWERS_KEPT):
            self.number[index] = 0

    def store(self, sequence, crc, number, first, second):
        """Keep an answer in place of the oldest."""
        at = self._at
        self._sequence[at] = sequence
        self._crc[at] = crc
        self.number[at] = number
        self.first[at] = first
        self.second[at] = second
        self._at = (at + 1) % _ANSWERS_KEPT

    def find(self, sequence):
        """Index of the answer given to a sequence number, -1 when it is not kept."""
        for index in range(_ANSWERS_KEPT):
            if self.number[index] and self._sequence[index] == sequence:
                return index
        return -1

    def same(self, index, crc):
        """True when the answered request had this content."""
        return self._crc[index] == crc

"""The cartridge: who it is, whether it may be used, and the mark that says it was.

One patient, one session. The mark is burned before the first stroke and read back; a cartridge that was burned here and
then taken off, or whose session ended, or whose burn was begun and not proven, is used, whatever its memory says later.
A mark that is not wholly new is used: in EPROM mode a bit that fell cannot rise, so a torn burn shows.

Reading: page 0 and mark in one transaction, the mark again in a second one, the ROM id in a third. An open bus reads
all ones, which is what a new mark looks like: only a mark with its guard behind it, of a device that still answers
afterwards, is believed.
"""

from pen_protocol import version
from pen_protocol.faults import Refusal
from pen_protocol.states import Condition

from . import cartridge_layout as layout
from . import wire

RESULT_PENDING = 0
RESULT_OK = 1

USED_NO = 0
USED_YES = 1
USED_UNKNOWN = 2

TRIES = 3
"""Readings before a cartridge is called absent or unreadable: contacts bounce when the latch closes."""
DETACHED_PASSES = 4
"""Passes (20 ms) with an open latch after which a cartridge was detached; a hand needs far longer to change one."""
BURN_WAIT_MS = layout.PROGRAM_MS + 3
"""Pause after the copy: the memory's own time, a clock tick at either end, and one to spare."""
REMEMBERED = 8
"""Serials remembered as used until the next reset; beyond that the burned mark itself stands."""
READ_BUDGET_MS = 1_500
"""A reading takes 45 passes of 5 ms; three of them with late passes fit."""
BURN_BUDGET_MS = 2_500
"""Reading, scratchpad, copy, wait and reading back: 90 passes; with repeated readings it still fits."""

_MARK_AGAIN = layout.PAGE_SIZE + layout.MARK_AND_GUARD
_SCRATCH = _MARK_AGAIN + layout.MARK_AND_GUARD
_SCRATCH_HEAD = 3
"""Address and E/S byte in front of the scratchpad's data."""
_SCRATCH_SIZE = _SCRATCH_HEAD + layout.MARK_SIZE
_ANSWER_SIZE = _SCRATCH + _SCRATCH_SIZE

_READ_ALL = bytes([layout.CMD_READ_MEMORY, 0, 0])
_READ_MARK = bytes([layout.CMD_READ_MEMORY, layout.MARK_OFFSET, 0])
_ROM_ONLY = b""
_WRITE_SCRATCH = bytes([layout.CMD_WRITE_SCRATCHPAD, layout.MARK_OFFSET, 0]) + bytes(layout.MARK_SIZE)
_READ_SCRATCH = bytes([layout.CMD_READ_SCRATCHPAD])
_COPY = bytes([layout.CMD_COPY_SCRATCHPAD, layout.MARK_OFFSET, 0, layout.SCRATCHPAD_FULL])
_SCRATCH_EXPECTED = bytes([layout.MARK_OFFSET, 0, layout.SCRATCHPAD_FULL]) + bytes(layout.MARK_SIZE)

_IDLE = 0
_ALL = 1
_MARK = 2
_CONFIRM = 3
_SCRATCH_WRITE = 4
_SCRATCH_READ = 5
_COPYING = 6
_WAITING = 7
_PROOF = 8
_PROOF_CONFIRM = 9


class Cartridge:
    """Reads and burns by request only: never on the bus of its own accord. The caller keeps it off the bus while armed.

    Attributes:
        busy: True while a request is on the bus.
        condition: 0 for a cartridge that may be used, else a Condition number. Unknown is CARTRIDGE_ABSENT.
        burned_here: Marked in this session, proven, and attached ever since.
        serial, lot, expiry_days, needles: What the cartridge says of itself; zeros when unknown.
        used: `USED_NO`, `USED_YES`, `USED_UNKNOWN`.
        result: `RESULT_PENDING`, `RESULT_OK`, or the Refusal of the last request.
    """

    def __init__(self, board):
        self._board = board
        self._wire = wire.Transaction(board, _ANSWER_SIZE)
        self._today_days = version.BUILD_DAY
        self._used_serials = bytearray(REMEMBERED * layout.ROM_SIZE)
        self._used_next = 0
        self._phase = _IDLE
        self._burning = False
        self._wanted = bytes(layout.ROM_SIZE)
        self._tries = 0
        self._waiting_ms = 0
        self._open_passes = 0
        self._touched = False
        self.busy = False
        self.burned_here = False
        self.result = RESULT_PENDING
        self.serial = bytes(layout.ROM_SIZE)
        self.lot = bytes(layout.LOT_SIZE)
        self.expiry_days = 0
        self.needles = 0
        self.used = USED_UNKNOWN
        self.condition = Condition.CARTRIDGE_ABSENT
        self._known = False

    def set_today(self, days):
        """Raise the date (days since 2020-01-01) a cartridge's expiry is held against. Never before the build's day."""
        if days > self._today_days:
            self._today_days = days

    # --- requests ---------------------------------------------------------------------------------------------------

    def request_read(self):
        """Read the cartridge. True when begun, False while busy. `result` says how it ended; see also `condition`."""
        return self._request(False)

    def request_burn(self, serial):
        """Read the cartridge, see that it is `serial` and may be used, burn its mark and prove it.

        A cartridge burned here already is only read again. True when begun, False while busy.
        """
        if self.busy:
            return False
        self._wanted = bytes(serial)
        return self._request(True)

    def abort(self):
        """Leave the bus at once. A burn that was begun leaves the cartridge used."""
        if not self.busy:
            return
        self._wire.cancel()
        if self._touched:
            self._spend()
        self._end(Refusal.ABORTED)

    def end_session(self):
        """The session is over: a cartridge burned in it is used."""
        if self.burned_here:
            self._spend()

    # --- one pass ---------------------------------------------------------------------------------------------------

    def tick(self, now_ms, latched):
        """One pass: the latch, then at most two bytes on the bus."""
        if not latched:
            self._unlatched()
            return
        if self._open_passes:
            self._open_passes = 0
            if self.condition == Condition.CARTRIDGE_UNLATCHED:
                self._latched_again()
        if not self.busy:
            return
        if self._phase == _WAITING:
            if self._board.elapsed_ms(now_ms, self._waiting_ms) >= BURN_WAIT_MS:
                self._go(_PROOF, _READ_MARK, layout.PAGE_SIZE, layout.MARK_SIZE)
            return
        self._wire.tick()
        if self._wire.state == wire.DONE:
            self._transaction_done(now_ms)
        elif self._wire.state != wire.RUNNING:
            self._transaction_failed()

    # --- latch ------------------------------------------------------------------------------------------------------

    def _unlatched(self):
        """Blocked at once; detached, with all that follows, once it was no mere bounce."""
        if self.busy:
            self._wire.cancel()
            if self._touched:
                self._spend()
            self._end(Refusal.CARTRIDGE if self._burning else RESULT_OK)
        self.condition = Condition.CARTRIDGE_UNLATCHED
        if self._open_passes >= DETACHED_PASSES:
            return
        self._open_passes += 1
        if self._open_passes == DETACHED_PASSES:
            self._detached()

    def _detached(self):
        if self.burned_here:
            self._remember(self.serial)
        self.burned_here = False
        self._forget(Condition.CARTRIDGE_UNLATCHED)

    def _latched_again(self):
        """After a bounce the cartridge is the one it was; after a change nothing is known of it."""
        if self._known:
            self._judge()
        else:
            self.condition = Condition.CARTRIDGE_ABSENT

    # --- requests, step by step -------------------------------------------------------------------------------------

    def _request(self, burning):
        if self.busy:
            return False
        self.busy = True
        self.result = RESULT_PENDING
        self._burning = burning
        self._touched = False
        self._tries = 0
        self._read()
        return True

    def _read(self):
        self._wire.known = False
        self._go(_ALL, _READ_ALL, 0, layout.PAGE_SIZE + layout.MARK_AND_GUARD)

    def _go(self, phase, command, answer_at, answer_length):
        self._phase = phase
        self._wire.begin(command, answer_at, answer_length)

    def _transaction_done(self, now_ms):
        phase = self._phase
        if phase == _ALL:
            self._wire.expected[:] = self._wire.rom
            self._wire.known = True
            self._go(_MARK, _READ_MARK, _MARK_AGAIN, layout.MARK_AND_GUARD)
        elif phase == _MARK:
            self._go(_CONFIRM, _ROM_ONLY, 0, 0)
        elif phase == _CONFIRM:
            self._read_whole()
        elif phase == _SCRATCH_WRITE:
            self._go(_SCRATCH_READ, _READ_SCRATCH, _SCRATCH, _SCRATCH_SIZE)
        elif phase == _SCRATCH_READ:
            self._copy()
        elif phase == _COPYING:
            self._phase = _WAITING
            self._waiting_ms = now_ms
        elif phase == _PROOF:
            self._go(_PROOF_CONFIRM, _ROM_ONLY, 0, 0)
        else:
            self._proven()

    def _transaction_failed(self):
        """Nobody, nonsense or somebody else answered."""
        self._tries += 1
        if self._phase <= _CONFIRM:
            if self._tries < TRIES:
                self._read()
            elif self._wire.state == wire.ABSENT:
                self._lose(Condition.CARTRIDGE_ABSENT)
            else:
                self._lose(Condition.CARTRIDGE_UNREADABLE)
        elif self._phase >= _PROOF and self._tries < TRIES:
            self._go(_PROOF, _READ_MARK, layout.PAGE_SIZE, layout.MARK_SIZE)
        else:
            self._burn_failed()

    def _read_whole(self):
        """All three transactions of a reading agree on who answered."""
        answer = self._wire.answer
        mark = answer[layout.MARK_OFFSET : layout.MARK_OFFSET + layout.MARK_SIZE]
        page = layout.parse_page(answer)
        again = answer[_MARK_AGAIN : _MARK_AGAIN + layout.MARK_AND_GUARD]
        if page is None or again != mark + layout.GUARD or answer[layout.MARK_OFFSET : _MARK_AGAIN] != again:
            self._tries += 1
            if self._tries < TRIES:
                self._read()
            else:
                self._lose(Condition.CARTRIDGE_UNREADABLE)
            return
        serial = bytes(self._wire.rom)
        if self.burned_here and serial != self.serial:
            # changed behind a latch that never opened: the one burned here is gone
            self._remember(self.serial)
            self.burned_here = False
        self.serial = serial
        self.lot, self.expiry_days, self.needles = page
        self.used = USED_YES if self._mark_used(mark) or self._remembered(serial) else USED_NO
        self._known = True
        if self.burned_here and self.used == USED_NO:
            # a mark that was proven has gone: no memory of this kind does that
            self._spend()
        self._judge()
        self._after_reading()

    def _after_reading(self):
        if not self._burning:
            self._end(RESULT_OK)
        elif self.serial != self._wanted or self.condition:
            self._end(Refusal.CARTRIDGE)
        elif self.burned_here:
            self._end(RESULT_OK)
        else:
            self._tries = 0
            self._go(_SCRATCH_WRITE, _WRITE_SCRATCH, 0, 0)

    def _copy(self):
        """The scratchpad was read back: copy it only when it holds address and mark to the bit."""
        if self._wire.answer[_SCRATCH : _SCRATCH + _SCRATCH_SIZE] != _SCRATCH_EXPECTED:
            self._burn_failed()
            return
        self._touched = True
        self._go(_COPYING, _COPY, 0, 0)

    def _proven(self):
        """The mark was read back after the burn and its owner still answers."""
        mark = self._wire.answer[layout.MARK_OFFSET : layout.MARK_OFFSET + layout.MARK_SIZE]
        for byte in mark:
            if byte != layout.MARK_BURNED:
                self._burn_failed()
                return
        self.used = USED_YES
        self.burned_here = True
        self._judge()
        self._end(RESULT_OK)

    def _burn_failed(self):
        """Before the copy nothing happened to the cartridge; after it, it counts as used."""
        if self._touched:
            self._spend()
        self._end(Refusal.BURN_FAILED)

    # --- what is known ----------------------------------------------------------------------------------------------

    def _judge(self):
        """Condition of a cartridge that was read."""
        if self.used == USED_YES and not self.burned_here:
            self.condition = Condition.CARTRIDGE_USED
        elif self.expiry_days < self._today_days:
            self.condition = Condition.CARTRIDGE_EXPIRED
        else:
            self.condition = 0

    def _mark_used(self, mark):
        for byte in mark:
            if byte != layout.MARK_NEW:
                return True
        return False

    def _spend(self):
        """The attached cartridge is used from now on."""
        self._remember(self.serial)
        self.burned_here = False
        self.used = USED_YES
        self.condition = Condition.CARTRIDGE_USED

    def _lose(self, condition):
        """Nothing readable is there; one that was burned here is gone for good."""
        if self.burned_here:
            self._remember(self.serial)
            self.burned_here = False
        self._forget(condition)
        self._end(Refusal.CARTRIDGE if self._burning else RESULT_OK)

    def _forget(self, condition):
        self._known = False
        self.serial = bytes(layout.ROM_SIZE)
        self.lot = bytes(layout.LOT_SIZE)
        self.expiry_days = 0
        self.needles = 0
        self.used = USED_UNKNOWN
        self.condition = condition

    def _remember(self, serial):
        if self._remembered(serial):
            return
        at = self._used_next * layout.ROM_SIZE
        self._used_serials[at : at + layout.ROM_SIZE] = serial
        self._used_next = (self._used_next + 1) % REMEMBERED

    def _remembered(self, serial):
        for slot in range(REMEMBERED):
            at = slot * layout.ROM_SIZE
            if self._used_serials[at : at + layout.ROM_SIZE] == serial:
                return True
        return False

    def _end(self, result):
        self._phase = _IDLE
        self._touched = False
        self.busy = False
        self.result = result

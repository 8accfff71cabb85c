"""One session with one pen: intent, act, outcome.

Whatever may move the needle is written down before it is sent and its outcome after; an outcome that is not known blocks
every further start until it is settled from what the pen itself says. The pen's numbered events are taken over before they
are acknowledged, so strokes in the record are the pen's strokes whichever side dies.
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from pen_protocol import limits

from ..errors import RefusedError, UnknownOutcomeError
from ..journal import Journal, Kind, Row
from ..models import CartridgeSeen, Plan
from ..outcomes import Done, Outcome, Refused, Unknown
from ..pen import Pen, Status
from .events import to_record
from .operator import Operator
from .settling import answer, open_intents

COMPLETED, ENDED_EARLY = "completed", "ended early by the operator"
"""Why a session was closed, in the record and on its papers."""
HOLD_MARGIN_MS = 500
"""The pen's own limit of a hold lies this much above the plan's, so that the host's end of a hold comes first. (J)"""


class RequestRefusedError(RefusedError):
    """The pen refused a request of a session; nothing moved because of it.

    Args:
        outcome: What the pen answered.
    """

    def __init__(self, outcome: Refused) -> None:
        self.outcome = outcome
        super().__init__(outcome.sentence)


class Session:
    """A session that is open on the pen and in the record.

    Make one with `open_session`. Everything here runs in the caller's thread; STOP never waits for it: `Pen.stop` may be
    called from any thread at any time.

    Attributes:
        session_id: Its id in the record.
        nonce: The number that names it on the wire.
        subject: Pseudonymous reference to the patient.
        hold_max_ms: The host ends a hold of the trigger after this long, shortly before the pen would.
        unsettled: The intent whose outcome is not known, None when there is none. Nothing may start while there is one.
    """

    def __init__(
        self, pen: Pen, journal: Journal, operator: Operator, nonce: int, subject: str | None = None
    ) -> None:
        self.pen = pen
        self.journal = journal
        self.operator = operator
        self.nonce = nonce
        self.subject = subject
        self.session_id = session_name(nonce)
        self.serial = pen.identity().serial
        self.unsettled: Row | None = None
        self.hold_max_ms = limits.STROKING_MAX_MS - HOLD_MARGIN_MS
        self._next_event = next_event(journal, self.serial)
        self._events_of: str | None = None

    def begin(self) -> None:
        """From here on the pen's events belong to this session."""
        self._events_of = self.session_id

    # --- writing ------------------------------------------------------------------------------------------------------

    def note(self, kind: Kind, payload: Mapping[str, object]) -> Row:
        """Write one entry about this session; durable when this returns."""
        return self.journal.append(
            kind,
            payload,
            actor=self.operator.name,
            role=self.operator.role,
            session_id=self.session_id,
            subject=self.subject,
            pen_serial=self.serial,
        )

    def act(
        self,
        request: str,
        send: Callable[[], Outcome],
        values: Mapping[str, object],
        *,
        makes_safe: bool = False,
    ) -> Done:
        """Intent, act, outcome.

        Args:
            request: Name of the request, for the record.
            send: Sends it and returns its outcome.
            values: What is asked for, for the record.
            makes_safe: It can only end something, so it may go out while another outcome is not known.

        Raises:
            RequestRefusedError: The pen refused; nothing moved because of it.
            UnknownOutcomeError: No answer came. `unsettled` says what to settle before anything may start.
            JournalError: It could not be written down, so it was not sent.
        """
        before = self.unsettled
        if not makes_safe:
            self._must_be_settled()
        # open from before the sending until the outcome is on the disk, whatever breaks in between
        self.unsettled = intent = self.note(Kind.INTENT, {"request": request, **values})
        outcome = send()
        self.note(Kind.OUTCOME, {"request": request, "intent": intent.seq, **told(outcome)})
        if isinstance(outcome, Unknown):
            raise UnknownOutcomeError(outcome.sentence)
        self.unsettled = before
        self.pull()
        if isinstance(outcome, Refused):
            raise RequestRefusedError(outcome)
        return outcome

    def settle(self) -> tuple[str, ...]:
        """Settle every open intent from what the pen says, pessimistically; after this something may start again.

        Returns:
            Names of the requests that were settled.

        Raises:
            PenError: Pen or record cannot be reached: nothing is settled.
        """
        status = self.pen.status()
        with self.journal.reader() as reader:
            rows = list(reader.rows(self.session_id))
        found = open_intents(rows)
        for intent in found:
            self.note(Kind.SETTLED, answer(intent, rows, status, self.nonce))
        self.unsettled = None
        return tuple(str(intent.payload["request"]) for intent in found)

    def pull(self) -> int:
        """Take over what the pen recorded and acknowledge it; return how many events were new.

        Raises:
            JournalError: They could not be written: the pen keeps them.
        """
        added = 0
        while True:
            # one page at a time: asking for the next page acknowledges this one, so it must be on the disk by then
            page = self.pen.event_page(self._next_event)
            if not page.events:
                return added
            taken = self.journal.append_events(
                self.serial, [to_record(event) for event in page.events], session_id=self._events_of
            )
            added += len(taken.added)
            self._next_event = page.events[-1].event_id + 1

    def witness(self) -> Status:
        """Take the pen's status into the record: its totals are what the events must add up to."""
        status = self.pen.status()
        self.note(
            Kind.STATUS,
            {
                "strokes_total": status.strokes_total,
                "contact_total": status.contact_total,
                "next_event": status.next_event,
                "state": status.state.name,
                "truncated_total": status.truncated_total,
            },
        )
        return status

    # --- requests -----------------------------------------------------------------------------------------------------

    def home(self) -> Done:
        """Find the axis's home. See `act` for errors."""
        return self.act("HOME", self.pen.home, {})

    def set_depth(self, depth_um: int) -> Done:
        """Set the needle protrusion; Done.value is the measured depth in um. See `act` for errors."""
        return self.act("SET_DEPTH", lambda: self.pen.set_depth(depth_um), {"depth_um": depth_um})

    def set_rate(self, rate_mhz: int) -> Done:
        """Set the stroke rate. See `act` for errors."""
        return self.act("SET_RATE", lambda: self.pen.set_rate(rate_mhz), {"rate_mhz": rate_mhz})

    def arm(self, depth_um: int, rate_mhz: int, plan_hash: int) -> Done:
        """Arm with exactly these settings; strokes then follow the trigger. See `act` for errors."""
        values = {"depth_um": depth_um, "rate_mhz": rate_mhz, "plan_hash": plan_hash}
        return self.act("ARM", lambda: self.pen.arm(depth_um, rate_mhz, plan_hash), values)

    def disarm(self) -> Done:
        """Disarm. See `act` for errors."""
        return self.act("DISARM", self.pen.disarm, {}, makes_safe=True)

    def use_cartridge(self, seen: CartridgeSeen) -> Done:
        """Burn the cartridge's used mark, for good, and have it read back. See `act` for errors."""
        serial = bytes.fromhex(seen.serial)
        return self.act(
            "CARTRIDGE_USE", lambda: self.pen.cartridge_use(serial), {"serial": seen.serial, "lot": seen.lot}
        )

    def clear_fault(self, cause: int, cause_event: int) -> Done:
        """Clear a stop by its first cause, in the operator's name. See `act` for errors."""
        return self.act(
            "CLEAR_FAULT",
            lambda: self.pen.clear_fault(cause, cause_event, self.operator.number),
            {"cause": cause, "cause_event": cause_event, "operator": self.operator.name},
        )

    def tighten(self, plan: Plan) -> Done:
        """Let the pen itself refuse whatever goes beyond the plan, or beyond its own settings. See `act` for errors."""
        kept = self.pen.settings_read()
        longest_ms = max(zone.hold_s for zone in plan.zones) * 1000
        values = {
            "depth_cap_um": plan.depth_cap_um,
            "rate_max_mhz": min(max(zone.rate_mhz for zone in plan.zones), kept.rate_max_mhz),
            "session_armed_max_s": min(limits.SESSION_ARMED_MAX_S, kept.session_armed_max_s),
            "stroking_max_ms": min(longest_ms + HOLD_MARGIN_MS, kept.stroking_max_ms),
        }
        self.hold_max_ms = values["stroking_max_ms"] - HOLD_MARGIN_MS
        return self.act("TIGHTEN_LIMITS", lambda: self.pen.tighten(**values), values)

    def close(self, reason: str = COMPLETED) -> None:
        """Close on the pen, take over the rest of its events, then close in the record.

        Raises:
            PenError: See `act`. The session stays open in the record and can be recovered.
        """
        self.act("CLOSE_SESSION", self.pen.close_session, {}, makes_safe=True)
        self.pull()
        self.witness()
        self.note(Kind.SESSION_CLOSED, {"reason": reason, "nonce": self.nonce})

    # --- inside -------------------------------------------------------------------------------------------------------

    def _must_be_settled(self) -> None:
        if self.unsettled is None:
            return
        request = self.unsettled.payload["request"]
        raise UnknownOutcomeError(
            f"Whether the pen executed {request} is not known, so nothing may start. "
            "Lift the pen, then settle it from the pen's own counters (pen session recover)."
        )


def open_session(
    pen: Pen,
    journal: Journal,
    operator: Operator,
    plan: Plan,
    subject: str | None,
    details: Mapping[str, object],
) -> Session:
    """Open a session on pen and record.

    The record has it first: a session that opened on the pen only would have strokes that belong to nobody.

    Args:
        pen: A pen whose earlier sessions are settled (see `recover`).
        journal: The record.
        operator: Who treats.
        plan: What is planned; its depth cap and unlock go to the pen.
        subject: Pseudonymous reference to the patient, None when unknown.
        details: More for the record's opening entry.

    Raises:
        PenError: Refused, unknown, or not to be written down.
    """
    session = Session(pen, journal, operator, new_nonce(journal), subject)
    session.pull()
    session.begin()
    identity = pen.identity()
    session.note(
        Kind.SESSION_OPENED,
        {
            "nonce": session.nonce,
            "plan": plan.title,
            "plan_digest": plan.plan_digest,
            "off_label": plan.off_label,
            "source": plan.source.citation,
            "firmware": identity.firmware_text,
            "runtime": identity.runtime,
            **details,
        },
    )
    unlock = plan.unlock
    values: dict[str, Any] = {
        "nonce": session.nonce,
        "operator": operator.number,
        "depth_cap_um": plan.depth_cap_um,
        "unlock_reason": unlock.reason.number if unlock else 0,
    }
    try:
        session.act("OPEN_SESSION", lambda: pen.open_session(**values), values)
    except RefusedError:
        session.note(Kind.SESSION_CLOSED, {"reason": "refused by the pen", "nonce": session.nonce})
        raise
    session.witness()
    return session


def new_nonce(journal: Journal) -> int:
    """A number for a new session, drawn so that the record has no session of its name yet.

    Of the 60 000 that a clinic has in five years two would be alike, and the second could be neither recovered nor attached.
    """
    with journal.reader() as reader:
        while True:
            nonce = secrets.randbelow(limits.WORD_MAX) + 1
            if reader.session(session_name(nonce)) is None:
                return nonce


def session_name(nonce: int) -> str:
    """The record's id of a session, from the number that names it on the wire."""
    return f"s{nonce:08x}"


def next_event(journal: Journal, serial: str) -> int:
    """Number of the first event of a pen that the record does not have."""
    with journal.reader() as reader:
        last = reader.last_event_id(serial)
    return 0 if last is None else last + 1


def told(outcome: Outcome) -> dict[str, object]:
    """An outcome as the record keeps it."""
    if isinstance(outcome, Done):
        return {
            "outcome": "done",
            "sequence": outcome.sequence,
            "value": outcome.value,
            "event": outcome.event_id,
        }
    if isinstance(outcome, Refused):
        return {
            "outcome": "refused",
            "sequence": outcome.sequence,
            "reason": outcome.reason,
            "detail": outcome.detail,
            "sentence": outcome.sentence,
        }
    return {"outcome": "unknown", "sequence": outcome.sequence, "why": outcome.why}

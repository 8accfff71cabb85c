"""Advice on every refusal. A refused request changed nothing, except where it says so."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..names import Refusal
from .text import Advice

_NOTHING = "Nothing was changed."
_UPDATE = "Bring program and firmware to the same release (pen fw flash) and try again."
_REOPEN = "Open a session and give the request again."

REFUSALS: Mapping[int, Advice] = MappingProxyType(
    {
        Refusal.MALFORMED: Advice(
            "Request malformed", "The request does not have the length the pen expects.", _NOTHING, _UPDATE
        ),
        Refusal.UNKNOWN_MESSAGE: Advice(
            "Request unknown", "The pen does not know this request.", _NOTHING, _UPDATE
        ),
        Refusal.SCHEMA_MISMATCH: Advice(
            "Different releases, or a restarted pen",
            "The pen has not been greeted by this release since it started: it restarted meanwhile, or program and pen were"
            " built from different message tables.",
            "The pen takes no command from this program; it stays idle and can still be stopped.",
            f"Connect again. If it stays so: {_UPDATE}",
        ),
        Refusal.NO_SESSION: Advice("No session", "The pen has no session open.", _NOTHING, _REOPEN),
        Refusal.WRONG_SESSION: Advice(
            "Another session",
            "The pen holds another session than this program.",
            f"{_NOTHING} Another program or an earlier run may have opened it.",
            "Close that session or restart the pen, then open a new one.",
        ),
        Refusal.SESSION_OPEN: Advice(
            "A session is open",
            "The pen has a session open already.",
            _NOTHING,
            "Close the open session first.",
        ),
        Refusal.NONCE_USED: Advice(
            "Session number used before",
            "This session number was used before: the request may be a replay.",
            _NOTHING,
            "Open a session with a new number.",
        ),
        Refusal.STALE_SEQUENCE: Advice(
            "Request too old",
            "The pen has executed a later request already.",
            "It was not executed now; a later request decides what the pen does.",
            "Read the pen's status and give the request again if it is still wanted.",
        ),
        Refusal.SEQUENCE_REUSED: Advice(
            "Number used twice",
            "Another request with the same number was executed before.",
            "This one was not executed. Two programs may be commanding one pen.",
            "Close the other program and open a new session.",
        ),
        Refusal.BUSY: Advice(
            "Pen is busy",
            "A longer request is still under way.",
            _NOTHING,
            "Wait for it to end, or disarm to end it.",
        ),
        Refusal.STOPPED: Advice(
            "Pen is stopped",
            "The pen is stopped and stays so until somebody clears it by name.",
            "The needle is off.",
            "Settle the cause, clear the stop, home and arm again.",
        ),
        Refusal.WRONG_STATE: Advice(
            "Not in this state",
            "The request does not fit what the pen is doing.",
            _NOTHING,
            "Read the status; disarm or close the session first if needed.",
        ),
        Refusal.OUT_OF_RANGE: Advice(
            "Outside the range", "A value is outside its range.", _NOTHING, "Choose a value inside the range."
        ),
        Refusal.ABOVE_CAP: Advice(
            "Above the cap",
            "The value is above the cap of this session or of the pen's settings.",
            f"{_NOTHING} A greater depth needs an unlock with a reason when the session is opened.",
            "Choose a value up to the cap.",
        ),
        Refusal.OFF_STEP: Advice(
            "Not a whole step",
            "The depth is not a multiple of the pen's step.",
            _NOTHING,
            "Choose a multiple of the step.",
        ),
        Refusal.WOULD_LOOSEN: Advice(
            "Limits only tighten",
            "The request would loosen a limit of the running session.",
            f"{_NOTHING} The tighter limit stays.",
            "Close the session and open another one for wider limits.",
        ),
        Refusal.DEEPER_WHILE_STROKING: Advice(
            "Not deeper while stroking",
            "A greater depth is not set while the needle strokes.",
            "The needle goes on at its present depth.",
            "Release the trigger, then set the depth.",
        ),
        Refusal.BLOCKED: Advice(
            "An interlock blocks",
            "A condition blocks this request.",
            "The needle stays off.",
            "Settle the condition named here and give the request again.",
        ),
        Refusal.NOT_HOMED: Advice(
            "Depth axis not homed",
            "The depth axis must be homed first.",
            _NOTHING,
            "Home the axis with the tip in the air.",
        ),
        Refusal.CARTRIDGE: Advice(
            "Cartridge refused",
            "The cartridge cannot be used.",
            "It was not accepted for this session and the needle stays off.",
            "Insert a new sterile cartridge.",
        ),
        Refusal.BURN_FAILED: Advice(
            "Cartridge not marked",
            "The used mark could not be written to the cartridge and read back.",
            "The needle stays off: the cartridge could be used twice without its mark.",
            "Discard this cartridge as sharps waste and insert a new sterile one.",
        ),
        Refusal.VERSION_CONFLICT: Advice(
            "Settings changed meanwhile",
            "The settings in the pen are not the version that was edited.",
            "The pen keeps the settings it holds.",
            "Read the settings again, repeat the change and write them.",
        ),
        Refusal.WRONG_CAUSE: Advice(
            "Another cause",
            "The pen was stopped by another cause than the one to be cleared.",
            "The pen stays stopped.",
            "Read the present cause, settle it, and clear that one.",
        ),
        Refusal.CAUSE_PRESENT: Advice(
            "Cause still there",
            "The cause of the stop is still present.",
            "The pen stays stopped.",
            "Settle the cause first, then clear the stop.",
        ),
        Refusal.ABORTED: Advice(
            "Ended before complete",
            "It was ended by a stop, a disarm or a close before it was complete.",
            "A move may have been done in part; the axis must be homed again where the status says so.",
            "Read the status, then begin again.",
        ),
        Refusal.MOTION_FAILED: Advice(
            "Move failed",
            "The depth axis did not arrive where it was sent.",
            "The protrusion is not known and the needle stays off.",
            "Home the axis with the tip in the air; if it fails again, have the pen repaired.",
        ),
        Refusal.SELF_TEST_FAILED: Advice(
            "Self-test failed",
            "A check of the self-test failed.",
            "The needle stays off.",
            "Take the pen out of use and hand it to an engineer with this record.",
        ),
        Refusal.FLASH_FAILED: Advice(
            "Memory not written",
            "The pen could not store its record or settings.",
            "The needle stays off: totals would not survive a power loss.",
            "Try once more; if it fails again, hand the pen to an engineer.",
        ),
        Refusal.PLAN_MISMATCH: Advice(
            "Plan and pen differ",
            "Depth or rate of the plan is not what the pen holds.",
            "The pen was not armed.",
            "Set depth and rate of the plan, wait until both are confirmed, then arm.",
        ),
        Refusal.EVENTS_UNREAD: Advice(
            "Record not fetched",
            "The pen holds too many events that no computer has fetched.",
            "The pen was not armed, because events could be overwritten and lost from the record.",
            "Fetch the pen's events, then arm.",
        ),
        Refusal.SERVICE_LOCKED: Advice(
            "Service locked",
            "Service is not allowed now: it needs the pen disarmed with no session open.",
            _NOTHING,
            "Disarm, close the session, and give the service request again.",
        ),
    }
)

"""A treatment session: open, act, settle, close; and the treatment that runs in it."""

from .bedside import TreatmentAbandonedError
from .clearing import Cleared, clear_stop
from .hands import Hands, Proceed, PromptedHands
from .job import Job, TreatmentResult, run_treatment, writable
from .operator import Operator
from .precheck import (
    ForbiddenError,
    check_before,
    last_treated,
    must_not_be_stopped,
    tried_before,
    wait_for_boot,
)
from .recovery import Recovered, interrupted, recover
from .session import RequestRefusedError, Session, new_nonce, open_session, session_name
from .treatment import Course, Treatment
from .way_out import Trip

__all__ = [
    "Cleared",
    "Course",
    "ForbiddenError",
    "Hands",
    "Job",
    "Operator",
    "Proceed",
    "PromptedHands",
    "Recovered",
    "RequestRefusedError",
    "Session",
    "Treatment",
    "TreatmentAbandonedError",
    "TreatmentResult",
    "Trip",
    "check_before",
    "clear_stop",
    "interrupted",
    "last_treated",
    "must_not_be_stopped",
    "new_nonce",
    "open_session",
    "recover",
    "run_treatment",
    "session_name",
    "tried_before",
    "wait_for_boot",
    "writable",
]

"""A treatment session: open, act, settle, close; and the treatment that runs in it."""

from .hands import Hands, PromptedHands
from .job import Job, TreatmentResult, run_treatment
from .operator import Operator
from .precheck import ForbiddenError, check_before, used_cartridges, wait_for_boot
from .recovery import Recovered, interrupted, recover
from .session import Session, open_session, session_name
from .treatment import Course, Treatment, TreatmentAbandonedError, Trip

__all__ = [
    "Course",
    "ForbiddenError",
    "Hands",
    "Job",
    "Operator",
    "PromptedHands",
    "Recovered",
    "Session",
    "Treatment",
    "TreatmentAbandonedError",
    "TreatmentResult",
    "Trip",
    "check_before",
    "interrupted",
    "open_session",
    "recover",
    "run_treatment",
    "session_name",
    "used_cartridges",
    "wait_for_boot",
]

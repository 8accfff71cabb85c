"""What must be right before a session is opened: the plan, the answers, the interval, the record. It can only forbid."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime

from ..advice import for_cause
from ..checks import Finding, check_interval, check_plan, check_screening, forbidding
from ..errors import RefusedError
from ..journal import Journal, Kind
from ..models import Plan
from ..names import State
from ..pen import Pen

BOOT_S = 5.0
"""A pen that is still testing itself this long after its greeting has a fault. (J)"""
BOOT_LOOK_S = 0.1


class ForbiddenError(RefusedError):
    """The host's checks forbid the treatment.

    Args:
        findings: What forbids it.
    """

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = tuple(findings)
        told = " ".join(finding.sentence for finding in findings)
        super().__init__(f"The treatment may not begin; nothing was moved. {told}")


def wait_for_boot(pen: Pen, pause: Callable[[float], None] = time.sleep) -> None:
    """Until the pen has tested itself and answers as idle or stopped.

    Raises:
        RefusedError: It takes too long.
    """
    looks = round(BOOT_S / BOOT_LOOK_S)
    for _ in range(looks):
        if pen.status().state is not State.BOOT:
            return
        pause(BOOT_LOOK_S)
    raise RefusedError(
        f"The pen is still testing itself after {BOOT_S:.0f} s, so nothing can be started. "
        "Unplug it and plug it in again; if it stays so, hand it to an engineer."
    )


def must_not_be_stopped(pen: Pen) -> None:
    """A stop that is latched before a treatment is no part of it: it is cleared by itself and by name.

    Raises:
        RefusedError: The pen is stopped.
    """
    status = pen.status()
    if not status.stopped:
        return
    told = for_cause(status.first_cause)
    raise RefusedError(
        f"The pen is stopped for {status.cause_text}, so no treatment can begin; nothing was moved. {told.happened} "
        f"{told.now} Then clear the stop: pen clear {status.cause_text} --operator NAME"
    )


def check_before(
    pen: Pen,
    journal: Journal,
    plan: Plan,
    answers: Mapping[str, bool],
    reasons: Mapping[str, str],
    subject: str | None,
    today: date,
) -> list[Finding]:
    """Every finding on a treatment that is about to begin.

    Args:
        pen: Its settings may be tighter than the plan.
        journal: When this subject was treated last.
        plan: What is planned.
        answers: Screening answers by rule id.
        reasons: Why a finding that may be overridden was, by rule id.
        subject: Pseudonymous patient reference, None when unknown.
        today: The date.

    Raises:
        ForbiddenError: Something forbids it.
    """
    settings = pen.settings_read()
    findings = [
        *check_plan(plan, depth_cap_um=settings.depth_cap_um, rate_max_mhz=settings.rate_max_mhz),
        *check_screening(plan.screening.ask, answers, plan.screening.manuals),
        *check_interval(plan, last_treated(journal, subject), today),
    ]
    still = forbidding(findings, reasons)
    if still:
        raise ForbiddenError(still)
    return findings


def last_treated(journal: Journal, subject: str | None) -> date | None:
    """Day of the subject's newest session in this record, None when there is none or the subject is not known.

    It is the clinic's calendar day, as the day it is compared with: by UTC, a morning in Tokyo would count as the day before.
    """
    if subject is None:
        return None
    with journal.reader() as reader:
        opened = reader.last_opened_utc_ns(subject)
    return None if opened is None else datetime.fromtimestamp(opened / 1e9, UTC).astimezone().date()


def tried_before(journal: Journal, serial: str) -> bool:
    """Whether this record ever tried to burn a cartridge: whether or not it was burned, it is not new."""
    with journal.reader() as reader:
        return reader.tried_to_burn(serial)


def recalled_lots(journal: Journal) -> frozenset[str]:
    """Lots that this record called back, of whatever article: a chip names its lot and not its article."""
    with journal.reader() as reader:
        recalls = reader.payloads(Kind.STOCK, {"change": "recalled"})
    return frozenset(str(one["lot"]) for one in recalls)

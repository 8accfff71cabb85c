"""Visits: opened on consent, screening and interval, closed with a signature and the day of the next one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import RowMapping, select

from pen_host import intervals
from pen_host.canonical import digest
from pen_host.checks import check_plan
from pen_host.findings import Finding, Level, forbidding
from pen_host.journal import Draft, Kind
from pen_host.models import Endpoint, Plan
from pen_host.records.adjuncts import check_topicals
from pen_host.records.cleaning import CleaningLog
from pen_host.records.consents import Consents, must_stand, not_standing
from pen_host.records.errors import ConflictError, ForbiddenStepError, InputError, NotFoundError, made
from pen_host.records.keys import new_key
from pen_host.records.models import (
    Closing,
    Next,
    Note,
    Override,
    Patient,
    Person,
    Screened,
    Signature,
    Visit,
    VisitSession,
    VisitState,
)
from pen_host.records.patients import Patients, add_note, add_topical, must_be_known
from pen_host.records.screenings import Screenings
from pen_host.records.store import Store, Writing, as_plan, writer
from pen_host.records.tables import visit_sessions, visits
from pen_protocol import limits

_OVERRIDES = TypeAdapter(tuple[Override, ...])
_NO_SESSION = (
    "No pen session belongs to this visit, so there is no treatment to sign for and it stays open. Abandon it with a "
    "reason instead."
)


class Visits:
    """Visits of patients.

    Args:
        store: The record.
        patients: Its patients.
        consents: Their consents.
        screenings: Their screenings.
        cleaning: For the gate between patients.
    """

    def __init__(
        self,
        store: Store,
        patients: Patients,
        consents: Consents,
        screenings: Screenings,
        cleaning: CleaningLog,
    ) -> None:
        self._store = store
        self._patients = patients
        self._consents = consents
        self._screenings = screenings
        self._cleaning = cleaning

    # --- opening --------------------------------------------------------------------------------------------------

    def check(
        self, patient_id: str, plan: Plan, screening_id: str | None = None, day: date | None = None
    ) -> list[Finding]:
        """Everything that speaks against a visit, as far as the record knows; the pen has its own say later.

        Args:
            patient_id: The patient.
            plan: What would be done.
            screening_id: The screening it would rest on; without one that is a finding as well.
            day: The day; today when not given.
        """
        patient = self._patients.get(patient_id)
        when = day or self._store.today()
        found = check_plan(plan, depth_cap_um=limits.DEPTH_STOP_UM, rate_max_mhz=limits.RATE_MAX_MHZ)
        found += intervals.check_day(self.needlings(patient.patient_id), when)
        if patient.demographics is None:
            found.append(_block("patient_erased", "Who this patient is was erased; add the patient again."))
        if self._consents.standing(patient.patient_id) is None:
            found.append(not_standing())
        found += self._screened(patient, plan, screening_id, when)
        return found

    def open(
        self,
        patient_id: str,
        plan: Plan,
        screening_id: str,
        consent_id: str,
        by: Person,
        *,
        preset_id: str | None = None,
        preset_digest: str | None = None,
        overrides: Sequence[Override] = (),
    ) -> Visit:
        """Opens a visit.

        Args:
            patient_id: The patient.
            plan: What will be done.
            screening_id: Made today, for this plan.
            consent_id: That stands.
            by: Who treats.
            preset_id: The preset the plan came from.
            preset_digest: Of its version, where it is the clinic's own; see `Presets.chosen`.
            overrides: Findings on plan and interval that are gone past; those of the screening are in the screening.

        Raises:
            ForbiddenStepError: A finding forbids it.
            ConflictError: The patient has an open visit.
            NotFoundError: There is no such patient, screening or consent.
        """
        patient = self._patients.get(patient_id)
        standing = self._consents.standing(patient.patient_id)
        findings = self.check(patient.patient_id, plan, screening_id)
        if standing is not None and standing.consent_id != consent_id:
            findings.append(
                _block("consent", "The consent given is not the one that stands. Choose that one.")
            )
        screened = self._screenings.get(screening_id)
        reasons = {**screened.reasons, **{one.rule_id: one.reason for one in overrides}}
        still = forbidding(findings, reasons)
        if still:
            raise ForbiddenStepError("the visit", still)
        kept = tuple(one for one in overrides if any(found.rule_id == one.rule_id for found in findings))
        key = new_key()

        def change(writing: Writing) -> Sequence[Draft]:
            # once more, now that nobody comes in between
            must_be_known(writing, patient.patient_id)
            must_stand(writing, consent_id)
            other = writing.row(select(visits.c.id).where(visits.c.open_for == patient.patient_id))
            if other is not None:
                raise ConflictError(
                    "This patient has an open visit already, so no second one was opened. Close that one, or abandon it "
                    "with a reason."
                )
            signed = _OVERRIDES.dump_python(kept, mode="json")
            writing.add(
                visits,
                id=key,
                patient_id=patient.patient_id,
                day=self._store.today(),
                state=str(VisitState.OPEN),
                open_for=patient.patient_id,
                preset_id=preset_id,
                preset_digest=preset_digest,
                plan=plan.model_dump(mode="json"),
                depth_um=plan.depth_cap_um,
                interval_days=plan.interval_days,
                screening_id=screening_id,
                consent_id=consent_id,
                overrides=signed,
            )
            told: dict[str, object] = {
                "change": "opened",
                "visit": key,
                "plan_digest": plan.plan_digest,
                "preset": preset_id,
                **({"preset_digest": preset_digest} if preset_digest else {}),
            }
            told |= {"screening": screening_id, "consent": consent_id, "off_label": plan.off_label}
            drafts = [Draft(Kind.VISIT, told, subject=patient.patient_id)]
            drafts += [
                Draft(Kind.OVERRIDE, {**one, "visit": key}, subject=patient.patient_id) for one in signed
            ]
            return drafts

        self._store.write(change, by)
        return self.get(key)

    def check_pen(self, visit_id: str, pen_serial: str) -> list[Finding]:
        """What forbids using a pen in a visit: the cleaning gate. Ask before a session is opened on the pen."""
        visit = self.get(visit_id)
        return self._cleaning.check(pen_serial, visit.patient_id, visit_id)

    def attach(self, visit_id: str, session_id: str, pen_serial: str, by: Person) -> Visit:
        """Links a pen session to a visit. It has happened by then, so it is recorded even where the gate was ignored.

        Raises:
            ConflictError: The visit is not open, or the session belongs to another one.
        """
        visit = self.get(visit_id)
        uncleaned = bool(self._cleaning.check(pen_serial, visit.patient_id, visit_id))
        entry = made(
            VisitSession,
            "the session",
            {"session_id": session_id, "pen_serial": pen_serial, "at": self._store.now()},
        )

        def change(writing: Writing) -> Sequence[Draft]:
            _must_be_open(writing, visit_id)
            taken = writing.row(
                select(visit_sessions.c.visit_id).where(
                    (visit_sessions.c.session_id == session_id)
                    & (visit_sessions.c.station_id == writing.station_id)
                )
            )
            if taken is not None:
                raise ConflictError(
                    f"Session {session_id} belongs to a visit already, so it was not linked again. Nothing is to be done "
                    "if that is this visit."
                )
            values = {"session_id": entry.session_id, "pen_serial": entry.pen_serial}
            writing.add(visit_sessions, id=new_key(), visit_id=visit_id, **values)
            told = {"change": "session", "visit": visit_id, "uncleaned": uncleaned}
            return [Draft(Kind.VISIT, told, entry.session_id, visit.patient_id, entry.pen_serial)]

        self._store.write(change, by)
        return self.get(visit_id)

    # --- closing --------------------------------------------------------------------------------------------------

    def propose_next(self, visit_id: str) -> Next:
        """First day on which the area may be treated again after this visit, by the rules.

        Raises:
            ConflictError: No pen session belongs to it, so there was no treatment.
        """
        return self._next(self.get(visit_id))

    def warnings(self, visit_id: str, closing: Closing) -> list[Finding]:
        """What to tell the operator about a closing before it is signed; nothing of it forbids."""
        visit = self.get(visit_id)
        needled = visit.sessions[-1].at if visit.sessions else visit.opened_at
        return check_topicals(closing.topicals, needled)

    def close(self, visit_id: str, closing: Closing, by: Person) -> Visit:
        """Closes a visit: endpoint, topicals, next day and signature in one transaction.

        Raises:
            InputError: Something lies in the future, or the next day is earlier than the rules allow without a reason.
            ForbiddenStepError: The next day is within healing.
            ConflictError: The visit is not open, or there was no treatment.
        """
        visit = self.get(visit_id)
        following = self._agreed(visit, closing)
        late = {
            f"topicals.{number}.used_at": "it lies in the future, so it was not used yet"
            for number, use in enumerate(closing.topicals)
            if use.used_at > self._store.now()
        }
        if closing.after_care_at is not None and closing.after_care_at > self._store.now():
            late["after_care_at"] = "it lies in the future, so the sheet was not given yet"
        if late:
            raise InputError("the closing", late)
        content = {
            "endpoint": str(closing.endpoint),
            "next_day": following.day.isoformat(),
            "next_rule": following.rule_id,
            "next_reason": following.reason,
            "after_care": closing.after_care_at is not None,
        }

        def change(writing: Writing) -> Sequence[Draft]:
            _must_be_open(writing, visit_id)
            writing.change(
                visits,
                visits.c.id == visit_id,
                state=str(VisitState.CLOSED),
                open_for=None,
                closed_at=writing.at,
                endpoint=str(closing.endpoint),
                after_care_at=closing.after_care_at,
                next_day=following.day,
                next_rule=following.rule_id,
                next_reason=following.reason,
                next_sentence=following.sentence,
                signed_meaning=closing.meaning,
                signer_name=by.name,
                signer_role=by.role,
            )
            drafts = [add_topical(writing, visit.patient_id, use, visit_id) for use in closing.topicals]
            if closing.note:
                drafts.append(add_note(writing, _note(visit, closing.note, writing)))
            drafts.append(
                Draft(
                    Kind.VISIT, {"change": "closed", "visit": visit_id, **content}, subject=visit.patient_id
                )
            )
            signed = digest({"visit": visit_id, "plan": visit.plan.plan_digest, **content})
            seal = {"of": visit_id, "meaning": closing.meaning, "digest": signed}
            return [*drafts, Draft(Kind.SIGNATURE, seal, subject=visit.patient_id)]

        self._store.write(change, by)
        return self.get(visit_id)

    def abandon(self, visit_id: str, reason: str, by: Person) -> Visit:
        """Ends a visit without a signature. What a pen did in it still counts for intervals and lots.

        Raises:
            InputError: There is no reason.
            ConflictError: The visit is not open.
        """
        why = reason.strip()
        if not why:
            raise InputError("the visit's end", {"reason": "it is empty; say why the visit was not finished"})
        visit = self.get(visit_id)

        def change(writing: Writing) -> Sequence[Draft]:
            _must_be_open(writing, visit_id)
            writing.change(
                visits,
                visits.c.id == visit_id,
                state=str(VisitState.ABANDONED),
                open_for=None,
                closed_at=writing.at,
                abandoned_reason=why,
            )
            told = {"change": "abandoned", "visit": visit_id, "reason": why}
            return [Draft(Kind.VISIT, told, subject=visit.patient_id)]

        self._store.write(change, by)
        return self.get(visit_id)

    # --- reading --------------------------------------------------------------------------------------------------

    def get(self, visit_id: str) -> Visit:
        """One visit.

        Raises:
            NotFoundError: There is none.
        """
        row = self._store.row(select(visits).where(visits.c.id == visit_id))
        if row is None:
            raise NotFoundError("visit", visit_id)
        return as_visit(row, self._sessions([visit_id]).get(visit_id, ()))

    def of(self, patient_id: str) -> tuple[Visit, ...]:
        """Visits of a patient, newest first."""
        patient = self._patients.existing(patient_id)
        rows = self._store.rows(
            select(visits)
            .where(visits.c.patient_id == patient)
            .order_by(visits.c.day.desc(), visits.c.at.desc())
        )
        sessions = self._sessions([row["id"] for row in rows])
        return tuple(as_visit(row, sessions.get(row["id"], ())) for row in rows)

    def opened(self) -> tuple[Visit, ...]:
        """Every visit that is open, oldest first: what a crash left has to be closed or abandoned."""
        rows = self._store.rows(select(visits).where(visits.c.open_for.is_not(None)).order_by(visits.c.at))
        sessions = self._sessions([row["id"] for row in rows])
        return tuple(as_visit(row, sessions.get(row["id"], ())) for row in rows)

    def needlings(self, patient_id: str) -> list[intervals.Needling]:
        """Everything that opened a patient's skin: visits in which a pen was used, and tools at home."""
        found = [_needling(visit) for visit in self.of(patient_id) if visit.sessions]
        today = self._store.today()
        for tool in self._patients.home_tools(patient_id):
            name = f"the {str(tool.tool).replace('_', ' ')} used at home"
            found.append(intervals.Needling(tool.last_used or today, tool.needle_um, None, name))
        return found

    # --- inside ---------------------------------------------------------------------------------------------------

    def _screened(
        self, patient: Patient, plan: Plan, screening_id: str | None, day: date
    ) -> Sequence[Finding]:
        """What the screening says, read again for this plan and day."""
        if screening_id is None:
            return [_block("screening", "The patient was not screened for this visit. Ask the questions.")]
        screened = self._screenings.get(screening_id)
        if screened.patient_id != patient.patient_id:
            return [_block("screening", "The screening is another patient's. Screen this one.")]
        if screened.day != day:
            return [
                _block(
                    "screening",
                    f"The screening holds for {screened.day:%Y-%m-%d}, not for {day:%Y-%m-%d}. Ask again.",
                )
            ]
        return self._read_again(screened, plan)

    def _read_again(self, screened: Screened, plan: Plan) -> Sequence[Finding]:
        """A plan may have been changed after the screening: questions that it adds are then unanswered."""
        found = self._screenings.evaluate(screened.patient_id, plan, screened.answers, screened.day)
        return found.findings

    def _next(self, visit: Visit) -> Next:
        if not visit.sessions:
            raise ConflictError(_NO_SESSION)
        due = intervals.next_eligible([_needling(visit)])
        assert due is not None, "a needling always has a next day"
        return Next(day=due.day, rule_id=due.rule_id, sentence=due.sentence)

    def _agreed(self, visit: Visit, closing: Closing) -> Next:
        """The next day that was agreed, against the rules.

        Raises:
            InputError: It is earlier without a reason.
            ForbiddenStepError: It is within healing.
        """
        due = self._next(visit)
        if closing.next_day is None or closing.next_day == due.day:
            return due
        if closing.next_day > due.day:
            return due.model_copy(update={"day": closing.next_day})
        closed = intervals.closed_from([_needling(visit)])
        if closed is not None and closing.next_day < closed:
            raise ForbiddenStepError(
                "the next visit", intervals.check_day([_needling(visit)], closing.next_day)
            )
        if not closing.earlier_reason:
            raise InputError(
                "the closing",
                {
                    "earlier_reason": f"the next day is before {due.day:%Y-%m-%d}, so it needs a reason. {due.sentence}"
                },
            )
        return due.model_copy(update={"day": closing.next_day, "reason": closing.earlier_reason})

    def _sessions(self, visit_ids: Sequence[str]) -> Mapping[str, tuple[VisitSession, ...]]:
        found: dict[str, tuple[VisitSession, ...]] = {}
        if not visit_ids:
            return found
        query = select(visit_sessions).where(visit_sessions.c.visit_id.in_(visit_ids))
        for row in self._store.rows(query.order_by(visit_sessions.c.at)):
            entry = VisitSession(session_id=row["session_id"], pen_serial=row["pen_serial"], at=row["at"])
            found[row["visit_id"]] = (*found.get(row["visit_id"], ()), entry)
        return found


def as_visit(row: RowMapping, sessions: tuple[VisitSession, ...]) -> Visit:
    """A visit from its row and its sessions."""
    following = signature = None
    if row["next_day"] is not None:
        following = Next(
            day=row["next_day"],
            rule_id=row["next_rule"],
            sentence=row["next_sentence"],
            reason=row["next_reason"],
        )
    if row["signer_name"] is not None:
        signer = Person(name=row["signer_name"], role=row["signer_role"])
        signature = Signature(signer=signer, meaning=row["signed_meaning"], at=row["closed_at"])
    return Visit(
        visit_id=row["id"],
        patient_id=row["patient_id"],
        day=row["day"],
        state=VisitState(row["state"]),
        preset_id=row["preset_id"],
        preset_digest=row["preset_digest"],
        plan=as_plan(row["plan"]),
        screening_id=row["screening_id"],
        consent_id=row["consent_id"],
        overrides=_OVERRIDES.validate_python(row["overrides"], strict=False),
        sessions=sessions,
        opened_at=row["at"],
        opened_by=writer(row),
        closed_at=row["closed_at"],
        endpoint=Endpoint(row["endpoint"]) if row["endpoint"] else None,
        after_care_at=row["after_care_at"],
        next=following,
        signature=signature,
        abandoned_reason=row["abandoned_reason"],
    )


def _note(visit: Visit, text: str, writing: Writing) -> Note:
    return Note(
        note_id=new_key(),
        patient_id=visit.patient_id,
        visit_id=visit.visit_id,
        text=text,
        amends=None,
        at=writing.at,
        by=writing.by,
    )


def _needling(visit: Visit) -> intervals.Needling:
    return intervals.Needling(
        visit.day, visit.plan.depth_cap_um, visit.plan.interval_days, visit.plan.title, visit.authorised
    )


def _block(rule_id: str, sentence: str) -> Finding:
    return Finding(Level.BLOCK, rule_id, sentence, "the clinical record")


def _must_be_open(writing: Writing, visit_id: str) -> Any:
    row = writing.row(select(visits.c.state).where(visits.c.id == visit_id))
    if row is None or row["state"] != VisitState.OPEN:
        raise ConflictError(
            "The visit is not open any more, so nothing was changed. Open a new visit if the treatment is to go on."
        )

"""The steps of a treatment, and the way out of a stop."""

from __future__ import annotations

from fastapi import APIRouter, Request

from ...records.models import Person as Signer
from ...session import Operator
from ..flow_models import (
    Applied,
    Cancel,
    CheckCartridge,
    ChoosePatient,
    ChoosePlan,
    Cleaned,
    CloseTreatment,
    FindingView,
    GiveConsent,
    PlanView,
    Prepare,
    QuestionView,
    Screen,
    TreatmentStep,
    TreatmentView,
    ZoneDecision,
)
from ..models import ClearStop, ConsoleRef, Model, StopView
from ..people import Permission, signer
from ..reception import Caller
from ..service import ConsoleService
from ..sessions import BrowserSession
from .shared import PROBLEMS, Service, Session, caller

router = APIRouter(prefix="/api", tags=["treatment"], responses=PROBLEMS)


class ConsentTextView(Model):
    """What the patient reads before agreeing."""

    title: str
    text: str
    sha256: str


class AppliedHere(Applied, ConsoleRef):
    """What was applied, as the close step knows it before the signature."""


class GoBack(ConsoleRef):
    """To an earlier step of the preparation."""

    step: TreatmentStep


def _treats(service: ConsoleService, session: BrowserSession, asked: ConsoleRef) -> Signer:
    """The clinician at the controlling console, as the record signs."""
    return signer(service.need(caller(service, session, asked), Permission.TREAT, control=True))


@router.get("/treatment")
def treatment(service: Service, request: Request) -> TreatmentView:
    """The open treatment; who is treated only for those who are signed in."""
    session = request.scope.get("console_session")
    return service.treatment_for(Caller(session) if session else None)


@router.get("/treatment/questions")
def questions(service: Service) -> tuple[QuestionView, ...]:
    """The screening."""
    return service.treatment.questions()


@router.get("/presets")
def presets(service: Service) -> tuple[PlanView, ...]:
    """Plans to begin from, each with its source."""
    return service.treatment.presets()


@router.get("/treatment/consent-text")
def consent_text(service: Service) -> ConsentTextView:
    """What the patient is asked to agree to."""
    text = service.visiting.consent_text()
    return ConsentTextView(title=text.title, text=text.body, sha256=text.digest)


@router.post("/treatment/patient")
def choose_patient(service: Service, session: Session, asked: ChoosePatient) -> TreatmentView:
    """Step 1."""
    return service.treatment.choose_patient(_treats(service, session, asked).name, asked)


@router.post("/treatment/screening")
def screen(service: Service, session: Session, asked: Screen) -> TreatmentView:
    """Step 2."""
    _treats(service, session, asked)
    return service.treatment.screen(asked)


@router.post("/treatment/plan")
def choose_plan(service: Service, session: Session, asked: ChoosePlan) -> TreatmentView:
    """Step 3."""
    return service.treatment.choose_plan(_treats(service, session, asked), asked)


@router.post("/treatment/consent")
def give_consent(service: Service, session: Session, asked: GiveConsent) -> TreatmentView:
    """Step 4."""
    return service.treatment.give_consent(_treats(service, session, asked), asked)


@router.post("/treatment/cartridge")
def check_cartridge(service: Service, session: Session, asked: CheckCartridge) -> TreatmentView:
    """Step 5."""
    return service.treatment.check_cartridge(_treats(service, session, asked), asked)


@router.post("/treatment/cleaned")
def cleaned(service: Service, session: Session, asked: Cleaned) -> TreatmentView:
    """The pen was cleaned since its last patient."""
    return service.treatment.cleaned(_treats(service, session, asked), asked)


@router.post("/treatment/prepare")
def prepare(service: Service, session: Session, asked: Prepare) -> TreatmentView:
    """Step 6: the session is opened, the cartridge burned, the axis homed."""
    return service.treatment.prepare(Operator(_treats(service, session, asked).name, "clinician"), asked)


@router.post("/treatment/zone")
def decide(service: Service, session: Session, asked: ZoneDecision) -> TreatmentView:
    """Step 7: arm the next zone, skip it, or finish."""
    _treats(service, session, asked)
    return service.treatment.decide(asked)


@router.post("/treatment/applied")
def applied(service: Service, session: Session, asked: AppliedHere) -> tuple[FindingView, ...]:
    """Before step 8: what is to be told about something that was applied; records nothing."""
    _treats(service, session, asked)
    return service.told_of(*service.treatment.applied(asked))


@router.post("/treatment/close")
def close(service: Service, session: Session, asked: CloseTreatment) -> TreatmentView:
    """Step 8: signed by PIN."""
    person = _treats(service, session, asked)
    service.check_pin(person.name, asked.pin)
    return service.treatment.close(person, asked)


@router.post("/treatment/cancel")
def cancel(service: Service, session: Session, asked: Cancel) -> TreatmentView:
    """Give it up; while the pen works, STOP comes first."""
    return service.treatment.cancel(_treats(service, session, asked), asked.why)


@router.post("/treatment/back")
def back(service: Service, session: Session, asked: GoBack) -> TreatmentView:
    """To an earlier step."""
    return service.treatment.back(_treats(service, session, asked), asked.step)


@router.post("/stop/clear")
def clear(service: Service, session: Session, asked: ClearStop) -> StopView:
    """Acknowledge a stop by its cause, in the name of who is signed in."""
    return service.clear(caller(service, session, asked), asked)

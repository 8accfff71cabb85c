"""Signing in and out, accounts, control."""

from __future__ import annotations

from fastapi import APIRouter

from ..models import ControlView, Line, Model, NewPerson, NewPin, PersonView, SessionView, SignIn, TakeControl
from ..people import Permission
from ..reception import Caller
from .shared import PROBLEMS, Service, Session, caller

router = APIRouter(prefix="/api", tags=["people"], responses=PROBLEMS)


class Activate(Model):
    """Let somebody sign in, or no longer."""

    name: Line
    active: bool


@router.get("/session")
def session_of(service: Service, session: Session) -> SessionView:
    """Who is signed in here."""
    return service.session_view(session)


@router.post("/session/sign-in")
def sign_in(service: Service, session: Session, asked: SignIn) -> SessionView:
    """Sign in, or unlock."""
    return service.sign_in(session, asked)


@router.post("/session/sign-out")
def sign_out(service: Service, session: Session) -> SessionView:
    """Sign out; a needle that this browser controls is stopped first."""
    return service.sign_out(session)


@router.post("/session/lock")
def lock(service: Service, session: Session) -> SessionView:
    """Ask for the PIN again; a needle that this browser controls is stopped first."""
    return service.lock(session)


@router.post("/session/touch")
def touch(service: Service, session: Session) -> SessionView:
    """A person did something in the page; puts the lock off."""
    if not session.locked:
        service.sessions.touch(session)
    return service.session_view(session)


@router.post("/session/setup")
def set_up(service: Service, session: Session, asked: NewPerson) -> SessionView:
    """The first account of this computer."""
    return service.set_up(session, asked)


@router.post("/session/pin")
def change_pin(service: Service, session: Session, asked: NewPin) -> SessionView:
    """Another PIN for who is signed in."""
    person = service.signed_in(Caller(session))
    service.check_pin(person.name, asked.old_pin)
    service.people.change_pin(person.name, asked.old_pin, asked.new_pin)
    return service.session_view(session)


@router.get("/people")
def people(service: Service, session: Session) -> tuple[PersonView, ...]:
    """Everybody with an account."""
    service.need(Caller(session), Permission.PEOPLE)
    return service.people.views()


@router.post("/people")
def add_person(service: Service, session: Session, asked: NewPerson) -> tuple[PersonView, ...]:
    """Make an account."""
    service.need(Caller(session), Permission.PEOPLE)
    service.people.add(asked.name, asked.pin, asked.roles)
    return service.people.views()


@router.post("/people/active")
def set_active(service: Service, session: Session, asked: Activate) -> tuple[PersonView, ...]:
    """Let somebody sign in, or no longer."""
    service.need(Caller(session), Permission.PEOPLE)
    service.people.set_active(asked.name, asked.active)
    return service.people.views()


@router.post("/control/take")
def take_control(service: Service, session: Session, asked: TakeControl) -> ControlView:
    """Control is this console's; from another one on purpose only."""
    return service.take_control(caller(service, session, asked), asked)

"""STOP, state, health, and a new way in for the same user."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from fastapi import APIRouter, Request

from pen_protocol import limits

from ...worker import StopReport
from ..live_messages import StateMessage
from ..models import LiveFrame, Model
from ..problems import Code, ProblemError
from ..reception import Caller
from ..views import NO_CONNECTION
from .shared import PROBLEMS, Service, Session

router = APIRouter(prefix="/api", tags=["core"], responses=PROBLEMS)
LOOK_S = 0.005
PATIENCE_S = limits.STOP_CONFIRM_MS / 1000


class StopAnswer(Model):
    """What became of a STOP by the time its answer was due."""

    confirmed: bool
    pending: bool
    """It is still being repeated; `state.stop` tells the rest."""
    after_ms: int | None
    sentence: str
    url: str | None = None
    """The pen's port, for programs that stop every port."""


class Health(Model):
    """Somebody is there."""

    what: str = "derma-pen console"


class LaunchUrl(Model):
    """A way in that works once."""

    path: str


@router.post("/stop")
async def stop(service: Service, request: Request) -> StopAnswer:
    """STOP. Needs no login, no session, no control and no content; giving it twice is giving it once.

    Asked in the event loop and waited for there, so that no busy thread delays it.
    """
    session = request.scope.get("console_session")
    ticket = service.stop(f"api, {session.person or 'nobody'} signed in" if session else "api")
    docked = service.dock.docked
    if ticket is None:
        return StopAnswer(confirmed=False, pending=True, after_ms=None, sentence=NO_CONNECTION)
    loop = asyncio.get_running_loop()
    end_s = loop.time() + PATIENCE_S
    while ticket.report is None and loop.time() < end_s:
        await asyncio.sleep(LOOK_S)
    report: StopReport = ticket.wait(0)
    return StopAnswer(
        confirmed=report.confirmed,
        pending=report.pending,
        after_ms=report.after_ms,
        sentence=report.sentence,
        url=docked.url if docked else None,
    )


@router.get("/state")
def state(service: Service, request: Request) -> StateMessage:
    """Everything that does not change twenty times a second."""
    session = request.scope.get("console_session")
    return service.state(Caller(session) if session else None)


@router.post("/record/recover")
def recover_record(service: Service, session: Session) -> StateMessage:
    """A record that had failed takes entries again, in the name of who is signed in; what it missed is settled.

    Raises:
        PenError: The cause is still there, or the needle may run.
    """
    caller = Caller(session)
    service.recover_record(caller)
    return service.state(caller)


@router.get("/live/newest")
def newest(service: Service) -> LiveFrame:
    """The newest values once, for programs; consoles take them from the websocket."""
    return service.frame()


@router.get("/health")
def health() -> Health:
    """Somebody is there; says nothing more."""
    return Health()


@router.post("/launch")
def launch(service: Service, request: Request) -> LaunchUrl:
    """A new way in, for a program with the key only this user can read."""
    if not request.scope.get("console_keyed"):
        raise ProblemError(
            Code.NO_CONSOLE_SESSION,
            HTTPStatus.FORBIDDEN,
            "Only a program of this computer's user can open another browser. Nothing was done.",
        )
    return LaunchUrl(path=f"/launch?token={service.sessions.issue_token()}")

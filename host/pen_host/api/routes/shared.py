"""What every path needs: the service, the browser's session, who asks."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request

from ..models import ConsoleRef
from ..problems import MEDIA_TYPE, Code, ProblemError
from ..reception import Caller
from ..service import ConsoleService
from ..sessions import BrowserSession

_PROBLEM = {
    "description": "What happened, what it means and what to do now",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
PROBLEMS: dict[int | str, dict[str, Any]] = {"4XX": _PROBLEM, "5XX": _PROBLEM}
"""Every path may answer so. A reference, not the model: two validators a path, never used, cost a tenth of the start."""


async def the_service(request: Request) -> ConsoleService:
    """The one service. Not a plain function: those wait for a free thread, and STOP must not."""
    found: ConsoleService = request.app.state.service
    return found


async def the_session(request: Request) -> BrowserSession:
    """The browser's session.

    Raises:
        ProblemError: A program with the key asked for something that needs a person.
    """
    found: BrowserSession | None = request.scope.get("console_session")
    if found is None:
        raise ProblemError(
            Code.SIGN_IN_FIRST,
            HTTPStatus.UNAUTHORIZED,
            "This needs a person at a console, so nothing was done. Do it in the browser.",
        )
    return found


Service = Annotated[ConsoleService, Depends(the_service)]
Session = Annotated[BrowserSession, Depends(the_session)]


def caller(service: ConsoleService, session: BrowserSession, asked: ConsoleRef) -> Caller:
    """Who asks, and from which tab."""
    return service.caller(session, asked.console_id)

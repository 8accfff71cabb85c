"""One page as one browser sees it: who asks, in which tab, in which language; and calls of the service on its behalf."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from nicegui import ui
from nicegui.events import GenericEventArguments
from starlette.requests import Request

from ..api.people import Permission, Person
from ..api.problems import ProblemError, of_error
from ..api.reception import Caller
from ..api.service import ConsoleService
from ..api.sessions import BrowserSession
from ..errors import PenError
from .fields import Form
from .presses import wrote
from .texts import Catalogue

T = TypeVar("T")


@dataclass
class Visit:
    """See the module.

    Attributes:
        service: The one behind all pages.
        text: The texts.
        session: The browser; pages are served to none that has no session.
        console_id: Which tab it is; its script says so when the live stream has greeted it.
        cleaned: How often a cleaning was recorded here; the page rests on it.
        signed: The visit that was signed here last, whose papers are offered then.
        shown_live: The live view was opened from here once; coming back on purpose stays possible.
    """

    service: ConsoleService
    text: Catalogue
    session: BrowserSession
    console_id: str | None = None
    shown_live: bool = False
    cleaned: int = 0
    signed: str | None = None

    @property
    def person(self) -> Person | None:
        """Who is signed in and not locked out by the screen lock."""
        return None if self.session.locked else self.service.people.get(self.session.person)

    def may(self, permission: Permission) -> bool:
        """Whether the page need be shown at all; the service asks again."""
        person = self.person
        return person is not None and person.may(permission)

    @property
    def controls(self) -> bool | None:
        """Whether this tab commands the pen; None while it is not known which tab it is."""
        if self.console_id is None:
            return None
        try:
            return self.service.control.controls(self.caller().console)
        except ProblemError:
            return False

    @property
    def asking_id(self) -> str:
        """The tab's id as requests carry it; what is asked before it is known is refused by the service."""
        return self.console_id or "not-known"

    def caller(self) -> Caller:
        """This browser and this tab.

        Raises:
            ProblemError: The tab is no console of this browser.
        """
        return self.service.caller(self.session, self.console_id)

    def listen(self) -> None:
        """Learn from the page's script which tab it is."""

        def told(event: GenericEventArguments) -> None:
            self.console_id = str(event.args)

        ui.on("pen-console", told)

    async def ask(self, permission: Permission, call: Callable[[Person], T], *, control: bool = True) -> T:
        """Call the service in a thread that may wait, for whoever is signed in.

        Args:
            permission: What it needs.
            call: Told who asks.
            control: Only the controlling console may.

        Raises:
            PenError: It was refused; nothing was done.
        """
        caller = self.caller()
        person = self.service.need(caller, permission, control=control)
        done: T = await asyncio.to_thread(call, person)
        return done

    async def submit(
        self, form: Form, permission: Permission, call: Callable[[Person], T], *, control: bool = True
    ) -> bool:
        """As `ask`, with every complaint at its field. What was typed stays.

        Returns:
            Whether it was done.
        """
        form.clear()
        try:
            await self.ask(permission, call, control=control)
        except PenError as error:
            told = of_error(error)
            form.complain(told.detail, [(one.field, one.message) for one in told.errors])
            return False
        wrote()
        return True


def visit_of(service: ConsoleService, text: Catalogue, request: Request) -> Visit:
    """The visit of a request. The guard lets nobody in who has no session.

    Raises:
        PermissionError: There is none all the same.
    """
    session: BrowserSession | None = request.scope.get("console_session")
    if session is None:
        raise PermissionError("a page was asked for without a console session")
    return Visit(service, text, session)

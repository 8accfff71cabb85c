"""One page as one browser sees it: who asks, in which tab, in which language; and calls of the service on its behalf."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from nicegui import run, ui
from starlette.requests import Request

from ..api.people import Permission, Person
from ..api.problems import ProblemError
from ..api.service import Caller, ConsoleService
from ..api.sessions import COOKIE, BrowserSession
from ..errors import PenError
from .texts import Catalogue
from .widgets import Form

T = TypeVar("T")
ASK_BROWSER_S = 3.0
"""How long a browser may take to say which console it is."""


@dataclass
class Visit:
    """See the module.

    Attributes:
        service: The one behind all pages.
        text: The texts.
        session: The browser; pages are served to none that has no session.
        trouble: What the last refused call said, shown when there is no form to show it in.
    """

    service: ConsoleService
    text: Catalogue
    session: BrowserSession
    trouble: str = ""
    on_trouble: Callable[[str], None] = field(default=lambda _sentence: None)

    @property
    def person(self) -> Person | None:
        """Who is signed in and not locked out by the screen lock."""
        return None if self.session.locked else self.service.people.get(self.session.person)

    def may(self, permission: Permission) -> bool:
        """Whether the page need be shown at all; the service asks again."""
        person = self.person
        return person is not None and person.may(permission)

    async def caller(self) -> Caller:
        """This browser and this tab."""
        console_id = await ui.run_javascript("return window.penStream?.consoleId ?? null", timeout=ASK_BROWSER_S)
        return self.service.caller(self.session, str(console_id) if console_id else None)

    async def ask(self, permission: Permission, call: Callable[[Person], T], *, control: bool = True) -> T:
        """Call the service in a thread that may wait, for whoever is signed in.

        Args:
            permission: What it needs.
            call: Told who asks.
            control: Only the controlling console may.

        Raises:
            PenError: It was refused; nothing was done.
        """
        caller = await self.caller()
        person = self.service.need(caller, permission, control=control)
        done: T = await run.io_bound(call, person)
        return done

    async def submit(self, form: Form, permission: Permission, call: Callable[[Person], T], *, control: bool = True) -> bool:
        """As `ask`, with every complaint at its field. What was typed stays.

        Returns:
            Whether it was done.
        """
        form.clear()
        try:
            await self.ask(permission, call, control=control)
        except ProblemError as error:
            form.complain(error.sentence, [(one.field, one.message) for one in error.errors])
            return False
        except PenError as error:
            form.say(error.sentence)
            return False
        except TimeoutError:
            form.say(self.text("frame.no_stream"))
            return False
        return True


def visit_of(service: ConsoleService, text: Catalogue, request: Request) -> Visit:
    """The visit of a request. The guard lets nobody in who has no session.

    Raises:
        PermissionError: There is none all the same.
    """
    session = service.sessions.of_cookie(request.cookies.get(COOKIE))
    if session is None:
        raise PermissionError("a page was asked for without a console session")
    return Visit(service, text, session)

"""Sign in, unlock, first account. STOP is on this page as on every other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from nicegui import ui
from pydantic import ValidationError
from starlette.requests import Request

from ...api.models import NewPerson, PersonView, Role, SessionView, SignIn
from ...api.problems import ProblemError
from ...api.service import ConsoleService
from ...errors import PenError
from ..fields import Form
from ..parts import page
from ..shell import shell
from ..texts import Catalogue
from ..visit import Visit, visit_of
from ..widgets import Tone, button, card, enter_button, note, tag

KEYS = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "", "0", "erase")
TYPE_KEY = """(e) => {
  const field = document.getElementById('f-pin');
  field.value = KEY === 'erase' ? field.value.slice(0, -1) : field.value + KEY;
  field.dispatchEvent(new Event('input', { bubbles: true }));
}"""


def register(console: ConsoleService, text: Catalogue) -> None:
    """Put the page on the server."""

    @page("/login", text("frame.title", page=text("login.page")))
    def login(request: Request) -> None:
        visit = visit_of(console, text, request)
        with shell(visit, "login", "narrow"):
            view = console.session_view(visit.session)
            if view.setup_needed:
                _set_up(visit)
            else:
                _sign_in(visit)


def _sign_in(visit: Visit) -> None:
    text, console = visit.text, visit.service
    view = console.session_view(visit.session)
    locked = view.locked and view.person is not None
    tag("h1", text("login.title_locked" if locked else "login.title"))
    if locked:
        tag("p", text("login.locked_more"), "lead")
    with tag("div", None, "half"):
        with card():
            form = Form()
            if locked and view.person is not None:
                form.constant("name", view.person.name)
                tag("div", view.person.name, "locked-name")
            else:
                form.cards(
                    "name", text("login.name"), [(one.name, _person(text, one)) for one in view.people]
                )
            if view.training is not None:
                note(text("login.training", pin=view.training.pin), Tone.INFO)
            if locked:
                button(text("login.other"), lambda: _sign_out(visit), "quiet")
        with card():
            form.text(
                "pin",
                text("login.pin"),
                hint=text("login.pin_hint"),
                type="password",
                inputmode="numeric",
                maxlength=12,
            )
            _keypad(text)
            enter_button(text("login.unlock" if locked else "login.enter"), lambda: _enter(visit, form))


def _person(text: Catalogue, one: PersonView) -> Callable[[], None]:
    def body() -> None:
        tag("strong", one.name)
        tag("span", ", ".join(text(f"service.role_{role}") for role in one.roles), "muted small")

    return body


def _keypad(text: Catalogue) -> None:
    with tag("div", None, "keypad", role="group", aria_label=text("login.keypad")):
        for key in KEYS:
            if not key:
                tag("span")
                continue
            made = tag("button", "⌫" if key == "erase" else key, "key", type="button")
            if key == "erase":
                made.props.update({"aria-label": text("login.erase")})
            made.on("click", js_handler=TYPE_KEY.replace("KEY", repr(key)))


async def _enter(visit: Visit, form: Form) -> None:
    text = visit.text
    form.clear()
    if not form["name"]:
        form.fields["name"].complain(text("login.choose_name"))
        return
    try:
        asked = SignIn(name=form["name"], pin=form["pin"])
    except ValidationError:
        form.fields["pin"].complain(text("login.give_pin"))
        return
    await _go(form, lambda: visit.service.sign_in(visit.session, asked))


async def _go(form: Form, call: Callable[[], SessionView]) -> None:
    try:
        await asyncio.to_thread(call)
    except ProblemError as error:
        at_fields = [(one.field, one.message) for one in error.errors]
        form.complain("", at_fields or [("pin", error.sentence)])
        return
    except PenError as error:
        form.say(error.sentence)
        return
    ui.navigate.to("/")


async def _sign_out(visit: Visit) -> None:
    await asyncio.to_thread(visit.service.sign_out, visit.session)
    ui.navigate.to("/login")


def _set_up(visit: Visit) -> None:
    text = visit.text
    tag("h1", text("login.setup_title"))
    tag("p", text("login.setup_more"), "lead")
    with card():
        form = Form()
        form.text("name", text("login.name"), maxlength=80)
        form.text(
            "pin",
            text("login.pin"),
            hint=text("login.pin_hint"),
            type="password",
            inputmode="numeric",
            maxlength=12,
        )
        roles = {role.value: text(f"service.role_{role}") for role in (Role.CLINICIAN, Role.ENGINEER)}
        form.choice("roles", text("service.role"), roles, Role.CLINICIAN.value)
        enter_button(text("login.setup_enter"), lambda: _make_first(visit, form))


async def _make_first(visit: Visit, form: Form) -> None:
    form.clear()
    try:
        asked = NewPerson(name=form["name"], pin=form["pin"], roles=(Role(form["roles"]),))
    except ValidationError as error:
        for item in error.errors():
            field = form.fields[str(item["loc"][0])]
            field.complain(visit.text("login.give_name" if field.name == "name" else "login.give_pin"))
        return
    await _go(form, lambda: visit.service.set_up(visit.session, asked))

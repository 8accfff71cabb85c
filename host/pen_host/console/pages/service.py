"""Service, for engineers: who the pen is, its settings, self-test, raw frames, black box, log; for admins the accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from nicegui import ui
from pydantic import ValidationError
from starlette.requests import Request

from ...api.house import WINDOW_MAX_HOURS, WINDOW_MIN_HOURS, HouseRules
from ...api.models import NewPerson, Role
from ...api.people import Permission
from ...api.routes import service as engineering
from ...api.service import ConsoleService
from ...errors import PenError
from ..fields import Form
from ..parts import Part, page
from ..shell import shell
from ..texts import Catalogue
from ..visit import Visit, visit_of
from ..widgets import Tone, button, card, cells, facts, flash, link_button, note, row, sign, stack, table, tag
from .stations import server_card

FRAMES_SHOWN = 60


def register(console: ConsoleService, text: Catalogue) -> None:
    """Put the page on the server."""

    @page("/service", text("frame.title", page=text("service.page")))
    async def service(request: Request) -> None:
        visit = visit_of(console, text, request)
        with shell(visit, "service"):
            tag("h1", text("service.title"))
            if visit.may(Permission.PEOPLE):
                _people(visit)
                _house(visit)
            if not visit.may(Permission.SERVICE):
                note(text("service.only"), Tone.INFO)
                if not visit.may(Permission.PEOPLE):
                    with row():
                        link_button(text("login.enter"), "/login", "first big")
                return
            await server_card(visit, always=True)
            await _pen(visit)
            with tag("div", None, "half"):
                _self_test(visit)
                _blackbox(visit)
            await _frames(visit)
            await _log(visit)


async def _pen(visit: Visit) -> None:
    text = visit.text

    @Part
    async def shown() -> None:
        try:
            told = await asyncio.to_thread(engineering.pen, visit.service, visit.session)
        except PenError as error:
            note(error.sentence, Tone.WARN)
            return
        with tag("div", None, "half"):
            for name in ("identity", "settings"):
                with card(text(f"service.{name}")):
                    facts(_raw(told[name]), raw=True)
        with card(text("service.counters")):
            facts(_raw(told["counters"]), raw=True)

    await shown()
    with row():
        button(text("service.refresh"), shown.refresh, "quiet")
    with card(text("service.interlocks")):
        locks = visit.service.state(None).pen.interlocks
        if not locks:
            sign(text("live.all_clear"), Tone.OK)
        for one in locks:
            title = visit.text.other(f"causes.{one.name}", one.title)
            with note(f"{one.happened} {one.now}", Tone.DANGER if one.first_cause else Tone.WARN, title):
                tag("span", one.name, "mono said")


def _raw(values: dict[str, Any]) -> list[tuple[str, str]]:
    return [(_plain(key), _told(value)) for key, value in values.items()]


def _plain(key: str) -> str:
    return key.replace("_", " ")


def _told(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


async def _frames(visit: Visit) -> None:
    text = visit.text

    @Part
    async def shown() -> None:
        try:
            found = await asyncio.to_thread(engineering.frames, visit.service, visit.session)
        except PenError as error:
            note(error.sentence, Tone.WARN)
            return
        _frame_table(text, list(reversed(found))[:FRAMES_SHOWN])

    with card(text("service.frames")):
        with row("apart"):
            tag("p", text("service.frames_lead"), "muted")
            button(text("service.refresh"), shown.refresh, "quiet slim")
        await shown()


def _frame_table(text: Catalogue, found: list[dict[str, Any]]) -> None:
    keys = list(dict.fromkeys(key for one in found for key in one))
    heads = [_plain(key) for key in keys]
    with (
        tag("div", None, "tall", tabindex="0", role="region", aria_label=text("service.frames")),
        table(heads, text("service.frames"), raw=True),
    ):
        for one in found:
            cells(*(partial(tag, "span", _told(one.get(key, "")), "mono wrap said") for key in keys))


def _self_test(visit: Visit) -> None:
    text = visit.text
    with card(text("service.self_test")):
        tag("p", text("service.self_test_lead"), "muted")
        told = stack()

        async def run() -> None:
            told.clear()
            with told:
                try:
                    found = await asyncio.to_thread(engineering.self_test, visit.service, visit.session)
                    note(found["told"], Tone.OK if found["passed"] else Tone.DANGER, alert=True)
                except PenError as error:
                    note(error.sentence, Tone.WARN, alert=True)

        with row():
            button(text("service.self_test_go"), run, "quiet")


async def _log(visit: Visit) -> None:
    text = visit.text

    @Part
    async def shown() -> None:
        try:
            found = await asyncio.to_thread(engineering.log, visit.service, visit.session)
        except PenError as error:
            note(error.sentence, Tone.WARN)
            return
        heads = [text(f"records.{key}") for key in ("time", "what", "who", "details")]
        with (
            tag("div", None, "tall", tabindex="0", role="region", aria_label=text("service.log")),
            table(heads, text("service.log")),
        ):
            for one in found:
                cells(
                    _utc(one["utc"]),
                    text.other(f"kinds.{one['kind']}", _plain(str(one["kind"]))),
                    str(one["actor"] or text("frame.none")),
                    partial(tag, "span", str(one["says"]), "mono wrap said"),
                )

    with card(text("service.log")):
        with row("apart"):
            tag("p", text("service.log_lead"), "muted")
            button(text("service.refresh"), shown.refresh, "quiet slim")
        await shown()


def _utc(stamp: str) -> str:
    return stamp.replace("T", " ").removesuffix("+00:00")


def _blackbox(visit: Visit) -> None:
    text = visit.text
    with card(text("service.blackbox")):
        tag("p", text("service.blackbox_lead"), "muted")
        said = tag("p", "", "said", role="status")

        async def dump() -> None:
            try:
                told = await asyncio.to_thread(engineering.dump, visit.service, visit.session)
                said._text = told["told"]
            except PenError as error:
                said._text = error.sentence
            said.update()

        with row():
            button(text("service.dump"), dump, "quiet")


# --- accounts ---------------------------------------------------------------------------------------------------------------


def _people(visit: Visit) -> None:
    text, people = visit.text, visit.service.people

    @ui.refreshable
    def listed() -> None:
        heads = [text(f"service.{key}") for key in ("name", "role", "may_sign_in", "change")]
        with table(heads, text("service.people")):
            for one in people.views():
                roles = ", ".join(text(f"service.role_{role}") for role in one.roles)
                key, change = ("active", "deactivate") if one.active else ("inactive", "activate")
                cells(
                    one.name,
                    roles,
                    text(f"service.{key}"),
                    partial(
                        button,
                        text(f"service.{change}", name=one.name),
                        partial(_set_active, one.name, not one.active),
                        "quiet slim",
                    ),
                )

    async def _set_active(name: str, active: bool) -> None:
        form_ok = await visit.submit(
            form, Permission.PEOPLE, lambda _who: people.set_active(name, active), control=False
        )
        if form_ok:
            listed.refresh()

    async def add() -> None:
        form.clear()
        try:
            asked = NewPerson(name=form["name"], pin=form["pin"], roles=(Role(form["roles"]),))
        except ValidationError as error:
            _complain(text, form, error)
            return
        make: Callable[[object], object] = lambda _who: people.add(asked.name, asked.pin, asked.roles)  # noqa: E731
        if await visit.submit(form, Permission.PEOPLE, make, control=False):
            listed.refresh()

    with card(text("service.people")):
        tag("p", text("service.people_lead"), "muted")
        listed()
        tag("h3", text("service.add_person"))
        form = Form()
        with tag("div", None, "fields"):
            form.text("name", text("login.name"), maxlength=80)
            form.text(
                "pin",
                text("login.pin"),
                hint=text("service.pin_hint"),
                type="password",
                inputmode="numeric",
                maxlength=12,
            )
            form.choice(
                "roles",
                text("service.role"),
                {one.value: text(f"service.role_{one}") for one in Role},
                Role.CLINICIAN.value,
            )
        button(text("service.add_person"), add, "first")


def _house(visit: Visit) -> None:
    """What the clinic decides about its consoles."""
    text, house = visit.text, visit.service.office.house

    async def keep() -> None:
        form.clear()
        try:
            rules = HouseRules(topical_window_hours=int(form["topical_window_hours"]))
        except ValueError:  # no number, or outside
            wrong = text("service.wrong_window", low=WINDOW_MIN_HOURS, high=WINDOW_MAX_HOURS)
            form.fields["topical_window_hours"].complain(wrong)
            return
        if await visit.submit(
            form, Permission.PEOPLE, lambda who: visit.service.decide(who, rules), control=False
        ):
            flash(text("service.house_kept"))

    with card(text("service.house")):
        tag("p", text("service.house_lead"), "muted")
        form = Form("house")
        form.number(
            "topical_window_hours",
            text("service.window"),
            text("service.hours"),
            str(house.rules.topical_window_hours),
            hint=text("service.window_hint", low=WINDOW_MIN_HOURS, high=WINDOW_MAX_HOURS),
            maxlength=3,
        )
        button(text("service.keep"), keep)


def _complain(text: Catalogue, form: Form, error: ValidationError) -> None:
    for item in error.errors():
        field = form.fields[str(item["loc"][0])]
        field.complain(text("login.give_pin" if field.name == "pin" else "login.give_name"))

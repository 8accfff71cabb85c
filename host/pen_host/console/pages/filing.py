"""A patient's file: who they are, what they use at home, notes, and erasing who they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from nicegui import ui
from pydantic import ValidationError

from ...api.people import Permission, Person, signer
from ...api.routes.filing import EraseAsked
from ...api.service import ConsoleService
from ...errors import PenError
from ...records import made
from ...records.at_rest import copies_of
from ...records.models import Demographics, HomeTool, HomeToolKind, Note, Patient, Sex
from ..fields import Form
from ..numbers import whole
from ..parts import Part
from ..texts import Catalogue
from ..visit import Visit
from ..widgets import Tone, button, card, cells, flash, note, stack, table, tag
from .patient import patient_head
from .private import private_page

UNSAID = ""
"""Sex, where it was not said."""
UM = 1_000
"""In a millimetre."""
_OPTIONAL = ("sex", "phone", "email", "file_number")


def register(console: ConsoleService, text: Catalogue) -> None:
    """Put the page on the server."""
    private_page(console, text, "/patients/{patient_id}/filing", "filing.title", _draw)


async def _draw(visit: Visit, asked: Mapping[str, str]) -> None:
    who = await patient_head(visit, asked["patient_id"], "filing.title")
    if who is None:
        return
    with tag("div", None, "stack", data_private=""):
        await _File(visit, who).draw()


class _File:
    """The page of one patient."""

    def __init__(self, visit: Visit, who: Patient) -> None:
        self._visit = visit
        self._text = visit.text
        self._who = who
        self._patients = visit.service.visiting.clinic.patients
        self._redraw: Callable[[], object] = lambda: None

    async def draw(self) -> None:
        """Who, tools, notes; the way out last."""
        if self._who.demographics is None:
            await self._gone()
        elif self._visit.may(Permission.TREAT):
            with card(self._text("filing.who")):
                self._correct(self._who.demographics)
        part = Part(self._kept)
        self._redraw = part.refresh
        await part()
        if self._who.demographics is not None and self._visit.may(Permission.KEEP):
            with card():
                self._erase()

    async def _kept(self) -> None:
        key = self._who.patient_id
        try:
            tools = await asyncio.to_thread(self._patients.home_tools, key)
            notes = await asyncio.to_thread(self._patients.notes, key)
        except PenError as error:
            note(error.sentence, Tone.DANGER, alert=True)
            return
        with tag("div", None, "half"):
            with card(self._text("filing.home")):
                self._tools(tools)
            with card(self._text("filing.notes")):
                self._notes(notes)

    async def _gone(self) -> None:
        note(self._text("filing.gone"), Tone.OK)
        copies = await asyncio.to_thread(copies_of, self._visit.service.journal.path)
        if copies and self._visit.may(Permission.KEEP):
            note(", ".join(copy.name for copy in copies), Tone.WARN, self._text("filing.copies"))

    # --- who ------------------------------------------------------------------------------------------------------------

    def _correct(self, known: Demographics) -> None:
        text = self._text
        form = Form("who")
        sexes = {UNSAID: text("filing.sex_unsaid"), **{str(one): text(f"filing.sex_{one}") for one in Sex}}
        with tag("div", None, "fields"):
            form.text("full_name", text("patient.full_name"), known.full_name, maxlength=120)
            form.text("birth_date", text("patient.birth_date"), known.birth_date.isoformat(), type="date")
            form.choice("sex", text("filing.sex"), sexes, str(known.sex or UNSAID))
            form.text(
                "phone", text("patient.phone"), known.phone or "", text("patient.phone_hint"), maxlength=40
            )
            form.text("email", text("filing.email"), known.email or "", maxlength=240)
            form.text("file_number", text("patient.file_number"), known.file_number or "", maxlength=40)
        tag("p", text("filing.kept_versions"), "muted small")

        async def correct() -> None:
            given = {name: form[name] or (None if name in _OPTIONAL else "") for name in form.fields}

            def ask(who: Person) -> None:
                told = made(Demographics, "the patient", given)
                self._patients.correct(self._who.patient_id, told, signer(who))

            if await self._visit.submit(form, Permission.TREAT, ask, control=False):
                flash(text("filing.corrected"))

        button(text("filing.correct"), correct, "first")

    # --- at home ----------------------------------------------------------------------------------------------------------

    def _tools(self, tools: tuple[HomeTool, ...]) -> None:
        text = self._text
        tag("p", text("filing.home_lead"), "muted")
        if tools:
            heads = [text(f"filing.{key}") for key in ("tool", "needle", "weekly", "last_used")]
            with table(heads, text("filing.home")):
                for one in tools:
                    last = one.last_used.isoformat() if one.last_used else text("filing.in_use")
                    needle = f"{one.needle_um / 1000:.2f} mm"
                    cells(text(f"filing.tool_{one.tool}"), needle, str(one.times_a_week), last)
        if self._visit.may(Permission.TREAT):
            self._use()

    def _use(self) -> None:
        text = self._text
        form = Form("home")
        kinds = {str(one): text(f"filing.tool_{one}") for one in HomeToolKind}
        with tag("div", None, "fields"):
            form.choice("tool", text("filing.tool"), kinds, str(HomeToolKind.ROLLER))
            form.number("needle_um", text("filing.needle"), "mm")
            form.number("times_a_week", text("filing.weekly"), "", hint=text("filing.weekly_hint"))
            form.text("last_used", text("filing.last_used"), hint=text("filing.last_used_hint"), type="date")

        async def use() -> None:
            form.clear()
            try:
                numbers = {
                    "needle_um": whole(form["needle_um"], UM),
                    "times_a_week": whole(form["times_a_week"], 1),
                }
            except ValueError:
                form.complain(
                    "", [(name, text(f"filing.give_{name}")) for name in ("needle_um", "times_a_week")]
                )
                return
            given: dict[str, Any] = {"tool": form["tool"], **numbers, "last_used": form["last_used"] or None}

            def ask(who: Person) -> None:
                tool = made(HomeTool, "the tool", given)
                self._patients.home_tool(self._who.patient_id, tool, signer(who))

            if await self._visit.submit(form, Permission.TREAT, ask, control=False):
                self._redraw()

        button(text("filing.use"), use, "first")

    # --- notes ------------------------------------------------------------------------------------------------------------

    def _notes(self, notes: tuple[Note, ...]) -> None:
        text = self._text
        for one in reversed(notes):
            with tag("article", None, "said"):
                tag("p", one.text, "said wrap")
                tag("p", f"{one.at:%Y-%m-%d %H:%M} UTC, {one.by.name}", "muted small")
                if self._visit.may(Permission.TREAT):
                    with tag("details", None, "give-up"):
                        tag("summary", text("filing.amend"))
                        with stack():
                            self._write(one)
        if not notes:
            tag("p", text("filing.no_notes"), "muted")
        if self._visit.may(Permission.TREAT):
            self._write(None)

    def _write(self, amends: Note | None) -> None:
        """A new note, or one instead of another; the other stays in the record."""
        text = self._text
        form = Form(f"note-{amends.note_id[:8]}" if amends else "note")
        label = text("filing.instead") if amends else text("filing.note")
        form.words("text", label, amends.text if amends else "", maxlength=4_000)

        async def write() -> None:
            def ask(who: Person) -> None:
                replaced = amends.note_id if amends else None
                self._patients.note(self._who.patient_id, form["text"], signer(who), amends=replaced)

            if await self._visit.submit(form, Permission.TREAT, ask, control=False):
                self._redraw()

        button(text("filing.write"), write, "" if amends else "first")

    # --- the way out --------------------------------------------------------------------------------------------------------

    def _erase(self) -> None:
        text, service = self._text, self._visit.service
        with tag("details", None, "give-up"):
            tag("summary", text("filing.erase"))
            body = stack()
        with body:
            note(text("filing.erase_more"), Tone.WARN)
            form = Form("erase")
            with tag("div", None, "fields"):
                form.text("reason", text("stock.reason"), hint=text("filing.erase_why"), maxlength=200)
                form.text("pin", text("close.pin"), type="password", inputmode="numeric", maxlength=12)

        async def erase() -> None:
            form.clear()
            try:
                asked = EraseAsked(reason=form["reason"], pin=form["pin"])
            except ValidationError as error:
                missing = [str(one["loc"][0]) for one in error.errors()]
                form.complain("", [(name, text(f"filing.give_{name}")) for name in missing])
                return

            def ask(who: Person) -> None:
                service.check_pin(who.name, asked.pin)
                self._patients.erase(self._who.patient_id, asked.reason, signer(who))

            if await self._visit.submit(form, Permission.KEEP, ask, control=False):
                ui.navigate.reload()

        with body:
            button(text("filing.erase_go"), erase)

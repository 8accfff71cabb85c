"""Steps 6 and 7: what stands in the way, preparing the pen, and the way to the live view."""

from __future__ import annotations

import asyncio
from functools import partial

from nicegui import ui
from nicegui.element import Element

from ...api.flow_models import Cleaned, Prepare, TreatmentView
from ...api.models import ClearStop, InterlockView, Link, PenView
from ...api.people import Permission, signer
from ...errors import PenError
from ...records.models import CleaningMethod
from ...session import Operator
from ..fields import Form
from ..parts import Kept, Part
from ..visit import Visit
from ..widgets import Tone, button, card, enter_button, flash, icon, link_button, note, row, sign, stack, tag
from . import common

CLINICIAN = "clinician"


async def draw(visit: Visit, view: TreatmentView) -> None:
    """Each interlock by name, with what to do; then prepare.

    Only what tells of the pen is drawn again when that changes: a button that is drawn again amid a press has lost it.
    """
    text = visit.text
    kept = Kept(lambda: _rests_on(_pen(visit)))
    in_way, by_itself = Part(_in_way), Part(_by_itself)
    go: Element | None = None
    working = view.run is not None and view.run.ending is None
    tag("h1", text("ready.title"))
    tag("p", text("ready.lead"), "lead")
    with tag("div", None, "grid2"):
        with stack():
            with card(text("ready.in_way")):
                await in_way(visit)
            with card():
                if view.run is not None and view.run.error:
                    note(view.run.error, Tone.DANGER, text("ready.failed"), alert=True)
                form = Form()
                if working and view.run is not None:
                    note(view.run.message, Tone.INFO, text("ready.working"))
                else:
                    go = enter_button(text("ready.go"), lambda: _prepare(visit, form, view))
                    _able(go, _pen(visit))
            await _cleaning(visit, view)
        with stack():
            common.so_far(visit, view)
            await by_itself(visit)

    async def again() -> None:
        if go is not None:
            _able(go, _pen(visit))
        await in_way.refresh()
        await by_itself.refresh()

    kept.true(again)


def _pen(visit: Visit) -> PenView:
    return visit.service.state(None).pen


def _rests_on(pen: PenView) -> object:
    return pen.link, pen.complaint, pen.stopped, pen.cause, pen.interlocks


def _blocking(pen: PenView) -> list[InterlockView]:
    return [one for one in pen.interlocks if not one.cured_by_steps]


def _able(made: Element, pen: PenView) -> None:
    if pen.link is Link.CONNECTED and not _blocking(pen):
        made.props(remove="disabled")
    else:
        made.props("disabled")


async def _in_way(visit: Visit) -> None:
    text, pen = visit.text, _pen(visit)
    in_way = _blocking(pen)
    if pen.link is not Link.CONNECTED:
        note(
            pen.complaint or text(f"script.link.{pen.link}_more"), Tone.WARN, text(f"script.link.{pen.link}")
        )
    elif not in_way:
        with row():
            sign(text("ready.nothing"), Tone.OK)
    for one in in_way:
        tone = Tone.DANGER if one.first_cause else Tone.WARN
        with note(f"{one.happened} {one.means}", tone, text.other(f"causes.{one.name}", one.title)):
            tag("strong", one.now)
            if one.first_cause and pen.cause:
                button(
                    text("ready.acknowledge", cause=one.title),
                    partial(_clear, visit, pen.cause),
                    "danger",
                )


async def _by_itself(visit: Visit) -> None:
    cured = [one for one in _pen(visit).interlocks if one.cured_by_steps]
    if not cured:
        return
    with card(visit.text("ready.by_itself")), tag("ul", None, "stack tight"):
        for one in cured:
            with tag("li", None, "row"):
                icon("clock")
                tag("span", visit.text.other(f"causes.{one.name}", one.title), "said")


async def _cleaning(visit: Visit, view: TreatmentView) -> None:
    """The gate between two patients: shown when the record says that the pen wants cleaning."""
    text, serial = visit.text, _pen(visit).serial
    if view.patient is None or serial is None:
        return
    gate = visit.service.visiting.clinic.cleaning
    if not await asyncio.to_thread(gate.check, serial, view.patient.reference):
        return
    with card(text("ready.cleaning")):
        tag("p", text("ready.cleaning_lead"))
        form = Form()
        methods = {one.value: text(f"ready.{one.value}") for one in CleaningMethod}
        form.choice("method", text("ready.method"), methods, CleaningMethod.LOW_LEVEL_DISINFECTION.value)
        form.tick("sheath_changed", text("ready.sheath"))

        async def clean() -> None:
            asked = Cleaned(
                console_id=visit.asking_id,
                method=CleaningMethod(form["method"]),
                sheath_changed=form["sheath_changed"] == "yes",
            )
            if await visit.submit(
                form, Permission.TREAT, lambda who: visit.service.treatment.cleaned(signer(who), asked)
            ):
                visit.cleaned += 1

        button(text("ready.cleaned"), clean)


async def _clear(visit: Visit, cause: str) -> None:
    asked = ClearStop(console_id=visit.asking_id, cause=cause)
    try:
        await visit.ask(Permission.CLEAR_STOP, lambda _who: visit.service.clear(visit.caller(), asked))
    except PenError as error:
        flash(error.sentence, Tone.DANGER)


async def _prepare(visit: Visit, form: Form, view: TreatmentView) -> None:
    """Begin with what was drawn here, not with what the server may have by now."""
    if view.patient is None or view.plan is None:
        return
    asked = Prepare(
        console_id=visit.asking_id, reference=view.patient.reference, plan_digest=view.plan.digest
    )
    await visit.submit(
        form,
        Permission.TREAT,
        lambda who: visit.service.treatment.prepare(Operator(who.name, CLINICIAN), asked),
    )


async def draw_running(visit: Visit, _view: TreatmentView) -> None:
    """The pen works: that is watched on the live view."""
    text = visit.text
    tag("h1", text("steps.treat"))
    with card():
        tag("p", text("ready.runs"), "lead")
        link_button(text("ready.to_live"), "/live", "first big", "next")
    if visit.controls and not visit.shown_live:
        visit.shown_live = True
        ui.navigate.to("/live")

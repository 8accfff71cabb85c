"""Treatment: the steps in their order. The server keeps the order; the page shows the one that is next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pydantic import ValidationError
from starlette.requests import Request

from ...api.flow_models import Cancel, StepState, TreatmentStep, TreatmentView
from ...api.models import TakeControl
from ...api.people import Permission, signer
from ...api.service import ConsoleService
from ...errors import PenError
from ..fields import Form
from ..parts import Kept, Part, page
from ..shell import shell, show_top
from ..steps import cartridge, close, consent, patient, plan, ready, screening
from ..texts import Catalogue
from ..visit import Visit, visit_of
from ..widgets import Tone, button, flash, icon, link_button, note, row, tag

Draw = Callable[[Visit, TreatmentView], Awaitable[None]]
DRAW: dict[TreatmentStep | None, Draw] = {
    None: patient.draw,
    TreatmentStep.SCREENING: screening.draw,
    TreatmentStep.PLAN: plan.draw,
    TreatmentStep.CONSENT: consent.draw,
    TreatmentStep.CARTRIDGE: cartridge.draw,
    TreatmentStep.PEN_READY: ready.draw,
    TreatmentStep.TREAT: ready.draw_running,
    TreatmentStep.CLOSE: close.draw,
}


def register(console: ConsoleService, text: Catalogue) -> None:
    """Put the page on the server."""

    @page("/treat", text("frame.title", page=text("steps.page")))
    async def treat(request: Request) -> None:
        visit = visit_of(console, text, request)
        with shell(visit, "treat"):
            kept, part = Kept(lambda: _key(visit)), Part(_draw)
            shown = [console.treatment.view().step]
            await part(visit)

            async def redraw() -> None:
                await part.refresh()
                if shown[0] != (step := console.treatment.view().step):
                    shown[0] = step
                    show_top()

            kept.true(redraw)


def _key(visit: Visit) -> object:
    view = visit.service.treatment.view()
    run_ = view.run if view.step is TreatmentStep.PEN_READY else None
    return (
        view.step,
        visit.session.person,
        visit.session.locked,
        # not known yet is drawn as control is: what was typed in the first moment must stay
        visit.controls if view.step is TreatmentStep.TREAT else visit.controls is False,
        visit.cleaned,
        (run_.phase, run_.message, run_.ending) if run_ is not None else None,
        # which pen it is says whether it wants cleaning; what else it says is drawn by the step itself
        visit.service.state(None).pen.serial if view.step is TreatmentStep.PEN_READY else None,
    )


async def _draw(visit: Visit) -> None:
    text = visit.text
    view = visit.service.treatment.view()
    _steps(text, view)
    if not visit.may(Permission.TREAT):
        note(text("steps.sign_in"), Tone.INFO)
        with row():
            link_button(text("login.enter"), "/login", "first big")
        return
    if visit.controls is False:
        with note(text("steps.watching"), Tone.INFO), row():
            button(text("steps.take"), lambda: _take(visit))
        return
    await DRAW[view.step](visit, view)
    if view.step is not None and view.step is not TreatmentStep.CLOSE:
        _give_up(visit)


def _steps(text: Catalogue, view: TreatmentView) -> None:
    states = view.steps or tuple(
        StepState(step=step, done=False, current=step is TreatmentStep.PATIENT) for step in TreatmentStep
    )
    with tag("ol", None, "steps", aria_label=text("steps.label")):
        for number, state in enumerate(states, 1):
            kind = "done" if state.done else "now" if state.current else "later"
            item = tag("li", None, f"step {kind}")
            if state.current:
                item.props("aria-current=step")
            name = text(f"steps.{state.step}")
            with item:
                with tag("span", None, "num"):
                    if state.done:
                        icon("ok")
                    tag("span", str(number), "said")
                # said once: with where it stands
                tag("span", name, "name", aria_hidden="true")
                tag("span", text(f"steps.{kind}", name=name), "unseen")


async def _take(visit: Visit) -> None:
    try:
        caller = visit.caller()
        assert caller.console is not None, "this tab is known: it was asked whether it controls"
        asked = TakeControl(console_id=caller.console.console_id, take_over=True)
        await asyncio.to_thread(visit.service.take_control, caller, asked)
    except PenError as error:
        flash(error.sentence, Tone.DANGER)


def _give_up(visit: Visit) -> None:
    text = visit.text
    with tag("details", None, "give-up"):
        tag("summary", text("steps.cancel"))
        form = Form()
        form.text("why", text("steps.cancel_why"), maxlength=200)
        button(text("steps.cancel_do"), lambda: _cancel(visit, form), "danger")


async def _cancel(visit: Visit, form: Form) -> None:
    try:
        asked = Cancel(console_id=visit.asking_id, why=form["why"])
    except ValidationError:
        form.fields["why"].complain(visit.text("steps.cancel_missing"))
        return
    await visit.submit(
        form, Permission.TREAT, lambda who: visit.service.treatment.cancel(signer(who), asked.why)
    )

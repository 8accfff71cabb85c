"""Step 8: what was done, what was seen, what was applied; signed by PIN."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

from nicegui.element import Element
from pydantic import ValidationError

from ...api.flow_models import CloseTreatment, RunView, TreatmentView
from ...api.people import Permission, Person, signer
from ...api.problems import of_error
from ...clauses import clause
from ...errors import PenError
from ...models import Endpoint
from ...records.models import Substance
from ..applied import substances, warning
from ..fields import Form
from ..papers import paper
from ..texts import Catalogue
from ..visit import Visit
from ..widgets import Tone, card, cells, enter_button, facts, note, row, stack, table, tag
from . import common


async def draw(visit: Visit, view: TreatmentView) -> None:
    """Counts by zone on one side, what is recorded and signed on the other."""
    visit.service.office.expect_papers()
    text = visit.text
    tag("h1", text("close.title"))
    tag("p", text("close.lead"), "lead")
    with tag("div", None, "half"):
        with stack():
            if view.run is not None:
                _done(text, view.run)
            _next(text, view)
            _sheet(text, view)
        with card():
            form = _form(text)
            told = Told(stack())
            enter_button(text("close.go"), lambda: _close(visit, form, told))


def _done(text: Catalogue, run: RunView) -> None:
    with card(text("records.facts")):
        if run.ending is not None:
            tone = Tone.OK if run.ending == "completed" else Tone.WARN
            with note(
                text(f"close.ending_{run.ending}"),
                tone,
                text("close.stops", n=run.trips) if run.trips else None,
            ):
                if run.error:
                    tag("span", run.error, "small said")
        heads = [text(f"close.{key}") for key in ("zone", "strokes", "contact", "dose", "target")]
        with table(heads, text("records.facts")):
            for zone in run.zones:
                dose = "–" if zone.dose_per_cm2 is None else str(math.ceil(zone.dose_per_cm2))
                cells(
                    common.zone_name(text, zone.name),
                    text("close.skipped") if zone.skipped else str(zone.strokes),
                    str(zone.contact_strokes),
                    dose,
                    f"{zone.target_low}–{zone.target_high}",
                )
        tag("p", text("close.dose_limit"), "muted small")


def _next(text: Catalogue, view: TreatmentView) -> None:
    with card():
        facts(
            [
                (text("steps.patient"), view.patient.label if view.patient else text("frame.unknown")),
                (text("close.next"), view.next_eligible or text("frame.unknown")),
            ]
        )
        if view.next_why:
            tag("p", view.next_why, "muted small said")


def _sheet(text: Catalogue, view: TreatmentView) -> None:
    """What the patient takes home, on a page of its own when it is printed."""
    lines = view.plan.after_care if view.plan else ()
    if not lines:
        return
    with card(text("close.sheet"), "sheet"):
        tag("p", text("close.sheet_for", name=view.patient.label if view.patient else ""), "muted")
        with tag("ul", None, "bullets"):
            for line in lines:
                tag("li", line, "said")
        if view.next_eligible:
            tag("p", text("close.sheet_next", day=view.next_eligible))
        with row():
            tag("button", text("close.print"), "button quiet", type="button", data_print="")
            if view.visit_id:
                paper(text, "after-care", f"/api/reports/after-care/{view.visit_id}")
        tag("p", text("close.sheet_pdf"), "muted small")


def _form(text: Catalogue) -> Form:
    form = Form()
    endpoints = {"": text("close.choose"), **{one.value: text(f"close.{one}") for one in Endpoint}}
    form.choice("endpoint", text("close.endpoint"), endpoints)
    form.text("topical", text("close.topical"), hint=text("close.topical_hint"), maxlength=200)
    with tag("div", None, "fields"):
        form.choice("topical_substance", text("close.substance"), substances(text), str(Substance.OTHER))
        form.number("topical_minutes_after", text("close.after"), text("close.min"), maxlength=4)
    with tag("div", None, "fields"):
        form.text("next_day", text("close.next_day"), hint=text("close.next_hint"), type="date")
        form.text("earlier_reason", text("close.earlier"), maxlength=200)
    form.words("notes", text("close.notes"), maxlength=4000)
    form.tick("aftercare_given", text("close.aftercare"))
    form.text("pin", text("close.pin"), type="password", inputmode="numeric", maxlength=12)
    return form


@dataclass
class Told:
    """Where warnings about what was applied are shown, and which were."""

    place: Element
    seen: object = None


async def _warned(visit: Visit, asked: CloseTreatment, told: Told) -> bool:
    """Show what is to be told about what was applied, once for each thing; whether it had been shown before.

    Nothing is forbidden by it: who presses again signs.
    """
    key = (asked.topical, asked.topical_substance, asked.topical_minutes_after)
    if asked.topical is None or told.seen == key:
        return True
    found = await visit.ask(
        Permission.TREAT, lambda _who: visit.service.told_of(*visit.service.treatment.applied(asked))
    )
    told.place.clear()
    told.seen = key
    with told.place:
        for one in found:
            warning(visit.text, one.rule_id, one.sentence, one.source)
        if found:
            tag("p", visit.text("close.again"), "", role="alert")
    return not found


async def _close(visit: Visit, form: Form, told: Told) -> None:
    text = visit.text
    form.clear()
    minutes = form["topical_minutes_after"]
    if minutes and not minutes.isdecimal():
        form.fields["topical_minutes_after"].complain(text("plan.not_number", example="15"))
        return
    try:
        asked = CloseTreatment(
            console_id=visit.asking_id,
            endpoint=Endpoint(form["endpoint"]) if form["endpoint"] else None,
            topical=form["topical"] or None,
            topical_substance=Substance(form["topical_substance"]),
            topical_minutes_after=int(minutes) if minutes else None,
            aftercare_given=form["aftercare_given"] == "yes",
            notes=form["notes"] or None,
            next_day=date.fromisoformat(form["next_day"]) if form["next_day"] else None,
            earlier_reason=form["earlier_reason"] or None,
            pin=form["pin"],
        )
    except ValidationError as error:
        for item in error.errors():
            name = str(item["loc"][0])
            form.fields[name].complain(text.other(f"close.wrong_{name}", clause(item)))
        return

    try:
        if not await _warned(visit, asked, told):
            return
    except PenError as error:
        wrong = of_error(error)
        form.complain(wrong.detail, [(one.field, one.message) for one in wrong.errors])
        return

    def sign(who: Person) -> None:
        visit.service.check_pin(who.name, asked.pin)
        visit.service.treatment.close(signer(who), asked)

    signed = visit.service.treatment.view().visit_id
    if await visit.submit(form, Permission.TREAT, sign):
        visit.signed = signed

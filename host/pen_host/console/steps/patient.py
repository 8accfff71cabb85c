"""Step 1: who is treated: found in the clinic's record, or added to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from ...api.flow_models import ChoosePatient, TreatmentView
from ...api.people import Permission, signer
from ...errors import PenError
from ...records import made
from ...records.models import Demographics, Patient
from ..fields import Form
from ..papers import visit_papers
from ..parts import Part
from ..texts import Catalogue
from ..visit import Visit
from ..widgets import Tone, button, card, enter_button, note, row, stack, tag
from . import common

FOUND_MAX = 8


async def draw(visit: Visit, _view: TreatmentView) -> None:
    """Find on one side, add on the other."""
    text = visit.text
    tag("h1", text("patient.title"))
    tag("p", text("patient.lead"), "lead")
    if visit.signed is not None:
        with note(text("patient.signed_more"), Tone.OK, text("patient.signed")):
            visit_papers(text, visit.signed, "")
    with tag("div", None, "grid2"):
        with stack():
            await _find(visit)
        with card(text("patient.add")):
            _add(visit)


async def _find(visit: Visit) -> None:
    text = visit.text
    problem = Form.unmade()

    async def begin(patient_id: str) -> None:
        await _begin(visit, problem, patient_id)

    def search() -> None:
        found.refresh()

    with card():
        form = Form()
        form.text("find", text("patient.search"), hint=text("patient.search_hint"), maxlength=120)
        enter_button(text("patient.find"), search, "first")

    @Part
    async def found() -> None:
        try:
            patients = await asyncio.to_thread(
                visit.service.visiting.clinic.patients.find, form["find"], FOUND_MAX
            )
        except PenError as error:
            note(error.sentence, Tone.DANGER, alert=True)
            return
        _list(text, patients, begin)

    with card(text("patient.known")):
        problem = Form()
        await found()


def _list(text: Catalogue, patients: tuple[Patient, ...], begin: Callable[[str], Awaitable[None]]) -> None:
    if not patients:
        tag("p", text("patient.nobody"), "muted", role="status")
        return
    with tag("ul", None, "people"):
        for one in patients:
            born = one.demographics.birth_date.isoformat() if one.demographics else text("frame.unknown")
            with tag("li", None, "person"):
                with tag("div", None, "body"):
                    tag("strong", one.label, "said")
                    tag("span", text("patient.told", born=born, reference=one.patient_id), "muted small")
                made_button = button(text("patient.go"), partial(begin, one.patient_id))
                made_button.props.update({"aria-label": text("patient.go_with", name=one.label)})


def _add(visit: Visit) -> None:
    text = visit.text
    form = Form()
    form.text("full_name", text("patient.full_name"), maxlength=120)
    form.text("birth_date", text("patient.birth_date"), type="date")
    form.text("file_number", text("patient.file_number"), hint=text("patient.optional"), maxlength=40)
    form.text("phone", text("patient.phone"), hint=text("patient.phone_hint"), type="tel", maxlength=40)
    with row():
        enter_button(text("patient.add_go"), lambda: _add_and_begin(visit, form), "first")


async def _add_and_begin(visit: Visit, form: Form) -> None:
    values = {name: form[name] for name in ("full_name", "birth_date", "file_number", "phone") if form[name]}
    added: list[Patient] = []

    def add(by: common.Who) -> None:
        who = made(Demographics, "the patient", values)
        added.append(visit.service.visiting.clinic.patients.add(who, signer(by)))

    if await visit.submit(form, Permission.TREAT, add):
        await _begin(visit, form, added[0].patient_id)


async def _begin(visit: Visit, form: Form, patient_id: str) -> None:
    asked = ChoosePatient(console_id=visit.asking_id, reference=patient_id)
    await visit.submit(
        form, Permission.TREAT, lambda who: visit.service.treatment.choose_patient(who.name, asked)
    )

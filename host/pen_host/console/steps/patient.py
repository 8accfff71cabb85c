"""Step 1: who is treated."""

from __future__ import annotations

from pydantic import ValidationError

from ...api.flow_models import ChoosePatient, TreatmentView
from ...api.people import Permission
from ..visit import Visit
from ..widgets import Form, card, enter_button, tag


async def draw(visit: Visit, _view: TreatmentView) -> None:
    """The reference of the patient."""
    text = visit.text
    tag("h1", text("patient.title"))
    tag("p", text("patient.lead"), "lead")
    with card(classes="form"):
        form = Form()
        form.text("reference", text("patient.reference"), hint=text("patient.reference_hint"), maxlength=40, autofocus=True)
        enter_button(text("patient.go"), lambda: _begin(visit, form), icon_name="next")


async def _begin(visit: Visit, form: Form) -> None:
    form.clear()
    try:
        asked = ChoosePatient(console_id=visit.console_id or "not-known", reference=form["reference"])
    except ValidationError:
        form.fields["reference"].complain(visit.text("patient.wrong" if form["reference"] else "patient.missing"))
        return
    await visit.submit(form, Permission.TREAT, lambda who: visit.service.treatment.choose_patient(who.name, asked))

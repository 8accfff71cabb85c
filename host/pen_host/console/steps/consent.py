"""Step 4: what the patient agrees to, word for word."""

from __future__ import annotations

import asyncio

from ...api.flow_models import GiveConsent, TreatmentView
from ...api.people import Permission, signer
from ...errors import PenError
from ..fields import Form
from ..visit import Visit
from ..widgets import Tone, card, enter_button, note, sign, stack, tag
from . import common


async def draw(visit: Visit, view: TreatmentView) -> None:
    """The text, and what is ticked below it."""
    text = visit.text
    tag("h1", text("consent.title"))
    tag("p", text("consent.lead"), "lead")
    try:
        consent = await asyncio.to_thread(visit.service.visiting.consent_text)
    except PenError as error:
        note(error.sentence, Tone.DANGER)
        return
    off_label = view.plan is not None and view.plan.off_label
    with tag("div", None, "grid2"):
        with card():
            if off_label:
                sign(text("plan.off_label"), Tone.WARN)
            tag("h2", consent.title, "said")
            with tag("div", None, "letter said"):
                for paragraph in consent.body.split("\n\n"):
                    tag("p", " ".join(paragraph.splitlines()))
            form = Form()
            if off_label:
                form.tick("off_label_said", text("consent.off_label"))
            form.tick("agreed", text("consent.agreed"))
            enter_button(text("consent.go"), lambda: _go_on(visit, form, consent.digest), icon_name="next")
        with stack():
            common.so_far(visit, view)
            for one in view.findings:
                common.finding(text, one)


async def _go_on(visit: Visit, form: Form, sha256: str) -> None:
    asked = GiveConsent(
        console_id=visit.asking_id,
        text_sha256=sha256,
        agreed=form["agreed"] == "yes",
        off_label_said="off_label_said" in form.fields and form["off_label_said"] == "yes",
    )
    await visit.submit(
        form, Permission.TREAT, lambda who: visit.service.treatment.give_consent(signer(who), asked)
    )

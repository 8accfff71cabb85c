"""Step 5: the cartridge in the pen, refused with the reason."""

from __future__ import annotations

from pydantic import ValidationError

from ...api.flow_models import CheckCartridge, TreatmentView
from ...api.people import Permission, signer
from ..fields import Form
from ..visit import Visit
from ..widgets import Tone, card, enter_button, note, stack, tag
from . import common

CARTRIDGE = "CARTRIDGE_"


async def draw(visit: Visit, view: TreatmentView) -> None:
    """What the pen says about the cartridge now, and reading it."""
    text = visit.text
    tag("h1", text("cartridge.title"))
    tag("p", text("cartridge.lead"), "lead")
    with tag("div", None, "grid2"):
        with card():
            for one in visit.service.state(None).pen.interlocks:
                if one.name.startswith(CARTRIDGE) and not one.cured_by_steps:
                    note(f"{one.happened} {one.now}", Tone.WARN, one.title)
            form = Form()
            form.text("scanned", text("cartridge.scan"), hint=text("cartridge.scan_hint"), maxlength=200)
            enter_button(text("cartridge.read"), lambda: _read(visit, form), icon_name="next")
        with stack():
            common.so_far(visit, view)


async def _read(visit: Visit, form: Form) -> None:
    form.clear()
    try:
        asked = CheckCartridge(console_id=visit.asking_id, scanned=form["scanned"] or None)
    except ValidationError as error:
        form.fields["scanned"].complain(str(error.errors()[0]["msg"]))
        return
    await visit.submit(
        form, Permission.TREAT, lambda who: visit.service.treatment.check_cartridge(signer(who), asked)
    )

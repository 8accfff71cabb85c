"""Step 5: the cartridge in the pen, refused with the reason."""

from __future__ import annotations

from nicegui import ui
from pydantic import ValidationError

from ...api.flow_models import CheckCartridge, TreatmentView
from ...api.models import InterlockView
from ...api.people import Permission, signer
from ...clauses import clause
from ..fields import Form
from ..parts import Kept
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
            # drawn again by itself when the pen says something else: what was scanned stays
            kept, told = Kept(lambda: _locks(visit)), ui.refreshable(_told)
            told(visit)
            kept.true(told.refresh)
            form = Form()
            form.text("scanned", text("cartridge.scan"), hint=text("cartridge.scan_hint"), maxlength=200)
            enter_button(text("cartridge.read"), lambda: _read(visit, form), icon_name="next")
        with stack():
            common.so_far(visit, view)


def _locks(visit: Visit) -> tuple[InterlockView, ...]:
    locks = visit.service.state(None).pen.interlocks
    return tuple(one for one in locks if one.name.startswith(CARTRIDGE) and not one.cured_by_steps)


def _told(visit: Visit) -> None:
    for one in _locks(visit):
        note(f"{one.happened} {one.now}", Tone.WARN, visit.text.other(f"causes.{one.name}", one.title))


async def _read(visit: Visit, form: Form) -> None:
    form.clear()
    try:
        asked = CheckCartridge(console_id=visit.asking_id, scanned=form["scanned"] or None)
    except ValidationError as error:
        form.fields["scanned"].complain(clause(error.errors()[0]))
        return
    await visit.submit(
        form, Permission.TREAT, lambda who: visit.service.treatment.check_cartridge(signer(who), asked)
    )

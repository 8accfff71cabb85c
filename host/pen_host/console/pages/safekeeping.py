"""For admins: is the record encrypted, where is its key, and what is typed to change that once the console is closed."""

from __future__ import annotations

import asyncio

from ...api.people import Permission
from ...api.routes import safekeeping
from ...api.safekeeping import ProtectionView
from ...errors import PenError
from ..texts import Catalogue
from ..visit import Visit
from ..widgets import Tone, card, facts, note, row, sign, stack, tag


async def safekeeping_card(visit: Visit) -> None:
    """How the record is protected; nothing for whoever does not keep the accounts."""
    text = visit.text
    if not visit.may(Permission.PEOPLE):
        return
    with card(text("safekeeping.title")), stack():
        try:
            view = await asyncio.to_thread(safekeeping.at_rest, visit.service, visit.session)
        except PenError as error:
            note(error.sentence, Tone.DANGER)
            return
        _shown(text, view)


def _shown(text: Catalogue, view: ProtectionView) -> None:
    with row():
        if view.encrypted:
            sign(text("safekeeping.encrypted"), Tone.OK)
        else:
            sign(text("safekeeping.plain"), Tone.WARN)
    tag("p", text("safekeeping.encrypted_more" if view.encrypted else "safekeeping.plain_more"))
    where = "safekeeping.kept_in" if view.encrypted else "safekeeping.would_be"
    facts([(text("safekeeping.record"), view.record), (text(where), view.kept_in)])
    if view.key_on_disk:
        note(text("safekeeping.on_disk"), Tone.WARN)
    if view.exposed:
        note(", ".join(view.exposed), Tone.WARN, text("safekeeping.exposed"))
    if not view.possible:
        note(text("safekeeping.no_extra"), Tone.INFO)
        return
    tag("h3", text("safekeeping.change"))
    tag("p", text("safekeeping.closed_first"))
    for change, command in view.commands.items():
        tag("p", text(f"safekeeping.do_{change.value.replace('-', '_')}"), "muted")
        tag("p", command, "mono wrap said")

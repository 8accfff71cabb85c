"""One patient: who it is, what can be done for them, and everything that happened, newest first."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from ...api.service import ConsoleService
from ...errors import PenError
from ...records.models import Patient, TimelineItem
from ..papers import paper, visit_papers
from ..texts import Catalogue
from ..visit import Visit
from ..widgets import Tone, card, facts, link_button, note, row, sign, tag
from .private import private_page

PARTS = ("filing", "consents", "photographs", "measures", "aftercare")
"""Pages of a patient, below theirs."""


def register(console: ConsoleService, text: Catalogue) -> None:
    """Put the page on the server."""
    private_page(console, text, "/patients/{patient_id}", "records.patient", _draw)


async def patient_head(visit: Visit, patient_id: str, title: str) -> Patient | None:
    """Way back and heading of a patient's page; None, with a sentence on the page, where there is no such patient."""
    text = visit.text
    try:
        who = await asyncio.to_thread(visit.service.visiting.clinic.patients.get, patient_id)
    except PenError as error:
        with row():
            link_button(text("records.back"), "/records", "quiet slim")
        tag("h1", text("records.patient"))
        note(error.sentence, Tone.DANGER)
        return None
    with row():
        link_button(text("records.to_patient"), f"/patients/{who.patient_id}", "quiet slim")
    tag("h1", text(title))
    tag("p", who.label, "lead said")
    return who


async def _draw(visit: Visit, asked: Mapping[str, str]) -> None:
    text, clinic = visit.text, visit.service.visiting.clinic
    with row():
        link_button(text("records.back"), "/records", "quiet slim")
    try:
        who = await asyncio.to_thread(clinic.patients.get, asked["patient_id"])
        items = await asyncio.to_thread(clinic.timeline, who.patient_id)
    except PenError as error:
        tag("h1", text("records.patient"))
        note(error.sentence, Tone.DANGER)
        return
    tag("h1", who.label, "said")
    with row():
        for part in PARTS:
            link_button(text(f"{part}.title"), f"/patients/{who.patient_id}/{part}", "quiet slim")
        paper(text, "course", f"/api/reports/course/{who.patient_id}")
    with card():
        facts(_known(text, who))
    with card(text("records.patient_timeline")):
        if not items:
            tag("p", text("records.none"), "muted")
        with tag("ol", None, "timeline"):
            for item in items:
                _item(text, item)


def _known(text: Catalogue, who: Patient) -> list[tuple[str, str]]:
    pairs = [(text("records.reference"), who.patient_id)]
    if who.demographics is not None:
        pairs += [
            (text("patient.birth_date"), who.demographics.birth_date.isoformat()),
            (text("patient.file_number"), who.demographics.file_number or text("frame.none")),
            (text("patient.phone"), who.demographics.phone or text("frame.none")),
        ]
    return pairs


def _item(text: Catalogue, item: TimelineItem) -> None:
    with tag("li", None, "moment"):
        tag("span", item.at.astimezone().strftime("%Y-%m-%d %H:%M"), "muted small said")
        with tag("div", None, "body"):
            with row():
                sign(text.other(f"timeline.{item.kind}", item.kind.replace("_", " ")), Tone.ACCENT)
                tag("strong", item.title, "said")
            if item.kind == "topical" and item.details.get("detail"):
                tag("span", str(item.details["detail"]), "said")
            tag("span", text("records.by", name=item.by.name), "muted small")
            for session in item.details.get("sessions", ()):
                key = session["session_id"]
                tag("a", text("records.session_link", key=key), "link", href=f"/records/{key}")
            if item.kind == "photograph":
                href = f"/patients/{item.details['patient_id']}/photographs?view={item.details['view']}"
                tag("a", text("photographs.show"), "link", href=href)
            if item.kind == "visit" and item.details.get("sessions"):
                visit_papers(text, item.key, str(item.details["day"]))

"""A patient's consents: what was signed and by whom, another signature, one taken back and what follows from that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from nicegui import ui
from pydantic import ValidationError

from ...api.consenting import SignConsent, WithdrawConsent
from ...api.people import Permission, Person, signer
from ...api.service import ConsoleService
from ...errors import PenError
from ...records.models import Consent, ConsentText, Relation, SignedOn
from ..fields import Form
from ..parts import Part
from ..texts import Catalogue
from ..visit import Visit
from ..widgets import Tone, button, card, facts, flash, note, sign, stack, tag
from .patient import patient_head
from .private import private_page


def register(console: ConsoleService, text: Catalogue) -> None:
    """Put the page on the server."""
    private_page(console, text, "/patients/{patient_id}/consents", "consents.title", _draw)


async def _draw(visit: Visit, asked: Mapping[str, str]) -> None:
    who = await patient_head(visit, asked["patient_id"], "consents.title")
    if who is None:
        return
    patient_id, desk = who.patient_id, visit.service.consenting
    label = who.label

    @Part
    async def shown() -> None:
        try:
            found = await asyncio.to_thread(visit.service.visiting.clinic.consents.of, patient_id)
            texts = await asyncio.to_thread(desk.texts)
        except PenError as error:
            note(error.sentence, Tone.DANGER, alert=True)
            return
        if not found:
            with card():
                tag("p", visit.text("consents.none"), "muted")
        for one in found:
            with card():
                _one(visit, one, shown.refresh)
        if visit.may(Permission.TREAT) and texts:
            with card(visit.text("consents.sign")):
                _sign(visit, patient_id, label, texts, shown.refresh)

    with tag("div", None, "stack", data_private=""):
        await shown()


def _one(visit: Visit, one: Consent, changed: Callable[[], object]) -> None:
    text = visit.text
    tag(
        "h2",
        text("consents.version", name=text.other(f"consents.of_{one.name}", one.name), version=one.version),
        "said",
    )
    if one.withdrawn_at is None:
        sign(text("consents.stands"), Tone.OK)
    else:
        sign(text("consents.withdrawn"), Tone.WARN)
    facts(
        [
            (text("consents.signed_by"), one.signed_by),
            (text("consents.relation"), text(f"consents.relation_{one.relation}")),
            (text("consents.signed_on"), text(f"consents.on_{one.signed_on}")),
            (text("consents.signed_at"), f"{one.signed_at:%Y-%m-%d %H:%M} UTC"),
            (text("consents.witness"), one.witnessed_by.name),
        ]
    )
    if one.withdrawn_at is not None:
        facts(
            [
                (text("consents.withdrawn_at"), f"{one.withdrawn_at:%Y-%m-%d %H:%M} UTC"),
                (text("consents.why"), one.withdrawn_reason or text("frame.unknown")),
            ]
        )
    elif visit.may(Permission.TREAT):
        _withdraw(visit, one, changed)


def _withdraw(visit: Visit, one: Consent, changed: Callable[[], object]) -> None:
    text, service = visit.text, visit.service
    with tag("details", None, "give-up"):
        tag("summary", text("consents.withdraw"))
        body = stack()
    with body:
        note(text.other(f"consents.follows_{one.name}", text("consents.follows")), Tone.WARN)
        form = Form(f"w-{one.consent_id[:8]}")
        with tag("div", None, "fields"):
            form.text("reason", text("consents.reason"), hint=text("consents.reason_hint"), maxlength=200)
            form.text("pin", text("close.pin"), type="password", inputmode="numeric", maxlength=12)

        async def withdraw() -> None:
            form.clear()
            try:
                asked = WithdrawConsent(reason=form["reason"], pin=form["pin"])
            except ValidationError as error:
                form.complain("", _told(text, error))
                return

            def taken(who: Person) -> None:
                service.check_pin(who.name, asked.pin)
                service.consenting.withdraw(one.consent_id, asked.reason, signer(who))

            if await visit.submit(form, Permission.TREAT, taken, control=False):
                flash(text("consents.is_withdrawn"))
                changed()

        button(text("consents.withdraw_go"), withdraw, "first")


def _sign(
    visit: Visit, patient_id: str, label: str, texts: tuple[ConsentText, ...], changed: Callable[[], object]
) -> None:
    text = visit.text
    form = Form("sign")
    known = {one.digest: one for one in texts}
    names = {one.digest: text("consents.version", name=one.title, version=one.version) for one in texts}
    field = form.choice("text_sha256", text("consents.text"), names, texts[0].digest)

    @ui.refreshable
    def read() -> None:
        with tag("div", None, "letter said"):
            for paragraph in known[form["text_sha256"]].body.split("\n\n"):
                tag("p", " ".join(paragraph.splitlines()))

    read()
    field.control.on("change", read.refresh, args=[])
    with tag("div", None, "fields"):
        form.text("signed_by", text("consents.signed_by"), label, maxlength=120)
        relations = {str(one): text(f"consents.relation_{one}") for one in Relation}
        form.choice("relation", text("consents.relation"), relations, str(Relation.PATIENT))
        places = {str(one): text(f"consents.on_{one}") for one in SignedOn}
        form.choice("signed_on", text("consents.signed_on"), places, str(SignedOn.PAPER))

    async def signed() -> None:
        form.clear()
        try:
            asked = SignConsent(
                text_sha256=form["text_sha256"],
                signed_by=form["signed_by"],
                relation=Relation(form["relation"]),
                signed_on=SignedOn(form["signed_on"]),
            )
        except ValidationError as error:
            form.complain("", _told(text, error))
            return
        if await visit.submit(
            form,
            Permission.TREAT,
            lambda who: visit.service.consenting.sign(patient_id, asked, signer(who)),
            control=False,
        ):
            flash(text("consents.is_signed"))
            changed()

    button(text("consents.sign_go"), signed, "first")


def _told(text: Catalogue, error: ValidationError) -> list[tuple[str, str]]:
    """What is missing, at its field and in words."""
    return [(str(one["loc"][0]), text(f"consents.give_{one['loc'][0]}")) for one in error.errors()]

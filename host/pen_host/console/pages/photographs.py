"""A patient's photographs: taken in with consent, by fixed views, two of a view side by side. No browser keeps them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments

from ...api.people import Permission, signer
from ...api.service import ConsoleService
from ...errors import PenError
from ...records.models import Photo, View
from ...records.photo_access import Absence, NotShown
from ..fields import Form
from ..parts import Part
from ..texts import Catalogue
from ..visit import Visit
from ..widgets import Tone, button, card, flash, note, row, tag
from .patient import patient_head
from .private import private_page

ACCEPT = "image/jpeg,image/png,image/webp,image/tiff"


def register(console: ConsoleService, text: Catalogue) -> None:
    """Put the page on the server."""
    private_page(console, text, "/patients/{patient_id}/photographs", "photographs.title", _draw)


async def _draw(visit: Visit, asked: Mapping[str, str]) -> None:
    who = await patient_head(visit, asked["patient_id"], "photographs.title")
    if who is None:
        return
    shown = _Shown(visit, who.patient_id, asked.get("view"))
    await shown.draw()


class _Shown:
    """The page of one patient."""

    def __init__(self, visit: Visit, patient_id: str, view: str | None) -> None:
        self._visit = visit
        self._text = visit.text
        self._patient_id = patient_id
        self._view = view
        self._form = Form.unmade()

    async def draw(self) -> None:
        """Compare, add, and everything by view."""
        with tag("div", None, "stack", data_private=""):
            self._pictures = Part(self._all)
            await self._pictures()
            if self._visit.may(Permission.TREAT):
                self._adding = Part(self._add)
                await self._adding()
                ui.on("pen-photograph", self._sent)

    # --- looking --------------------------------------------------------------------------------------------------------

    async def _all(self) -> None:
        text, known = self._text, self._visit.service.visiting.clinic.photos
        try:
            found = await asyncio.to_thread(known.of, self._patient_id)
            not_shown = await asyncio.to_thread(known.not_shown, self._patient_id)
        except PenError as error:
            note(error.sentence, Tone.DANGER, alert=True)
            return
        withheld = [one for one in not_shown.values() if one.reason is Absence.NO_CONSENT]
        if withheld:
            _withheld(text, withheld[0], found)
            return
        if not found:
            with card():
                tag("p", text("photographs.none"), "muted")
            return
        by_view = _by_view([photo for photo in found if photo.photo_id not in not_shown])
        if by_view:
            chosen = next(
                (view for view in by_view if view == self._view), max(by_view, key=lambda v: len(by_view[v]))
            )
            with card(text("photographs.compare")):
                self._compare(by_view, chosen)
        for view, photos in _by_view(found).items():
            with card(text(f"photographs.view_{view}")), tag("ul", None, "pictures"):
                for photo in reversed(photos):
                    _small(text, photo, not_shown.get(photo.photo_id))

    def _compare(self, by_view: Mapping[View, Sequence[Photo]], chosen: View) -> None:
        text = self._text
        form = Form("compare")
        names = {str(view): text(f"photographs.view_{view}") for view in by_view}
        form.choice("view", text("photographs.view"), names, str(chosen))

        def other() -> None:
            self._view = form["view"]
            self._pictures.refresh()

        button(text("photographs.show"), other, "quiet slim")
        with tag("div", None, "compare"):
            for name, photo in (("first", by_view[chosen][0]), ("last", by_view[chosen][-1])):
                _side(text, form, name, by_view[chosen], photo)

    # --- adding ---------------------------------------------------------------------------------------------------------

    async def _add(self) -> None:
        text, desk = self._text, self._visit.service.office.photos
        try:
            words, stands = await asyncio.to_thread(
                lambda: (desk.text(), desk.standing(self._patient_id) is not None)
            )
        except PenError as error:
            note(error.sentence, Tone.DANGER, alert=True)
            return
        if stands:
            with card(text("photographs.add")):
                self._fields()
        elif words is None:
            note(text("photographs.no_text"), Tone.WARN)
        else:
            with card():
                tag("h2", words.title, "said")
                for part in words.body.split("\n\n"):
                    tag("p", part, "said")
                self._agree(words.digest)

    def _agree(self, digest: str) -> None:
        text, service = self._text, self._visit.service
        form = Form("consent")
        form.tick("text_sha256", text("photographs.agrees"))

        async def agree() -> None:
            if form["text_sha256"] != "yes":
                form.fields["text_sha256"].complain(text("photographs.must_agree"))
                return
            if await self._visit.submit(
                form,
                Permission.TREAT,
                lambda who: service.office.photos.consent(self._patient_id, digest, signer(who)),
                control=False,
            ):
                self._adding.refresh()
                self._pictures.refresh()

        button(text("photographs.agree"), agree, "first")

    def _fields(self) -> None:
        text = self._text
        tag("p", text("photographs.add_lead"), "muted")
        form = self._form = Form()
        form.file("file", text("photographs.file"), ACCEPT, text("photographs.file_hint"))
        with tag("div", None, "fields"):
            views = {str(view): text(f"photographs.view_{view}") for view in View}
            form.choice("view", text("photographs.view"), views, self._view or str(View.SCALP_VERTEX))
            today = self._visit.service.visiting.today().isoformat()
            form.text("day", text("photographs.day"), today, type="date")
        form.text("note", text("photographs.note"), maxlength=200)
        with row():
            made = tag("button", None, "button first", type="button", data_send_photograph=self._patient_id)
            with made:
                tag("span", text("photographs.send"))

    async def _sent(self, event: GenericEventArguments) -> None:
        """What became of it, as the page's script was told."""
        told: dict[str, Any] = event.args
        self._form.clear()
        if told.get("done"):
            self._view = self._form["view"]
            flash(self._text("photographs.added"))
            self._pictures.refresh()
            return
        errors = [(str(one["field"]), str(one["message"])) for one in told.get("errors", ())]
        self._form.complain(str(told.get("detail", "")), errors)


def _side(text: Catalogue, form: Form, name: str, photos: Sequence[Photo], photo: Photo) -> None:
    """One half of the comparison, with the choice of its day."""
    with tag("div", None, "stack"):
        days = {one.photo_id: one.day.isoformat() for one in photos}
        field = form.choice(name, text(f"photographs.{name}"), days, photo.photo_id)
        picture = tag("img", None, "picture", src=_source(photo.photo_id), alt=_alt(text, photo))
        known = {one.photo_id: one for one in photos}

        def show() -> None:
            now = known[form[name]]
            picture.props.update({"src": _source(now.photo_id), "alt": _alt(text, now)})

        field.control.on("change", show, args=[])


def _withheld(text: Catalogue, why: NotShown, photos: Sequence[Photo]) -> None:
    """What follows where no consent stands: days and views, and no picture."""
    note(why.sentence, Tone.WARN)
    with card(text("photographs.kept")), tag("ul", None, "plain"):
        for photo in photos:
            tag("li", _alt(text, photo), "said")


def _by_view(photos: Sequence[Photo]) -> dict[View, list[Photo]]:
    """Photographs by the view they were taken from, in their order."""
    found: dict[View, list[Photo]] = {}
    for photo in photos:
        found.setdefault(photo.view, []).append(photo)
    return found


def _small(text: Catalogue, photo: Photo, not_shown: NotShown | None) -> None:
    """One photograph; a sentence instead where its picture is not given out."""
    with tag("li"), tag("figure", None, "small-picture"):
        if not_shown is not None:
            tag("p", not_shown.sentence, "muted small said")
        else:
            with tag("a", None, "", href=_source(photo.photo_id), target="_blank"):
                tag("img", None, "", src=_source(photo.photo_id), alt=_alt(text, photo), loading="lazy")
        with tag("figcaption"):
            tag("span", photo.day.isoformat(), "said")
            if photo.note:
                tag("span", photo.note, "muted small said")


def _source(photo_id: str) -> str:
    return f"/api/photographs/{photo_id}"


def _alt(text: Catalogue, photo: Photo) -> str:
    return text("photographs.alt", view=text(f"photographs.view_{photo.view}"), day=photo.day.isoformat())

"""Everybody treated by a preset, as a trial would table them: means with their unit, intervals, responders, who is left out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial

from ...api.routes import outcomes
from ...api.routes.outcomes import WEEK_MAX, ArmView, ShareView
from ...api.service import ConsoleService
from ...errors import PenError
from ..fields import Form
from ..parts import Part
from ..texts import Catalogue
from ..visit import Visit
from ..widgets import Tone, card, cells, enter_button, facts, link_button, note, row, table, tag
from .private import private_page

WEEK = "12"


def register(console: ConsoleService, text: Catalogue) -> None:
    """Put the page on the server."""
    private_page(console, text, "/cohort", "cohort.title", _draw)


async def _draw(visit: Visit, asked: Mapping[str, str]) -> None:
    text = visit.text
    with row():
        link_button(text("records.all"), "/records", "quiet slim")
    tag("h1", text("cohort.title"))
    tag("p", text("cohort.lead"), "lead")
    titles = await asyncio.to_thread(visit.service.visiting.clinic.presets.titles)

    @Part
    async def shown() -> None:
        await _show(visit, form)

    with card():
        form = Form()
        with tag("div", None, "fields"):
            form.choice(
                "preset_id", text("cohort.preset"), titles, asked.get("preset") or next(iter(titles), "")
            )
            form.text(
                "week", text("cohort.week"), asked.get("week") or WEEK, inputmode="numeric", maxlength=3
            )
        form.tick("together", text("cohort.together"), hint=text("cohort.together_hint"))
        enter_button(text("cohort.show"), shown.refresh, "first")
    await shown()


async def _show(visit: Visit, form: Form) -> None:
    text = visit.text
    form.clear()
    if not form["week"].isdecimal() or not 1 <= int(form["week"]) <= WEEK_MAX:
        form.fields["week"].complain(text("cohort.wrong_week", most=WEEK_MAX))
        return
    try:
        asked = partial(outcomes.cohort, together=bool(form["together"]))
        found = await asyncio.to_thread(
            asked, visit.service, visit.session, form["preset_id"], int(form["week"])
        )
    except PenError as error:
        note(error.sentence, Tone.DANGER, text("cohort.refused"), alert=True)
        return
    if found.pooled:
        note(found.pooled, Tone.WARN)
    if found.of_several:
        note(text("cohort.of_several", n=found.of_several), Tone.INFO)
    for arm in found.arms:
        _table(text, arm, found.week)


def _table(text: Catalogue, found: ArmView, week: int) -> None:
    at = text("cohort.at", week=week)
    title = text("cohort.of_version", version=found.version, at=at) if found.version else at
    with card(title):
        facts([(text("cohort.patients"), str(found.patients))])
        heads = [text(f"cohort.{key}") for key in ("measure", "result", "interval", "n")]
        with table(heads, title):
            change = found.change
            if change is None:
                cells(text("cohort.change"), text("cohort.nobody"), "", "0")
            else:
                interval = text("cohort.too_few")
                if change.low is not None and change.high is not None:
                    interval = text(
                        "cohort.interval_of", low=f"{change.low:+.1f}", high=f"{change.high:+.1f}"
                    )
                spread = "" if change.sd is None else text("cohort.sd", sd=f"{change.sd:.1f}")
                cells(
                    text("cohort.change"),
                    f"{change.mean:+.1f} {change.unit}{spread}",
                    interval,
                    str(change.n),
                )
            _share(text, "blinded", found.blinded)
            _share(text, "own", found.own)
        left = "; ".join(f"{count}: {reason}" for reason, count in found.left_out.items())
        facts([(text("cohort.left_out"), left or text("cohort.nobody_left"))])
        tag("p", text("cohort.honest"), "muted small")


def _share(text: Catalogue, key: str, share: ShareView | None) -> None:
    if share is None:
        cells(text(f"cohort.{key}"), text("cohort.nobody_rated"), "", "0")
        return
    part = text(
        "cohort.share",
        responders=share.responders,
        n=share.n,
        percent=f"{100 * share.responders / share.n:.0f}",
    )
    interval = text("cohort.percent_of", low=f"{100 * share.low:.0f}", high=f"{100 * share.high:.0f}")
    cells(text(f"cohort.{key}"), part, interval, str(share.n))

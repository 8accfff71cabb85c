"""Presets: all of them with what they rest on, one of them whole, and the clinic's own made and changed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from nicegui import ui

from ...api.people import Permission
from ...api.problems import of_error
from ...api.protocols import PresetView, VersionView
from ...api.service import ConsoleService
from ...errors import PenError
from ...presets import Preset
from .. import preset_fields
from ..fields import Form
from ..numbers import shown
from ..presses import wrote
from ..texts import Catalogue
from ..visit import Visit
from ..widgets import Tone, button, card, cells, facts, link_button, note, row, sign, stack, table, tag
from .private import private_page

TO_WRONG = "(document.querySelector('[aria-invalid=true]') ?? document.querySelector('h1')).focus()"
"""The form is long: eyes and keyboard go to what is wrong."""


def register(console: ConsoleService, text: Catalogue) -> None:
    """Put the pages on the server."""
    private_page(console, text, "/presets", "presets.title", _list)
    private_page(console, text, "/presets/{preset_id}", "presets.title", _one)
    private_page(console, text, "/presets/{preset_id}/{change}", "presets.title", _edit)


async def _list(visit: Visit, _asked: Mapping[str, str]) -> None:
    text = visit.text
    with row():
        link_button(text("records.all"), "/records", "quiet slim")
    tag("h1", text("presets.title"))
    tag("p", text("presets.lead"), "lead")
    desk = visit.service.office.protocols
    try:
        found = await asyncio.to_thread(desk.all)
        unusable = await asyncio.to_thread(desk.unusable)
    except PenError as error:
        note(error.sentence, Tone.DANGER, alert=True)
        return
    for sentence in unusable:
        note(sentence, Tone.DANGER, text("presets.unusable"), alert=True)
    heads = [text(f"presets.{key}") for key in ("title_head", "use", "evidence", "interval", "from")]
    with card(), table(heads, text("presets.title")):
        for one in found:
            preset = one.preset
            cells(
                partial(tag, "a", preset.title, "link said", href=f"/presets/{preset.preset_id}"),
                partial(_use, text, preset),
                _studied(text, preset),
                text("presets.days", n=preset.interval_days),
                _from(text, one),
            )


async def _one(visit: Visit, asked: Mapping[str, str]) -> None:
    text = visit.text
    found = await _found(visit, asked["preset_id"], asked.get("version"))
    if found is None:
        return
    preset = found.preset
    tag("h1", preset.title, "said")
    with row():
        _use(text, preset)
        sign(_from(text, found), Tone.PLAIN)
    if visit.may(Permission.PRESETS) and "version" not in asked:
        with row():
            path = f"/presets/{preset.preset_id}"
            if found.version is not None:
                link_button(text("presets.edit"), f"{path}/edit", "first slim")
            link_button(text("presets.copy"), f"{path}/copy", "quiet slim")
    with tag("div", None, "half"):
        with card(text("presets.protocol")):
            _protocol(text, preset)
        with card(text("presets.evidence")):
            _evidence(text, preset)
    with card(text("presets.zones")):
        _zones(text, preset)
    with card(text("presets.after_care")), tag("ul", None, "plain"):
        for line in preset.after_care:
            tag("li", line, "said")
    if found.versions:
        with card(text("presets.versions")):
            _versions(text, preset.preset_id, found.versions)


async def _found(visit: Visit, preset_id: str, version: str | None) -> PresetView | None:
    """A preset, or one version of it; None, with a sentence on the page, where there is none."""
    text, desk = visit.text, visit.service.office.protocols
    with row():
        link_button(text("presets.back"), "/presets", "quiet slim")
    try:
        if version is not None:
            return await asyncio.to_thread(desk.version, preset_id, version)
        return await asyncio.to_thread(desk.one, preset_id)
    except PenError as error:
        tag("h1", text("presets.title"))
        note(error.sentence, Tone.DANGER)
    versions = await asyncio.to_thread(desk.versions, preset_id)
    if versions:
        with card(text("presets.versions")):
            _versions(text, preset_id, versions)
    return None


def _use(text: Catalogue, preset: Preset) -> None:
    if preset.off_label:
        sign(text("plan.off_label"), Tone.WARN)
    else:
        sign(text("presets.cleared"), Tone.OK)


def _from(text: Catalogue, one: PresetView) -> str:
    return text("presets.shipped") if one.version is None else text("presets.own", version=one.version.name)


def _studied(text: Catalogue, preset: Preset) -> str:
    people = preset.evidence.participants
    more = "" if people is None else text("presets.people", n=people)
    return f"{preset.evidence.design}{more}"


def _protocol(text: Catalogue, preset: Preset) -> None:
    course = [
        *([text("presets.sessions_of", n=preset.course.sessions)] if preset.course.sessions else []),
        *([text("presets.weeks_of", n=preset.course.weeks)] if preset.course.weeks else []),
    ]
    facts(
        [
            (text("presets.indication"), preset.indication),
            (text("presets.interval"), text("presets.days", n=preset.interval_days)),
            *([(text("presets.short_interval"), preset.short_interval)] if preset.short_interval else []),
            (text("presets.course"), ", ".join(course) or text("presets.open")),
            (text("presets.endpoint"), text(f"close.{preset.endpoint}")),
            (text("presets.needles"), str(preset.needles)),
            (text("presets.operator"), preset.operator.replace("_", " ")),
        ]
    )


def _evidence(text: Catalogue, preset: Preset) -> None:
    found = preset.evidence
    if preset.off_label:
        note(text("plan.off_label_more"), Tone.WARN)
    facts(
        [
            (text("presets.evidence_design"), _studied(text, preset)),
            (text("presets.evidence_result"), found.result),
            (text("presets.evidence_limits"), found.limits),
            *([(text("presets.evidence_other"), found.other)] if found.other else []),
            *((text("presets.misquoted"), one) for one in preset.misquoted),
        ]
    )
    tag("h3", text("presets.sources"))
    for source in preset.sources:
        tag("p", source.citation, "small said")
        tag("p", source.url, "small mono wrap said")


def _zones(text: Catalogue, preset: Preset) -> None:
    heads = [text("presets.label"), *(text(f"presets.{one.name}") for one in preset_fields.RANGES)]
    with table(heads, text("presets.zones")):
        for zone in preset.zones:
            said = zone.model_dump()
            cells(zone.label, *(_range(text, one, said[one.name]) for one in preset_fields.RANGES))


def _range(text: Catalogue, one: preset_fields.Scaled, said: Mapping[str, int]) -> str:
    ends = {end: shown(said[end], one.scale) for end in one.ends}
    unit = text(f"plan.{one.unit}")
    whole = f"{ends['low']}–{ends['high']} {unit}"
    return whole if "usual" not in ends else text("presets.usual", range=whole, usual=ends["usual"])


def _versions(text: Catalogue, preset_id: str, versions: Sequence[VersionView]) -> None:
    """Every version; where several stations wrote the newest one, that is said: somebody has to look at all of them."""
    tag("p", text("presets.versions_lead"), "muted")
    newest = [one for one in versions if one.number == versions[0].number]
    if len(newest) > 1:
        others = ", ".join(one.name for one in newest[1:])
        note(text("presets.several", name=newest[0].name, others=others), Tone.WARN)
    stations = len({one.station_id for one in versions}) > 1
    keys = ("version", "since", "by", *(("station",) if stations else ()))
    with table([text(f"presets.{key}") for key in keys], text("presets.versions")):
        for one in versions:
            since = f"{one.saved_at:%Y-%m-%d %H:%M} UTC" if one.saved_at else text("frame.unknown")
            cells(
                partial(_version, text, preset_id, one),
                since,
                one.saved_by or text("frame.unknown"),
                *((one.station_id,) if stations else ()),
            )


def _version(text: Catalogue, preset_id: str, one: VersionView) -> None:
    name = f"{one.name[:1].upper()}{one.name[1:]}"
    if one.problem:
        tag("span", name)
        sign(text("presets.cannot"), Tone.DANGER)
        return
    tag("a", name, "link", href=f"/presets/{preset_id}?version={one.version_id}")


# --- making and changing ----------------------------------------------------------------------------------------------------


async def _edit(visit: Visit, asked: Mapping[str, str]) -> None:
    text = visit.text
    new = asked["change"] == "copy"
    found = await _found(visit, asked["preset_id"], None)
    if found is None:
        return
    tag("h1", text("presets.copy_title" if new else "presets.edit_title"))
    tag("p", found.preset.title, "lead said")
    if not visit.may(Permission.PRESETS):
        note(text("presets.may_not"), Tone.INFO)
        return
    if found.version is None and not new:
        note(text("presets.never"), Tone.INFO)
        return
    note(text("presets.copy_lead" if new else "presets.edit_lead"), Tone.INFO)
    known = found.preset.model_dump(mode="json")
    with card(), stack():
        form = Form()
        preset_fields.draw(text, form, known, new=new)
        with row():
            button(text("presets.save"), partial(_save, visit, form, found, new=new), "first")


async def _save(visit: Visit, form: Form, found: PresetView, *, new: bool) -> None:
    text, desk = visit.text, visit.service.office.protocols
    form.clear()
    read = preset_fields.read(form, found.preset.model_dump(mode="json"))
    if read.wrong:
        form.complain(text("presets.wrong"), [(name, text("presets.no_number")) for name in read.wrong])
        ui.run_javascript(TO_WRONG)
        return
    content, preset_id = read.content, found.preset.preset_id
    replaces = found.version.digest if found.version is not None else ""
    try:
        kept: PresetView = await visit.ask(
            Permission.PRESETS,
            lambda who: desk.add(content, who) if new else desk.change(preset_id, content, replaces, who),
            control=False,
        )
    except PenError as error:
        told = of_error(error)
        sentence = partial(preset_fields.sentence, text)
        errors = [(read.field(one.field, form), sentence(one.field, one.message)) for one in told.errors]
        form.complain(text("presets.not_saved") if errors else told.detail, errors)
        ui.run_javascript(TO_WRONG)
        return
    wrote()
    ui.navigate.to(f"/presets/{kept.preset.preset_id}")

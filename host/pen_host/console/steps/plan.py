"""Step 3: a preset, changed zone by zone within every cap, drawn on the scalp or the face."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from nicegui import ui
from pydantic import ValidationError

from pen_protocol import limits

from ...api.flow_models import ChoosePlan, PlanView, TreatmentView
from ...api.people import Permission, signer
from ...api.problems import ProblemError
from ...clauses import clause
from ...errors import PenError
from ...models import UnlockReason
from ..bodymaps import MAPS, MapName, map_of
from ..bodymaps import draw as draw_map
from ..fields import Form
from ..shell import show_top
from ..texts import Catalogue
from ..visit import Visit
from ..widgets import Tone, button, card, enter_button, note, row, sign, stack, tag
from . import common
from .plan_edit import AREA, FIELDS, NumberField, PlanEdit, WrongNumberError, ZoneEntry

MM = common.MM


async def draw(visit: Visit, _view: TreatmentView) -> None:
    """First a preset, then its numbers; both stay in the page until they are sent."""
    text = visit.text
    tag("h1", text("plan.title"))
    tag("p", text("plan.lead"), "lead")
    # from files, so not in the event loop, which carries STOP
    presets = {one.name: one for one in await asyncio.to_thread(visit.service.treatment.presets)}
    state: dict[str, PlanEdit | None] = {"edit": None}

    @ui.refreshable
    def body() -> None:
        edit = state["edit"]
        if edit is None:
            _presets(text, presets, choose)
        else:
            _PlanPage(visit, edit, body.refresh, lambda: choose(None)).draw()

    def choose(name: str | None) -> None:
        state["edit"] = PlanEdit.of(presets[name]) if name else None
        body.refresh()
        show_top()

    body()


def _presets(text: Catalogue, presets: dict[str, PlanView], choose: Callable[[str], None]) -> None:
    with tag("div", None, "presets"):
        for name, plan in presets.items():
            with card(classes="preset"):
                with row("apart"):
                    tag("h2", plan.title, "said")
                    if plan.off_label:
                        sign(text("plan.off_label"), Tone.WARN)
                tag("p", _in_short(text, plan), "muted")
                tag("p", plan.citation, "muted small said")
                button(text("plan.choose"), partial(choose, name)).props.update(
                    {"aria-label": text("plan.choose_this", title=plan.title)}
                )


def _in_short(text: Catalogue, plan: PlanView) -> str:
    depths = sorted({zone.depth_um for zone in plan.zones})
    shown = f"{depths[0] / MM:.2f}" if len(depths) == 1 else f"{depths[0] / MM:.2f}–{depths[-1] / MM:.2f}"
    return text(
        "plan.in_short", zones=len(plan.zones), depth=shown, days=plan.interval_days, needles=plan.needles
    )


class _PlanPage:
    """The numbers of one plan.

    Args:
        visit: The page.
        edit: What was typed; kept when the page is drawn again.
        redraw: Draws the page again.
        other: Goes back to the presets.
    """

    def __init__(
        self, visit: Visit, edit: PlanEdit, redraw: Callable[[], object], other: Callable[[], None]
    ) -> None:
        self._visit = visit
        self._text = visit.text
        self._edit = edit
        self._redraw = redraw
        self._other = other
        self._form = Form.unmade()

    def draw(self) -> None:
        """Zones on one side, map and source on the other."""
        text, edit = self._text, self._edit
        with tag("div", None, "grid2 plan"):
            with stack():
                with card(), row("apart"):
                    tag("h2", edit.preset.title, "said")
                    button(text("plan.other"), self._other, "quiet slim")
                self._form = Form()
                for entry in edit.zones:
                    self._zone(entry)
                self._add_zone()
                self._rest()
                enter_button(text("plan.go"), self._go_on, icon_name="next")
            with stack("beside"):
                self._map()
                self._source()

    @property
    def _map_name(self) -> MapName:
        """The map of the preset, whichever zones are left of it."""
        return map_of(tuple(zone.name for zone in self._edit.preset.zones))

    # --- zones ----------------------------------------------------------------------------------------------------------

    def _zone(self, entry: ZoneEntry) -> None:
        text = self._text
        name = common.zone_name(text, entry.name)
        with card(classes="zone-card"):
            with row("apart"):
                tag("h3", name)
                made = button(text("plan.leave_out"), lambda: self._toggle(entry.name), "quiet slim")
                made.props.update({"aria-label": text("plan.remove", name=name)})
            with tag("div", None, "fields small-fields"):
                for field in FIELDS:
                    key = f"zones.{self._edit.zones.index(entry)}.{field.name}"
                    made_field = self._form.number(
                        key,
                        text(f"plan.{field.label}"),
                        text(f"plan.{field.unit}"),
                        entry.typed[field.name],
                        self._hint(entry, field),
                    )
                    made_field.control.props.update({"aria-label": f"{name}: {text(f'plan.{field.label}')}"})

    def _hint(self, entry: ZoneEntry, field: NumberField) -> str:
        """What the source did, where the preset says so; else what pen and program allow."""
        text = self._text
        if field.name == AREA:
            return text("plan.measure")
        source = self._edit.source_range(entry.name, field.name)
        if source is not None:
            low, high = (field.shown(value) for value in source)
            return (
                text("plan.source_one", n=low)
                if low == high
                else text("plan.source_range", low=low, high=high)
            )
        return text("plan.cap", low=field.shown(field.low), high=field.shown(field.high))

    def _add_zone(self) -> None:
        text = self._text
        body = MAPS[self._map_name]
        missing = {
            zone: common.zone_name(text, zone) for zone in body.zones if zone not in self._edit.zone_names
        }
        if not missing:
            return
        with card(classes="add-zone"), row("end"):
            self._form.choice("add", text("plan.add_zone"), {"": text("plan.add_which"), **missing})
            button(text("plan.add"), self._add)

    def _add(self) -> None:
        if self._form["add"]:
            self._toggle(self._form["add"])

    def _toggle(self, zone: str) -> None:
        self._keep()
        self._edit.toggle(zone)
        self._redraw()

    # --- the rest ---------------------------------------------------------------------------------------------------------

    def _rest(self) -> None:
        text, edit = self._text, self._edit
        with card():
            with tag("div", None, "fields"):
                self._form.number("needles", text("plan.needles"), text("plan.times"), edit.needles)
                self._form.number(
                    "interval_days", text("plan.interval"), text("plan.days"), edit.interval_days
                )
            reasons = {"": text("plan.unlock_none")}
            for one in (UnlockReason.PHYSICIAN_SUPERVISED, UnlockReason.THICK_SCAR_TISSUE):
                reasons[one.value] = text(f"plan.unlock_{one.value}")
            cap = f"{limits.DEPTH_CAP_UM / MM:.2f}"
            with tag("div", None, "fields"):
                self._form.choice("unlock.reason", text("plan.unlock", cap=cap), reasons, edit.unlock_reason)
                self._form.text(
                    "unlock.statement", text("plan.unlock_statement"), edit.unlock_statement, maxlength=200
                )
            for rule, (sentence, reason) in edit.reasons.items():
                note(sentence, Tone.WARN)
                self._form.text(
                    f"reasons.{rule}",
                    text("plan.reason"),
                    reason,
                    text("screening.reason_hint"),
                    maxlength=200,
                )

    def _map(self) -> None:
        text, edit = self._text, self._edit
        with card():
            draw_map(self._map_name, text, edit.zone_names, self._toggle)
            tag("p", text("plan.map_hint"), "muted small")

    def _source(self) -> None:
        text, preset = self._text, self._edit.preset
        with card():
            if preset.off_label:
                note(text("plan.off_label_more"), Tone.WARN, text("plan.off_label"))
            tag("h3", text("plan.source"))
            tag("p", preset.citation, "small said")
            tag("p", preset.url, "small mono wrap said")
            with tag("details"):
                tag("summary", text("plan.evidence"), "link")
                tag("p", preset.evidence, "small said")
            tag("p", text("plan.protrusion"), "muted small")

    # --- sending ----------------------------------------------------------------------------------------------------------

    def _keep(self) -> None:
        """Take over what stands in the fields now."""
        form, edit = self._form, self._edit
        for index, entry in enumerate(edit.zones):
            for field in FIELDS:
                entry.typed[field.name] = form[f"zones.{index}.{field.name}"]
        edit.needles, edit.interval_days = form["needles"], form["interval_days"]
        edit.unlock_reason, edit.unlock_statement = form["unlock.reason"], form["unlock.statement"]
        edit.reasons = {rule: (said, form[f"reasons.{rule}"]) for rule, (said, _) in edit.reasons.items()}

    async def _go_on(self) -> None:
        form, text = self._form, self._text
        form.clear()
        self._keep()
        try:
            asked = self._edit.request(self._visit.asking_id)
        except WrongNumberError as error:
            for name, example in error.fields:
                empty = name.endswith(AREA) and not form[name]
                form.fields[name].complain(
                    text("plan.measure_first") if empty else text("plan.not_number", example=example)
                )
            form.say(text("plan.wrong_fields", n=len(error.fields)))
            return
        except ValidationError as error:
            form.complain(
                text("plan.out_of_caps"), [(_path(item["loc"]), clause(item)) for item in error.errors()]
            )
            return
        await self._send(asked)

    async def _send(self, asked: ChoosePlan) -> None:
        treatment = self._visit.service.treatment
        try:
            await self._visit.ask(Permission.TREAT, lambda who: treatment.choose_plan(signer(who), asked))
        except ProblemError as error:
            wanted = {
                one.field.removeprefix("reasons."): one.message
                for one in error.errors
                if one.field.startswith("reasons.")
            }
            new = {rule: (said, "") for rule, said in wanted.items() if rule not in self._edit.reasons}
            if new:
                self._edit.reasons |= new
                self._redraw()
                return
            self._form.complain(error.sentence, [(one.field, one.message) for one in error.errors])
        except PenError as error:
            self._form.say(error.sentence)


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)

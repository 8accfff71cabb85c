"""The fields a preset is typed in, and what becomes of what was typed: a preset as a file would say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pen_protocol import limits

from ..models import Endpoint
from ..screening import Site
from .fields import Form
from .numbers import shown, whole
from .texts import Catalogue
from .widgets import tag

MM = 1000
"""um in one mm, and mHz in one Hz."""
SOURCES_MORE = 1
"""Empty rows for further sources; another one comes with the next version. (J)"""


@dataclass(frozen=True, slots=True)
class Scaled:
    """A range of a zone, between the screen and the record.

    Attributes:
        name: As a preset calls it.
        unit: Key of its unit.
        scale: Units of the record in one of the screen.
        ends: Its numbers.
    """

    name: str
    unit: str
    scale: int
    ends: tuple[str, ...] = ("low", "usual", "high")


RANGES = (
    Scaled("depth_um", "mm", MM),
    Scaled("rate_mhz", "hz", MM),
    Scaled("passes", "times", 1),
    Scaled("target", "per_cm2", 1, ("low", "high")),
)
LINES = ("title", "indication", "operator", "evidence.design")
LONG = ("evidence.result", "evidence.limits", "evidence.other", "short_interval")
NUMBERS = ("interval_days", "course.sessions", "course.weeks", "needles", "evidence.participants")
KEPT = ("misquoted", "recorded", "ask")
"""Taken over from the preset it is made from: what the source's readers got wrong, what its trial used, what it asks."""


@dataclass(slots=True)
class Read:
    """What was typed.

    Attributes:
        content: A preset as a file would say it.
        wrong: Fields that are no number.
        places: Where what is said of a place of the content belongs in the form.
    """

    content: dict[str, Any]
    wrong: list[str]
    places: dict[str, str]

    def field(self, place: str, form: Form) -> str:
        """The field of the form at which something about the content is said."""
        for begin, at in self.places.items():
            if place == begin or place.startswith(f"{begin}."):
                place = at + place.removeprefix(begin)
                break
        nearest = (name for name in form.fields if name.startswith(f"{place}."))
        return place if place in form.fields else next(nearest, place)


def draw(text: Catalogue, form: Form, known: Mapping[str, Any], *, new: bool) -> None:
    """All fields, beginning with what a preset says."""
    if new:
        form.text("preset_id", text("presets.preset_id"), hint=text("presets.preset_id_hint"), maxlength=40)
    form.text("title", text("presets.name"), str(known["title"]), maxlength=400)
    form.text("indication", text("presets.indication"), str(known["indication"]), maxlength=400)
    with tag("div", None, "fields"):
        sites = {str(one): text(f"presets.site_{one}") for one in Site}
        form.choice("site", text("presets.site"), sites, str(known["site"]))
        ends = {str(one): text(f"close.{one}") for one in Endpoint}
        form.choice("endpoint", text("presets.endpoint"), ends, str(known["endpoint"]))
        form.text("operator", text("presets.operator"), str(known["operator"]), maxlength=40)
    with tag("div", None, "fields"):
        for name in NUMBERS[:4]:
            value = _at(known, name)
            form.text(
                name,
                text(f"presets.{_key(name)}"),
                "" if value is None else str(value),
                inputmode="numeric",
                maxlength=4,
            )
    form.tick(
        "off_label",
        text("presets.off_label"),
        value=bool(known["off_label"]),
        hint=text("presets.off_label_hint"),
    )
    form.words(
        "short_interval",
        text("presets.short_interval"),
        str(known.get("short_interval") or ""),
        hint=text("presets.short_interval_hint"),
        maxlength=4000,
    )
    tag("h2", text("presets.zones"))
    for index, zone in enumerate(known["zones"]):
        _zone(text, form, index, zone)
    tag("h2", text("presets.evidence"))
    _evidence(text, form, known["evidence"])
    tag("h2", text("presets.sources"))
    tag("p", text("presets.sources_hint"), "muted small")
    _sources(text, form, known["sources"])
    form.words(
        "after_care",
        text("presets.after_care"),
        "\n".join(known["after_care"]),
        hint=text("presets.after_care_hint"),
        rows=6,
    )


def read(form: Form, known: Mapping[str, Any]) -> Read:
    """What was typed; what has no field is as in the preset it is made from."""
    found = Read({name: known[name] for name in KEPT}, [], {})
    content = found.content
    content["preset_id"] = form["preset_id"] if "preset_id" in form.fields else known["preset_id"]
    content |= {"evidence": {}, "course": {}, "off_label": form["off_label"] == "yes"}
    for name in ("site", "endpoint", *LINES, *LONG):
        if form[name] or name in LINES:
            _put(content, name, form[name])
    for name in NUMBERS:
        number = _number(found, form, name, 1)
        if number is not None:
            _put(content, name, number)
    content["after_care"] = [line.strip() for line in form["after_care"].splitlines() if line.strip()]
    content["zones"] = _read_zones(found, form, known)
    content["sources"] = _read_sources(found, form)
    return found


def sentence(text: Catalogue, place: str, message: str) -> str:
    """What is said of a number, in the units of the screen; anything else as it is."""
    *_, above, last = ("", *place.split("."))
    if last in {one.name for one in RANGES}:
        return text("presets.order")
    if above == "depth_um":
        return text("presets.depth_rule", step=limits.DEPTH_STEP_UM / MM, most=limits.DEPTH_CAP_UM / MM)
    if above == "rate_mhz":
        return text("presets.rate_rule", low=limits.RATE_MIN_MHZ // MM, high=limits.RATE_MAX_MHZ // MM)
    return message


def _zone(text: Catalogue, form: Form, index: int, zone: Mapping[str, Any]) -> None:
    at = f"zones.{index}"
    with tag("fieldset", None, "card zone-fields"):
        tag("legend", text("presets.zone", name=zone["label"]), "said")
        form.tick(f"{at}.used", text("presets.zone_used"), value=True)
        form.text(f"{at}.label", text("presets.label"), str(zone["label"]), maxlength=400)
        for one in RANGES:
            with tag("div", None, "fields"):
                for end in one.ends:
                    form.number(
                        f"{at}.{one.name}.{end}",
                        text(f"presets.{one.name}_{end}"),
                        text(f"plan.{one.unit}"),
                        shown(int(zone[one.name][end]), one.scale),
                        maxlength=7,
                    )


def _evidence(text: Catalogue, form: Form, known: Mapping[str, Any]) -> None:
    form.text("evidence.design", text("presets.evidence_design"), str(known["design"]), maxlength=400)
    people = known.get("participants")
    form.text(
        "evidence.participants",
        text("presets.evidence_participants"),
        "" if people is None else str(people),
        inputmode="numeric",
        maxlength=6,
    )
    for name in ("result", "limits", "other"):
        form.words(
            f"evidence.{name}", text(f"presets.evidence_{name}"), str(known.get(name) or ""), maxlength=4000
        )


def _sources(text: Catalogue, form: Form, known: list[Mapping[str, str]]) -> None:
    empty: list[Mapping[str, str]] = [{"citation": "", "url": ""}] * SOURCES_MORE
    for index, source in enumerate([*known, *empty]):
        with tag("div", None, "fields"):
            for part in ("citation", "url"):
                label = text(f"presets.source_{part}", n=index + 1)
                form.text(f"sources.{index}.{part}", label, source[part], maxlength=400)


def _read_zones(found: Read, form: Form, known: Mapping[str, Any]) -> list[dict[str, Any]]:
    zones: list[dict[str, Any]] = []
    found.places["zones"] = "zones"
    for index, zone in enumerate(known["zones"]):
        at = f"zones.{index}"
        if form[f"{at}.used"] != "yes":
            continue
        found.places = {f"zones.{len(zones)}": at, **found.places}
        said: dict[str, Any] = {"name": zone["name"], "label": form[f"{at}.label"]}
        for one in RANGES:
            numbers = {end: _number(found, form, f"{at}.{one.name}.{end}", one.scale) for end in one.ends}
            said[one.name] = {end: number for end, number in numbers.items() if number is not None}
        zones.append(said)
    return zones


def _read_sources(found: Read, form: Form) -> list[dict[str, str]]:
    sources: list[dict[str, str]] = []
    index = 0
    while f"sources.{index}.citation" in form.fields:
        at = f"sources.{index}"
        said = {part: form[f"{at}.{part}"] for part in ("citation", "url")}
        if any(said.values()):
            found.places = {f"sources.{len(sources)}": at, **found.places}
            sources.append(said)
        index += 1
    return sources


def _number(found: Read, form: Form, name: str, scale: int) -> int | None:
    typed = form[name]
    if not typed:
        return None
    try:
        return whole(typed, scale)
    except ValueError:
        found.wrong.append(name)
        return None


def _at(known: Mapping[str, Any], name: str) -> Any:
    for part in name.split("."):
        known = known[part]
    return known


def _put(content: dict[str, Any], name: str, value: object) -> None:
    *above, last = name.split(".")
    for part in above:
        content = content[part]
    content[last] = value


def _key(name: str) -> str:
    return name.replace(".", "_")

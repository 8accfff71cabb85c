"""`pen plan`: treatment presets with their sources, the shipped ones and the clinic's own, and plans from them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .clinical import Role, person, plain, writing
from .options import JournalFile, Json, Operator
from .telling import print_json

if TYPE_CHECKING:
    from ..presets import Version, ZoneChoice

group = typer.Typer(
    help="Presets with their sources: list, show, check, add; a plan from one.", no_args_is_help=True
)

PresetId = Annotated[str, typer.Argument(metavar="PRESET", help="As `pen plan list` shows it.")]
PresetFile = Annotated[Path, typer.Argument(metavar="PRESET.toml", help="A preset of the clinic's own.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="plan")


@group.command("list")
def list_presets(journal_file: JournalFile = None, json_: Json = False) -> None:
    """Every preset a clinic can choose from."""
    from ..presets import shipped_presets
    from ..records.clinic import presets_of
    from .output import show_rows

    with presets_of(journal_file) as presets:
        found, unusable = presets.all(), presets.unusable()
    if json_:
        print_json({"presets": [plain(one) for one in found], "unusable": unusable})
        return
    shipped = {one.preset_id for one in shipped_presets()}
    rows = [
        (
            *(one.preset_id, one.title, "off-label" if one.off_label else "cleared use"),
            *(one.interval_days, one.course.sessions or "open"),
            "shipped" if one.preset_id in shipped else "own",
        )
        for one in found
    ]
    show_rows(("preset", "title", "use", "days", "sessions", "from"), rows, right=("days", "sessions"))
    for sentence in unusable:
        print(sentence)


@group.command()
def show(preset: PresetId, journal_file: JournalFile = None, json_: Json = False) -> None:
    """One preset: zones and ranges, evidence, limits, sources, and what popular articles misquote."""
    from ..records.clinic import presets_of
    from .output import show_facts, show_rows

    with presets_of(journal_file) as presets:
        found = presets.get(preset)
    if json_:
        print_json({"preset": plain(found)})
        return
    people = f" (n = {found.evidence.participants})" if found.evidence.participants else ""
    facts: list[tuple[str, object]] = [
        ("preset", found.preset_id),
        ("title", found.label),
        ("indication", found.indication),
        ("interval", f"{found.interval_days} days"),
        ("studied", f"{found.evidence.design}{people}"),
        ("found", found.evidence.result),
        ("limits", found.evidence.limits),
        *([("other trials", found.evidence.other)] if found.evidence.other else []),
        *([("short interval", found.short_interval)] if found.short_interval else []),
        *(("misquoted", one) for one in found.misquoted),
        *(("after-care", one) for one in found.after_care),
        *(("source", f"{one.citation} {one.url}") for one in found.sources),
    ]
    show_facts(facts)
    print()
    rows = [
        (
            one.name,
            f"{one.depth_um.low}-{one.depth_um.high} ({one.depth_um.usual})",
            f"{one.rate_mhz.low // 1000}-{one.rate_mhz.high // 1000} ({one.rate_mhz.usual // 1000})",
            f"{one.passes.low}-{one.passes.high}",
            f"{one.target.low}-{one.target.high}",
        )
        for one in found.zones
    ]
    show_rows(("zone", "protrusion um (usual)", "rate Hz (usual)", "passes", "target /cm2"), rows)


@group.command()
def check(file: PresetFile, json_: Json = False) -> None:
    """Whether a preset of the clinic's own holds together; nothing is stored."""
    from ..presets import load_preset

    found = load_preset(file)
    if json_:
        print_json({"preset": plain(found)})
    else:
        print(f"{found.preset_id} holds together: {len(found.zones)} zones, {len(found.sources)} sources.")


@group.command()
def add(
    file: PresetFile,
    operator: Operator = "operator",
    role: Role = "clinician",
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Take a preset into the clinic's own, in its record; a name that is taken is refused."""
    from ..presets import load_preset, read_preset

    load_preset(file)
    with writing(journal_file) as clinic:
        saved = clinic.presets.own.add(read_preset(file), person(operator, role))
    _tell_own(saved, as_json=json_)


@group.command()
def change(
    file: PresetFile,
    operator: Operator = "operator",
    role: Role = "clinician",
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Put another version of an own preset in force; plans that were signed keep the one before."""
    from ..presets import load_preset, read_preset

    preset_id = load_preset(file).preset_id
    with writing(journal_file) as clinic:
        own = clinic.presets.own
        before = own.book().newest(preset_id)
        replaces = before.digest if before else ""
        saved = own.change(preset_id, read_preset(file), replaces, person(operator, role))
    _tell_own(saved, as_json=json_)


@group.command()
def versions(preset: PresetId, journal_file: JournalFile = None, json_: Json = False) -> None:
    """Every version of an own preset, of every station, that in force first."""
    from ..presets import version_names
    from ..records.clinic import presets_of
    from .output import show_rows

    with presets_of(journal_file) as presets:
        found = presets.own.book().versions(preset)
    if json_:
        print_json({"versions": [_version(one) for one in found]})
        return
    if not found:
        print(f"The clinic has no preset of its own called {preset}.")
        return
    names = version_names(found)
    rows = [
        (
            *(names[one.version_id], one.saved_at or "not known", one.saved_by or "not known"),
            *(one.station_id, one.digest),
        )
        for one in found
    ]
    show_rows(("version", "since", "by", "station", "sha256"), rows)
    for one in found:
        if one.problem:
            print(one.problem)


@group.command()
def make(
    preset: PresetId,
    zone: Annotated[list[str], typer.Option(help="NAME=AREA in mm2, as measured; repeatable.")],
    needles: Annotated[
        int | None, typer.Option(help="Needles of the cartridge; the preset's when not given.")
    ] = None,
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """A plan from a preset and measured areas, with the time on skin it takes."""
    from .. import dose
    from ..records.clinic import presets_of
    from .output import show_rows

    with presets_of(journal_file) as presets:
        plan = presets.to_plan(preset, [_choice(one) for one in zone], needles=needles)
    if json_:
        print_json({"plan": plain(plan), "plan_digest": plan.plan_digest})
        return
    rows = [
        (
            one.name,
            *(one.area_mm2, one.depth_um, one.rate_mhz // 1000, one.passes, one.hold_s),
            f"{float(dose.contact_s_for(one, plan.needles)):.1f}",
        )
        for one in plan.zones
    ]
    columns = ("zone", "area mm2", "protrusion um", "rate Hz", "passes", "hold s", "at most s on skin")
    show_rows(columns, rows, right=columns[1:], title=plan.title)
    print(f"digest {plan.plan_digest}")


def _tell_own(saved: "Version", *, as_json: bool) -> None:
    if as_json:
        print_json({"preset": plain(saved.preset), **_told(saved)})
    else:
        print(f"{saved.preset.preset_id} is one of the clinic's own, version {saved.number}.")


def _told(one: "Version") -> dict[str, object]:
    since = one.saved_at.isoformat() if one.saved_at else None
    return {
        "version": one.number,
        "version_id": one.version_id,
        "station": one.station_id,
        "saved_at": since,
        "saved_by": one.saved_by,
        "digest": one.digest,
    }


def _version(one: "Version") -> dict[str, object]:
    """A version for programs; no preset where its text cannot be used here, and why."""
    problem = one.problem
    return {**_told(one), "preset": None if problem else plain(one.preset), "problem": problem}


def _choice(text: str) -> "ZoneChoice":
    from ..presets import ZoneChoice
    from ..records import InputError, made

    name, equals, area = text.partition("=")
    if not (name and equals and area.isdigit()):
        raise InputError(
            "the plan", {"zone": f"{text} names no zone and area; write it as --zone vertex=5000"}
        )
    return made(ZoneChoice, "the plan", {"name": name, "area_mm2": int(area)})

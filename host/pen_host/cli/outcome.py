"""`pen outcome` and `pen reaction`: what came of a treatment."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .clinical import (
    NoteText,
    PatientId,
    Role,
    VisitId,
    day,
    person,
    plain,
    reading,
    tell_many,
    tell_one,
    writing,
)
from .options import JournalFile, Json, Operator
from .telling import print_json

if TYPE_CHECKING:
    from ..records.arms import Arm
    from ..records.cohort import Share
    from ..records.models import Reaction
    from ..records.version_arms import Cohort

outcomes = typer.Typer(help="Outcomes: hair counts, scales, grades; always with units.", no_args_is_help=True)
reactions = typer.Typer(help="Reactions: record, diary, who must be looked at.", no_args_is_help=True)

ReactionId = Annotated[str, typer.Argument(metavar="REACTION", help="As `pen reaction list` shows it.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(outcomes, name="outcome")
    app.add_typer(reactions, name="reaction")


@outcomes.command()
def kinds(json_: Json = False) -> None:
    """The measures that can be recorded, with their fields."""
    from ..records.models import OUTCOME_KINDS
    from .output import show_rows

    fields = {
        kind: [name for name in model.model_fields if name != "kind"] for kind, model in OUTCOME_KINDS.items()
    }
    if json_:
        print_json({"kinds": fields})
        return
    show_rows(("kind", "fields"), [(kind, ", ".join(names)) for kind, names in fields.items()])


@outcomes.command()
def add(
    patient: PatientId,
    kind: Annotated[str, typer.Option("--kind", help="As `pen outcome kinds` lists them.")],
    value: Annotated[list[str], typer.Option("--set", help="FIELD=value, for example area_unit=cm2.")],
    on: Annotated[str, typer.Option("--on", help="Day it was measured.")],
    baseline: Annotated[bool, typer.Option("--baseline", help="Later ones are compared with it.")] = False,
    visit: VisitId = None,
    note: NoteText = None,
    amends: Annotated[str | None, typer.Option(help="Outcome that this one replaces.")] = None,
    operator: Operator = "operator",
    role: Role = "clinician",
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Record a measure; a count without its area is refused."""
    from ..records.outcomes import measured_of

    when = day(on, "the outcome")
    assert when is not None, "the option is required"
    measured = measured_of({"kind": kind, **_fields(value)})
    with writing(journal_file) as clinic:
        kept = clinic.outcomes.record(
            patient,
            measured,
            when,
            person(operator, role),
            visit_id=visit,
            baseline=baseline,
            note=note,
            amends=amends,
        )
    tell_one(kept, "outcome", f"{kept.outcome_id}  {kind} of {kept.day}", as_json=json_)


@outcomes.command()
def amend(
    outcome: Annotated[str, typer.Argument(metavar="OUTCOME", help="As `pen outcome list` shows it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it was wrong.")],
    value: Annotated[
        list[str] | None, typer.Option("--set", help="FIELD=value of what is right; the rest stays.")
    ] = None,
    on: Annotated[str | None, typer.Option("--on", help="Day it was measured, where that was wrong.")] = None,
    operator: Operator = "operator",
    role: Role = "clinician",
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Correct a measure; the old value stays in the record and counts no more."""
    from ..records.outcomes import measured_of

    when = day(on, "the correction")
    with writing(journal_file) as clinic:
        old = clinic.outcomes.get(outcome)
        measured = measured_of({**plain(old.measured), **_fields(value or [])})
        kept = clinic.outcomes.amend(outcome, measured, reason, person(operator, role), day=when)
    tell_one(kept, "outcome", f"{kept.outcome_id}  stands for {kept.amends} now", as_json=json_)


@outcomes.command("list")
def list_outcomes(
    patient: PatientId,
    kind: Annotated[str | None, typer.Option(help="Only this measure.")] = None,
    history: Annotated[bool, typer.Option("--history", help="Those that were corrected as well.")] = False,
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Outcomes of a patient, oldest first."""
    with reading(journal_file) as clinic:
        found = clinic.outcomes.history(patient) if history else clinic.outcomes.of(patient)
    found = tuple(one for one in found if kind is None or one.measured.kind == kind)
    rows = [(one.day, one.measured.kind, _values(plain(one.measured)), one.outcome_id) for one in found]
    tell_many(found, "outcomes", ("day", "kind", "says", "id"), rows, as_json=json_)


@outcomes.command()
def cohort(
    preset: Annotated[str, typer.Option(help="Everybody treated by this preset.")],
    week: Annotated[int, typer.Option(min=1, max=104, help="Weeks since the first treatment.")] = 12,
    together: Annotated[
        bool, typer.Option("--together", help="Put all versions of an own preset into one; it is said so.")
    ] = False,
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Mean change, interval and shares of responders of everybody treated by a preset, per version; says who is left out."""
    from .output import show_facts

    with reading(journal_file) as clinic:
        found = clinic.cohort(preset, week, together=together)
    if json_:
        print_json({"cohort": _cohort(found)})
        return
    for one in found.arms:
        left_out = ", ".join(f"{count} with {reason}" for reason, count in one.left_out.items()) or "nobody"
        show_facts(
            [
                ("preset", f"{found.preset_id}, {one.name}" if one.name else found.preset_id),
                ("patients", one.patients),
                (f"change at week {week}", one.change.sentence if one.change else "nobody has both counts"),
                ("blinded scale +2 or +3", _share(one.blinded)),
                ("own rating above 50 %", _share(one.own)),
                ("left out of the mean", left_out),
            ]
        )
        print()
    if found.pooled:
        print(found.pooled)
    if found.of_several:
        print(
            f"Not in any of these: {found.of_several}, who had treatments by several versions until week {week}."
        )


@reactions.command("add")
def add_reaction(
    visit: Annotated[str, typer.Argument(metavar="VISIT", help="The treatment it follows.")],
    kind: Annotated[str, typer.Option("--kind", help="redness, swelling, bruising, infection and so on.")],
    onset: Annotated[str, typer.Option("--onset", help="First day.")],
    severity: Annotated[str, typer.Option("--severity", help="mild, moderate or severe.")],
    site: Annotated[str | None, typer.Option(help="Where.")] = None,
    note: NoteText = None,
    operator: Operator = "operator",
    role: Role = "clinician",
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Record a reaction to a treatment; it is linked to its lot and pen."""
    from ..records import made
    from ..records.models import NewReaction

    given = {"kind": kind, "onset": onset, "severity": severity, "site": site, "note": note}
    seen = made(NewReaction, "the reaction", given)
    with writing(journal_file) as clinic:
        kept = clinic.reactions.record(visit, seen, person(operator, role))
    tell_one(kept, "reaction", _line(kept), as_json=json_)


@reactions.command()
def diary(
    reaction: ReactionId,
    on: Annotated[str, typer.Option("--on", help="The day.")],
    severity: Annotated[
        str | None, typer.Option(help="How strong; without it, it was gone that day.")
    ] = None,
    note: NoteText = None,
    operator: Operator = "operator",
    role: Role = "clinician",
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Add a day to a reaction's diary; a day without a severity ends it."""
    from ..records import made
    from ..records.models import DiaryEntry

    entry = made(DiaryEntry, "the diary entry", {"day": on, "severity": severity, "note": note})
    with writing(journal_file) as clinic:
        kept = clinic.reactions.diary(reaction, entry, person(operator, role))
    tell_one(kept, "reaction", _line(kept), as_json=json_)


@reactions.command()
def review(
    reaction: ReactionId,
    operator: Operator = "operator",
    role: Role = "clinician",
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Record that a clinician looked at a reaction."""
    with writing(journal_file) as clinic:
        kept = clinic.reactions.review(reaction, person(operator, role))
    tell_one(kept, "reaction", _line(kept), as_json=json_)


@reactions.command("list")
def list_reactions(
    patient: Annotated[
        str | None, typer.Argument(help="A patient; without one, all that are escalated.")
    ] = None,
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Reactions of a patient, or all that a clinician must look at."""
    with reading(journal_file) as clinic:
        found = clinic.reactions.of(patient) if patient else clinic.reactions.escalated()
    rows = [
        (one.onset, one.patient_id, one.kind, one.severity, one.escalated or "", one.reaction_id)
        for one in found
    ]
    columns = ("onset", "patient", "what", "severity", "must be looked at", "id")
    tell_many(found, "reactions", columns, rows, as_json=json_)


def _cohort(found: "Cohort") -> dict[str, object]:
    """A cohort for programs."""
    return {
        "preset": found.preset_id,
        "week": found.week,
        "arms": [_arm(one) for one in found.arms],
        "pooled": found.pooled,
        "of_several": found.of_several,
    }


def _arm(found: "Arm") -> dict[str, object]:
    """An arm for programs; numbers with their unit beside them."""
    change = found.change
    mean = change and {
        "n": change.n,
        "mean": float(change.mean),
        "sd": change.sd,
        "interval_95": None if change.low is None else [change.low, change.high],
        "unit": f"{change.hairs} hairs per {change.unit}",
    }
    return {
        "version": found.name,
        "patients": found.patients,
        "change": mean,
        "blinded_responders": found.blinded and asdict(found.blinded),
        "own_responders": found.own and asdict(found.own),
        "left_out": dict(found.left_out),
    }


def _share(found: "Share | None") -> str:
    if found is None:
        return "nobody was rated"
    part = 100 * found.responders / found.n
    return f"{found.responders} of {found.n} ({part:.0f} %, 95 % interval {100 * found.low:.0f}-{100 * found.high:.0f} %)"


def _fields(texts: list[str]) -> dict[str, object]:
    """FIELD=value pairs; a value that is JSON (a number, true) is taken as that, anything else as text."""
    from ..records import InputError

    fields: dict[str, object] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value) or name in fields:
            raise InputError("the outcome", {text: "write each field once, as FIELD=value"})
        try:
            fields[name] = json.loads(value)
        except ValueError:
            fields[name] = value
    return fields


def _values(measured: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in measured.items() if name != "kind")


def _line(reaction: "Reaction") -> str:
    told = f"{reaction.reaction_id}  {reaction.kind}, {reaction.severity}, since {reaction.onset}"
    gone = f", gone {reaction.resolved}" if reaction.resolved else ""
    return f"{told}{gone}{': ' + reaction.escalated if reaction.escalated else ''}"

"""`pen screen`: what a patient is asked, and what the answers mean."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ExitCode
from .clinical import PatientId, Role, person, plain, reading, writing
from .options import JournalFile, Json, Operator
from .telling import print_json

if TYPE_CHECKING:
    from ..models import Screening
    from ..records import Clinic
    from ..records.models import Override, Person, Screened
    from ..screening import Answer

group = typer.Typer(help="Screening: the questions, and the answers on record.", no_args_is_help=True)

PresetId = Annotated[str, typer.Option("--preset", help="Preset whose site decides the questions.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="screen")


@group.command()
def questions(preset: PresetId, journal_file: JournalFile = None, json_: Json = False) -> None:
    """What a patient is asked for a preset, with the source of each question."""
    from ..presets import asked
    from ..records.clinic import presets_of
    from ..screening import shipped_rules
    from .output import show_rows

    rules = shipped_rules()
    with presets_of(journal_file) as presets:
        ask = asked(presets.get(preset))
    found = [rule for rule in rules.rules if rule.always or rule.rule_id in ask]
    if json_:
        told = [
            {**plain(rule), "level": rule.level().name, "source": rules.source_text(rule)} for rule in found
        ]
        print_json({"preset": preset, "questions": told})
        return
    rows = [(rule.rule_id, rule.level().name, rule.question, rules.source_text(rule)) for rule in found]
    show_rows(("rule", "yes means", "question", "source"), rows)


@group.command()
def run(
    patient: PatientId,
    preset: PresetId,
    answer: Annotated[
        list[str] | None,
        typer.Option(help="RULE=yes, no or unknown; RULE=yes:2026-01-31 with the day it last happened."),
    ] = None,
    no_to_the_rest: Annotated[
        bool, typer.Option("--no-to-the-rest", help="Every other question was asked and answered with no.")
    ] = False,
    override: Annotated[list[str] | None, typer.Option(help="RULE=reason, signed by the operator.")] = None,
    operator: Operator = "operator",
    role: Role = "clinician",
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Record a screening for today; exit code 7 when it forbids the treatment. A question not answered blocks."""
    from ..models import Screening
    from ..presets import asked

    with writing(journal_file) as clinic:
        by = person(operator, role)
        ask = Screening(ask=asked(clinic.presets.get(preset)))
        given = _answers(clinic, ask, answer or [], rest_is_no=no_to_the_rest)
        screened = clinic.screening.record(patient, ask, given, _overrides(override or [], by), by)
    _tell(screened, json_)
    if screened.forbids:
        raise typer.Exit(ExitCode.REFUSED)


@group.command("list")
def list_screenings(patient: PatientId, journal_file: JournalFile = None, json_: Json = False) -> None:
    """Screenings of a patient, newest first."""
    from .clinical import tell_many

    with reading(journal_file) as clinic:
        found = clinic.screening.of(patient)
    rows = [
        (one.day, one.screening_id, len(one.findings), len(one.overrides), "no" if one.forbids else "yes")
        for one in found
    ]
    tell_many(found, "screenings", ("day", "id", "findings", "gone past", "may treat"), rows, as_json=json_)


def _answers(
    clinic: "Clinic", ask: "Screening", answers: Sequence[str], *, rest_is_no: bool
) -> dict[str, "Answer"]:
    from ..screening import NO

    rest = {rule.rule_id: NO for rule in clinic.screening.questions(ask)} if rest_is_no else {}
    return rest | dict(_answer(text) for text in answers)


def _overrides(texts: Sequence[str], by: "Person") -> list["Override"]:
    from ..records import made
    from ..records.models import Override

    pairs = [_pair(text) for text in texts]
    return [made(Override, "the override", {"rule_id": rule, "reason": why, "by": by}) for rule, why in pairs]


def _tell(screened: "Screened", json_: bool) -> None:
    from .output import show_rows

    if json_:
        print_json({"screening": plain(screened), "forbids": [one.rule_id for one in screened.forbids]})
        return
    rows = [(one.level.name, one.rule_id, one.sentence) for one in screened.findings]
    if rows:
        show_rows(("level", "rule", "found"), rows)
    verdict = "The treatment may not begin." if screened.forbids else "Nothing forbids the treatment."
    print(f"Screening {screened.screening_id} of {screened.patient_id}: {verdict}")


def _answer(text: str) -> tuple[str, "Answer"]:
    from ..records import InputError, made
    from ..screening import Answer

    rule, said = _pair(text)
    reply, _, last = said.partition(":")
    if reply not in {"yes", "no", "unknown"}:
        raise InputError(
            "the screening", {rule: f"{said} is no answer; write yes, no, unknown or yes:2026-01-31"}
        )
    return rule, made(Answer, "the screening", {"reply": reply, "last": last or None})


def _pair(text: str) -> tuple[str, str]:
    from ..records import InputError

    rule, equals, value = text.partition("=")
    if not (rule and equals and value.strip()):
        raise InputError("the screening", {text: "write it as RULE=value"})
    return rule, value.strip()

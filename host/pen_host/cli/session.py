"""`pen session`: treat by a plan, look at what was done, settle what a crash left open."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from .options import JournalFile, Json, Port, Serial, Url, print_json

group = typer.Typer(help="Treat by a plan; list, show and recover sessions.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="session")


@group.command()
def run(
    plan_file: Annotated[
        str, typer.Argument(metavar="PLAN.toml", help="A plan file or a shipped plan's name.")
    ],
    operator: Annotated[str, typer.Option(help="Who treats; stands in the record.")] = "operator",
    patient: Annotated[str | None, typer.Option(help="Pseudonymous reference, never a name.")] = None,
    reason: Annotated[
        list[str] | None, typer.Option(help="RULE=why it may be overridden; repeatable.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Directory for the picture.")] = None,
    port: Port = None,
    url: Url = None,
    serial: Serial = None,
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Treat by a plan on any pen: checks, cartridge, home, zones, close. The same job as `pen demo`."""
    from rich.console import Console

    from ..checks import questions
    from ..journal import Journal, default_path
    from ..live import LiveView
    from ..pen import Pen
    from ..plans import load_plan
    from ..session import Job, Operator, run_treatment
    from .hands import hands_for
    from .result import as_json, show_result

    plan = load_plan(plan_file)
    reasons = _reasons(reason or [])
    console = Console(stderr=json_)
    hands = hands_for(console, sys.stdin.isatty())
    place = journal_file or default_path()
    with Pen.open(port or url, serial) as pen, Journal.create_or_open(place) as journal:
        pen.worker.add_gate("journal", lambda: journal.healthy)
        asked = [rule for rule in questions(plan.screening.ask) if rule.rule_id not in plan.screening.answers]
        answers = {rule.rule_id: hands.confirm(rule.question) for rule in asked} if sys.stdin.isatty() else {}
        with LiveView(console, plan.title) as view:
            job = Job(pen, journal, plan, Operator(operator), patient, hands, view.show, answers, reasons)
            result = run_treatment(job, out or place.parent)
    if json_:
        print_json(as_json(result))
    else:
        show_result(console, result)


@group.command("list")
def list_sessions(journal_file: JournalFile = None, json_: Json = False) -> None:
    """Every session in the record, oldest first."""
    from ..journal import JournalReader, default_path
    from .history import session_lines

    with JournalReader(journal_file or default_path()) as reader:
        lines = session_lines(reader)
    if json_:
        print_json({"sessions": lines})
        return
    for line in lines:
        print(
            f"{line['session_id']}  {line['opened']}  {line['state']:11} {line['strokes']:>8} strokes  {line['plan']}"
        )
    if not lines:
        print("The record has no sessions yet.")


@group.command()
def show(
    session_id: Annotated[str, typer.Argument(help="As `pen session list` shows it.")],
    picture: Annotated[Path | None, typer.Option(help="Draw the session's picture into this file.")] = None,
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """One session: its entries, strokes by run and zone, and its picture."""
    from ..journal import JournalReader, default_path
    from .history import draw_picture, session_entries, session_facts

    with JournalReader(journal_file or default_path()) as reader:
        facts = session_facts(reader, session_id)
        entries = session_entries(reader, session_id)
        drawn = draw_picture(reader, session_id, picture) if picture else None
    if json_:
        print_json({**facts, "entries": entries, "picture": str(drawn) if drawn else None})
        return
    for name, value in facts.items():
        print(f"{name:16} {value}")
    for entry in entries:
        print(f"{entry['seq']:>7} {entry['utc']} {entry['kind']:16} {entry['actor']:12} {entry['says']}")
    if drawn:
        print(f"picture {drawn}")


@group.command()
def recover(
    operator: Annotated[str, typer.Option(help="Who settles; stands in the record.")] = "operator",
    port: Port = None,
    url: Url = None,
    serial: Serial = None,
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Settle and close sessions that a crash left open, from the pen's own counters."""
    from dataclasses import asdict

    from ..journal import Journal, default_path
    from ..pen import Pen
    from ..session import Operator
    from ..session import recover as settle

    with (
        Pen.open(port or url, serial) as pen,
        Journal.create_or_open(journal_file or default_path()) as journal,
    ):
        found = settle(pen, journal, Operator(operator))
    if json_:
        print_json({"recovered": [asdict(one) for one in found]})
        return
    for one in found:
        print(f"{one.session_id}: {one.strokes} strokes, settled {', '.join(one.settled) or 'nothing'}")
    if not found:
        print("No session was left open with this pen.")


def _reasons(given: list[str]) -> dict[str, str]:
    from ..errors import UsageError

    reasons = {}
    for text in given:
        rule, equals, why = text.partition("=")
        if not (rule and equals and why.strip()):
            raise UsageError(
                f"--reason {text} says no rule and reason, so it overrides nothing and nothing was begun. "
                "Write it as --reason RULE=why."
            )
        reasons[rule] = why
    return reasons

"""`pen session`: treat by a plan, look at what was done, settle what a crash left open."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from .options import JournalFile, Json, Operator, Port, Serial, Url
from .telling import print_json, warn

group = typer.Typer(help="Treat by a plan; list, show and recover sessions.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="session")


@group.command()
def run(
    plan_file: Annotated[
        str, typer.Argument(metavar="PLAN.toml", help="A plan file or a shipped plan's name.")
    ],
    operator: Operator = "operator",
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

    from ..api.client import must_be_free
    from ..checks import questions
    from ..journal import Journal, default_path
    from ..live import LiveView
    from ..pen import Pen
    from ..plans import load_plan
    from ..session import Job, run_treatment
    from ..session import Operator as Person
    from .hands import hands_for
    from .result import as_json, show_result

    plan = load_plan(plan_file)
    reasons = _reasons(reason or [])
    console = Console(stderr=json_)
    hands = hands_for(console, sys.stdin.isatty())
    place = journal_file or default_path()
    must_be_free(port or url, serial)
    with Pen.open(port or url, serial) as pen, Journal.create_or_open(place) as journal:
        pen.worker.add_gate("journal", lambda: journal.healthy)
        warn(journal.other_key)
        asked = [rule for rule in questions(plan.screening.ask) if rule.rule_id not in plan.screening.answers]
        answers = {rule.rule_id: hands.confirm(rule.question) for rule in asked} if sys.stdin.isatty() else {}
        with LiveView(console, plan.title) as view:
            job = Job(pen, journal, plan, Person(operator), patient, hands, view.show, answers, reasons)
            result = run_treatment(job, out or place.parent)
    if json_:
        print_json(as_json(result))
    else:
        show_result(console, result)


@group.command("list")
def list_sessions(journal_file: JournalFile = None, json_: Json = False) -> None:
    """Every session in the record, oldest first."""
    from ..history import session_lines
    from ..journal import JournalReader, default_path
    from .output import show_rows

    with JournalReader(journal_file or default_path()) as reader:
        lines = session_lines(reader)
    if json_:
        print_json({"sessions": lines})
        return
    if not lines:
        print("The record has no sessions yet.")
        return
    rows = [
        (
            one["session_id"],
            one["opened"],
            one["state"],
            one["strokes"],
            "yes" if one["sure"] else "NO",
            one["operator"],
            one["plan"],
        )
        for one in lines
    ]
    show_rows(("session", "opened", "state", "strokes", "sure", "operator", "plan"), rows, right=("strokes",))


@group.command()
def show(
    session_id: Annotated[str, typer.Argument(help="As `pen session list` shows it.")],
    picture: Annotated[Path | None, typer.Option(help="Draw the session's picture into this file.")] = None,
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """One session: its entries, strokes by run and zone, and its picture."""
    from ..history import draw_picture, session_entries, session_facts
    from ..journal import JournalReader, default_path
    from .output import show_facts, show_rows

    with JournalReader(journal_file or default_path()) as reader:
        facts = session_facts(reader, session_id)
        entries = session_entries(reader, session_id)
        drawn = draw_picture(reader, session_id, picture) if picture else None
    if json_:
        print_json({**facts, "entries": entries, "picture": str(drawn) if drawn else None})
        return
    zones = facts.pop("zones")
    show_facts([(name.replace("_", " "), value) for name, value in facts.items()])
    print()
    rows = [(zone, count["strokes"], count["contact"]) for zone, count in zones.items()]
    show_rows(("zone", "strokes", "in contact"), rows, right=("strokes", "in contact"))
    print()
    show_rows(
        ("entry", "time (UTC)", "kind", "by", "says"),
        [(one["seq"], one["utc"], one["kind"], one["actor"], one["says"]) for one in entries],
        right=("entry",),
    )
    if drawn:
        print(f"picture {drawn}")


@group.command()
def recover(
    operator: Operator = "operator",
    port: Port = None,
    url: Url = None,
    serial: Serial = None,
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Settle and close sessions that a crash left open, from the pen's own counters."""
    from dataclasses import asdict

    from ..api.client import must_be_free
    from ..journal import Journal, default_path
    from ..pen import Pen
    from ..session import Operator as Person
    from ..session import recover as settle
    from ..session import wait_for_boot

    must_be_free(port or url, serial)
    with (
        Pen.open(port or url, serial) as pen,
        Journal.create_or_open(journal_file or default_path()) as journal,
    ):
        wait_for_boot(pen)
        found = settle(pen, journal, Person(operator))
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

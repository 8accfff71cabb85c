"""Puts a console together: record, accounts, pen, service, server."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ..journal import Journal, default_path
from ..pen import default_dumps
from ..plans import load_plan
from .app import Pages
from .docking import Source
from .door import Door
from .furnishing import furnish
from .models import Role, Training
from .options import Options
from .people import People
from .server import ConsoleServer
from .service import ConsoleService

TRAINING_PIN = "2580"
TRAINING_PEOPLE = {
    "Trainee": (Role.CLINICIAN,),
    "Engineer": (Role.ENGINEER,),
    "Admin": (Role.ADMIN, Role.CLINICIAN),
}
"""Accounts of a simulated console; its PIN is no secret, for there is no patient."""
SEEDS = 1_000_000
DEMO_PLAN = "demo_scalp"
"""A plan of a few seconds, for training."""


@contextmanager
def open_console(
    options: Options, door: Door | None = None, pages: Pages | None = None
) -> Iterator[ConsoleServer]:
    """A console that is ready to be run.

    Args:
        options: Which.
        door: Where; a free port of this computer when not given.
        pages: The pages.

    Raises:
        PenError: The record cannot be written, the accounts cannot be read, the port is taken.
    """
    with ExitStack() as stack:
        place = _place(options, stack)
        source = _source(options)
        record = options.journal or (place / "record.sqlite3" if options.sim else default_path())
        journal = stack.enter_context(Journal.create_or_open(record))
        people, training = _people(options, place)
        own = {DEMO_PLAN: load_plan(DEMO_PLAN)} if options.sim else {}
        where = stack.enter_context(door or Door())
        rules = None if options.sim else place / "clinic.json"
        service = ConsoleService(source, journal, people, own, training, sessions=where.sessions, rules=rules)
        furnish(service.visiting.clinic, training=options.sim)
        yield ConsoleServer(service, where, pages, options.runtime)


def _place(options: Options, stack: ExitStack) -> Path:
    if options.data is not None:
        return options.data
    if options.sim:
        # each simulated pen begins its life anew, so its record does too
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pen-training-")))
    from platformdirs import user_data_path

    return user_data_path("derma-pen", appauthor=False)


def _source(options: Options) -> Source:
    if not options.sim:
        return Source(options.url, options.serial, default_dumps())
    url = options.url or f"sim:?seed={secrets.randbelow(SEEDS) + 1}"
    return Source(url)


def _people(options: Options, place: Path) -> tuple[People, Training | None]:
    if not options.sim:
        return People(place / "people.json"), None
    people = People(None, cheap=True)
    for name, roles in TRAINING_PEOPLE.items():
        people.add(name, TRAINING_PIN, roles)
    return people, Training(names=tuple(TRAINING_PEOPLE), pin=TRAINING_PIN)

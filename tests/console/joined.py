"""A console whose station has joined a clinic's server that answers, and where two stations differ: for the eye only.

The server itself is tested with a real PostgreSQL in `tests/stations`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from pen_host.api.replication import ClinicServer
from pen_host.stations import Conflict, Replicated, Status
from tests.console.desk import Desk

BEFORE = "from tests.console.joined import pretend; pretend(); "
"""What the console's process runs before it starts."""
WHY = "Both stations changed the same row."


def pretend() -> None:
    """From now on in this process."""
    at = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
    told = '{"name": "<b>Muster</b>", "phone": "", "birth_date": "1980-05-01"}'
    found = tuple(
        Conflict("demographics", f"P-0000{n}-00000", f"d{n}", "s1", other, WHY, told)
        for n, other in ((1, "s2"), (2, None))
    )
    for name, answer in (
        ("status", Status("s1", 3, at, (f"visits 1: {WHY}",))),
        ("replicate", Replicated(conflicts=(WHY,))),
        ("conflicts", found),
    ):
        setattr(ClinicServer, name, lambda _self, answer=answer: answer)


def tour_joined(desk: Desk, look: Callable[[str, Desk], None]) -> None:
    """The stations' page of such a console, which nobody is signed in to yet."""
    desk.sign_in()
    desk.go("/stations")
    desk.page.get_by_text("Reachable").or_(desk.page.locator("[id^=f-c0]")).first.wait_for()
    look("stations-joined", desk)
    desk.button("Settle").first.press("Enter")
    desk.page.locator("[id='w-c0-reason']:visible").wait_for()
    look("stations-joined-wrong", desk)

"""The dose that the clinical record makes of the counts a pen wrote into the journal."""

from __future__ import annotations

from fractions import Fraction

from pen_host import dose
from pen_host.journal import Kind
from pen_host.models import PenEvent
from pen_protocol.faults import Event

from .conftest import ANNA, PEN, Bench

NONCE = 7


class PenCounts:
    """Events as a pen numbers them, with its running totals."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._number = 0
        self._totals = [0, 0]

    def event(self, code: int, value: int = 0, strokes: int = 0, contact: int = 0) -> int:
        """One event, after so many strokes; its number."""
        self._totals[0] += strokes
        self._totals[1] += contact
        told = PenEvent(
            event_id=self._number,
            time_ms=self._number,
            code=code,
            arg=0,
            value=value,
            strokes_total=self._totals[0],
            contact_total=self._totals[1],
        )
        self._bench.clinic.journal.append_events(PEN, [told], session_id="s00000007")
        self._number += 1
        return told.event_id

    def run(self, strokes: int, contact: int) -> None:
        """One hold of the trigger."""
        self.event(Event.RUN_STARTED, 600)
        self.event(Event.RUN_ENDED, 0, strokes, contact)

    def zone(self, name: str) -> None:
        self._bench.clinic.journal.append(
            Kind.ZONE_SELECTED,
            {"zone": name, "from_event_id": self._number},
            session_id="s00000007",
            pen_serial=PEN,
        )


def opened(bench: Bench) -> tuple[str, PenCounts]:
    """A visit with a pen session under way."""
    visit = bench.visit(bench.patient())
    bench.clinic.journal.append(Kind.SESSION_OPENED, {"nonce": NONCE}, session_id="s00000007", pen_serial=PEN)
    bench.clinic.visits.attach(visit.visit_id, "s00000007", PEN, ANNA)
    pen = PenCounts(bench)
    pen.event(Event.SESSION_OPENED, NONCE)
    return visit.visit_id, pen


def test_the_dose_is_the_pens_own_count_on_skin_per_pass_and_in_total(bench: Bench) -> None:
    visit, pen = opened(bench)
    pen.zone("vertex")
    pen.run(700, 573)
    pen.run(700, 572)
    pen.event(Event.SESSION_CLOSED)
    (found,) = bench.clinic.doses(visit)
    assert (found.zone, found.strokes, found.contact_strokes, found.needles) == ("vertex", 1_400, 1_145, 12)
    assert found.per_pass == (Fraction(573 * 12 * 100, 5_000), Fraction(572 * 12 * 100, 5_000))
    assert found.total == Fraction(1_145 * 12 * 100, 5_000)
    assert found.place is dose.DosePlace.WITHIN


def test_needles_come_from_the_cartridge_that_was_opened(bench: Bench) -> None:
    visit, pen = opened(bench)
    cartridge = bench.cartridge()
    bench.clinic.cartridges.bind(cartridge.cartridge_id, visit, ANNA)
    pen.zone("vertex")
    pen.run(100, 100)
    assert bench.clinic.doses(visit)[0].needles == 12


def test_strokes_before_any_zone_are_told_apart(bench: Bench) -> None:
    visit, pen = opened(bench)
    pen.run(10, 4)
    pen.zone("vertex")
    pen.run(100, 90)
    vertex, stray = bench.clinic.doses(visit)
    assert (vertex.contact_strokes, stray.zone, stray.contact_strokes) == (90, None, 4)


def test_strokes_that_no_run_accounts_for_are_not_lost(bench: Bench) -> None:
    visit, pen = opened(bench)
    pen.zone("vertex")
    pen.event(Event.RUN_STARTED, 600)
    pen.event(Event.RUN_ENDED, 0, 50, 40)
    pen.event(Event.SESSION_CLOSED, 0, 5, 5)
    (found,) = bench.clinic.doses(visit)
    assert (found.strokes, found.contact_strokes) == (55, 45)
    assert found.total == sum(found.per_pass)
    assert len(found.per_pass) == 2


def test_a_visit_without_a_session_received_nothing(bench: Bench) -> None:
    visit = bench.visit(bench.patient())
    (found,) = bench.clinic.doses(visit.visit_id)
    assert (found.total, found.strokes) == (0, 0)

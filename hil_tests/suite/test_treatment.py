"""The real host program at a pen: session, record, strokes; host, record and coil count alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil_tests.benches import Ability, Hand, Signal
from hil_tests.evidence.recorder import Evidence
from hil_tests.host import ARMED_S, RATE_MHZ, Station
from hil_tests.stages import Stage
from hil_tests.suite.strokes import judge_off
from hil_tests.waves import rises
from pen_host.journal import Journal
from pen_host.names import State
from pen_host.plans import load_plan
from pen_host.session import Operator, open_session, recover
from pen_host.session.events import seen
from pen_host.vault import FileVault
from pen_protocol import limits

HELD_MS = 170
SHALLOW_UM = 200


@pytest.mark.stage(Stage.GREETED)
@pytest.mark.needs(Ability.CARTRIDGE)
def test_a_treatment_is_recorded_as_the_coil_made_it(
    station: Station, evidence: Evidence, tmp_path: Path
) -> None:
    bench, pen = station.bench, station.pen
    operator = Operator("bench", "rig")
    plan = load_plan("demo_scalp")
    with Journal.create_or_open(tmp_path / "record.sqlite", vault=FileVault(tmp_path / "keys")) as journal:
        station.worker.add_gate("journal", lambda: journal.healthy)
        recover(pen, journal, operator)
        session = open_session(pen, journal, operator, plan, None, {})
        session.tighten(plan)
        session.home()
        evidence.equal(
            "protrusion the session reads back", session.set_depth(SHALLOW_UM).value, SHALLOW_UM, "um"
        )
        session.set_rate(RATE_MHZ)
        cartridge = seen(pen.cartridge_read())
        assert cartridge is not None
        session.use_cartridge(cartridge)
        session.arm(SHALLOW_UM, RATE_MHZ, plan.plan_hash)
        assert station.reaches(State.ARMED, ARMED_S)
        bench.hand(Hand.CONTACT, closed=True)
        bench.hand(Hand.TRIGGER, closed=True)
        station.let_pass(HELD_MS)
        released_ns = bench.hand(Hand.TRIGGER, closed=False)
        station.let_pass(60)
        session.disarm()
        session.close()
        judge_off(station, evidence, "trigger release in a session", released_ns, limits.BUDGET_TRIGGER_MS)
        made = len(rises(bench.edges(Signal.COIL)))
        with journal.reader() as reader:
            strokes = reader.strokes(session.session_id)
        assert made > 10
        evidence.equal("strokes in the record", strokes.total.strokes, made, "strokes", hazard="HAZ-14")
        assert strokes.sure
        assert journal.verify().intact

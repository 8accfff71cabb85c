"""The typed client on the real firmware: a treatment from greeting to close, and what comes back typed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pen_host.errors import NoPenError, PenError, UnknownOutcomeError
from pen_host.names import Condition, EventCode, Fault, Refusal, ServiceAction, State, UnlockReason
from pen_host.outcomes import Done, Refused
from pen_host.pen import Pen, stop_at
from pen_protocol import limits

from .stepped import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig(tmp_path) as rig:
        yield rig


def test_a_treatment_from_session_to_close(rig: Rig) -> None:
    pen = rig.pen
    before = rig.do(pen.status)
    rig.armed(depth_um=750, rate_mhz=100_000)
    rig.sim.bench.touch_skin()
    rig.sim.bench.press_trigger()
    rig.let_pass(1_000)
    during = rig.worker.snapshot().status
    assert during is not None
    assert during.state is State.STROKING
    assert during.depth_requested_um == 750
    assert abs(during.depth_measured_um - 750) <= limits.DEPTH_TOLERANCE_UM
    assert abs(during.rate_measured_mhz - 100_000) <= 2_000
    rig.sim.bench.release_trigger()
    rig.let_pass(100)
    rig.done(pen.disarm)
    after = rig.do(pen.status)
    strokes = after.strokes_total - before.strokes_total
    assert 90 <= strokes <= 101
    events = rig.do(lambda: pen.pull_events(before.next_event))
    assert [event.event_id for event in events] == list(range(before.next_event, after.next_event))
    names = [event.name for event in events]
    for expected in (
        "SESSION_OPENED",
        "HOMED",
        "CARTRIDGE_BURNED",
        "ARMED",
        "RUN_STARTED",
        "RUN_ENDED",
        "DISARMED",
    ):
        assert expected in names
    started = next(event for event in events if event.code == EventCode.RUN_STARTED)
    ended = next(event for event in events if event.code == EventCode.RUN_ENDED)
    assert ended.strokes_total - started.strokes_total == strokes
    rig.done(pen.close_session)
    assert rig.worker.snapshot().session == 0
    assert rig.do(pen.cartridge_read).used is True


def test_set_depth_reports_the_measured_depth(rig: Rig) -> None:
    rig.done(lambda: rig.pen.open_session(operator=7))
    rig.done(rig.pen.home)
    done = rig.done(lambda: rig.pen.set_depth(750))
    assert abs(done.value - 750) <= limits.DEPTH_TOLERANCE_UM


def test_a_refusal_comes_with_its_reason_and_a_sentence(rig: Rig) -> None:
    outcome = rig.do(rig.pen.home)
    assert isinstance(outcome, Refused)
    assert outcome.reason == Refusal.NO_SESSION
    rig.done(lambda: rig.pen.open_session(operator=7))
    outcome = rig.do(lambda: rig.pen.arm(500, 100_000))
    assert isinstance(outcome, Refused)
    assert "ARM was refused" in outcome.sentence


def test_a_stop_is_cleared_by_its_cause_and_event_and_by_nothing_else(rig: Rig) -> None:
    pen = rig.pen
    assert rig.do(lambda: rig.worker.stop().wait(30)).confirmed
    status = rig.do(pen.status)
    assert status.stopped
    assert status.cause_text == "STOP_COMMAND"
    wrong = rig.do(lambda: pen.clear_fault(Condition.FLUID, status.cause_event, 7))
    assert isinstance(wrong, Refused)
    rig.done(lambda: pen.clear_fault(Fault.STOP_COMMAND, status.cause_event, 7))
    assert rig.do(pen.status).state is State.IDLE


def test_conditions_are_named(rig: Rig) -> None:
    rig.sim.bench.connect_charger()
    rig.let_pass(200)
    assert "CHARGER" in rig.do(rig.pen.status).condition_names


def test_an_empty_pen_says_there_is_no_cartridge(rig: Rig) -> None:
    assert rig.do(rig.pen.cartridge_read).usable
    rig.sim.bench.take_cartridge()
    rig.let_pass(300)
    cartridge = rig.do(rig.pen.cartridge_read)
    assert not cartridge.usable
    assert cartridge.condition in (Condition.CARTRIDGE_ABSENT, Condition.CARTRIDGE_UNLATCHED)


def test_settings_are_read_changed_and_protected_by_their_version(rig: Rig) -> None:
    pen = rig.pen
    held = rig.do(pen.settings_read)
    changed = replace(held, version=held.version + 1, rate_max_mhz=120_000)
    rig.done(lambda: pen.settings_write(changed))
    assert rig.do(pen.settings_read).rate_max_mhz == 120_000
    stale = replace(held, version=held.version + 1, rate_max_mhz=130_000)
    outcome = rig.do(lambda: pen.settings_write(stale))
    assert isinstance(outcome, Refused)
    assert outcome.reason == Refusal.VERSION_CONFLICT


def test_limits_only_tighten(rig: Rig) -> None:
    rig.done(lambda: rig.pen.open_session(operator=7))
    rig.done(lambda: rig.pen.tighten(1_000, 120_000, 600, 20_000))
    outcome = rig.do(lambda: rig.pen.tighten(1_200, 120_000, 600, 20_000))
    assert isinstance(outcome, Refused)
    assert outcome.reason == Refusal.WOULD_LOOSEN


def test_a_deeper_session_needs_a_reason(rig: Rig) -> None:
    outcome = rig.do(lambda: rig.pen.open_session(operator=7, depth_cap_um=2_000))
    assert isinstance(outcome, Refused)
    rig.done(
        lambda: rig.pen.open_session(
            operator=7, depth_cap_um=2_000, unlock_reason=UnlockReason.PHYSICIAN_SUPERVISED
        )
    )


def test_a_restarted_program_takes_its_session_over_arms_and_closes_it(rig: Rig) -> None:
    rig.armed()
    rig.let_pass(1_000)
    rig.done(rig.pen.disarm)
    rig.worker.close()
    with Rig(sim=rig.sim) as later:
        assert not later.do(lambda: later.pen.adopt_session(78))
        assert later.do(lambda: later.pen.adopt_session(77))
        later.done(lambda: later.pen.arm(500, 100_000))
        later.let_pass(1_000)
        assert later.do(later.pen.status).armed
        later.done(later.pen.disarm)
        later.done(later.pen.close_session)


def test_the_self_test_runs_in_a_session(rig: Rig) -> None:
    rig.done(lambda: rig.pen.open_session(operator=7))
    rig.done(rig.pen.self_test)


def test_a_reboot_for_service_is_noticed(rig: Rig) -> None:
    before = rig.pen.identity().boot_id
    rig.do(lambda: rig.pen.service(ServiceAction.REBOOT))
    rig.let_pass(3_000)
    assert rig.pen.identity().boot_id != before


def test_a_question_nobody_answers_raises(rig: Rig) -> None:
    rig.sim.bench.unplug_usb()
    with pytest.raises(UnknownOutcomeError):
        rig.do(rig.pen.status)


def test_open_checks_the_serial_number_and_lets_go_of_a_wrong_pen(tmp_path: Path) -> None:
    with pytest.raises(PenError, match="not ffff"):
        Pen.open("sim:?seed=3", serial="ffff", dumps=tmp_path)
    with Pen.open("sim:?seed=3", dumps=tmp_path) as pen:
        assert pen.identity().serial.startswith("e6")
        assert isinstance(pen.telemetry(0), Done)
        assert pen.snapshot().status is not None


def test_stop_at_a_port_needs_nothing_but_the_port() -> None:
    assert stop_at("sim:").confirmed
    with pytest.raises(NoPenError):
        stop_at("/dev/no-such-port")

"""The worker on the real firmware: STOP first, heartbeat behind gates, nothing left open when the connection breaks."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pen_host.errors import JournalError, NoPenError, TransportLostError
from pen_host.link import events
from pen_host.names import Condition, Refusal, State
from pen_host.outcomes import Done, Refused, Unknown
from pen_host.worker import StopTicket, Ticket, dumps
from pen_host.worker.inbox import Inbox
from pen_protocol import limits, messages

from .stepped import Rig, SteppedTransport


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig(tmp_path) as rig:
        yield rig


def numbers(transport: SteppedTransport) -> list[int]:
    """Message numbers written so far: behind delimiter, COBS byte and version."""
    return [wire[3] for wire in transport.written]


class TestStop:
    def test_stop_jumps_the_queue_while_a_long_call_is_pending(self, rig: Rig) -> None:
        rig.done(lambda: rig.pen.open_session(operator=7))
        home = rig.worker.submit("HOME")
        rig.let_pass(50)
        queued = [rig.worker.submit("SET_RATE", {"rate_mhz": 100_000 + n}) for n in range(20)]
        rig.transport.written.clear()
        ticket = rig.worker.stop()
        report = rig.do(lambda: ticket.wait(30))
        assert numbers(rig.transport)[0] == messages.STOP
        assert report.confirmed
        assert report.after_ms <= limits.STOP_CONFIRM_MS
        outcome = rig.do(home.wait)
        assert isinstance(outcome, Refused)
        assert outcome.reason == Refusal.ABORTED
        assert all(isinstance(rig.do(each.wait), Refused) for each in queued)
        assert rig.worker.snapshot().status.stopped  # type: ignore[union-attr]

    def test_stop_goes_out_before_notes_left_earlier(self, rig: Rig) -> None:
        rig.transport.written.clear()
        for _ in range(10):
            rig.worker._inbox._notes.append(Ticket("GET_STATUS", {}, None))
        ticket = rig.worker.stop()
        rig.do(lambda: ticket.wait(30))
        assert numbers(rig.transport)[0] == messages.STOP

    def test_a_stop_wakes_the_worker_itself_while_who_woke_before_is_held_up(self) -> None:
        woken: list[int] = []

        def wake() -> None:
            """Held up before it wakes anybody, while somebody else presses."""
            if not inbox._stops:
                inbox.put_stop(StopTicket())
            woken.append(1)

        inbox = Inbox(wake)
        inbox.put(Ticket("GET_STATUS", {}, None))
        assert len(woken) == 2

    def test_two_threads_that_ask_for_the_first_dump_at_once_start_one_writer(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of two, closing would end one and wait for the other for ever, and no pen be connected again."""
        made: list[threading.Thread] = []

        def thread(**given: Any) -> threading.Thread:
            made.append(threading.Thread(**given))
            if len(made) == 1:
                writer.ask("the other's", [], 0.0, {}, force=True)
            return made[-1]

        writer = dumps.DumpWriter(tmp_path)
        monkeypatch.setattr(dumps, "threading", SimpleNamespace(Thread=thread))
        writer.ask("the first", [], 0.0, {}, force=True)
        writer.close()
        assert len(made) == 1
        assert len(list(tmp_path.iterdir())) == 2

    def test_a_stop_nobody_confirms_says_so_and_goes_on(self, rig: Rig, tmp_path: Path) -> None:
        rig.sim.bench.unplug_usb()
        ticket = rig.worker.stop()
        report = rig.do(lambda: ticket.wait(30))
        assert not report.confirmed
        assert report.pending
        assert report.after_ms >= limits.STOP_CONFIRM_MS
        assert "STOP NOT CONFIRMED" in report.sentence
        assert "press the pen's button" in report.sentence
        assert rig.worker.snapshot().stopping
        rig.sim.bench.plug_usb()
        late = rig.do(lambda: ticket.wait_confirmed(30))
        assert late.confirmed
        assert not rig.worker.snapshot().stopping
        rig.worker.close()  # its writer of dumps has a thread of its own
        assert list(tmp_path.glob("*stop-not-confirmed*"))

    def test_stop_after_the_connection_broke_is_answered_at_once(self, rig: Rig) -> None:
        rig.transport.cut = True
        rig.transport.flow(True)
        rig.worker._thread.join(30)
        report = rig.worker.stop().wait(30)
        assert not report.confirmed
        assert "cable pulled" in report.sentence

    def test_a_stop_whose_first_byte_breaks_the_connection_is_answered(self, rig: Rig) -> None:

        rig.transport.cut = True
        report = rig.do(lambda: rig.worker.stop().wait(30))
        assert not report.confirmed
        assert not report.pending

    def test_stop_ends_strokes(self, rig: Rig) -> None:
        rig.armed()
        rig.sim.bench.press_trigger()
        rig.let_pass(200)
        assert rig.worker.snapshot().status.state is State.STROKING  # type: ignore[union-attr]
        report = rig.do(lambda: rig.worker.stop().wait(30))
        assert report.confirmed
        assert not rig.sim.pen.needle.running


class TestHeartbeat:
    def test_an_armed_pen_stays_armed_while_every_gate_is_healthy(self, rig: Rig) -> None:
        rig.worker.add_gate("journal", lambda: True)
        rig.armed()
        rig.let_pass(2_000)
        status = rig.worker.snapshot().status
        assert status is not None
        assert status.armed
        assert status.lease_left_ms > limits.HOST_LEASE_MS - 2 * limits.HEARTBEAT_PERIOD_MS

    def test_no_heartbeat_before_arming_and_after_disarming(self, rig: Rig) -> None:
        rig.done(lambda: rig.pen.open_session(operator=7))
        rig.let_pass(500)
        assert messages.HEARTBEAT not in numbers(rig.transport)
        rig.done(rig.pen.close_session)
        rig.armed()
        rig.done(rig.pen.disarm)
        rig.let_pass(200)
        rig.transport.written.clear()
        rig.let_pass(500)
        assert messages.HEARTBEAT not in numbers(rig.transport)

    @pytest.mark.parametrize(
        "failure", [None, OSError("disk full"), JournalError("The record cannot be written.")]
    )
    def test_one_unhealthy_gate_ends_the_heartbeat_and_the_pen_stops(
        self, rig: Rig, failure: Exception | None
    ) -> None:
        healthy = [True]

        def gate() -> bool:
            if not healthy[0] and failure is not None:
                raise failure
            return healthy[0]

        rig.worker.add_gate("console", lambda: True)
        rig.worker.add_gate("journal", gate)
        rig.armed()
        rig.sim.bench.press_trigger()
        rig.let_pass(200)
        assert rig.sim.pen.needle.running
        healthy[0] = False
        rig.let_pass(limits.BUDGET_HOST_SILENT_MS)
        assert not rig.sim.pen.needle.running
        rig.let_pass(100)
        snapshot = rig.worker.snapshot()
        assert snapshot.status is not None
        assert snapshot.status.stopped
        assert snapshot.status.first_cause == Condition.HOST_LEASE
        assert [e for e in rig.worker.blackbox.copy() if e.body == b"heartbeat held back by journal"]

    def test_a_host_that_hears_nothing_sends_no_heartbeat(self, rig: Rig) -> None:
        rig.armed()
        rig.sim.stream.to_host.faults.lose = 1.0
        rig.let_pass(500)
        assert rig.worker.snapshot().heartbeat_held_by == "status"
        rig.transport.written.clear()
        rig.let_pass(1_000)
        assert messages.HEARTBEAT not in numbers(rig.transport)

    def test_a_removed_gate_is_asked_no_longer(self, rig: Rig) -> None:
        rig.worker.add_gate("console", lambda: False)
        rig.worker.remove_gate("console")
        rig.armed()
        rig.let_pass(500)
        assert rig.worker.snapshot().heartbeat_held_by is None


class TestCalls:
    def test_a_bad_value_reaches_the_caller_and_nothing_is_sent(self, rig: Rig) -> None:
        rig.transport.written.clear()
        with pytest.raises(ValueError, match="outside"):
            rig.worker.call("SET_RATE", {"rate_mhz": 3})
        rig.let_pass(50)
        assert messages.SET_RATE not in numbers(rig.transport)

    def test_a_callers_patience_ends_as_unknown(self, rig: Rig) -> None:
        rig.done(lambda: rig.pen.open_session(operator=7))
        outcome = rig.do(lambda: rig.worker.call("HOME", timeout_s=0.1))
        assert isinstance(outcome, Unknown)
        assert "patience" in outcome.why

    def test_a_broken_connection_settles_everything_and_marks_the_snapshot(
        self, rig: Rig, tmp_path: Path
    ) -> None:
        rig.done(lambda: rig.pen.open_session(operator=7))
        news = rig.worker.subscribe()
        home, rate = rig.worker.submit("HOME"), rig.worker.submit("SET_RATE", {"rate_mhz": 100_000})
        rig.let_pass(50)
        rig.transport.cut = True
        rig.transport.flow(True)
        assert isinstance(home.wait(), Unknown)
        assert isinstance(rate.wait(), Refused)
        rig.worker._thread.join(30)
        snapshot = rig.worker.snapshot()
        assert snapshot.lost == "cable pulled"
        assert snapshot.status is not None
        assert snapshot.session == 0
        late = rig.worker.call("GET_STATUS")
        assert isinstance(late, Refused)
        assert "was not sent" in late.sentence
        heard = []
        while (item := news.get(0)) is not None:
            heard.append(item)
        assert isinstance(heard[-1], TransportLostError)
        rig.worker.close()
        assert list(tmp_path.glob("*connection-lost*"))

    def test_a_pen_that_takes_no_bytes_counts_as_lost(self, rig: Rig) -> None:
        rig.transport.blocked = True
        outcome = rig.do(lambda: [rig.worker.call("GET_STATUS") for _ in range(2)][-1])
        assert isinstance(outcome, Unknown | Refused)
        assert rig.worker.snapshot().lost == "takes no bytes"

    def test_calls_from_many_threads_each_get_their_own_answer(self, rig: Rig) -> None:
        tickets = [rig.worker.submit(name) for name in ("GET_STATUS", "SETTINGS_READ") * 5]
        answers = rig.do(lambda: [ticket.wait() for ticket in tickets])
        assert all(
            isinstance(answer, Done) and answer.request == ticket.name
            for answer, ticket in zip(answers, tickets, strict=True)
        )

    def test_nobody_there_ends_the_greeting_with_advice(self) -> None:
        with Rig(greet=False) as rig:
            rig.sim.bench.unplug_usb()
            with pytest.raises(NoPenError, match="pen list"):
                rig.do(lambda: rig.worker.connect(30))

    def test_closing_twice_and_before_the_start_is_harmless(self) -> None:
        rig = Rig(greet=False)
        rig.close()
        rig.close()
        assert isinstance(rig.worker.call("GET_STATUS"), Refused)


class TestNews:
    def test_a_slow_listener_loses_the_oldest_and_nobody_waits(self, rig: Rig) -> None:
        slow, quick = rig.worker.subscribe(size=3), rig.worker.subscribe(size=1000)
        rig.let_pass(2_000)
        assert slow.lost > 0
        assert quick.lost == 0
        kept = [slow.get(0) for _ in range(3)]
        assert slow.get(0) is None
        everything = []
        while (item := quick.get(0)) is not None:
            everything.append(item)
        assert kept == everything[-3:]

    def test_the_snapshot_ages_while_nothing_comes(self, rig: Rig) -> None:
        fresh = rig.worker.snapshot().status
        assert fresh is not None
        assert fresh.age_ms <= 2 * limits.STATUS_PERIOD_MS
        rig.sim.bench.unplug_usb()
        rig.let_pass(1_000)
        old = rig.worker.snapshot().status
        assert old is not None
        assert old.age_ms >= 900

    def test_telemetry_comes_at_the_rate_asked_for(self, rig: Rig) -> None:
        rig.done(lambda: rig.pen.telemetry(50))
        news = rig.worker.subscribe(size=1000)
        rig.let_pass(1_000)
        samples = 0
        while (item := news.get(0)) is not None:
            samples += isinstance(item, events.TelemetryReceived)
        # an idle pen writes its record to flash now and then, and takes no samples meanwhile
        assert 46 <= samples <= 51
        assert rig.worker.snapshot().telemetry is not None

    def test_a_restarted_pen_is_news_and_ends_the_session(self, rig: Rig) -> None:
        rig.done(lambda: rig.pen.open_session(operator=7))
        news = rig.worker.subscribe(size=1000)
        rig.sim.reset()
        rig.let_pass(3_000)
        kinds = set()
        while (item := news.get(0)) is not None:
            kinds.add(type(item))
        assert events.PenRestarted in kinds
        assert rig.worker.snapshot().session == 0
        assert rig.do(rig.pen.status).session_nonce == 0


class TestBlackbox:
    def test_a_stop_of_the_pen_leaves_a_readable_record(self, rig: Rig, tmp_path: Path) -> None:
        rig.armed()
        rig.sim.bench.open_estop()
        rig.let_pass(300)
        rig.worker.close()
        (path,) = tmp_path.glob("*estop-open*")
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        header, entries = lines[0], lines[1:]
        assert header["reason"] == "pen stopped ESTOP_OPEN"
        assert header["identity"]["serial"]
        assert header["status"]["first_cause"] == Condition.ESTOP_OPEN
        assert any("ARM seq=" in entry["text"] for entry in entries if entry["kind"] == "out")
        assert any("STATUS seq=" in entry["text"] for entry in entries if entry["kind"] == "in")
        assert [entry["t_ms"] for entry in entries] == sorted(entry["t_ms"] for entry in entries)
        assert sum(entry["kind"] == "in" for entry in entries) <= 200

    def test_an_unknown_outcome_leaves_a_record(self, rig: Rig, tmp_path: Path) -> None:
        rig.sim.bench.unplug_usb()
        assert isinstance(rig.do(lambda: rig.worker.call("GET_STATUS")), Unknown)
        rig.worker.close()
        assert list(tmp_path.glob("*unknown-get-status*"))

    def test_a_full_disk_does_not_disturb_the_link(self, tmp_path: Path) -> None:
        blocker = tmp_path / "file"
        blocker.write_text("no directory")
        with Rig(blocker / "dumps") as rig:
            rig.worker.dump("asked for")
            assert isinstance(rig.do(lambda: rig.worker.call("GET_STATUS")), Done)

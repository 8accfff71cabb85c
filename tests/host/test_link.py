"""The link: handshake, requests and outcomes, stop lane, heartbeat, all in fake time."""

from __future__ import annotations

import pytest

from pen_host.link import FrameReader, encode, events
from pen_host.link.requests import Sequences
from pen_host.names import Refusal, State
from pen_host.outcomes import Done, Outcome, Refused, Unknown
from pen_protocol import limits, messages

from .model_pen import Bench, ModelPen

OPEN = {"nonce": 55, "operator": 1, "depth_cap_um": 1500, "unlock_reason": 0}


def outcomes(bench: Bench) -> dict[int, Outcome]:
    settled: dict[int, Outcome] = {}
    for event in bench.of(events.Settled):
        assert isinstance(event, events.Settled)
        assert event.token not in settled, "settled twice"
        settled[event.token] = event.outcome
    return settled


def in_session() -> Bench:
    bench = Bench()
    bench.greet()
    bench.link.request("OPEN_SESSION", OPEN, bench.now_s)
    bench.step(0.05)
    assert bench.link.session == 55
    return bench


class TestHandshake:
    def test_a_pen_answers_with_its_identity(self) -> None:
        bench = Bench()
        bench.greet()
        assert len(bench.of(events.IdentityReceived)) == 1
        assert bench.link.identity is not None
        assert bench.link.identity["boot_id"] == 7

    def test_nobody_there_is_said_when_a_pen_that_starts_anew_would_have_answered(self) -> None:
        bench = Bench()
        bench.pen.deaf = True
        bench.link.hello(bench.now_s, 1)
        bench.step(limits.WATCHDOG_MS / 1000 - 0.05)
        assert bench.of(events.HelloUnanswered) == []
        bench.step(0.1)
        (said,) = bench.of(events.HelloUnanswered)
        assert said.tries == bench.link.counters.frames_sent == limits.WATCHDOG_MS / limits.REQUEST_RETRY_MS

    def test_a_pen_that_is_busy_with_its_flash_for_some_greetings_is_found(self) -> None:
        bench = Bench()
        bench.pen.deaf = True
        bench.link.hello(bench.now_s, 1)
        bench.step(0.9)
        bench.pen.deaf = False
        bench.step(0.2)
        assert bench.link.identity is not None

    def test_an_identity_for_another_greeting_is_not_taken(self) -> None:
        bench = Bench()
        stranger = ModelPen()
        other = Bench()
        other.link.hello(0.0, 99)
        late = stranger.step(other.link.next_output() or b"", 0.0)
        bench.link.hello(bench.now_s, 1)
        bench.link.receive(late, bench.now_s)
        assert bench.link.identity is None
        assert bench.link.counters.stale == 1

    @pytest.mark.covers("REQ-1203")
    def test_another_message_table_names_both_and_the_fix(self) -> None:
        bench = Bench()
        bench.pen.schema = 0x1234ABCD
        bench.greet()
        (mismatch,) = bench.of(events.Mismatch)
        assert isinstance(mismatch, events.Mismatch)
        assert mismatch.is_pen
        for part in ("1234abcd", f"{messages.SCHEMA_HASH:08x}", "9.8.7", "pen fw flash"):
            assert part in mismatch.sentence
        assert bench.link.identity is None

    def test_another_protocol_version_is_recognised_and_named(self) -> None:
        bench = Bench()
        bench.pen.version = 3
        bench.greet()
        (mismatch,) = bench.of(events.Mismatch)
        assert isinstance(mismatch, events.Mismatch)
        assert "protocol 3" in mismatch.sentence
        assert "protocol 1" in mismatch.sentence

    def test_another_product_on_the_same_usb_id_is_not_a_pen(self) -> None:
        bench = Bench()
        bench.pen.product = b"TOASTER1"
        bench.greet()
        (mismatch,) = bench.of(events.Mismatch)
        assert isinstance(mismatch, events.Mismatch)
        assert not mismatch.is_pen

    def test_frames_from_before_the_greeting_are_counted_and_not_believed(self) -> None:
        bench = Bench()
        bench.pen.greeted = True
        bench.step(0.3)
        assert bench.of(events.StatusReceived) == []
        assert bench.link.counters.before_hello > 0


class TestRequests:
    def test_a_command_is_done_once(self) -> None:
        bench = in_session()
        token = bench.link.request("SET_RATE", {"rate_mhz": 100_000}, bench.now_s)
        bench.step(0.05)
        assert isinstance(outcomes(bench)[token], Done)
        assert [name for name, _, _ in bench.pen.executed] == ["OPEN_SESSION", "SET_RATE"]

    def test_a_bad_value_is_refused_before_anything_is_sent(self) -> None:
        bench = in_session()
        sent = bench.link.counters.frames_sent
        with pytest.raises(ValueError, match="rate_mhz = 1 is outside"):
            bench.link.request("SET_RATE", {"rate_mhz": 1}, bench.now_s)
        with pytest.raises(ValueError, match="takes rate_mhz"):
            bench.link.request("SET_RATE", {}, bench.now_s)
        with pytest.raises(ValueError, match="8 bytes"):
            bench.link.request("CARTRIDGE_USE", {"serial": b"short"}, bench.now_s)
        for lane in ("STOP", "HEARTBEAT", "HELLO", "STATUS", "NONSENSE"):
            with pytest.raises(ValueError, match="not a request"):
                bench.link.request(lane, {}, bench.now_s)
        assert bench.link.counters.frames_sent == sent

    @pytest.mark.covers("REQ-1204")
    def test_an_unanswered_request_is_sent_again_byte_for_byte_and_then_unknown(self) -> None:
        bench = in_session()
        bench.pen.deaf = True
        sent: list[bytes] = []
        token = bench.link.request("SET_RATE", {"rate_mhz": 100_000}, bench.now_s)
        for _ in range(200):
            bench.now_s += 0.005
            bench.link.tick(bench.now_s, False)
            while (wire := bench.link.next_output()) is not None:
                sent.append(wire)
        assert sent[0] == sent[1] == sent[2]
        assert bench.link.counters.repeats == limits.REQUEST_TRIES - 1
        outcome = outcomes(bench)[token]
        assert isinstance(outcome, Unknown)
        assert outcome.why == "no answer to 3 sendings"
        assert outcome.session == 55

    def test_a_long_request_waits_for_its_budget(self) -> None:
        bench = in_session()
        token = bench.link.request("HOME", {}, bench.now_s)
        bench.step(1.0)
        assert token not in outcomes(bench)
        bench.step(0.4)
        assert isinstance(outcomes(bench)[token], Done)

    def test_a_lost_end_of_a_long_request_is_asked_for_again(self) -> None:
        bench = in_session()
        token = bench.link.request("HOME", {}, bench.now_s)
        bench.step(1.15)
        bench.manners.lose = 1.0
        bench.step(0.1)
        bench.manners.lose = 0.0
        bench.step(0.7)
        assert isinstance(outcomes(bench)[token], Done)
        assert [name for name, _, _ in bench.pen.executed].count("HOME") == 1

    def test_an_accepted_request_without_end_is_unknown(self) -> None:
        bench = in_session()
        token = bench.link.request("HOME", {}, bench.now_s)
        bench.step(0.1)
        bench.pen.deaf = True
        bench.pen._running = None
        bench.step(3.0)
        outcome = outcomes(bench)[token]
        assert isinstance(outcome, Unknown)
        assert "did not report its end" in outcome.why

    def test_commands_go_one_at_a_time_in_their_order(self) -> None:
        bench = in_session()
        tokens = [bench.link.request("SET_RATE", {"rate_mhz": 25_000 + n}, bench.now_s) for n in range(5)]
        bench.step(0.2)
        assert all(isinstance(outcomes(bench)[token], Done) for token in tokens)
        sequences = [sequence for _, _, sequence in bench.pen.executed]
        assert sequences == sorted(sequences)

    def test_a_query_does_not_wait_for_a_long_command(self) -> None:
        bench = in_session()
        bench.link.request("HOME", {}, bench.now_s)
        bench.step(0.02)
        token = bench.link.request("GET_STATUS", {}, bench.now_s)
        bench.step(0.02)
        assert isinstance(outcomes(bench)[token], Done)

    def test_disarm_overtakes_a_long_command_and_drops_what_was_not_sent(self) -> None:
        bench = in_session()
        home = bench.link.request("HOME", {}, bench.now_s)
        arm = bench.link.request("ARM", {"depth_um": 0, "rate_mhz": 100_000, "plan_hash": 0}, bench.now_s)
        bench.step(0.02)
        disarm = bench.link.request("DISARM", {}, bench.now_s)
        bench.step(0.05)
        settled = outcomes(bench)
        assert isinstance(settled[disarm], Done)
        for token in (home, arm):
            outcome = settled[token]
            assert isinstance(outcome, Refused)
            assert outcome.reason == Refusal.ABORTED
        assert "ARM" not in [name for name, _, _ in bench.pen.executed]

    def test_a_late_answer_settles_nothing_and_is_counted(self) -> None:
        bench = in_session()
        bench.manners.lose = 1.0
        token = bench.link.request("SET_RATE", {"rate_mhz": 100_000}, bench.now_s)
        wire = bench.link.next_output() or b""
        answer = bench.pen.step(wire, bench.now_s)
        bench.step(1.0)
        assert isinstance(outcomes(bench)[token], Unknown)
        bench.link.receive(answer, bench.now_s)
        assert len(outcomes(bench)) == 2
        assert bench.link.counters.stale >= 1

    def test_an_answer_from_another_session_is_not_taken(self) -> None:
        bench = in_session()
        bench.manners.lose = 1.0
        token = bench.link.request("SET_RATE", {"rate_mhz": 100_000}, bench.now_s)
        sequence = FrameReader().feed(bench.link.next_output() or b"").__next__()[0].sequence
        values = {"request": messages.SET_RATE, "value": 0, "event_id": 0}
        bench.link.receive(encode(messages.DONE, sequence, 54, values), bench.now_s)
        assert token not in outcomes(bench)
        bench.link.receive(
            encode(messages.DONE, sequence, 55, {**values, "request": messages.ARM}), bench.now_s
        )
        assert token not in outcomes(bench)
        bench.link.receive(encode(messages.DONE, sequence, 55, values), bench.now_s)
        assert isinstance(outcomes(bench)[token], Done)

    @pytest.mark.covers("REQ-1204")
    def test_a_refusal_of_a_repeat_that_may_hide_an_execution_is_unknown(self) -> None:
        bench = in_session()
        bench.manners.lose = 1.0
        token = bench.link.request("SET_RATE", {"rate_mhz": 100_000}, bench.now_s)
        bench.pen.step(bench.link.next_output() or b"", bench.now_s)
        bench.pen.session = 99
        bench.manners.lose = 0.0
        bench.step(0.3)
        assert isinstance(outcomes(bench)[token], Unknown)

    def test_a_refusal_says_what_why_and_what_now(self) -> None:
        bench = Bench()
        bench.greet()
        token = bench.link.request("HOME", {}, bench.now_s)
        bench.step(0.05)
        outcome = outcomes(bench)[token]
        assert isinstance(outcome, Refused)
        assert outcome.reason == Refusal.NO_SESSION
        assert outcome.sentence.startswith("HOME was refused: The pen has no session open.")

    def test_giving_up_settles_as_unknown_what_was_sent_and_as_refused_what_was_not(self) -> None:
        bench = in_session()
        home = bench.link.request("HOME", {}, bench.now_s)
        rate = bench.link.request("SET_RATE", {"rate_mhz": 100_000}, bench.now_s)
        bench.link.abandon(rate, "the caller gave up")
        bench.link.abandon(home, "the caller gave up")
        settled = outcomes(bench)
        assert isinstance(settled[rate], Refused)
        assert isinstance(settled[home], Unknown)

    def test_a_broken_connection_settles_everything(self) -> None:
        bench = in_session()
        home = bench.link.request("HOME", {}, bench.now_s)
        rate = bench.link.request("SET_RATE", {"rate_mhz": 100_000}, bench.now_s)
        bench.link.fail("cable pulled")
        settled = outcomes(bench)
        assert isinstance(settled[home], Unknown)
        assert isinstance(settled[rate], Refused)
        assert not bench.link.busy


class TestSession:
    def test_the_session_is_known_from_its_opening_to_its_close(self) -> None:
        bench = in_session()
        bench.link.request("CLOSE_SESSION", {}, bench.now_s)
        bench.step(0.05)
        assert bench.link.session == 0

    def test_a_restarted_pen_is_noticed_and_the_session_is_over(self) -> None:
        bench = in_session()
        token = bench.link.request("HOME", {}, bench.now_s)
        bench.step(0.1)
        bench.pen.restart()
        bench.step(2.0)
        assert bench.of(events.PenSilent)
        assert bench.of(events.PenRestarted) == [events.PenRestarted(7, 8)]
        assert isinstance(outcomes(bench)[token], Unknown)
        assert bench.link.session == 0

    def test_a_pen_flashed_with_another_release_meanwhile_is_left_alone(self) -> None:
        bench = in_session()
        bench.pen.restart()
        bench.pen.schema = 0x1234ABCD
        bench.step(2.0)
        assert len(bench.of(events.Mismatch)) == 1
        assert bench.of(events.PenRestarted) == [events.PenRestarted(7, 8)]
        assert bench.link.identity is None
        assert bench.link.session == 0

    def test_a_session_the_pen_no_longer_holds_is_reported_once(self) -> None:
        bench = in_session()
        bench.pen.session = 0
        bench.step(1.0)
        assert bench.of(events.SessionLost) == [events.SessionLost(55)]

    def test_one_status_that_was_on_its_way_does_not_end_a_session(self) -> None:
        bench = in_session()
        bench.pen.session = 0
        bench.pen.send_status(0)
        bench.pen.session = 55
        bench.step(0.5)
        assert bench.of(events.SessionLost) == []

    def test_a_session_known_from_the_record_is_taken_over_with_its_sequence(self) -> None:
        bench = in_session()
        late = Bench(first_sequence=60_000)
        late.pen = bench.pen
        late.greet()
        late.link.adopt_session(55, bench.pen.last_seq)
        token = late.link.request("CLOSE_SESSION", {}, late.now_s)
        late.step(0.05)
        assert isinstance(outcomes(late)[token], Done)

    def test_an_old_status_is_not_shown_as_new(self) -> None:
        bench = in_session()
        before = len(bench.of(events.StatusReceived))
        old = ModelPen()
        old.send_status(0)
        bench.link.receive(bytes(old.output), bench.now_s)
        assert len(bench.of(events.StatusReceived)) == before
        assert bench.link.counters.stale == 1


class TestStop:
    @pytest.mark.covers("REQ-0313")
    def test_stop_is_repeated_until_confirmed_and_its_time_is_known(self) -> None:
        bench = in_session()
        bench.manners.lose = 1.0
        bench.link.stop(bench.now_s)
        bench.step(0.12)
        assert bench.link.stopping
        assert bench.link.counters.stops == 3
        bench.manners.lose = 0.0
        bench.step(0.1)
        (confirmed,) = bench.of(events.StopConfirmed)
        assert isinstance(confirmed, events.StopConfirmed)
        assert 0.12 <= confirmed.after_s <= 0.2
        assert bench.of(events.StopOverdue) == []
        stops = bench.link.counters.stops
        bench.step(0.5)
        assert bench.link.counters.stops == stops

    @pytest.mark.covers("REQ-0313")
    def test_a_missing_confirmation_is_said_once_and_stop_goes_on(self) -> None:
        bench = in_session()
        bench.pen.deaf = True
        bench.link.stop(bench.now_s)
        bench.step(2.0)
        (overdue,) = bench.of(events.StopOverdue)
        assert isinstance(overdue, events.StopOverdue)
        assert 0.2 <= overdue.after_s <= 0.21
        assert bench.link.counters.stops >= 2.0 / (limits.STOP_REPEAT_MS / 1000 + Bench.STEP_S) - 1

    def test_stop_needs_no_handshake(self) -> None:
        bench = Bench()
        bench.link.stop(bench.now_s)
        bench.step(0.05)
        assert len(bench.of(events.StopConfirmed)) == 1

    def test_stop_leaves_before_anything_that_waits(self) -> None:
        bench = in_session()
        for number in range(10):
            bench.link.request("GET_STATUS", {}, bench.now_s)
            bench.link.request("SET_RATE", {"rate_mhz": 25_000 + number}, bench.now_s)
        bench.link.stop(bench.now_s)
        pen = ModelPen()
        pen.step(bench.link.next_output() or b"", bench.now_s)
        assert pen.stops == 1

    @pytest.mark.covers("REQ-1205")
    def test_nothing_that_moves_is_sent_or_repeated_while_stopping(self) -> None:
        bench = in_session()
        home = bench.link.request("HOME", {}, bench.now_s)
        queued = bench.link.request("SET_RATE", {"rate_mhz": 100_000}, bench.now_s)
        while bench.link.next_output() is not None:
            pass  # lost on its way
        bench.pen.deaf = True
        bench.link.stop(bench.now_s)
        late = bench.link.request("SET_RATE", {"rate_mhz": 100_000}, bench.now_s)
        repeats = bench.link.counters.repeats
        bench.step(1.0)
        settled = outcomes(bench)
        assert isinstance(settled[home], Unknown)
        assert isinstance(settled[queued], Refused)
        assert isinstance(settled[late], Refused)
        assert bench.link.counters.repeats == repeats

    def test_a_status_from_before_does_not_confirm(self) -> None:
        bench = in_session()
        bench.link.stop(bench.now_s)
        old = ModelPen()
        old.state = int(State.STOPPED)
        old.send_status(0)
        bench.link.receive(bytes(old.output), bench.now_s)
        assert bench.link.stopping


class TestHeartbeat:
    def test_it_beats_only_when_told_and_counts_up(self) -> None:
        bench = in_session()
        bench.step(0.5)
        assert bench.pen.heartbeats == []
        bench.may_beat = True
        bench.step(0.8)
        beats = bench.pen.heartbeats
        assert beats == sorted(set(beats))
        assert len(beats) >= 9
        bench.may_beat = False
        bench.step(0.5)
        assert bench.pen.heartbeats == beats

    @pytest.mark.covers("REQ-0304")
    def test_no_gap_is_longer_than_a_third_of_the_lease(self) -> None:
        assert 3 * limits.HEARTBEAT_PERIOD_MS <= limits.HOST_LEASE_MS

    def test_it_falls_silent_with_stop_and_without_a_session(self) -> None:
        bench = in_session()
        bench.may_beat = True
        bench.pen.deaf = True
        bench.link.stop(bench.now_s)
        bench.step(0.5)
        assert bench.link.counters.heartbeats == 0
        other = Bench()
        other.greet()
        other.may_beat = True
        other.step(0.5)
        assert other.link.counters.heartbeats == 0


class TestSequences:
    def test_commands_stay_ahead_by_less_than_half_the_range_whatever_is_asked_between(self) -> None:
        sequences = Sequences(65_000)
        last = sequences.for_command()
        for queries in (0, 1, 100, Sequences.WINDOW, 70_000, 200_000):
            for _ in range(queries):
                number = sequences.for_query()
                assert 0 < number <= 0xFFFF
                assert 0 < (number - last) & 0xFFFF < 0x8000
            command = sequences.for_command()
            assert 0 < (command - last) & 0xFFFF < 0x8000
            last = command

    def test_a_command_has_another_number_than_every_query_since_the_last(self) -> None:
        sequences = Sequences(5)
        for queries in (3, Sequences.WINDOW - 1, Sequences.WINDOW, Sequences.WINDOW + 10):
            used = {sequences.for_query() for _ in range(queries)}
            assert sequences.for_command() not in used

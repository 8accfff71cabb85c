"""Intent, act, outcome: what is written when, and what an outcome that is not known keeps from happening."""

from __future__ import annotations

import pytest

from pen_host.errors import JournalError, RefusedError, UnknownOutcomeError
from pen_host.journal import Kind
from pen_host.outcomes import Done, Unknown
from pen_host.plans import load_plan
from pen_host.session import PromptedHands, RequestRefusedError, Session, settling
from pen_protocol.messages import BY_NAME
from pen_sim.stream import LaneFaults
from tests.host.treatment_bench import Station


@pytest.fixture
def session(station: Station) -> Session:
    return station.open()


def deafen(station: Station) -> None:
    """Everything on the wire is lost."""
    station.sim.stream.set_faults(LaneFaults(lose=1.0))


def hear(station: Station) -> None:
    station.sim.stream.set_faults(LaneFaults())
    station.let_pass(0.3)


def last(station: Station, kind: Kind) -> dict[str, object]:
    return dict(station.rows(kind)[-1].payload)


def test_the_record_has_the_session_before_the_pen_has_it(station: Station, session: Session) -> None:
    opened, intent = station.rows(Kind.SESSION_OPENED)[0], station.rows(Kind.INTENT)[0]
    assert opened.seq < intent.seq
    assert intent.payload["request"] == "OPEN_SESSION"
    assert station.pen.status().session_nonce == session.nonce == opened.payload["nonce"]
    assert opened.payload["plan_digest"]
    assert opened.payload["source"]


def test_no_two_sessions_of_a_record_have_one_name(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([6, 6, 6, 8])
    monkeypatch.setattr("pen_host.session.session.secrets.randbelow", lambda _: next(drawn))
    first = station.open()
    first.close()
    second = station.open()
    assert (first.session_id, second.session_id) == ("s00000007", "s00000009")


def test_what_cannot_be_written_down_is_not_sent(station: Station, session: Session) -> None:
    station.fill_disk()
    sent = len(station.line.written)
    with pytest.raises(JournalError):
        session.home()
    assert len(station.line.written) == sent
    assert not station.sim.trace.of("step", station.begun_us)


def test_a_refusal_is_recorded_with_its_sentence(station: Station, session: Session) -> None:
    with pytest.raises(RequestRefusedError, match="SET_DEPTH was refused") as caught:
        session.set_depth(300)
    assert last(station, Kind.OUTCOME)["outcome"] == "refused"
    assert last(station, Kind.OUTCOME)["sentence"] == caught.value.sentence
    assert session.unsettled is None, "a refusal is an answer"


def test_an_outcome_that_is_not_known_blocks_every_start_until_it_is_settled(
    station: Station, session: Session
) -> None:
    session.home()
    deafen(station)
    with pytest.raises(UnknownOutcomeError):
        session.set_depth(300)
    hear(station)
    intents = len(station.rows(Kind.INTENT))
    for start in (session.home, lambda: session.set_depth(300), lambda: session.arm(300, 100_000, 1)):
        with pytest.raises(UnknownOutcomeError, match="SET_DEPTH is not known, so nothing may start"):
            start()
    assert len(station.rows(Kind.INTENT)) == intents, "nothing was sent, so nothing was announced"
    assert session.settle() == ("SET_DEPTH",)
    assert last(station, Kind.SETTLED)["executed"] == "no", (
        "the pen decided nothing since the last known request"
    )
    assert session.set_depth(300).value == 300


def test_what_makes_safe_goes_out_whatever_is_unsettled(station: Station, session: Session) -> None:
    session.home()
    deafen(station)
    with pytest.raises(UnknownOutcomeError):
        session.set_depth(300)
    hear(station)
    assert isinstance(session.disarm(), Done)
    assert session.unsettled is not None, "what made safe answered nothing about the other request"
    session.close()
    assert station.pen.status().session_nonce == 0


def test_a_request_that_the_pen_executed_unheard_is_settled_as_executed(
    station: Station, session: Session
) -> None:
    session.home()
    station.sim.stream.to_host.faults = LaneFaults(lose=1.0)  # the pen hears us, we do not hear it
    with pytest.raises(UnknownOutcomeError):
        session.set_rate(100_000)
    hear(station)
    assert session.settle() == ("SET_RATE",)
    assert last(station, Kind.SETTLED)["executed"] == "assumed"
    assert station.pen.status().rate_requested_mhz == 100_000


def test_a_record_that_fails_after_the_sending_leaves_the_intent_open(
    station: Station, session: Session
) -> None:
    def send_and_fail() -> Done | Unknown:
        outcome = station.pen.home()
        station.fill_disk()
        return outcome  # type: ignore[return-value]

    with pytest.raises(JournalError):
        session.act("HOME", send_and_fail, {})
    station.free_disk()
    station.journal.recover(actor="t", role="t")
    with pytest.raises(UnknownOutcomeError, match="HOME is not known"):
        session.set_depth(300)
    assert session.settle() == ("HOME",)
    assert last(station, Kind.SETTLED)["executed"] == "assumed"


def test_an_interruption_between_sending_and_outcome_leaves_the_intent_open(
    station: Station, session: Session
) -> None:
    def interrupted() -> Done:
        station.pen.home()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        session.act("HOME", interrupted, {})
    assert session.unsettled is not None
    with pytest.raises(UnknownOutcomeError):
        session.set_depth(300)


@pytest.mark.parametrize("request_name", ["CLEAR_FAULT", "SETTINGS_WRITE"])
def test_a_request_outside_the_pens_sequence_is_never_taken_as_not_executed(
    station: Station, session: Session, request_name: str
) -> None:
    """Its execution does not move the pen's last sequence number, so that proves nothing."""
    assert request_name in BY_NAME
    session.home()
    intent = session.note(Kind.INTENT, {"request": request_name})
    rows = station.rows()
    told = settling.answer(intent, rows, station.pen.status(), session.nonce)
    assert told["executed"] == "assumed"
    home = session.note(Kind.INTENT, {"request": "SET_RATE"})
    assert settling.answer(home, station.rows(), station.pen.status(), session.nonce)["executed"] == "no"


def test_an_open_session_that_the_pen_holds_was_executed(station: Station, session: Session) -> None:
    intent = station.rows(Kind.INTENT)[0]
    told = settling.answer(intent, station.rows(), station.pen.status(), session.nonce)
    assert told["executed"] == "yes"


def test_two_sessions_at_once_are_refused_and_the_record_says_so(station: Station, session: Session) -> None:
    with pytest.raises(RefusedError, match="OPEN_SESSION was refused"):
        station.open()
    with station.journal.reader() as reader:
        assert [one.closed_utc_ns is None for one in reader.sessions()] == [True, False]
    assert station.pen.status().session_nonce == session.nonce


def test_events_are_acknowledged_only_when_they_are_in_the_record(station: Station, session: Session) -> None:
    station.fill_disk()
    station.pen.home()
    with pytest.raises(JournalError):
        session.pull()
    station.free_disk()
    station.journal.recover(actor="t", role="t")
    assert session.pull() >= 1, "the pen has kept them"


@pytest.mark.covers("REQ-1702")
def test_a_person_at_a_terminal_is_told_to_move_with_the_grain_of_the_hair() -> None:
    said: list[str] = []
    PromptedHands(said.append, lambda _: True).hold(load_plan("scalp_three_zones").zones[0])
    assert "with the grain of the hair" in said[0]

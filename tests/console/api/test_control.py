"""The lease by itself, with the clock in the test's hand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_host.api.control import KEPT_S, LEASE_S, Console, ControlDesk
from pen_host.api.problems import ProblemError


@dataclass
class Room:
    """A desk, its clock, and what it told."""

    now_s: float = 100.0
    lost: list[str] = field(default_factory=list)
    seq: int = 0
    at_look: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.desk = ControlDesk(self.lost.append, self._clock)

    def _clock(self) -> float:
        self.at_look()
        return self.now_s

    def frame(self, *consoles: Console) -> int:
        """A frame is made and, at once, painted by these."""
        self.seq += 1
        self.desk.made(self.seq)
        self.desk.look()
        for console in consoles:
            self.desk.acknowledge(console, self.seq)
        return self.seq

    def controlled(self) -> Console:
        console = self.desk.join("browser", None)
        assert self.desk.give(console, None)
        self.frame(console)
        assert self.desk.fresh()
        return console


@pytest.fixture
def room() -> Room:
    return Room()


def test_without_a_controlling_console_there_is_no_lease(room: Room) -> None:
    assert not room.desk.fresh()
    console = room.desk.join("browser", None)
    room.frame(console)
    assert not room.desk.fresh(), "a console that only watches renews nothing"
    assert room.desk.give(console, None)
    assert not room.desk.fresh(), "control alone is no lease"
    room.frame(console)
    assert room.desk.fresh()


def test_it_runs_out_after_its_time_and_is_told_once(room: Room) -> None:
    room.controlled()
    room.now_s += LEASE_S - 0.001
    assert room.desk.fresh()
    room.now_s += 0.001
    assert not room.desk.fresh()
    room.frame()
    room.frame()
    assert len(room.lost) == 1
    assert "has not shown anything new" in room.lost[0]


def test_a_gap_that_has_just_ended_was_a_gap(room: Room) -> None:
    """The next acknowledgement comes before anybody looked: the lease is lost all the same."""
    console = room.controlled()
    room.now_s += LEASE_S + 0.01
    room.seq += 1
    room.desk.made(room.seq)
    room.desk.acknowledge(console, room.seq)
    assert len(room.lost) == 1


def test_the_age_of_the_frame_counts_not_the_time_of_its_acknowledgement(room: Room) -> None:
    console = room.controlled()
    old = room.frame()
    room.now_s += 0.3
    room.desk.acknowledge(console, old)
    room.now_s += 0.2
    assert not room.desk.fresh()


@pytest.mark.parametrize("seq", [0, 10_000, -1])
def test_a_frame_that_was_never_sent_renews_nothing(room: Room, seq: int) -> None:
    console = room.controlled()
    room.now_s += 0.39
    room.desk.acknowledge(console, seq)
    room.now_s += 0.02
    assert not room.desk.fresh()


def test_hidden_and_closed_end_it_at_once(room: Room) -> None:
    console = room.controlled()
    room.desk.show(console, False, console.stream)
    assert not room.desk.fresh()
    assert "hidden" in room.lost[0]
    room.desk.show(console, True, console.stream)
    assert not room.desk.fresh(), "shown again is not yet seen again"
    room.frame(console)
    room.desk.leave(console, console.stream)
    assert not room.desk.fresh()
    assert "closed" in room.lost[1]


def test_control_is_kept_for_a_reload_and_free_after_it(room: Room) -> None:
    console = room.controlled()
    room.desk.leave(console, console.stream)
    assert room.desk.holder() is console
    room.now_s += KEPT_S
    assert room.desk.holder() is None


def test_the_end_of_an_older_stream_is_not_the_end_of_the_newer(room: Room) -> None:
    console = room.controlled()
    old = console.stream
    assert room.desk.join("browser", console.console_id) is console
    room.frame(console)
    room.desk.leave(console, old)
    assert room.desk.fresh()


def test_that_a_page_which_was_left_is_hidden_does_not_hide_the_one_that_follows_it(room: Room) -> None:
    """A reload: what the old page said last may be heard after the new one was greeted."""
    console = room.controlled()
    old = console.stream
    room.desk.join("browser", console.console_id)
    room.frame(console)
    room.desk.show(console, False, old)
    assert room.desk.fresh()
    room.desk.show(console, False, console.stream)
    room.desk.show(console, True, old)
    room.frame(console)
    assert not room.desk.fresh(), "nor does it show one that is hidden"


def test_a_console_id_of_another_browser_is_refused(room: Room) -> None:
    console = room.controlled()
    with pytest.raises(ProblemError, match="another browser"):
        room.desk.join("thief", console.console_id)
    with pytest.raises(ProblemError):
        room.desk.of("thief", console.console_id)


def test_giving_control_starts_without_a_lease(room: Room) -> None:
    room.controlled()
    other = room.desk.join("other", None)
    room.frame(other)
    assert room.desk.give(other, room.desk.holder())
    assert not room.desk.fresh()
    room.frame(other)
    assert room.desk.fresh()
    assert not room.lost, "a take-over is no loss"


def test_control_that_was_free_is_not_taken_from_who_got_it_meanwhile(room: Room) -> None:
    second = room.desk.join("other", None)
    free = room.desk.holder()
    first = room.controlled()
    assert not room.desk.give(second, free), "the needle was stopped for nobody"
    assert room.desk.controls(first)
    assert room.desk.fresh()


def test_control_that_is_given_away_amid_an_acknowledgement_is_no_lost_lease(room: Room) -> None:
    console, other = room.controlled(), room.desk.join("other", None)
    seq = room.frame()
    givers: list[threading.Thread] = []

    def asked() -> None:
        """Amid the acknowledgement, once it is known whether the lease is fresh; who must wait for it goes on after it."""
        givers.append(threading.Thread(target=room.desk.give, args=(other, console)))
        if len(givers) == 2:
            givers[1].start()
            givers[1].join(0.2)

    room.at_look = asked
    room.desk.acknowledge(console, seq)
    room.at_look = lambda: None
    givers[1].join(30)
    room.desk.look()
    assert room.desk.controls(other)
    assert not room.lost


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=60))
def test_it_is_never_fresh_when_the_newest_painted_frame_is_older_than_the_lease(
    steps: list[tuple[float, bool]],
) -> None:
    room = Room()
    console = room.controlled()
    painted_s = room.now_s
    for passed_s, paints in steps:
        room.now_s += passed_s
        if paints:
            painted_s = room.now_s
        room.frame(*([console] if paints else []))
        assert room.desk.fresh() == (room.now_s - painted_s < LEASE_S)

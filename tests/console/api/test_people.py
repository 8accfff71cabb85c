"""Accounts, PINs, lock-out, lock: with the calendar and the clock in the test's hand."""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from pen_host.api.models import Role, SignIn
from pen_host.api.opening import TRAINING_PIN
from pen_host.api.people import LOCK_OUT_MAX_S, LOCK_OUT_S, TRIES, People, Permission, Person
from pen_host.api.problems import Code, ProblemError
from pen_host.api.reception import Caller
from pen_host.api.sessions import LOCK_AFTER_S, TOKEN_LIVES_S, BrowserSession, Sessions
from pen_host.errors import AuthError
from tests.console.api.bench import ConsoleBench, to_first_zone, wait_until

PIN, WRONG_PIN = "739105826417", "909018273645"
"""As long as may be: four digits turn up in a hash or a time by chance."""


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def people(tmp_path: Path, clock: Clock) -> People:
    made = People(tmp_path / "people.json", clock, cheap=True)
    made.add("Anna", PIN, (Role.CLINICIAN, Role.ADMIN))
    return made


def refused(people: People, pin: str = "0000", name: str = "Anna") -> Code:
    with pytest.raises(ProblemError) as error:
        people.check(name, pin)
    return error.value.code


def test_a_pin_is_kept_as_an_argon2_hash_in_a_file_for_this_user_only(people: People, tmp_path: Path) -> None:
    file = tmp_path / "people.json"
    text = file.read_text()
    assert PIN not in text
    assert json.loads(text)["people"][0]["pin_hash"].startswith("$argon2id$")
    if os.name == "posix":
        assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.covers("REQ-1803")
def test_wrong_pins_lock_an_account_out_longer_each_time_and_a_restart_does_not_forget(
    people: People, tmp_path: Path, clock: Clock
) -> None:
    for _ in range(TRIES - 1):
        assert refused(people) is Code.WRONG_PIN
    assert refused(people) is Code.LOCKED_OUT
    assert refused(people, PIN) is Code.LOCKED_OUT, "the right PIN is not tried either"
    again = People(tmp_path / "people.json", clock, cheap=True)
    assert refused(again, PIN) is Code.LOCKED_OUT
    clock.now_s += LOCK_OUT_S + 1
    assert refused(again) is Code.LOCKED_OUT, "one more wrong one locks out at once"
    clock.now_s += LOCK_OUT_S + 1
    assert refused(again, PIN) is Code.LOCKED_OUT, "and for twice as long"
    clock.now_s += LOCK_OUT_S
    assert again.check("Anna", PIN).name == "Anna"
    assert refused(again) is Code.WRONG_PIN, "the count begins anew"


def test_a_lock_out_never_outlasts_its_longest(people: People, clock: Clock) -> None:
    for _ in range(TRIES + 30):
        refused(people)
        clock.now_s += LOCK_OUT_MAX_S + 1
    assert people.check("Anna", PIN).name == "Anna"


def test_setting_the_calendar_back_opens_nothing(people: People, clock: Clock) -> None:
    for _ in range(TRIES):
        refused(people)
    clock.now_s -= 10_000
    assert refused(people, PIN) is Code.LOCKED_OUT


def test_a_name_that_does_not_exist_is_told_apart_from_a_wrong_pin_by_nobody(people: People) -> None:
    with pytest.raises(ProblemError) as unknown:
        people.check("Nobody", PIN)
    with pytest.raises(ProblemError) as wrong:
        people.check("Anna", "0000")
    assert unknown.value.sentence == wrong.value.sentence


@pytest.mark.parametrize("pin", ["1111", "1234", "000000"])
def test_the_first_pin_anybody_would_try_is_refused(people: People, pin: str) -> None:
    with pytest.raises(ProblemError, match="first that anybody would try"):
        people.add("Bert", pin, (Role.ENGINEER,))
    assert len(people.views()) == 1


def test_the_last_admin_stays(people: People) -> None:
    with pytest.raises(ProblemError, match="last active admin"):
        people.set_active("Anna", False)
    people.add("Bert", "8462", (Role.ADMIN,))
    people.set_active("Anna", False)
    assert refused(people, PIN) is Code.WRONG_PIN


def test_an_account_that_is_ended_while_its_pin_is_changed_stays_ended(tmp_path: Path, clock: Clock) -> None:
    ends: list[threading.Thread] = []

    class Held(People):
        """Whoever ends the account comes when the PIN was found right; who must wait goes on after the change."""

        def check(self, name: str, pin: str) -> Person:
            found = super().check(name, pin)
            ends.append(threading.Thread(target=self.set_active, args=(name, False)))
            ends[0].start()
            ends[0].join(0.3)
            return found

    people = Held(tmp_path / "people.json", clock, cheap=True)
    people.add("Anna", "2580", [Role.CLINICIAN])
    people.change_pin("Anna", "2580", "1379")
    ends[0].join(30)
    assert people.get("Anna") is None


def test_of_two_first_accounts_one_is_made(clock: Clock) -> None:
    """Both browsers were shown that there is none."""
    people = People(None, clock, cheap=True)
    made: list[str] = []

    def first(name: str) -> None:
        with suppress(ProblemError):
            made.append(people.add_first(name, "2580", [Role.ADMIN]).name)

    threads = [threading.Thread(target=first, args=(name,)) for name in ("Anna", "Bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(made) == 1
    assert [one.name for one in people.views()] == made


def test_signing_in_at_a_locked_console_is_not_locked_again_amid_it(served: ConsoleBench) -> None:
    """The clock that locks looks twenty times a second, at any moment of it."""
    service, browser = served.service, served.browser()
    found = service.sessions.of_cookie(browser.cookie.partition("=")[2])
    assert found is not None

    class Watched(BrowserSession):
        """Looked at by that clock whenever something of it is set."""

        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            if name == "locked":
                service.sessions.lock_idle(None)

    session = Watched(found.key, "Trainee", touched_s=float("-inf"))
    service.sessions._sessions[found.key] = session
    try:
        session.locked = True
        service.sign_in(session, SignIn(name="Trainee", pin=TRAINING_PIN))
        assert not session.locked
    finally:
        service.sessions._sessions[found.key] = found


def test_who_signs_in_at_a_locked_console_unlocks_it_for_nobody_else(served: ConsoleBench) -> None:
    """A request of the person before is looked at while another signs in."""
    service, browser = served.service, served.browser()
    session = service.sessions.of_cookie(browser.cookie.partition("=")[2])
    assert session is not None
    service.lock(session)
    whole = service.people.get

    def amid(name: str | None) -> Person | None:
        person = whole(name)
        if name == "Trainee":
            session.person, session.locked = "Engineer", False
        return person

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service.people, "get", amid)
        with pytest.raises(ProblemError) as refused:
            service.signed_in(Caller(session))
    assert refused.value.code is Code.LOCKED


def test_damaged_accounts_let_nobody_in_and_are_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "people.json"
    for text in (
        "",
        "{",
        "[]",
        '{"people": [{"name": "x"}]}',
        '{"people": [{"name":"x","roles":["boss"],"pin_hash":""}]}',
    ):
        file.write_text(text)
        with pytest.raises(AuthError, match="nobody can sign in"):
            People(file, cheap=True)
        assert file.read_text() == text


def test_accounts_that_cannot_be_written_are_not_changed(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(AuthError, match="nothing was changed"):
        people.add("Bert", "8462", (Role.ENGINEER,))
    assert [one.name for one in people.views()] == ["Anna"]


def test_each_role_may_what_it_is_for() -> None:
    people = People(None, cheap=True)
    clinician = people.add("C", "8462", (Role.CLINICIAN,))
    engineer = people.add("E", "8462", (Role.ENGINEER,))
    admin = people.add("A", "8462", (Role.ADMIN,))
    assert clinician.may(Permission.TREAT)
    assert not clinician.may(Permission.SERVICE)
    assert not clinician.may(Permission.PEOPLE)
    assert engineer.may(Permission.SERVICE)
    assert not engineer.may(Permission.TREAT)
    assert not engineer.may(Permission.RECORDS)
    assert admin.may(Permission.PEOPLE)
    assert not admin.may(Permission.TREAT)


# --- sessions ---------------------------------------------------------------------------------------------------------------


def test_a_session_locks_when_nobody_touches_it(clock: Clock) -> None:
    sessions = Sessions(clock)
    session = sessions.of_cookie(sessions.redeem(sessions.issue_token()))
    assert session is not None
    session.person = "Anna"
    clock.now_s += LOCK_AFTER_S - 1
    assert not sessions.lock_idle(None)
    clock.now_s += 1
    assert sessions.lock_idle(None) == [session]
    assert session.locked


@pytest.mark.covers("REQ-0317")
def test_a_hand_on_the_pen_is_a_person_at_the_console(clock: Clock) -> None:
    """The lock never comes amid a hold, and its time begins after it."""
    sessions = Sessions(clock)
    session = sessions.of_cookie(sessions.redeem(sessions.issue_token()))
    assert session is not None
    session.person = "Anna"
    clock.now_s += LOCK_AFTER_S * 2
    assert not sessions.lock_idle(session.key)
    clock.now_s += LOCK_AFTER_S - 1
    assert not sessions.lock_idle(None)
    clock.now_s += 2
    assert sessions.lock_idle(None) == [session]


def test_a_launch_token_ages(clock: Clock) -> None:
    sessions = Sessions(clock)
    token = sessions.issue_token()
    clock.now_s += TOKEN_LIVES_S + 1
    assert sessions.redeem(token) is None
    assert sessions.redeem(token) is None


# --- at the console -----------------------------------------------------------------------------------------------------------


@pytest.mark.covers("REQ-1803")
def test_nobody_acts_without_signing_in_unlocked_and_in_a_role(served: ConsoleBench) -> None:
    browser = served.browser(None)
    tab = browser.tab()
    assert not tab.state["you_control"]
    assert tab.post("/api/treatment/patient", reference="P-1").code == "sign_in_first"
    assert browser.get("/api/patients").code == "sign_in_first"
    browser.sign_in("Engineer")
    assert tab.post("/api/treatment/patient", reference="P-1").code == "role_may_not"
    assert browser.get("/api/records/sessions").code == "role_may_not"
    assert browser.get("/api/people").code == "role_may_not"
    assert browser.get("/api/service/pen").status == 200
    browser.sign_in("Admin")
    assert browser.get("/api/people").status == 200
    assert browser.get("/api/service/pen").code == "role_may_not"
    browser.post("/api/session/lock")
    assert browser.get("/api/people").code == "locked"
    assert browser.post("/api/session/sign-in", name="Admin", pin="9999").code == "wrong_pin"
    browser.sign_in("Admin")
    assert browser.get("/api/people").status == 200


def test_the_first_account_is_made_once(served: ConsoleBench) -> None:
    answer = served.browser(None).post("/api/session/setup", name="Eve", pin=PIN, roles=["admin"])
    assert (answer.status, answer.code) == (409, "setup_done")


def test_every_refused_pin_is_in_the_record_without_the_pin(served: ConsoleBench) -> None:
    browser = served.browser(None)
    refused = browser.post("/api/session/sign-in", name="Trainee", pin=WRONG_PIN)
    assert refused.status == 403
    assert "nobody was signed in" in refused.json["detail"]

    def found() -> bool:
        with served.service.journal.reader() as reader:
            rows = [row.payload_json for row in reader.rows() if row.kind == "note"]
        assert not any(WRONG_PIN in row for row in rows)
        return any("A PIN was refused" in row for row in rows)

    wait_until(found, "the entry")
    browser.sign_in("Trainee")


def test_who_is_treated_is_shown_to_nobody_who_is_not_signed_in_and_unlocked(bench: ConsoleBench) -> None:
    tab = bench.clinician()
    to_first_zone(tab)
    name = tab.state["treatment"]["patient"]["label"]
    browser = tab._browser
    stranger = bench.browser(None)
    watching = stranger.tab()
    for said in (stranger.get("/api/treatment").text, stranger.get("/api/state").text, str(watching.state)):
        assert name not in said
    assert watching.state["treatment"]["run"]["waiting"] == "zone", "what the pen does is for everybody"
    browser.post("/api/session/lock")
    tab.until(lambda: tab.state["session"]["locked"], "the lock")
    assert tab.state["treatment"]["patient"] is None
    assert name not in browser.get("/api/treatment").text
    browser.sign_in()
    tab.until(lambda: tab.state["treatment"]["patient"], "the patient again")

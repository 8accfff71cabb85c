"""Cartridges: one patient, one visit, by looking first and by the database; and who got which lot."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pen_host.findings import Finding
from pen_host.gs1 import LabelError
from pen_host.journal import Draft, Kind
from pen_host.models import CartridgeSeen, Endpoint
from pen_host.records import ConflictError, ForbiddenStepError, InputError, NotFoundError
from pen_host.records.models import CartridgeState, Closing
from pen_host.records.recalls import unknown_lot
from pen_host.records.store import Writing
from pen_host.records.tables import cartridge_uses

from .conftest import ANNA, BOB, GTIN, PEN, Bench


def seen(**changes: object) -> CartridgeSeen:
    fields = {
        "serial": "00000000000000aa",
        "lot": "LOT-7",
        "expiry": date(2030, 1, 31),
        "needles": 12,
        "used": False,
    }
    return CartridgeSeen.model_validate({**fields, **changes})


def ids(findings: list[Finding] | tuple[Finding, ...]) -> list[str]:
    return [finding.rule_id for finding in findings]


def test_a_scanned_cartridge_is_registered_once_and_found_by_its_code(bench: Bench) -> None:
    made = bench.cartridge()
    assert made.label is not None
    assert (made.label.gtin, made.lot, made.expiry, made.label.serial) == (
        GTIN,
        "LOT-7",
        date(2030, 1, 31),
        "S1",
    )
    assert made.state is CartridgeState.NEW
    assert bench.reopen().cartridges.look_up(bench.scan()) == made
    with pytest.raises(ConflictError, match="already"):
        bench.cartridge()
    assert [entry.payload["change"] for entry in bench.entries(Kind.STOCK)] == ["registered"]


def test_half_a_code_chooses_no_cartridge(bench: Bench) -> None:
    bench.cartridge()
    with pytest.raises(LabelError, match="lacks the serial"):
        bench.clinic.cartridges.look_up(bench.scan().partition("\x1d")[0])
    with pytest.raises(LabelError):
        bench.clinic.cartridges.register(bench.scan()[:30], ANNA, needles=12)


def test_a_cartridge_nobody_registered_is_unknown(bench: Bench) -> None:
    assert bench.clinic.cartridges.look_up(bench.scan("S9")) is None
    with pytest.raises(NotFoundError):
        bench.clinic.cartridges.get("0" * 32)


def test_two_labels_of_one_serial_are_counterfeit(bench: Bench) -> None:
    bench.cartridge()
    with pytest.raises(ConflictError, match="wrong or counterfeit"):
        bench.clinic.cartridges.look_up(bench.scan(lot="OTHER"))


def test_bound_used_and_discarded_each_leave_an_entry(bench: Bench) -> None:
    patient, cartridge = bench.patient(), bench.cartridge()
    visit = bench.visit(patient)
    bound = bench.clinic.cartridges.bind(cartridge.cartridge_id, visit.visit_id, ANNA)
    assert (bound.state, bound.patient_id, bound.visit_id) == (
        CartridgeState.BOUND,
        patient.patient_id,
        visit.visit_id,
    )
    used = bench.clinic.cartridges.used(cartridge.cartridge_id, "s1", ANNA, seen=seen())
    assert (used.state, used.chip_serial) == (CartridgeState.USED, "00000000000000aa")
    thrown = bench.clinic.cartridges.discard(cartridge.cartridge_id, BOB)
    assert thrown.state is CartridgeState.DISCARDED
    told = [(entry.payload["change"], entry.subject) for entry in bench.entries(Kind.STOCK)]
    assert told == [
        ("registered", None),
        *((change, patient.patient_id) for change in ("bound", "used", "discarded")),
    ]
    assert bench.clinic.cartridges.chip_is_used("00000000000000aa")
    assert not bench.clinic.cartridges.chip_is_used("00000000000000ab")


@pytest.mark.parametrize("needles", [-3, 0, 43, 5_000])
def test_no_cartridge_with_needles_that_none_has_comes_into_the_inventory(bench: Bench, needles: int) -> None:
    with pytest.raises(InputError, match="between 1 and 42"):
        bench.cartridge("S9", needles=needles)
    assert bench.clinic.cartridges.stock() == ()
    assert bench.clinic.cartridges.shelf() == ()


def test_a_lot_that_was_never_here_is_told_with_those_that_may_be_meant(bench: Bench) -> None:
    bench.cartridge("S1", "LOT-10")
    bench.cartridge("S2", "L0T-IO")
    bench.cartridge("S3", "OTHER")
    recalls = bench.clinic.recalls
    assert recalls.like("LOT-10") is None
    assert recalls.like("lot 10") == ("L0T-IO", "LOT-10")
    assert recalls.like("NEVER") == ()
    assert "Did you mean L0T-IO or LOT-10?" in unknown_lot("lot 10", ("L0T-IO", "LOT-10"))


@pytest.mark.parametrize("step", ["bound", "used", "discarded"])
@pytest.mark.covers("REQ-0504")
def test_a_cartridge_that_was_anybodys_is_nobody_elses(bench: Bench, step: str) -> None:
    first, cartridge = bench.patient(), bench.cartridge()
    visit = bench.visit(first)
    shelf = bench.clinic.cartridges
    if step != "discarded":
        shelf.bind(cartridge.cartridge_id, visit.visit_id, ANNA)
    if step == "used":
        shelf.used(cartridge.cartridge_id, "s1", ANNA)
    if step == "discarded":
        shelf.discard(cartridge.cartridge_id, ANNA)
    other = bench.visit(bench.patient("Other"))
    for target in (visit, other):
        with pytest.raises(ForbiddenStepError, match="opened, used or discarded before"):
            shelf.bind(cartridge.cartridge_id, target.visit_id, ANNA)
    assert ids(shelf.check(cartridge.cartridge_id, bench.plan())) == ["cartridge_used"]


@pytest.mark.covers("REQ-0504")
def test_the_database_itself_refuses_a_second_patient(bench: Bench) -> None:
    first, cartridge = bench.patient(), bench.cartridge()
    visit = bench.visit(first)
    bench.clinic.cartridges.bind(cartridge.cartridge_id, visit.visit_id, ANNA)
    other = bench.visit(bench.patient("Other"))

    def past_every_check(writing: Writing) -> list[Draft]:
        writing.add(
            cartridge_uses,
            cartridge_id=cartridge.cartridge_id,
            patient_id=other.patient_id,
            visit_id=other.visit_id,
        )
        return []

    with pytest.raises(ConflictError, match="UNIQUE constraint"):
        bench.clinic._store.write(past_every_check, ANNA)
    assert bench.clinic.cartridges.get(cartridge.cartridge_id).patient_id == first.patient_id


@pytest.mark.covers("REQ-0604")
def test_expired_recalled_or_other_needles_are_refused_with_the_reason(bench: Bench) -> None:
    shelf, plan = bench.clinic.cartridges, bench.plan()
    with pytest.raises(ForbiddenStepError, match="last day was 2028-01-31"):
        shelf.register(bench.scan("OLD", expiry=bench.day - timedelta(days=1)), ANNA, needles=12)
    today = shelf.register(bench.scan("TODAY", expiry=bench.day), ANNA, needles=12)
    assert shelf.check(today.cartridge_id, plan) == []
    bench.later(1)
    assert ids(shelf.check(today.cartridge_id, plan)) == ["cartridge_expired"]
    other = shelf.register(bench.scan("MANY"), ANNA, needles=36)
    assert ids(shelf.check(other.cartridge_id, plan)) == ["cartridge_needles"]
    untold = shelf.register(bench.scan("UNTOLD"), ANNA)
    assert ids(shelf.check(untold.cartridge_id, plan)) == ["cartridge_needles"]
    good = bench.cartridge("GOOD")
    bench.clinic.recalls.call_back("LOT-7", "blunt tips", BOB)
    assert ids(shelf.check(good.cartridge_id, plan)) == ["cartridge_recalled"]
    assert shelf.get(good.cartridge_id).state is CartridgeState.RECALLED
    visit = bench.visit(bench.patient())
    with pytest.raises(ForbiddenStepError, match="called back"):
        shelf.bind(good.cartridge_id, visit.visit_id, ANNA)
    with pytest.raises(ForbiddenStepError, match="called back"):
        bench.cartridge("LATE")
    assert bench.clinic.recalls.lots() == {"LOT-7"}


def test_a_recall_of_one_article_spares_another_but_not_an_unknown_one(bench: Bench) -> None:
    shelf = bench.clinic.cartridges
    labelled = bench.cartridge()
    chip = shelf.register_seen(seen(), ANNA)
    bench.clinic.recalls.call_back("LOT-7", "blunt tips", BOB, gtin="0" * 14)
    assert shelf.get(labelled.cartridge_id).state is CartridgeState.NEW
    assert shelf.get(chip.cartridge_id).state is CartridgeState.RECALLED


def test_a_chip_without_a_label_is_registered_by_itself(bench: Bench) -> None:
    shelf = bench.clinic.cartridges
    made = shelf.register_seen(seen(), ANNA)
    assert (made.label, made.chip_serial, made.needles) == (None, "00000000000000aa", 12)
    assert shelf.by_chip("00000000000000aa") == made
    assert shelf.by_chip("00000000000000bb") is None
    with pytest.raises(ConflictError, match="already"):
        shelf.register_seen(seen(), ANNA)
    for used in (True, None):
        with pytest.raises(ForbiddenStepError, match="nobody knows"):
            shelf.register_seen(seen(serial="00000000000000cc", used=used), ANNA)
    with pytest.raises(InputError, match="cannot be traced"):
        shelf.register_seen(seen(serial="00000000000000cc", lot=" "), ANNA)


def test_a_chip_that_is_not_the_scanned_package_is_found_before_it_is_burned(bench: Bench) -> None:
    shelf, cartridge = bench.clinic.cartridges, bench.cartridge()
    assert shelf.check_seen(cartridge.cartridge_id, seen()) == []
    for changes in ({"lot": "X"}, {"needles": 36}, {"expiry": date(2031, 1, 1)}):
        (finding,) = shelf.check_seen(cartridge.cartridge_id, seen(**changes))
        assert finding.rule_id == "cartridge_other"
        assert next(iter(changes)) in finding.sentence
    visit = bench.visit(bench.patient())
    shelf.bind(cartridge.cartridge_id, visit.visit_id, ANNA)
    used = shelf.used(cartridge.cartridge_id, "s1", ANNA, seen=seen(lot="X"))
    assert (used.state, used.chip_serial) == (CartridgeState.USED, None)
    assert bench.entries(Kind.STOCK)[-1].payload["differs"] == ["lot"]


def test_an_unbound_cartridge_cannot_have_been_used(bench: Bench) -> None:
    cartridge = bench.cartridge()
    with pytest.raises(ConflictError, match="bound to no patient"):
        bench.clinic.cartridges.used(cartridge.cartridge_id, "s1", ANNA)


def test_nothing_is_bound_to_a_visit_that_is_over(bench: Bench) -> None:
    visit = bench.visit(bench.patient())
    bench.clinic.visits.abandon(visit.visit_id, "patient left", ANNA)
    with pytest.raises(ConflictError, match="not open any more"):
        bench.clinic.cartridges.bind(bench.cartridge().cartridge_id, visit.visit_id, ANNA)
    with pytest.raises(NotFoundError):
        bench.clinic.cartridges.bind(bench.cartridge("S2").cartridge_id, "0" * 32, ANNA)


def test_the_stock_is_listed_by_expiry_and_state(bench: Bench) -> None:
    shelf = bench.clinic.cartridges
    late = bench.cartridge("A")
    soon = shelf.register(bench.scan("B", "LOT-8", date(2029, 1, 1)), ANNA, needles=12)
    assert shelf.stock() == (soon, late)
    assert shelf.stock(lot="LOT-7") == (late,)
    shelf.discard(soon.cartridge_id, ANNA)
    assert shelf.stock(CartridgeState.NEW) == (late,)
    with pytest.raises(ConflictError, match="discarded before"):
        shelf.discard(soon.cartridge_id, ANNA)


# ---- lots ----------------------------------------------------------------------------------------------------------


def test_who_got_this_lot_when_and_from_whom(bench: Bench) -> None:
    ada = bench.patient("Ada", phone="+49 1")
    bench.treated(ada, "S1", "s00000001")
    bench.later(1)
    bob = bench.patient("Bob")
    opened = bench.visit(bob)
    bench.clinic.cartridges.bind(bench.cartridge("S2").cartridge_id, opened.visit_id, ANNA)
    bench.cartridge("S3")
    bench.cartridge("T1", "OTHER")
    found = bench.clinic.lot("LOT-7")
    assert [(one.patient_name, one.cartridge, one.state, one.day) for one in found] == [
        ("Bob", "S2", CartridgeState.BOUND, date(2028, 2, 2)),
        ("Ada", "S1", CartridgeState.USED, date(2028, 2, 1)),
    ]
    assert (found[1].session_ids, found[1].pen_serials, found[1].operator) == (("s00000001",), (PEN,), ANNA)
    assert found[1].phone == "+49 1"
    assert bench.clinic.lot(" LOT-7 ", GTIN) == found
    assert bench.clinic.lot("LOT-7", "0" * 14) == ()
    assert bench.clinic.lot("nothing") == ()


# ---- every order of steps --------------------------------------------------------------------------------------------


class CartridgeMachine(RuleBasedStateMachine):
    """Any order of scans, bindings, uses, recalls and ends: no cartridge is ever two patients'."""

    bench: Bench

    @initialize()
    def begin(self) -> None:
        import tempfile
        from pathlib import Path

        self._folder = tempfile.TemporaryDirectory()
        self.bench = Bench(Path(self._folder.name))
        self.owners: dict[str, str] = {}
        self.open: list[str] = []
        self.known: list[str] = []
        self.sessions = 0

    @rule()
    def arrive(self) -> None:
        self.known.append(self.bench.cartridge(f"S{len(self.known)}").cartridge_id)

    @precondition(lambda self: len(self.open) < 3)
    @rule()
    def open_visit(self) -> None:
        self.open.append(self.bench.visit(self.bench.patient(f"P {self.sessions}")).visit_id)
        self.sessions += 1

    @precondition(lambda self: self.open and self.known)
    @rule(which=st.integers(0, 9), where=st.integers(0, 2))
    def bind(self, which: int, where: int) -> None:
        cartridge, visit = self.known[which % len(self.known)], self.open[where % len(self.open)]
        patient = self.bench.clinic.visits.get(visit).patient_id
        try:
            self.bench.clinic.cartridges.bind(cartridge, visit, ANNA)
        except ForbiddenStepError:
            assert cartridge in self.owners
        else:
            assert cartridge not in self.owners
            self.owners[cartridge] = patient

    @precondition(lambda self: self.known)
    @rule(which=st.integers(0, 9))
    def use(self, which: int) -> None:
        cartridge = self.known[which % len(self.known)]
        before = self.bench.clinic.cartridges.get(cartridge)
        try:
            self.bench.clinic.cartridges.used(cartridge, "s1", ANNA)
        except ConflictError:
            assert before.bound_at is None or before.used_at is not None

    @precondition(lambda self: self.known)
    @rule(which=st.integers(0, 9))
    def discard(self, which: int) -> None:
        cartridge = self.known[which % len(self.known)]
        try:
            self.bench.clinic.cartridges.discard(cartridge, ANNA)
        except ConflictError:
            return
        self.owners.setdefault(cartridge, "the container")

    @precondition(lambda self: self.open)
    @rule(where=st.integers(0, 2), treated=st.booleans())
    def finish(self, where: int, treated: bool) -> None:
        visit = self.open.pop(where % len(self.open))
        if not treated:
            self.bench.clinic.visits.abandon(visit, "left", ANNA)
            return
        self.sessions += 1
        self.bench.clinic.visits.attach(visit, f"s{self.sessions:08x}", PEN, ANNA)
        self.bench.clinic.visits.close(visit, Closing(endpoint=Endpoint.NONE), ANNA)

    @rule()
    def next_morning(self) -> None:
        self.bench.reopen()

    @invariant()
    def nobody_shares(self) -> None:
        if not hasattr(self, "owners"):
            return
        for cartridge, owner in self.owners.items():
            held = self.bench.clinic.cartridges.get(cartridge).patient_id
            assert held == (None if owner == "the container" else owner)

    def teardown(self) -> None:
        if hasattr(self, "_folder"):
            assert self.bench.clinic.journal.verify().intact
            self.bench.clinic.close()
            self._folder.cleanup()


TestEveryOrderOfSteps = CartridgeMachine.TestCase
TestEveryOrderOfSteps.settings = settings(max_examples=8, stateful_step_count=20, deadline=None)

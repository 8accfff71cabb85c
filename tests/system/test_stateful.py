"""Whatever a clumsy operator, a bad cable and a failing part do in whatever order: the coil does only what it may.

The real host (worker, client, session, record) and the real firmware in one thread of simulated time. After every step the
coil's edges and the world around the chip are judged; at the end everything is mended, and the record must hold as many
strokes as the coil made, or say that it may not.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pen_host.errors import PenError
from pen_host.names import ServiceAction, State
from pen_host.session import Session, open_session, wait_for_boot
from pen_protocol import limits
from pen_sim.faults import FAULTS
from pen_sim.resets import ChipReset, PowerLost
from pen_sim.stream import LaneFaults
from tests.campaigns.crash_bench import small_plan

from .truth import Judge, WatchedPen
from .world import OPERATOR, Station

MEMORY = Path("/dev/shm")
"""A record here costs no disk; what a crash leaves on a disk is the crash campaign's."""
CAPS_UM = (600, 1_500)
WITHOUT_A_COUNT = {"edge_counter"}
"""A counter that lies cannot be counted by; its stop has tests of its own."""
ON_THE_LINE = {"usb_lossy", "usb_unplugged"}
"""The machine has rules of its own for these."""
PART_FAULTS = sorted(set(FAULTS) - WITHOUT_A_COUNT - ON_THE_LINE)
AXIS_FAULTS = {"axis_knocked", "axis_stall", "home_switch_stuck", "backlash_high", "step_counter"}
HANDS = (
    "press_trigger",
    "release_trigger",
    "touch_skin",
    "lift",
    "latch",
    "unlatch",
    "take_cartridge",
    "insert_new_cartridge",
    "open_estop",
    "close_estop",
    "connect_charger",
    "disconnect_charger",
    "wet",
    "dry",
)
DEPTHS_UM = st.sampled_from([0, 50, 200, 300, 425, 500, 1_000, 1_500, 1_550, 2_200, 2_500])
RATES_MHZ = st.sampled_from([25_000, 40_000, 100_000, 149_000])
PAUSES_MS = st.sampled_from([0.3, 1, 4, 7, 20, 60, 150, 260, 400, 1_000, 2_500, 11_000])

requests = st.one_of(
    st.tuples(
        st.sampled_from(["HOME", "DISARM", "SELF_TEST", "CARTRIDGE_READ", "CLOSE_SESSION"]), st.just({})
    ),
    st.tuples(st.sampled_from(["GET_STATUS", "SETTINGS_READ"]), st.just({})),
    st.tuples(st.just("SET_DEPTH"), st.fixed_dictionaries({"depth_um": DEPTHS_UM})),
    st.tuples(st.just("SET_RATE"), st.fixed_dictionaries({"rate_mhz": RATES_MHZ})),
    st.tuples(
        st.just("ARM"),
        st.fixed_dictionaries({"depth_um": DEPTHS_UM, "rate_mhz": RATES_MHZ, "plan_hash": st.just(0)}),
    ),
    st.tuples(
        st.just("TIGHTEN_LIMITS"),
        st.fixed_dictionaries(
            {
                "depth_cap_um": DEPTHS_UM,
                "rate_max_mhz": RATES_MHZ,
                "session_armed_max_s": st.sampled_from([1, 60, 1_800]),
                "stroking_max_ms": st.sampled_from([100, 1_000, 60_000]),
            }
        ),
    ),
    st.tuples(st.just("SET_TELEMETRY"), st.fixed_dictionaries({"rate_hz": st.sampled_from([0, 10, 100])})),
    st.tuples(st.just("CARTRIDGE_USE"), st.fixed_dictionaries({"serial": st.just(bytes(8))})),
    st.tuples(
        st.just("CLEAR_FAULT"),
        st.fixed_dictionaries(
            {"cause": st.integers(1, 40), "event_id": st.integers(0, 40), "operator": st.just(1)}
        ),
    ),
    st.tuples(
        st.just("SETTINGS_WRITE"),
        st.fixed_dictionaries(
            {
                "version": st.integers(0, 3),
                "depth_cap_um": st.sampled_from([600, 1_500]),
                "rate_max_mhz": RATES_MHZ,
                "on_us": st.sampled_from([500, 1_500, 2_047]),
                "home_offset_um": st.just(0),
                "backlash_um": st.sampled_from([0, 50, 300]),
                "coil_trip_cc": st.just(6_000),
                "session_armed_max_s": st.sampled_from([60, 1_800]),
                "stroking_max_ms": st.sampled_from([1_000, 60_000]),
            }
        ),
    ),
)
cables = st.builds(
    LaneFaults,
    lose=st.sampled_from([0.0, 0.05, 0.2]),
    corrupt=st.sampled_from([0.0, 0.05]),
    duplicate=st.sampled_from([0.0, 0.2]),
    split=st.sampled_from([0.0, 0.5]),
    reorder=st.sampled_from([0.0, 0.1]),
    delay_us=st.sampled_from([0, 5_000, 60_000]),
)
surprises = st.one_of(
    st.sampled_from(["watchdog", "power", "STOP", "usb_unplugged"]),
    st.sampled_from(HANDS),
    st.sampled_from(PART_FAULTS),
)


class PenAndHost(RuleBasedStateMachine):
    """One pen on a bench, one station, and everything that can happen between them."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp(prefix="pen-system-", dir=MEMORY if MEMORY.is_dir() else None))
        self.session: Session | None = None
        self.waited_long = False
        self.delay_us = 0

    @initialize(seed=st.integers(0, 2**16), begin=st.sampled_from(["stroking", "armed", "idle"]))
    def switch_on(self, seed: int, begin: str) -> None:
        note(f"simulated pen of seed {seed}")
        self.sim = WatchedPen(seed=seed)
        self.station = Station(self.sim, self.place, seed)
        self.judge = Judge(self.sim, self.station.history, lambda: self.delay_us)
        self.judge.cap_um = CAPS_UM[0]
        self.station.let_pass(1_500)
        self._recover()
        if begin != "idle":
            self._try(lambda: self._get_ready(500, 100_000))
        if begin == "stroking":
            self._hand("press_trigger")
            self.station.let_pass(100)
            self.judge.look()
            assert self.judge.edges > 0, "a good pen on a good cable, armed and held, does not stroke"

    # --- what the host does -------------------------------------------------------------------------------------------

    def _try(self, act: Callable[[], object]) -> None:
        """The host may be refused, or not be told: it must say so as one of its own errors."""
        if not self.station.reach():
            return
        try:
            act()
        except PenError as error:
            note(f"{type(error).__name__}: {error}")

    def _recover(self) -> None:
        self.session = None
        self._try(lambda: (wait_for_boot(self.station.pen, self._pause), self.station.settle()))

    def _pause(self, pause_s: float) -> None:
        self.station.let_pass(pause_s * 1_000)

    def _open(self, cap_um: int) -> None:
        self.judge.cap_um = max(self.judge.cap_um, cap_um)
        plan = small_plan()
        zones = tuple(zone.model_copy(update={"depth_um": cap_um}) for zone in plan.zones)
        plan = plan.model_copy(update={"zones": zones})
        assert plan.depth_cap_um == cap_um
        self.session = open_session(self.station.pen, self.station.journal, OPERATOR, plan, None, {})

    @rule(cap_um=st.sampled_from(CAPS_UM))
    def open_session(self, cap_um: int) -> None:
        if self.session is None:
            self._try(lambda: self._open(cap_um))

    @rule(
        depth_um=st.sampled_from([200, 500, 600, 1_000]),
        rate_mhz=RATES_MHZ,
        hold_ms=st.sampled_from([30, 150, 800]),
        surprises=st.lists(st.tuples(st.integers(0, 400_000), surprises), max_size=3),
        let_go=st.booleans(),
        held=st.booleans(),
    )
    def treat(
        self,
        depth_um: int,
        rate_mhz: int,
        hold_ms: int,
        surprises: list[tuple[int, str]],
        let_go: bool,
        held: bool,
    ) -> None:
        """All that a treatment does up to the strokes, as far as the pen lets it, and then what nobody expects."""
        self._mend()
        self.sim.stream.plug()
        self.judge.note()
        self._try(lambda: self._get_ready(depth_um, rate_mhz, held))
        for delay_us, surprise in surprises:
            self.sim.at_ms(delay_us / 1_000, lambda surprise=surprise: self._happen(surprise))
        self._hand("touch_skin")
        self._hand("press_trigger")
        self.station.let_pass(hold_ms)
        if let_go:
            self._hand("release_trigger")
            self.station.let_pass(30)

    def _session_good(self, held: int) -> bool:
        session = self.session
        if session is None or session.journal is not self.station.journal:
            return False
        return session.unsettled is None and session.nonce == held

    def _out_of_a_stop(self) -> None:
        pen = self.station.pen
        status = pen.status()
        if "FLUID" in status.condition_names:
            pen.service(ServiceAction.CLEAR_QUARANTINE)
        if status.state is State.STOPPED:
            pen.clear_fault(status.first_cause, status.cause_event, OPERATOR.number)

    def _happen(self, surprise: str) -> None:
        note(f"at {self.sim.now_us} us {surprise}")
        if surprise == "watchdog":
            raise ChipReset
        if surprise == "power":
            raise PowerLost
        if surprise == "STOP":
            self.station.stop_soon()
        elif surprise in HANDS:
            self._hand(surprise)
        else:
            self.part_fails(surprise)

    def _get_ready(self, depth_um: int, rate_mhz: int, held: bool = False) -> None:
        pen = self.station.pen
        self._hand("release_trigger")
        self._out_of_a_stop()
        status = pen.status()
        if not self._session_good(status.session_nonce):
            self._recover()
            self._open(1_500)
        session = self.session
        assert session is not None
        if status.armed:
            session.disarm()
        session.home()
        if not pen.cartridge_read().usable:
            self._hand("insert_new_cartridge")
            self.station.let_pass(500)
        cartridge = pen.cartridge_read()
        session.act(
            "CARTRIDGE_USE", lambda: pen.cartridge_use(cartridge.serial), {"serial": cartridge.serial.hex()}
        )
        session.set_depth(depth_um)
        session.set_rate(rate_mhz)
        if held:
            self._hand("press_trigger")
        session.arm(depth_um, rate_mhz, 0)
        self.station.let_pass(60)

    @rule(request=requests, wait=st.booleans())
    def ask(self, request: tuple[str, dict[str, int | bytes]], wait: bool) -> None:
        """Any request in any state, waited for or not."""
        name, values = request
        if not self.station.reach():
            return
        if wait:
            self.station.worker.call(name, values)
        else:
            self.station.worker.submit(name, values)

    @rule()
    def engineer_ends_the_quarantine(self) -> None:
        self._hand("dry")
        self._try(lambda: self.station.pen.service(ServiceAction.CLEAR_QUARANTINE))

    @rule()
    def clear_the_stop(self) -> None:
        def clear() -> None:
            status = self.station.pen.status()
            if status.first_cause:
                self.station.pen.clear_fault(status.first_cause, status.cause_event, 1)

        self._try(clear)

    @rule()
    def stop(self) -> None:
        self.station.stop_soon()
        self.station.let_pass(40)

    @rule()
    def pull_events(self) -> None:
        if self.session is not None and self.session.journal is self.station.journal:
            self._try(self.session.pull)

    @rule()
    def close_session(self) -> None:
        session, self.session = self.session, None
        if session is not None and session.journal is self.station.journal:
            self._try(session.close)

    @rule()
    def program_restarts(self) -> None:
        self.station.restart()
        self._recover()

    @rule(stall_ms=st.sampled_from([50, 300, 2_000]))
    def program_stalls(self, stall_ms: int) -> None:
        self.sim.advance_ms(stall_ms)

    # --- what hands and fate do ---------------------------------------------------------------------------------------

    def _hand(self, name: str) -> None:
        getattr(self.sim.bench, name)()
        self.judge.note()

    @rule(name=st.sampled_from(HANDS))
    def hand(self, name: str) -> None:
        self._hand(name)

    @rule(pause_ms=st.integers(30, 1_500))
    def hold_and_let_go(self, pause_ms: int) -> None:
        """As a treatment: strokes on skin for a while."""
        self._hand("touch_skin")
        self._hand("press_trigger")
        self.station.let_pass(pause_ms)
        self._hand("release_trigger")
        self.station.let_pass(30)

    @rule(name=st.sampled_from(HANDS), delay_us=st.integers(1, 3_000_000))
    def hand_in_a_while(self, name: str, delay_us: int) -> None:
        """Amid whatever goes on then."""
        self.sim.at_ms(delay_us / 1_000, lambda: self._hand(name))

    @rule(name=st.sampled_from(PART_FAULTS))
    def part_fails(self, name: str) -> None:
        note(f"fault {name}")
        self.sim.bench.inject(name)
        if name in AXIS_FAULTS:
            self.judge.axis_true = False
        self.judge.note()

    @rule()
    def parts_are_mended(self) -> None:
        self._mend()

    def _mend(self) -> None:
        self.sim.bench.clear_all()
        self.sim.bench.clear("hang")
        for name in ("close_estop", "disconnect_charger", "dry", "release_trigger"):
            self._hand(name)
        if self.sim.bench.cartridge is None:
            self._hand("insert_new_cartridge")
        self._hand("latch")
        if not self.sim.powered or self.sim.at_prompt:
            self.sim.power_cycle()

    @rule(pause_ms=PAUSES_MS)
    def time_passes(self, pause_ms: float) -> None:
        self.station.let_pass(pause_ms)

    @precondition(lambda self: not self.waited_long and self.sim.pen and self.sim.pen.supervisor.armed())
    @rule()
    def a_minute_passes(self) -> None:
        self.waited_long = True
        self.station.let_pass(61_000)

    @rule(cable=st.one_of(cables, st.sampled_from(["good", "pulled", "put back"])))
    def cable(self, cable: LaneFaults | str) -> None:
        stream = self.sim.stream
        if isinstance(cable, LaneFaults):
            stream.set_faults(cable)
            slow_us = 4 * cable.delay_us + 1_000 * limits.REQUEST_TRIES * limits.REQUEST_RETRY_MS
            self.delay_us = max(self.delay_us, 0 if cable.harmless else slow_us)
        elif cable == "good":
            stream.set_faults(LaneFaults())
        elif cable == "pulled":
            stream.unplug()
        else:
            stream.plug()
        self.judge.note()

    @rule(how=st.sampled_from(["watchdog", "power", "reboot"]), delay_us=st.integers(0, 500_000))
    def pen_starts_anew(self, how: str, delay_us: int) -> None:
        """At once, or amid what comes next."""
        if how == "reboot":
            self._try(lambda: self.station.pen.service(ServiceAction.REBOOT))
        else:
            self.sim.at_ms(delay_us / 1_000, lambda: self._happen(how))

    # --- what must always be so -----------------------------------------------------------------------------------------

    @invariant()
    def nothing_forbidden_happened(self) -> None:
        if hasattr(self, "judge"):
            self.judge.look()

    # --- and in the end ---------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            if hasattr(self, "judge"):
                self._end()
        finally:
            if hasattr(self, "station"):
                self.station.close()
            shutil.rmtree(self.place, ignore_errors=True)

    def _end(self) -> None:
        """Everything is mended; then the record and the coil agree, or the record says that they may not."""
        self._mend()
        self.sim.stream.set_faults(LaneFaults())
        self.sim.stream.plug()
        self.sim.advance_ms(3_500)
        self._mend()
        self.judge.look()
        self.station.restart()
        assert all(ticket.outcome is not None for ticket in self.station.open_tickets), (
            "a request without an end"
        )
        assert self.station.reach(), "a mended pen on a good cable does not answer"
        wait_for_boot(self.station.pen, self._pause)
        self.station.settle()
        Session(self.station.pen, self.station.journal, OPERATOR, 1).pull()
        self.station.assert_record_whole()
        made = self.judge.edges
        counted, sure = self.station.recorded()
        assert counted <= made, f"{made} edges on the coil, {counted} strokes in the record"
        assert counted == made or not sure, (
            f"{made} edges on the coil, {counted} strokes in a record that is sure"
        )
        total = self.station.pen.status().strokes_total
        assert total <= made, f"{made} edges on the coil, {total} strokes by the pen"
        assert total == made or self.station.pen_told_unsure(), (
            f"{made} edges on the coil, the pen sure of {total}"
        )


class Campaign(PenAndHost):
    """The same for a long time."""


quick = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    # as drawn: shrinking minutes of simulated time takes longer than reading them
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
TestPenAndHost = PenAndHost.TestCase
TestPenAndHost.settings = quick
TestCampaign = pytest.mark.campaign(Campaign.TestCase)
TestCampaign.settings = settings(quick, max_examples=2_000, stateful_step_count=50)

"""A real pen with the rig beside it: hands and switches on the rig's outputs, every line timed by the rig's sampler.

The time line is the rig's. It begins with the run; how the pen's crystal differs from the rig's is part of `resolution_ns`.
Transport and clock of the pen are handed in, so that the same bench runs on two emulated chips, in their time.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from hil_tests.benches.contract import Ability, Bench, Edge, Hand, Sensor, Signal, Unable
from hil_tests.rig import pins
from hil_tests.rig.capture import Timing
from hil_tests.rig.client import RESTING, Keeper, Rig
from pen_host.errors import NoPenError
from pen_host.transport import Transport, open_transport
from pen_protocol import limits

LINES = {
    Signal.COIL: "COIL",
    Signal.SAFE: "SAFE",
    Signal.STEP: "STEP",
    Signal.HALL: "HALL",
    Signal.ESTOP: "ESTOP",
    Signal.TRIGGER: "TRIGGER",
    Signal.LATCH: "LATCH",
}
CRYSTALS_PPM = 60
"""Two crystals of 30 ppm each."""
LONGEST_NS = 1_000_000_000_000 // limits.RATE_MIN_MHZ
"""The slowest stroke's period: what two crystals' difference is the most of."""
RUN_LOW_MS = 5.0
READ_S = 0.005
APPEARS_TRIES, APPEARS_EVERY_MS = 20, 250.0
"""A pen's port is there within five seconds after power."""
WARM_C, HOT_C = 58.0, 66.0
REST_C = 25.0
"""What the stand-ins of the coil's sensor read (see pins.LINES)."""
SUPPLY_SHARE = 0.41


class Attended:
    """The pen's transport; the rig is looked after at each read."""

    def __init__(self, transport: Transport, rig: Rig) -> None:
        self._transport = transport
        self._rig = rig

    @property
    def name(self) -> str:
        """The pen's port."""
        return self._transport.name

    def read(self, timeout_s: float) -> bytes:
        """Bytes of the pen."""
        data = self._transport.read(timeout_s)
        self._rig.service()
        return data

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        self._transport.write(data)

    def wake(self) -> None:
        """End a read that waits."""
        self._transport.wake()

    def close(self) -> None:
        """Let go of the pen's port."""
        self._transport.close()


class RigBench(Bench):
    """A pen and a rig, wired as RIG.md says.

    Attributes:
        rig: The rig, its run begun.
    """

    abilities = frozenset({Ability.SENSORS, Ability.RESET, Ability.PLACE_EDGE})

    def __init__(
        self,
        name: str,
        rig: Rig,
        open_pen: Callable[[], Transport],
        clock: Callable[[], float],
        *,
        divider: int = 1,
        plays_hall: bool = True,
    ) -> None:
        """Begin a run, hands resting.

        Args:
            name: The bench's address.
            rig: A rig on its transport; connected here.
            open_pen: Opens a way for the host to the pen.
            clock: Seconds for both.
            divider: Of the sampler's clock.
            plays_hall: The rig stands in for the plunger's sensor.

        Raises:
            RigError: The rig does not answer or is of another release.
        """
        self.name = name
        self.rig = rig
        self._open_pen = open_pen
        self._clock = clock
        self._divider = divider
        self._plays_hall = plays_hall
        self._resets = 0
        self._waiting: tuple[str, bool, int] | None = None
        identity = rig.connect()
        look_ns = Timing(identity.clock_hz, divider).look_ns
        self.resolution_ns = look_ns + LONGEST_NS * CRYSTALS_PPM // 1_000_000
        self.restart()

    def restart(self) -> None:
        """Begin the run anew: the only way on after the rig lost its state."""
        self._waiting = None
        self.rig.start(self._divider, self._plays_hall)
        self.rig.hands(RESTING)

    # --- time and host --------------------------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """Time of the rig's run."""
        return self.rig.now_ns()

    def run_ms(self, duration_ms: float) -> None:
        """Let time pass, the rig looked after."""
        end_s = self._clock() + duration_ms / 1_000
        while True:
            left_s = end_s - self._clock()
            if left_s <= 0:
                return
            self.rig.service(min(left_s, READ_S))

    def transport(self) -> Transport:
        """A way for the host to the pen."""
        return Attended(self._open_pen(), self.rig)

    def clock(self) -> float:
        """Seconds of the clock that was handed in."""
        return self._clock()

    # --- hands ------------------------------------------------------------------------------------------------------------

    def hand(self, hand: Hand, closed: bool) -> int:
        """Close or open a contact; when the rig's sampler saw it."""
        line = hand.value.upper()
        self._forget_waiting()
        since_ns = self.rig.now_ns()
        if self.rig.capture.level(line) == int(closed):
            return since_ns
        self.rig.hand(line, closed)
        return self.rig.hand_moved_ns(line, closed, since_ns)

    def hand_amid_stroke(self, hand: Hand, closed: bool, after_us: int) -> None:
        """Act after the next rise of the coil: a machine of the rig does, to 0.2 us."""
        line = hand.value.upper()
        self._forget_waiting()
        self._waiting = (line, closed, self.rig.now_ns())
        self.rig.hand(line, closed, amid=True, delay_us=after_us)

    def _forget_waiting(self) -> None:
        """A hand that still waits for a stroke would hold up all that come after it."""
        if self._waiting is None:
            return
        line, closed, since_ns = self._waiting
        self._waiting = None
        moved = [edge for edge in self.rig.edges(line, since_ns) if edge.level == int(closed)]
        if not moved:
            self.rig.cancel()

    def sensor(self, sensor: Sensor, value: float) -> None:
        """Switch the stand-in that reads as asked.

        Raises:
            Unable: There is no stand-in for this value.
        """
        rig = self.rig
        if sensor is Sensor.COIL_C:
            if not REST_C <= value <= HOT_C:
                raise Unable(f"the rig's stand-ins read {REST_C}, {WARM_C} and {HOT_C} C, not {value}")
            rig.switch("COIL_WARM", limits.COIL_WARN_CC / 100 <= value < limits.COIL_TRIP_CC / 100)
            rig.switch("COIL_HOT", value >= limits.COIL_TRIP_CC / 100)
        elif sensor is Sensor.COIL_OPEN:
            rig.switch("COIL_WIRE", not value)
        elif sensor is Sensor.FLUID_WET:
            rig.switch("FLUID_WET", bool(value))
        else:
            rig.switch("SUPPLY_LOW", value < limits.SUPPLY_MIN_MV)

    # --- measuring --------------------------------------------------------------------------------------------------------

    def edges(self, signal: Signal, since_ns: int = 0) -> list[Edge]:
        """Changes of a line, up to now."""
        edges = self.rig.edges(LINES[signal], since_ns)
        if signal is Signal.HALL:
            return [Edge(edge.t_ns, 1 - edge.level) for edge in edges]
        return edges

    def level(self, signal: Signal) -> int:
        """Level of a line now."""
        self.rig.now_ns()
        level = self.rig.capture.level(LINES[signal])
        return 1 - level if signal is Signal.HALL else level

    @property
    def unsafe_coil_edges(self) -> int:
        """Coil rises while SAFE was low, from the run's begin to now."""
        safe = self.rig.edges("SAFE")
        rises = [edge.t_ns for edge in self.rig.edges("COIL") if edge.level]
        first = self.rig.capture.first_level("SAFE")
        return sum(1 for rise_ns in rises if not _level_at(safe, first, rise_ns))

    @property
    def resets(self) -> int:
        """Resets this bench made. A watchdog's reset shows to the host as another boot id, to nobody else."""
        return self._resets

    # --- the rest -----------------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """RUN is pulled low and let go."""
        self._resets += 1
        self.rig.request("RUN_LOW", 1)
        self.run_ms(RUN_LOW_MS)
        self.rig.request("RUN_LOW", 0)

    def facts(self) -> dict[str, str]:
        """The rig."""
        identity = self.rig.identity
        assert identity is not None, "connected at the beginning"
        return {
            "bench": "pen with rig",
            "rig_serial": identity.serial,
            "rig_runtime": identity.runtime,
            "rig_boot_id": str(identity.boot_id),
            "rig_protocol": str(identity.version),
            "rig_look_ns": str(Timing(identity.clock_hz, self._divider).look_ns),
        }

    def close(self) -> None:
        """Hands as an operator's at rest, sensors as at rest; the run goes on."""
        self._forget_waiting()
        self.rig.hands(RESTING)
        for name in pins.SWITCHES:
            self.rig.switch(name, name in ("COIL_WIRE", "PEN_POWER"))

    def end(self) -> None:
        """End the run: the rig lets go of the pen, which then has its stop contact open and no supply."""
        self.rig.close()


def _level_at(edges: list[Edge], first: int, t_ns: int) -> int:
    level = first
    for edge in edges:
        if edge.t_ns > t_ns:
            break
        level = edge.level
    return level


def patiently(open_pen: Callable[[], Transport], wait_ms: Callable[[float], None]) -> Transport:
    """Open the port of a pen that was just given power, or reset: it appears when USB is up.

    Raises:
        PenError: It did not appear, or cannot be opened.
    """
    for _ in range(APPEARS_TRIES - 1):
        try:
            return open_pen()
        except NoPenError:
            wait_ms(APPEARS_EVERY_MS)
    return open_pen()


class SerialBench(RigBench):
    """A real pen and a real rig on serial ports, the rig kept by a thread."""

    def __init__(self, pen_port: str, rig_port: str, *, plays_hall: bool = True) -> None:
        """Open the rig's port and begin a run; the pen's is opened with each `transport()`.

        Raises:
            PenError: A port cannot be opened.
            RigError: What answers is not this release's rig.
        """
        self._way_to_rig = open_transport(rig_port)
        super().__init__(
            f"serial:{pen_port}",
            Rig(self._way_to_rig, time.monotonic),
            lambda: patiently(lambda: open_transport(pen_port), self.run_ms),
            time.monotonic,
            plays_hall=plays_hall,
        )
        self._keeper = Keeper(self.rig)

    def end(self) -> None:
        """End run and thread, close the port."""
        self._keeper.close()
        super().end()
        self._way_to_rig.close()

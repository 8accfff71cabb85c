"""The simulated pen on a bench: the real firmware on a board of software, in simulated time."""

from __future__ import annotations

from collections.abc import Callable

from hil_tests.benches.contract import Ability, Bench, Edge, Hand, Misdeed, Sensor, Signal
from pen_firmware.hal import CLOCK_WRAP
from pen_firmware.pio_programs import LEASE_TICK_US, SAFE_DECAY_US
from pen_host.errors import TransportLostError
from pen_sim.eeprom import Cartridge
from pen_sim.rig import BOOT_US, SimPen

STEP_US = 500
"""How far the pen lives between two looks at what it sent."""
FINE_US = 20
"""The same while a hand waits for the next stroke: the shortest `after_us` it can keep."""
RESOLUTION_NS = 1_000
SUPPLY_NAMES = {Sensor.SUPPLY_MV: "supply_mv", Sensor.FLUID_WET: "fluid_wet"}
BROKEN_WIRE = 4095
EDGES_BEFORE_WRAP = CLOCK_WRAP - 8
"""What the counters of the coil's and the axis' edges begin with, and so wrap in every test that moves something."""


class SimTransport:
    """Bytes to and from the simulated pen; a read lets it live."""

    name = "simulated pen"

    def __init__(self, bench: SimBench) -> None:
        self._bench = bench
        self._closed = False

    def read(self, timeout_s: float) -> bytes:
        """Bytes as soon as there are any."""
        sim = self._bench.sim
        end_us = sim.now_us + max(1, round(timeout_s * 1e6)) if timeout_s > 0 else sim.now_us
        while True:
            if self._closed or not sim.stream.plugged:
                raise TransportLostError(
                    self.name, "it was closed" if self._closed else "the cable was pulled"
                )
            data = sim.stream.read()
            if data or sim.now_us >= end_us:
                return data
            self._bench.live_to(min(end_us, sim.now_us + STEP_US))

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        self._bench.sim.stream.write(data)

    def wake(self) -> None:
        """Nobody waits in another thread."""

    def close(self) -> None:
        """No byte more."""
        self._closed = True


class SimBench(Bench):
    """A simulated pen, powered and with a new cartridge.

    Attributes:
        sim: The pen itself.
    """

    abilities = frozenset(
        {
            *(Ability.CARTRIDGE, Ability.SENSORS, Ability.INJECT, Ability.RESET, Ability.SKIP),
            *(Ability.BOOT, Ability.FLASH_CUT, Ability.PLACE_EDGE, Ability.CLOCK),
        }
    )
    resolution_ns = RESOLUTION_NS

    def __init__(self, name: str = "sim", seed: int = 0) -> None:
        self.name = name
        self.sim = SimPen(seed=seed, boot=False, strict=False)
        self.sim.board.extra_edges = self.sim.board.extra_steps = EDGES_BEFORE_WRAP
        self.sim.power_on()
        self._hands: dict[Signal, list[Edge]] = {signal: [] for signal in (Signal.TRIGGER, Signal.LATCH)}
        self._waiting: tuple[Hand, bool, int, int] | None = None

    # --- time and host --------------------------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """Simulated time."""
        return self.sim.now_us * 1_000

    def run_ms(self, duration_ms: float) -> None:
        """Let the pen live."""
        self.live_to(self.sim.now_us + round(duration_ms * 1_000))

    def live_to(self, time_us: int) -> None:
        """Let the pen live until then; in small steps while a hand waits for a stroke."""
        while self._waiting is not None and self.sim.now_us < time_us:
            self.sim.advance_to(min(time_us, self.sim.now_us + FINE_US))
            self._look_for_stroke()
        self.sim.advance_to(time_us)

    def transport(self) -> SimTransport:
        """A way for the host to the pen."""
        return SimTransport(self)

    def clock(self) -> float:
        """Seconds of simulated time."""
        return self.sim.now_us / 1e6

    # --- hands ------------------------------------------------------------------------------------------------------------

    def hand(self, hand: Hand, closed: bool) -> int:
        """Close or open a contact."""
        now_ns = self.now_ns
        self.sim.board.sync()
        plant = self.sim.board.plant
        if hand is Hand.ESTOP:
            self.sim.board.set_estop(closed)
        elif hand is Hand.CONTACT:
            plant.needle.in_skin = closed
        else:
            setattr(plant, hand.value, closed)
        if hand.value in (Signal.TRIGGER, Signal.LATCH):
            self._hands[Signal(hand.value)].append(Edge(now_ns, int(closed)))
        return now_ns

    def hand_amid_stroke(self, hand: Hand, closed: bool, after_us: int) -> None:
        """Wait for the next stroke."""
        if after_us < FINE_US:
            raise ValueError(f"the simulated bench acts {FINE_US} us after a rise at the earliest")
        self._waiting = (hand, closed, after_us, self.sim.now_us)

    def _look_for_stroke(self) -> None:
        if self._waiting is None:
            return
        hand, closed, after_us, since_us = self._waiting
        rises = self.sim.trace.rises("coil", since_us)
        if rises:
            self._waiting = None
            delay_us = max(0, rises[0] + after_us - self.sim.now_us)
            self.sim.at_ms(delay_us / 1_000, lambda: self.hand(hand, closed))

    def sensor(self, sensor: Sensor, value: float) -> None:
        """Set what a sensor sees."""
        self.sim.board.sync()
        plant = self.sim.board.plant
        if sensor is Sensor.COIL_C:
            plant.coil.celsius = value
        elif sensor is Sensor.COIL_OPEN:
            plant.sensor_reading = BROKEN_WIRE if value else None
        elif sensor is Sensor.FLUID_WET:
            plant.fluid_wet = bool(value)
        else:
            plant.supply_mv = int(value)

    def insert_cartridge(self, number: int) -> bytes:
        """Put a new cartridge in."""
        serial = self.sim.bench.insert_cartridge(Cartridge(number=number)).serial
        self._hands[Signal.LATCH].append(Edge(self.now_ns, 1))
        return serial

    # --- measuring --------------------------------------------------------------------------------------------------------

    def edges(self, signal: Signal, since_ns: int = 0) -> list[Edge]:
        """Changes of a signal, from the trace of the pen or of the hands."""
        if signal in self._hands:
            found = self._hands[signal]
        elif signal is Signal.SAFE:
            found = self._safe()
        elif signal is Signal.HALL:
            # the trace has one entry for each passage
            found = [Edge(edge.t_us * 1_000, 1) for edge in self.sim.trace.of("hall")]
        else:
            found = [Edge(edge.t_us * 1_000, edge.level) for edge in self.sim.trace.of(signal.value)]
        return [edge for edge in found if edge.t_ns >= since_ns]

    def _safe(self) -> list[Edge]:
        """SAFE: the pump holds until its decay behind the lease's last turn, while the stop contact conducts."""
        turns = [(rise, fall - LEASE_TICK_US + SAFE_DECAY_US) for rise, fall in self._leases()]
        openings = [edge.t_us for edge in self.sim.trace.of("estop") if not edge.level]
        found: list[Edge] = []
        for rise_us, empty_us in turns:
            fall_us = min([empty_us, *(opened for opened in openings if rise_us <= opened)])
            if found and rise_us * 1_000 <= found[-1].t_ns:
                found[-1] = Edge(fall_us * 1_000, 0)
                continue
            found += [Edge(rise_us * 1_000, 1), Edge(fall_us * 1_000, 0)]
        if found and found[-1].t_ns > self.now_ns:
            found.pop()
        return found

    def _leases(self) -> list[tuple[int, int]]:
        leases = self.sim.trace.pulses("lease")
        last = self.sim.trace.of("lease")[-1:]
        if last and last[0].level:
            leases.append((last[0].t_us, self.sim.board.lease.falls_at_us))
        return leases

    def level(self, signal: Signal) -> int:
        """Level now."""
        if signal is Signal.ESTOP:
            return int(self.sim.board.plant.estop_closed)
        if signal in (Signal.TRIGGER, Signal.LATCH):
            return int(getattr(self.sim.board.plant, signal.value))
        edges = self.edges(signal)
        return edges[-1].level if edges else 0

    @property
    def unsafe_coil_edges(self) -> int:
        """Coil rises outside SAFE."""
        safe = self._safe()
        return sum(1 for rise_us in self.sim.trace.rises("coil") if not _level_at(safe, rise_us * 1_000))

    @property
    def resets(self) -> int:
        """Resets so far."""
        return self.sim.resets

    # --- misdeeds -----------------------------------------------------------------------------------------------------------

    def inject(self, misdeed: Misdeed) -> None:
        """Make the firmware misbehave."""
        if misdeed is Misdeed.HANG:
            self.sim.bench.inject("hang")
        elif misdeed is Misdeed.RAISE:
            self.sim.bench.inject("exception")
        else:
            super().inject(misdeed)

    def end_misdeed(self) -> None:
        """The firmware behaves again."""
        self.sim.bench.clear_all()

    def reset(self) -> None:
        """What the watchdog does."""
        self.sim.reset()

    def await_boot(self) -> None:
        """The simulated chip boots in a fixed time."""
        self.run_ms(2 * BOOT_US / 1_000)

    def skip_ms(self, duration_ms: float) -> None:
        """Simulated time costs nothing."""
        self.run_ms(duration_ms)

    def clock_us(self) -> int:
        """As the firmware reads it."""
        return self.sim.board.time.now_us()

    def jump_clock_ms(self, duration_ms: float) -> None:
        """The firmware's clocks jump; simulated time stands."""
        self.sim.board.time._started_us -= round(duration_ms * 1_000)

    def miscount(self, edges: int) -> None:
        """The counter jumps."""
        self.sim.board.extra_edges += edges

    def cut_next_flash_write(self, after_bytes: int) -> Callable[[], bool]:
        """Power fails in the next write."""
        losses = self.sim.power_losses
        self.sim.board.flash.cut_next_write(after_bytes)
        return lambda: self.sim.power_losses > losses

    def facts(self) -> dict[str, str]:
        """A seed repeats the pen."""
        return {"bench": "simulated pen", "runtime": "CPython"}


def _level_at(edges: list[Edge], t_ns: int) -> int:
    level = 0
    for edge in edges:
        if edge.t_ns > t_ns:
            break
        level = edge.level
    return level

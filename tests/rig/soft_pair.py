"""The rig's real firmware on a board of software, wired to the simulated pen: the laptop's side and the doctor without a chip.

What the rig's machines do is played here from the pen's trace; that the machines do it is shown in test_programs and on the
emulated chip. Wires can be cut and swapped.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

from hil_tests.benches import Hand, Sensor
from hil_tests.benches.rig import HOT_C, REST_C, WARM_C, RigBench
from hil_tests.benches.sim import SimBench
from hil_tests.rig import pins, programs
from hil_tests.rig.capture import SAMPLED, Timing
from hil_tests.rig.client import Rig
from hil_tests.rig_firmware.rig import Rig as RigFirmware
from pen_firmware.pio_programs import LEASE_TICK_US, SAFE_DECAY_US

CLOCK_HZ = 125_000_000
STEP_US = 500
PASSES = 6
"""Passes of the rig's loop in one step."""
RING_WORDS = 4096
FULL_MV, LOW_MV = 5_000, 4_000
SEEN = {"coil": "COIL", "step": "STEP", "lease": "ALIVE"}
PUMP_NS = (SAFE_DECAY_US - LEASE_TICK_US) * 1000
"""SAFE falls this long after the end of the lease's last turn."""
POWER = 1 << pins.SWITCHES.index("PEN_POWER")
HALL_US = programs.HALL_LENGTH_US
HAND_OF = {name: Hand[name] for name in pins.HANDS}


class SoftBoard:
    """What the rig's firmware asks of its board, on the time of a simulated pen.

    Attributes:
        bench: The pen.
        cut: Lines whose wire is broken.
        swapped: For a line, the one whose wire was taken by mistake.
        overrun: The sampler had no room for a word.
        fed: Times the watchdog was fed.
        was_reset: The firmware asked for a reset.
        power_losses: Times the pen's supply was taken away.
    """

    ring_words = RING_WORDS

    def __init__(self, bench: SimBench, cut: frozenset[str] = frozenset()) -> None:
        self.bench = bench
        self.cut = cut
        self.swapped: dict[str, str] = {}
        self.overrun = False
        self.fed = 0
        self.was_reset = False
        self.to_rig = bytearray()
        self.from_rig = bytearray()
        self.running = False
        self.words: list[int] = []
        self._changes: list[tuple[int, str, int]] = []
        self._hands = 0
        self._now = 0
        self._run_is_low = False
        self._start_ns = 0
        self._sampled_looks = 0
        self._levels = 0
        self._marks = 0
        self._timing = Timing(CLOCK_HZ, 1)
        self._waiting: tuple[int, int, int] | None = None
        self._queued = 0
        self._switches = 0
        self.power_losses = 0
        self._listen()

    def _listen(self) -> None:
        """Hear of every change the pen's trace and its axis' direction make."""
        board = self.bench.sim.board
        record, step_direction = board.trace.record, board.step_direction

        def recorded(t_us: int, signal: str, level: int) -> None:
            record(t_us, signal, level)
            self._heard(t_us, signal, level)

        def turned(outward: bool) -> None:
            self._change(self.bench.now_ns, "DIRECTION", int(outward))
            step_direction(outward)

        board.trace.record = recorded  # type: ignore[method-assign]
        board.step_direction = turned  # type: ignore[method-assign]

    def _heard(self, t_us: int, signal: str, level: int) -> None:
        t_ns = t_us * 1000
        if signal == "hall":
            self._change(t_ns, "HALL", 0)
            self._change(t_ns + HALL_US * 1000, "HALL", 1)
        elif signal in SEEN:
            self._change(t_ns, SEEN[signal], level)
        if signal == "lease" and level and self.bench.sim.board.plant.estop_closed:
            self._changes = [each for each in self._changes if each[1:] != ("SAFE", 0) or each[0] <= t_ns]
            self._change(t_ns, "SAFE", 1)
        elif signal == "lease" and not level:
            self._change(t_ns + PUMP_NS, "SAFE", 0)
        elif signal == "estop" and not level:
            self._change(t_ns, "SAFE", 0)

    def _change(self, t_ns: int, line: str, level: int) -> None:
        if line not in self.cut:
            self._changes.append((t_ns, line, level))

    # --- the sampler --------------------------------------------------------------------------------------------------------

    def start(self, divider: int, plays_hall: bool) -> None:
        self.bench.sim.board.sync()
        self._timing = Timing(CLOCK_HZ, divider)
        self._start_ns = self.bench.now_ns
        self.running = True
        self.overrun = False
        self.words = []
        self._levels = pins.bit("HALL") if plays_hall else 0
        self._sampled_looks = 0
        self._marks = 0
        self._now = 0
        self._waiting = None
        self._queued = 0
        self._set_hands(0)
        self._changes = []
        self._emit(0, self._levels)

    def sync(self) -> None:
        """Bring hands and words up to the pen's time."""
        self._look_for_stroke()
        if not self.running:
            return
        now_ns = self.bench.now_ns
        while self._mark_ns() <= now_ns:
            self._changes.append((self._mark_ns(), "MARK", 1 - self._marks % 2))
            self._marks += 1
        levels = self._levels
        for t_ns, name, level in sorted(each for each in self._changes if each[0] <= now_ns):
            bit = pins.bit(name)
            levels = levels | bit if level else levels & ~bit
            self._emit(self._looks(t_ns), levels)
        self._changes = [each for each in self._changes if each[0] > now_ns]

    def _mark_ns(self) -> int:
        return self._start_ns + (12 + self._marks * programs.MARK_US) * 1000

    def _looks(self, t_ns: int) -> int:
        return (t_ns - self._start_ns) // self._timing.look_ns

    def _emit(self, looks: int, levels: int) -> None:
        """A word; two changes in one look make one, a late one lies in the next look."""
        if self.words and levels == self._levels:
            return
        looks = max(looks, self._sampled_looks + 1) if self.words else 0
        self._sampled_looks = looks
        self._levels = levels
        self.words.append(levels << programs.TIME_BITS | -looks & programs.TIME_MASK)

    def words_written(self) -> int:
        return len(self.words) if self.running else 0

    def fifo_overrun(self) -> bool:
        return self.overrun

    def copy_words(self, first: int, count: int, target: bytearray, at: int) -> None:
        struct.pack_into(f"<{count}I", target, at, *self.words[first : first + count])

    # --- hands --------------------------------------------------------------------------------------------------------------

    def release(self) -> None:
        self.halt()
        self.switch(0)

    def halt(self) -> None:
        self.running = False
        self._waiting = None
        self._set_hands(0)
        self._apply("CHARGER", True)

    def hands_room(self) -> int:
        return programs.HAND_QUEUE - self._queued

    def hands_put(self, word: int) -> None:
        levels = word >> programs.HAND_DELAY_BITS + 1
        cycles = word >> 1 & (1 << programs.HAND_DELAY_BITS) - 1
        delay_us = (cycles + programs.HAND_LATENCY_CYCLES) // programs.HAND_CYCLES_PER_US
        if word & 1 or self._waiting is not None:
            self._queued += 1
            self._waiting = self._waiting or (levels, delay_us, self.bench.sim.now_us)
            return
        self._later(levels, delay_us)

    def _later(self, levels: int, delay_us: int) -> None:
        if delay_us <= 1:
            self._set_hands(levels)
        else:
            self.bench.sim.at_ms(delay_us / 1000, lambda: self._set_hands(levels))

    def _look_for_stroke(self) -> None:
        if self._waiting is None:
            return
        levels, delay_us, since_us = self._waiting
        rises = self.bench.sim.trace.rises("coil", since_us)
        if rises:
            self._waiting = None
            self._queued = 0
            self._later(levels, max(0, rises[0] + delay_us - self.bench.sim.now_us))

    @property
    def waits(self) -> bool:
        """Hands wait for a stroke: time must pass in small steps."""
        return self._waiting is not None

    def hands_cancel(self) -> None:
        self._waiting = None
        self._queued = 0

    def _set_hands(self, levels: int) -> None:
        changed = levels ^ self._hands
        self._hands = levels
        for index, name in enumerate(pins.HANDS):
            if changed >> index & 1:
                self._changes.append((self.bench.now_ns, name, levels >> index & 1))
        for index, name in enumerate(pins.HANDS):
            self._apply(name, bool(levels >> index & 1))

    def _apply(self, name: str, closed: bool) -> None:
        wire = self.swapped.get(name, name)
        if name in self.cut:
            closed = name == "CHARGER"
        if bool(self.bench_hand(wire)) != closed:
            self.bench.hand(HAND_OF[wire], closed)

    def bench_hand(self, name: str) -> bool:
        """What a contact of the pen is now."""
        plant = self.bench.sim.board.plant
        if name == "ESTOP":
            return bool(plant.estop_closed)
        if name == "CONTACT":
            return bool(plant.needle.in_skin)
        return bool(getattr(plant, name.lower()))

    def switch(self, levels: int) -> None:
        self.power_losses += bool(self._switches & POWER & ~levels)
        self._switches = levels
        on = {
            name for index, name in enumerate(pins.SWITCHES) if levels >> index & 1 and name not in self.cut
        }
        celsius = HOT_C if "COIL_HOT" in on else WARM_C if "COIL_WARM" in on else REST_C
        self.bench.sensor(Sensor.COIL_C, celsius)
        self.bench.sensor(Sensor.COIL_OPEN, "COIL_WIRE" not in on)
        self.bench.sensor(Sensor.FLUID_WET, "FLUID_WET" in on)
        self.bench.sensor(Sensor.SUPPLY_MV, LOW_MV if "SUPPLY_LOW" in on else FULL_MV)

    def run_low(self, low: int) -> None:
        if self._run_is_low and not low and "PEN_RUN" not in self.cut:
            self.bench.reset()
        self._run_is_low = bool(low)

    def skip(self, strokes: int) -> bool:
        del strokes
        return True

    def toggle_now(self) -> None:
        self._now = 1 - self._now
        self._changes.append((self.bench.now_ns, "NOW", self._now))

    def pull(self, up: int) -> int:
        word = 0
        for name in pins.PULLED:
            if up if name in self.cut else self._levels & (pins.bit(name) if name in SAMPLED else 0):
                word |= 1 << pins.gpio(name)
        return word

    # --- stream, time, chip ---------------------------------------------------------------------------------------------------

    def stream_read(self, buffer: bytearray) -> int:
        count = min(len(buffer), len(self.to_rig))
        buffer[:count] = self.to_rig[:count]
        del self.to_rig[:count]
        return count

    def stream_write(self, buffer: bytearray, start: int, end: int) -> int:
        self.from_rig += buffer[start:end]
        return end - start

    def rest(self) -> None:
        pass

    def now_ms(self) -> int:
        return self.bench.sim.now_us // 1000 & (1 << 30) - 1

    def elapsed_ms(self, later: int, earlier: int) -> int:
        return later - earlier

    def watchdog_start(self, timeout_ms: int) -> None:
        del timeout_ms

    def watchdog_feed(self) -> None:
        self.fed += 1

    def reset(self) -> None:
        self.was_reset = True

    def random_word(self) -> int:
        return 4711

    def unique_id(self) -> bytes:
        return bytes(range(8))

    def clock_hz(self) -> int:
        return CLOCK_HZ

    def runtime(self) -> bytes:
        return b"CPython\0\0\0\0\0"


class RigTransport:
    """The laptop's way to the rig; a read lets pen and rig live."""

    name = "software rig"

    def __init__(self, pair: SoftPair) -> None:
        self._pair = pair
        self.damage: Callable[[bytes], bytes] = lambda data: data

    def read(self, timeout_s: float) -> bytes:
        end_us = self._pair.bench.sim.now_us + math.ceil(timeout_s * 1e6)
        while True:
            self._pair.work()
            data = bytes(self._pair.board.from_rig)
            self._pair.board.from_rig.clear()
            if data or self._pair.bench.sim.now_us >= end_us:
                return self.damage(data)
            self._pair.live_us(min(STEP_US, end_us - self._pair.bench.sim.now_us))

    def write(self, data: bytes) -> None:
        self._pair.board.to_rig += data

    def wake(self) -> None:
        pass

    def close(self) -> None:
        pass


class SoftPair:
    """Rig and pen of software.

    Attributes:
        bench: The pen as its own bench sees it: the truth.
        board: The rig's board.
        firmware: The rig's firmware; None does not run.
    """

    def __init__(self, cut: frozenset[str] = frozenset()) -> None:
        self.bench = SimBench()
        self.board = SoftBoard(self.bench, cut)
        self.firmware: RigFirmware | None = RigFirmware(self.board)
        self.board.release()
        self.transport = RigTransport(self)

    def work(self) -> None:
        """Let the rig's loop run some passes."""
        self.board.sync()
        if self.firmware is None:
            return
        for _ in range(PASSES):
            self.firmware.tick()
            self.board.sync()

    def live_us(self, duration_us: int) -> None:
        """Let time pass for both."""
        step_us = 20 if self.board.waits else duration_us
        end_us = self.bench.sim.now_us + duration_us
        while self.bench.sim.now_us < end_us:
            self.bench.live_to(min(end_us, self.bench.sim.now_us + step_us))
            self.board.sync()

    def restart_rig(self) -> None:
        """The rig's chip is reset."""
        self.board.release()
        self.board.to_rig.clear()
        self.firmware = RigFirmware(self.board)

    def rig(self) -> Rig:
        """The laptop's client."""
        return Rig(self.transport, self.bench.clock)

    def rig_bench(self) -> RigBench:
        """The bench of a real pen on this pair."""
        return RigBench("soft pair", self.rig(), lambda: PenTransport(self), self.bench.clock)


class PenTransport:
    """The host's way to the pen, the rig at work meanwhile."""

    name = "simulated pen"

    def __init__(self, pair: SoftPair) -> None:
        self._pair = pair
        self._to_pen = pair.bench.transport()

    def read(self, timeout_s: float) -> bytes:
        end_us = self._pair.bench.sim.now_us + math.ceil(timeout_s * 1e6)
        while True:
            data = self._to_pen.read(0)
            if data or self._pair.bench.sim.now_us >= end_us:
                return data
            self._pair.live_us(min(STEP_US, end_us - self._pair.bench.sim.now_us))

    def write(self, data: bytes) -> None:
        self._to_pen.write(data)

    def wake(self) -> None:
        pass

    def close(self) -> None:
        self._to_pen.close()

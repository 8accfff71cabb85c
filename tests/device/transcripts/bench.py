"""A small board and a small random source for transcripts; runs on MicroPython and CPython alike, floats nowhere."""

from pen_firmware import cartridge_layout as layout
from pen_firmware import pio_programs as pio
from pen_firmware.hal import Input

WRAP = (1 << 30) - 1
CLOSED = Input.ESTOP_CLOSED | Input.ESTOP_PRESENT | Input.LATCH


class Random:
    """The same numbers on every interpreter."""

    def __init__(self, seed):
        self._word = seed

    def below(self, limit):
        """Integer 0..limit-1."""
        self._word = (self._word * 1103515245 + 12345) & 0x7FFFFFFF
        return (self._word >> 8) % limit

    def pick(self, things):
        """One of a sequence."""
        return things[self.below(len(things))]

    def bytes(self, length):
        """Random bytes."""
        return bytes([self.below(256) for _ in range(length)])


class Bench:
    """Board with needle, axis and memory that behave; `faults` of a thousand readings are wrong."""

    def __init__(self, seed, faults=0):
        self.random = Random(seed)
        self.faults = faults
        self.us = WRAP - 40_000
        self.lease_us = 0
        self.tripped = False
        self.words = []
        self.word_left_us = 0
        self.acks = []
        self.halls = []
        self.edges = 0
        self.steps = []
        self.step_edge_count = 0
        self.outward = True
        self.position = 120
        self.step_trip = False
        self.trigger = False
        self.contact = False
        self.open_estop = False
        self.analogs = [2048, 20, 3900, 2070]
        self.slots = {}
        self.kept = [0, 0, 0, 0]
        self.received = b""
        self.sent = b""
        self.refuse_writes = False
        self.memory = bytearray(layout.build_memory(b"LOT7", 4000, 12))
        self.rom = layout.build_rom(4711)
        self.scratch = b""
        self.heard = []
        self.said = 0

    # --- world ------------------------------------------------------------------------------------------------------
    def advance(self, us):
        """Let time pass for the machines."""
        self.us = (self.us + us) & WRAP
        lease_before = self.lease_us
        self.lease_us = max(0, self.lease_us - us)
        if lease_before and not self.lease_us:
            self.tripped = True
        self._advance_needle(us)
        self._advance_axis(us)

    def _advance_needle(self, us):
        while us > 0 and (self.words or self.word_left_us):
            if self.tripped or self.open_estop:
                self.words = []
                self.word_left_us = 0
                self.tripped = True
                return
            if not self.word_left_us:
                word = self.words.pop(0)
                self.word_left_us = pio.word_period_us(word)
                self.edges = (self.edges + 1) & WRAP
                self._after_stroke(word)
            spent = min(us, self.word_left_us)
            self.word_left_us -= spent
            us -= spent

    def _after_stroke(self, word):
        if not self._fails():
            self.acks.append(pio.word_ack(word))
        if not self._fails():
            self.halls.append(pio.word_period_us(word) * (2 if self._fails() else 1))
            del self.halls[4:]

    def _advance_axis(self, us):
        while us > 0 and self.steps:
            us -= self.steps.pop(0)
            if self.position <= 0 and not self.outward:
                self.steps = []
                self.step_trip = True
                return
            self.position += 1 if self.outward else -1
            if not self._fails():
                self.step_edge_count = (self.step_edge_count + 1) & WRAP

    def _fails(self):
        return self.faults > 0 and self.random.below(1000) < self.faults

    # --- board ------------------------------------------------------------------------------------------------------
    def now_ms(self):
        return self.us // 1000

    def now_us(self):
        return self.us

    def elapsed_ms(self, later, earlier):
        wrap_ms = WRAP // 1000 + 1
        half = wrap_ms // 2
        return (later - earlier + half) % wrap_ms - half

    def elapsed_us(self, later, earlier):
        half = 1 << 29
        return ((later - earlier + half) & WRAP) - half

    def make_safe(self):
        self.lease_us = 0
        self.tripped = True
        self.words = []
        self.word_left_us = 0
        self.steps = []
        self.step_trip = True

    def start_machines(self):
        self.edges = 0
        self.step_edge_count = 0
        self.tripped = False
        self.step_trip = False

    def lease_feed(self, ticks):
        self.lease_us = ticks * pio.LEASE_TICK_US
        if not ticks:
            self.tripped = True

    def needle_restart(self):
        self.tripped = False
        self.words = []
        self.word_left_us = 0

    def needle_room(self):
        return 4 - len(self.words)

    def needle_put(self, word):
        self.words.append(word)

    def needle_ack(self):
        return self.acks.pop(0) if self.acks else -1

    def needle_tripped(self):
        return self.tripped

    def needle_edges(self):
        return self.edges

    def hall_period_us(self):
        return self.halls.pop(0) if self.halls else -1

    def step_room(self):
        return 4 - len(self.steps)

    def step_put(self, period_us):
        self.steps.append(period_us)

    def step_idle(self):
        return not self.steps

    def step_edges(self):
        return self.step_edge_count

    def step_tripped(self):
        return self.step_trip

    def step_restart(self):
        self.step_trip = False
        self.steps = []

    def step_direction(self, outward):
        self.outward = outward

    def inputs(self):
        mask = CLOSED
        if self.open_estop:
            mask &= ~Input.ESTOP_CLOSED
        if self.lease_us:
            mask |= Input.LEASE if self.open_estop else Input.LEASE | Input.SAFE
        if self.trigger:
            mask |= Input.TRIGGER
        if self.contact:
            mask |= Input.CONTACT
        if self.position <= 0:
            mask |= Input.HOME
        return mask

    def analog(self, channel):
        return self.random.below(4096) if self._fails() else self.analogs[channel]

    def clear_over_current(self):
        self.analogs[1] = 20

    def wire_reset(self):
        self.heard = []
        self.said = 0
        return self.memory is not None

    def wire_write(self, byte):
        self.heard.append(byte)
        self.said = 0
        heard = self.heard
        if len(heard) == 12 and heard[1] == layout.CMD_WRITE_SCRATCHPAD:
            self.scratch = bytes(heard[2:4]) + bytes([layout.SCRATCHPAD_FULL]) + bytes(heard[4:])
        elif (
            len(heard) == 5
            and heard[1] == layout.CMD_COPY_SCRATCHPAD
            and bytes(heard[2:]) == self.scratch[:3]
        ):
            at = heard[2]
            for index in range(layout.MARK_SIZE):
                self.memory[at + index] &= self.scratch[3 + index]

    def wire_read(self):
        at = self.said
        self.said += 1
        heard = self.heard
        if len(heard) == 1:
            return self.rom[at] if at < len(self.rom) else 0xFF
        if heard[1] == layout.CMD_READ_SCRATCHPAD:
            return self.scratch[at] if at < len(self.scratch) else 0xFF
        if heard[1] == layout.CMD_READ_MEMORY and len(heard) == 4:
            return self.memory[(heard[2] + at) % layout.MEMORY_SIZE]
        return 0xFF

    def stream_read(self, buffer):
        count = min(len(buffer), len(self.received))
        buffer[:count] = self.received[:count]
        self.received = self.received[count:]
        return count

    def stream_write(self, buffer, length):
        self.sent += bytes(buffer[:length])
        return length

    def slot_read(self, slot, buffer):
        held = self.slots.get(slot, b"")
        count = min(len(buffer), len(held))
        buffer[:count] = held[:count]
        return count

    def slot_write(self, slot, buffer, length):
        if self.refuse_writes:
            return False
        self.slots[slot] = bytes(buffer[:length])
        return True

    def word_read(self, index):
        return self.kept[index]

    def word_write(self, index, value):
        assert 0 <= value <= WRAP
        self.kept[index] = value

    def watchdog_start(self, timeout_ms):
        pass

    def watchdog_feed(self):
        pass

    def reset_cause(self):
        return 1

    def reset(self):
        raise OSError("the board was reset")

    def unique_id(self):
        return b"BENCH001"

    def random_word(self):
        return 1 + self.random.below(WRAP)

    def runtime(self):
        return b"transcript\0\0"

    def wait_us(self, duration_us):
        self.advance(duration_us)

"""Runs on MicroPython: the whole firmware on a board that takes no memory; bytes taken from the heap, one line a phase."""

import gc

from pen_firmware import pio_programs
from pen_firmware.hal import Analog, Input, ResetCause
from pen_firmware.pen import Pen
from pen_protocol import codec, framing, limits, messages
from pen_protocol.states import State

PASSES = 400
PERIOD_US = 10_000
NONCE = 4711
HELD = Input.ESTOP_CLOSED | Input.ESTOP_PRESENT | Input.LATCH


class Quiet:
    """Answers with small integers: one stroke every second pass while the lease holds, acknowledged and seen."""

    def __init__(self):
        self.us = 0
        self.trigger = 0
        self.lease_until_us = 0
        self.edges = 0
        self.ack = -1
        self.hall = -1
        self.word = 0
        self.second = 0
        self.words = [0, 0, 0, 0]
        self.slots = {}
        self.incoming = b""
        self.sent = 0
        self.was_reset = False

    def pass_by(self):
        self.us += 5_000
        if self.us >= self.lease_until_us:
            self.word = 0
            self.second = 0
        elif self.word and self.us % PERIOD_US == 0:
            self.edges += 1
            self.ack = pio_programs.word_ack(self.word)
            self.hall = PERIOD_US
            self.word = self.second
            self.second = 0

    def now_ms(self):
        return self.us // 1000

    def now_us(self):
        return self.us

    def elapsed_ms(self, later, earlier):
        return later - earlier

    def elapsed_us(self, later, earlier):
        return later - earlier

    def make_safe(self):
        self.lease_until_us = 0

    def start_machines(self):
        return True

    def lease_feed(self, ticks):
        self.lease_until_us = self.us + ticks * 4

    def needle_restart(self):
        self.word = 0
        self.second = 0

    def needle_room(self):
        return 4 - (self.word > 0) - (self.second > 0)

    def needle_put(self, word):
        if self.word:
            self.second = word
        else:
            self.word = word

    def needle_ack(self):
        ack = self.ack
        self.ack = -1
        return ack

    def needle_tripped(self):
        return False

    def needle_edges(self):
        return self.edges

    def hall_period_us(self):
        period = self.hall
        self.hall = -1
        return period

    def step_room(self):
        return 4

    def step_put(self, period_us):
        pass

    def step_idle(self):
        return True

    def step_edges(self):
        return 0

    def step_tripped(self):
        return False

    def step_restart(self):
        pass

    def step_direction(self, outward):
        pass

    def inputs(self):
        alive = self.us < self.lease_until_us
        return HELD | self.trigger | (Input.LEASE | Input.SAFE if alive else 0)

    def analog(self, channel):
        return 0 if channel == Analog.COIL_CURRENT else 2100 if channel == Analog.COIL_TEMPERATURE else 2400

    def clear_over_current(self):
        pass

    def wire_reset(self):
        return False

    def wire_write(self, byte):
        pass

    def wire_read(self):
        return 255

    def stream_read(self, buffer):
        count = len(self.incoming)
        for index in range(count):
            buffer[index] = self.incoming[index]
        self.incoming = b""
        return count

    def stream_write(self, buffer, length):
        self.sent += 1
        return length

    def slot_read(self, slot, buffer):
        content = self.slots.get(slot, b"")
        buffer[: len(content)] = content
        return len(content)

    def slot_write(self, slot, buffer, length):
        self.slots[slot] = bytes(buffer[:length])
        return True

    def word_read(self, index):
        return self.words[index]

    def word_write(self, index, value):
        self.words[index] = value

    def watchdog_start(self, timeout_ms):
        pass

    def watchdog_feed(self):
        pass

    def reset_cause(self):
        return ResetCause.POWER

    def reset(self):
        self.was_reset = True

    def unique_id(self):
        return b"12345678"

    def random_word(self):
        return 17

    def runtime(self):
        return b"vm"

    def wait_us(self, duration_us):
        pass


def run(passes):
    for _ in range(passes):
        board.pass_by()
        pen.tick()


def taken_by(passes, frame_every=0):
    """Bytes taken by that many passes with the collector off; a heartbeat every `frame_every` passes."""
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for number in range(passes):
        if frame_every and number % frame_every == 0:
            board.incoming = BEATS[number // frame_every]
        board.pass_by()
        pen.tick()
    taken = gc.mem_alloc() - before
    gc.enable()
    return taken


def beat(count):
    encoder = framing.Encoder()
    codec.put_header(encoder.body, messages.HEARTBEAT, 0, NONCE)
    return bytes(
        encoder.wire[: encoder.finish(codec.pack_payload(encoder.body, messages.HEARTBEAT, (count,)))]
    )


def make_ready():
    """Everything an operator does before ARM, without the minutes it takes: the parts are told, not moved."""
    pen.depth.homed = True
    pen.cartridge.condition = 0
    pen.cartridge.burned_here = True
    pen.session.open(NONCE, 9, 1500, 0, 1)
    pen.session.depth_set = True
    pen.session.rate_set = True
    pen.needle.set(PERIOD_US, 2000)
    pen.host_lease.new_session()


BEATS = [beat(count + 1) for count in range(40)]
board = Quiet()
pen = Pen(board)
pen.boot()
run(700)
print("state", pen.supervisor.state == State.IDLE, pen.self_test.passed)
print("idle", taken_by(PASSES))
make_ready()
pen.supervisor.state = State.ARMED
run(20)
print("armed", taken_by(PASSES), pen.supervisor.state == State.ARMED)
board.trigger = Input.TRIGGER
run(30)
print("stroking", taken_by(PASSES), pen.supervisor.state == State.STROKING)
print("strokes", pen.counters.strokes_total == board.edges, board.edges > 100)
gc.collect()
gc.disable()
before = gc.mem_alloc()
pen.needle.stop()
print("emergency", gc.mem_alloc() - before)
gc.enable()
board.trigger = 0
run(5)
pen.host_lease.start(board.now_ms())
pen.commands.hello_seen = True
sent = board.sent
print(
    "frames", taken_by(PASSES, 16), board.sent - sent, pen.decoder.frames, pen.supervisor.state == State.ARMED
)
print("lease", limits.HOST_LEASE_MS - pen.host_lease.left_ms(board.now_ms()) <= 100)


def request(number, values, sequence):
    """Bytes one request takes, answer included."""
    encoder = framing.Encoder()
    codec.put_header(encoder.body, number, sequence, NONCE)
    wire = bytes(encoder.wire[: encoder.finish(codec.pack_payload(encoder.body, number, values))])
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    board.incoming = wire
    board.pass_by()
    pen.tick()
    taken = gc.mem_alloc() - before
    gc.enable()
    return taken


pen.commands.hello_seen = False
REQUESTS = (
    (messages.HELLO, (messages.SCHEMA_HASH, 5)),
    (messages.GET_STATUS, ()),
    (messages.PULL_EVENTS, (0,)),
    (messages.SETTINGS_READ, ()),
    (messages.SET_RATE, (90_000,)),
    (messages.TIGHTEN_LIMITS, (1_000, 100_000, 600, 10_000)),
    (messages.DISARM, ()),
    (messages.STOP, (0,)),
)
print("requests", max([request(number, values, 50 + at) for at, (number, values) in enumerate(REQUESTS)]))
print("stopped", pen.supervisor.state == State.STOPPED, pen.commands.requests == len(REQUESTS))

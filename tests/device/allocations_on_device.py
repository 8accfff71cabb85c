"""Runs on MicroPython: bytes each steady call takes from the heap, one line a call. The board here takes none itself."""

import gc

from pen_firmware import interlocks, pio_programs, supervisor
from pen_firmware.counters import Counters
from pen_firmware.depth import Depth
from pen_firmware.hal import Input
from pen_firmware.lease import FirmwareLease, HostLease
from pen_firmware.needle import Needle
from pen_firmware.sensors import Sensors
from pen_protocol import codec, framing, messages

TIMES = 400
INPUTS = Input.ESTOP_CLOSED | Input.ESTOP_PRESENT | Input.LATCH | Input.SAFE | Input.LEASE | Input.TRIGGER
PERIOD_US = 10_000


class Still:
    """A board that answers with small integers: one stroke every second pass, acknowledged and seen by the hall sensor."""

    def __init__(self):
        self.us = 0
        self.edges = 0
        self.ack = -1
        self.hall = -1
        self.word = 0
        self.second = 0
        self.step_count = 0
        self.kept = 0

    def pass_by(self):
        self.us += 5_000
        if self.word and self.us % PERIOD_US == 0:
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

    def lease_feed(self, ticks):
        self.kept = ticks

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
        self.step_count += 1

    def step_idle(self):
        return True

    def step_edges(self):
        return self.step_count

    def step_tripped(self):
        return False

    def step_restart(self):
        pass

    def step_direction(self, outward):
        pass

    def inputs(self):
        return INPUTS

    def analog(self, channel):
        return 2100

    def word_read(self, index):
        return self.kept

    def word_write(self, index, value):
        self.kept = value


board = Still()
needle = Needle(board)
needle.set(PERIOD_US, 2000)
needle.start(0)
axis = Depth(board)
eyes = Sensors(board)
counters = Counters(board)
host = HostLease(board)
host.start(0)
firmware = FirmwareLease(board)
readings = interlocks.Readings()
pen = supervisor.Supervisor()
decoder = framing.Decoder()
encoder = framing.Encoder()
codec.put_header(encoder.body, messages.TELEMETRY, 0, 123456)
noise = bytes([3, 1, 2, 0, 200, 7, 7, 0, 1, 0, 0, 9])
codec.put_header(encoder.body, messages.SET_DEPTH, 3, 123456)
frame_length = encoder.finish(10)
beat = 0


def sensors_tick():
    eyes.tick(0)


def collect():
    interlocks.collect(readings)


def supervisor_step():
    pen.step(0, 0, 0)


def supervisor_stop():
    pen.step(0, supervisor.Signal.STOP, 0)
    pen.state = 4


def leases():
    global beat
    beat += 1
    host.renew(beat, board.now_ms())
    host.expired(board.now_ms())
    host.left_ms(board.now_ms())
    firmware.begin_pass(board.now_us())
    firmware.late()
    firmware.feed()


def counters_update():
    counters.update(board.edges, 0, True)
    counters.mirror(7, 3)


def needle_tick():
    board.pass_by()
    needle.tick(board.now_ms())
    needle.droop(board.now_ms())
    needle.mismatch()
    needle.tripped()
    needle.measured_age_ms(board.now_ms())


def needle_stop():
    needle.stop()


def depth_tick():
    axis.tick(board.now_ms())
    axis.mismatch()


def depth_stop():
    axis.stop()


def decode_noise():
    decoder.feed(noise, 0, 12)


def decode_frame():
    decoder.feed(encoder.wire, 0, frame_length)


def encode_frame():
    encoder.finish(10)


def allocates():
    return [beat]


def measure(call):
    for _ in range(20):
        call()
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for _ in range(TIMES):
        call()
    taken = gc.mem_alloc() - before
    gc.enable()
    return taken


for name, call in (
    ("sensors_tick", sensors_tick),
    ("collect", collect),
    ("supervisor_step", supervisor_step),
    ("supervisor_stop", supervisor_stop),
    ("leases", leases),
    ("counters_update", counters_update),
    ("needle_tick", needle_tick),
    ("needle_stop", needle_stop),
    ("depth_tick", depth_tick),
    ("depth_stop", depth_stop),
    ("decode_noise", decode_noise),
    ("decode_frame", decode_frame),
    ("encode_frame", encode_frame),
    ("allocates", allocates),
):
    print(name, measure(call))
print("strokes", needle.edges_total, needle.acks_total, needle.mismatch(), decoder.frames, decoder.errors())

"""The whole firmware: boot, session, homing, cartridge, strokes, stop, the way out; every frame it sends."""

from bench import Bench

from pen_firmware.pen import Pen
from pen_protocol import codec, framing
from pen_protocol.messages import BY_NAME, BY_NUMBER, SCHEMA_HASH

board = Bench(5)
pen = Pen(board)
encoder = framing.Encoder()
decoder = framing.Decoder()
sequence = 0
session = 0
beats = 0
last = None


def show():
    """Print what the pen has sent, frame by frame."""
    global last
    data = board.sent
    board.sent = b""
    at = 0
    while at < len(data):
        at = decoder.feed(data, at, len(data))
        if decoder.length:
            message = BY_NUMBER[codec.header_number(decoder.frame)]
            last = codec.unpack_payload(message, decoder.frame)
            print(
                message.name, codec.header_sequence(decoder.frame), codec.header_session(decoder.frame), last
            )


def run(passes, beating=False):
    """Let the firmware make passes of 5 ms."""
    global beats
    for index in range(passes):
        if beating and index % 16 == 0:
            beats += 1
            send("HEARTBEAT", beats)
        pen.tick()
        board.advance(5_000)
        show()


def send(name, *values):
    """One request with the next sequence."""
    global sequence
    sequence += 1
    number = BY_NAME[name].number
    codec.put_header(encoder.body, number, sequence, session)
    length = encoder.finish(codec.pack_payload(encoder.body, number, values))
    board.received += bytes(encoder.wire[:length])


def ask(name, *values):
    """A request, and passes until its long answers are surely there."""
    print("ask", name, values)
    send(name, *values)
    run(40)
    for _ in range(60):
        if not pen.jobs.number:
            return
        run(40)


pen.boot()
run(120)
ask("SET_RATE", 100_000)
ask("HELLO", SCHEMA_HASH, 77)
ask("OPEN_SESSION", 4711, 9, 1500, 0)
session = 4711
ask("SET_DEPTH", 750)
ask("HOME")
ask("SET_DEPTH", 750)
ask("SET_DEPTH", 760)
ask("SET_DEPTH", 1550)
ask("SET_RATE", 100_000)
ask("ARM", 750, 100_000, 1)
ask("CARTRIDGE_READ")
ask("CARTRIDGE_USE", bytes(board.rom))
ask("SET_TELEMETRY", 20)
ask("ARM", 750, 100_000, 1)
run(20, True)
print("state", pen.supervisor.state)
board.trigger = True
board.contact = True
run(100, True)
print("state", pen.supervisor.state, board.edges)
board.trigger = False
run(20, True)
board.trigger = True
run(60, True)
run(80)
print("state", pen.supervisor.state, pen.supervisor.first_cause, board.edges)
board.trigger = False
ask("CLEAR_FAULT", 1, 1, 9)
ask("CLEAR_FAULT", pen.supervisor.first_cause, pen.supervisor.cause_event, 9)
for next_id in (0, 5, 9, 13, 17):
    ask("PULL_EVENTS", next_id)
board.received += board.random.bytes(200) + b"\0"
ask("STOP", 1)
ask("CLOSE_SESSION")
ask("GET_STATUS")

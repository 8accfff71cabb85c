"""The rig's board: RP2040 pins, PIO machines, the ring of words that DMA fills, the USB stream.

The only module of the rig that imports machine or rp2. DMA takes the sampler's words into memory, so nothing of what
happens on the lines depends on how busy the core is; how many words there are is counted by the DMA channel itself.
"""

import os
import select
import sys
import time

import machine
import rp2
import uctypes
from machine import WDT, Pin, mem32

from hil_tests.rig import pins, programs

_RING_BITS = 14
_RING_BYTES = 1 << _RING_BITS
RING_WORDS = _RING_BYTES // 4
"""Words kept until they are sent: two whole travels of the axis."""
_TRANSFERS = (1 << 30) - 1
_SAMPLER_RX = 0x50200020
_SAMPLER_DREQ = 4
_FDEBUG = 0x50200008
_RX_STALL = 1 << 0  # of the sampler: it had a word and no room
_GPIO_IN = 0xD0000004
_LINES = (1 << 27) - 1
_PULL_NOBLOCK = 0x8080
_BLOCK = 16  # divides the 256 bytes of the USB queue and the 64 of a USB packet
_RUNTIME_BYTES = 12
_REST_MS = 1
_WORD_MASK = (1 << 30) - 1


def assemble(name):
    """Assemble one of the programs as its `programs.OPTIONS` say; what rp2.StateMachine takes."""
    options = programs.OPTIONS[name]
    side = None
    if options["side"]:
        side = rp2.PIO.OUT_HIGH if name == "hall" else rp2.PIO.OUT_LOW
    out = [rp2.PIO.OUT_LOW] * len(pins.HANDS) if name == "hands" else None
    return rp2.asm_pio(
        sideset_init=side,
        out_init=out,
        in_shiftdir=rp2.PIO.SHIFT_LEFT,
        out_shiftdir=rp2.PIO.SHIFT_RIGHT,
    )(getattr(programs, name))


class Board:
    """Building it lets every line to the pen go.

    Attributes:
        ring_words: Words kept until they are sent.
    """

    ring_words = RING_WORDS

    def __init__(self):
        self._pin = {entry[0]: Pin(entry[1]) for entry in pins.LINES}
        self._programs = {name: assemble(name) for name in programs.OPTIONS}
        self._sampler = rp2.StateMachine(0)
        self._alive = rp2.StateMachine(1)
        self._mark = rp2.StateMachine(2)
        self._hands = rp2.StateMachine(4)
        self._hall = rp2.StateMachine(5)
        self._machines = (self._sampler, self._alive, self._mark, self._hands, self._hall)
        memory = bytearray(2 * _RING_BYTES)
        start = -uctypes.addressof(memory) % _RING_BYTES
        self._ring = memoryview(memory)[start : start + _RING_BYTES]
        self._dma = rp2.DMA()
        self._watchdog = None
        self._running = False
        self._stdin = sys.stdin.buffer
        self._stdout = sys.stdout.buffer
        self._readable = select.poll()
        self._readable.register(sys.stdin, select.POLLIN)
        self._writable = select.poll()
        self._writable.register(sys.stdout, select.POLLOUT)
        self._byte = bytearray(1)
        self._block = bytearray(_BLOCK)
        self.release()

    # --- a run ------------------------------------------------------------------------------------------------------------

    def release(self):
        """Let go of the pen: halt, sensors' switches off, supply off."""
        self.halt()
        for name in pins.SWITCHES:
            Pin(pins.gpio(name), Pin.OUT, value=0)
        Pin(pins.gpio("PEN_RUN"), Pin.IN)  # the pen's own resistor holds it high

    def halt(self):
        """Stop the machines; hands and the lines they drove are inputs with the chip's pull-down. The supply stays."""
        for state_machine in self._machines:
            state_machine.active(0)
        self._dma.active(0)
        self._running = False
        for _name, gpio, kind, _signal, _part, _role in pins.LINES:
            if kind != pins.SWITCH:
                Pin(gpio, Pin.IN, Pin.PULL_DOWN)

    def start(self, divider, plays_hall):
        """Begin to sample: every machine anew, hands open. The caller has halted before."""
        at = self._pin
        clock_hz = machine.freq()
        made = self._programs
        Pin(pins.gpio("NOW"), Pin.OUT, value=0)
        self._alive.init(
            made["alive"],
            freq=programs.FINE_HZ,
            sideset_base=at["ALIVE"],
            in_base=at["LEASE"],
            jmp_pin=at["LEASE"],
        )
        self._mark.init(made["mark"], freq=programs.SLOW_HZ, sideset_base=at["MARK"])
        self._hands.init(made["hands"], freq=programs.FINE_HZ, out_base=at[pins.HANDS[0]], in_base=at["COIL"])
        if plays_hall:
            self._hall.init(
                made["hall"],
                freq=programs.SLOW_HZ,
                sideset_base=at["HALL"],
                in_base=at["COIL"],
                jmp_pin=at["COIL"],
            )
        self._sampler.init(made["sampler"], freq=clock_hz // divider, in_base=at["ESTOP"])
        self._empty(self._hands)
        self._empty(self._hall)
        while self._sampler.rx_fifo():
            self._sampler.get()
        mem32[_FDEBUG] = _RX_STALL
        control = self._dma.pack_ctrl(
            size=2,
            inc_read=False,
            inc_write=True,
            ring_sel=True,
            ring_size=_RING_BITS,
            treq_sel=_SAMPLER_DREQ,
            irq_quiet=True,
        )
        ring = uctypes.addressof(self._ring)
        self._dma.config(read=_SAMPLER_RX, write=ring, count=_TRANSFERS, ctrl=control, trigger=True)
        self._running = True
        self._sampler.active(1)
        self._alive.active(1)
        self._mark.active(1)
        self._hands.active(1)
        if plays_hall:
            self._hall.active(1)

    def words_written(self):
        """Words DMA has put into the ring since the start."""
        # the stubs do not know it, MicroPython has had it since 1.22
        return _TRANSFERS - self._dma.count if self._running else 0  # type: ignore[attr-defined]

    def fifo_overrun(self):
        """The sampler had a word and no room for it."""
        return mem32[_FDEBUG] & _RX_STALL != 0

    def copy_words(self, first, count, target, at):
        """Copy words from number `first` on into `target` at byte `at`."""
        ring = self._ring
        start = first % RING_WORDS * 4
        whole = count * 4
        one = min(whole, _RING_BYTES - start)
        target[at : at + one] = ring[start : start + one]
        if whole > one:
            target[at + one : at + whole] = ring[: whole - one]

    # --- hands and sensors --------------------------------------------------------------------------------------------------

    def _empty(self, state_machine):
        while state_machine.tx_fifo():
            state_machine.exec(_PULL_NOBLOCK)

    def hands_room(self):
        """Words the hands' queue still takes."""
        return programs.HAND_QUEUE - self._hands.tx_fifo()

    def hands_put(self, word):
        """Queue a change of the hands."""
        self._hands.put(word)

    def hands_cancel(self):
        """Forget what is queued or waits for a stroke. The hands stay as they are: a stopped machine keeps its pins."""
        self._hands.active(0)
        self._empty(self._hands)
        self._hands.restart()
        self._hands.active(1)

    def switch(self, levels):
        """Set the slow switches."""
        for index, name in enumerate(pins.SWITCHES):
            self._pin[name].value(levels >> index & 1)

    def run_low(self, low):
        """Hold the pen's chip in reset, or let it go. Never drives the line high."""
        if low:
            Pin(pins.gpio("PEN_RUN"), Pin.OUT, value=0)
        else:
            Pin(pins.gpio("PEN_RUN"), Pin.IN)

    def skip(self, strokes):
        """Leave strokes without a hall pulse; False when the queue is full."""
        if self._hall.tx_fifo() >= programs.HAND_QUEUE:
            return False
        self._hall.put(strokes)
        return True

    def toggle_now(self):
        """Change NOW."""
        now = self._pin["NOW"]
        now.value(not now.value())

    def pull(self, up):
        """Pull the inputs and say what every line shows then, bit by GPIO."""
        for name in pins.PULLED:
            Pin(pins.gpio(name), Pin.IN, Pin.PULL_UP if up else Pin.PULL_DOWN)
        time.sleep_us(100)  # a loose wire follows within RC of the pull and some picofarads
        return mem32[_GPIO_IN] & _LINES

    # --- stream, time, chip ---------------------------------------------------------------------------------------------------

    def stream_read(self, buffer):
        """Bytes that are there, at most as many as the buffer holds; never waits."""
        count = 0
        while count < len(buffer) and _ready(self._readable):
            self._stdin.readinto(self._byte)
            buffer[count] = self._byte[0]
            count += 1
        return count

    def stream_write(self, buffer, start, end):
        """Send from `buffer[start:end]` what the USB queue takes; how many bytes that were. Never waits.

        Whole blocks only, the last one filled up with 0x00 (nothing, between frames): room for a byte is room for a block.
        """
        count = 0
        while start + count < end and _ready(self._writable):
            length = min(_BLOCK, end - start - count)
            block = self._block
            for index in range(_BLOCK):
                block[index] = buffer[start + count + index] if index < length else 0
            self._stdout.write(block)
            count += length
        return count

    def now_ms(self):
        """Milliseconds, wrapping."""
        return time.ticks_ms()

    def elapsed_ms(self, later, earlier):
        """Difference of two `now_ms`."""
        return time.ticks_diff(later, earlier)

    def rest(self):
        """Nothing to do: sleep a little. Machines and DMA go on."""
        time.sleep_ms(_REST_MS)

    def watchdog_start(self, timeout_ms):
        """From now on a hang resets the chip."""
        self._watchdog = WDT(timeout=timeout_ms)

    def watchdog_feed(self):
        """The pass was whole."""
        if self._watchdog:
            self._watchdog.feed()

    def reset(self):
        """Reset the chip."""
        machine.reset()

    def random_word(self):
        """1 to 2^30 - 1."""
        return int.from_bytes(os.urandom(4), "little") & _WORD_MASK or 1

    def unique_id(self):
        """Eight bytes of the flash."""
        return machine.unique_id()

    def clock_hz(self):
        """The chip's clock."""
        return machine.freq()

    def runtime(self):
        """Interpreter and version, twelve bytes."""
        name = "mpy %d.%d.%d" % sys.implementation.version[:3]
        return (name.encode() + bytes(_RUNTIME_BYTES))[:_RUNTIME_BYTES]


def _ready(poller):
    """True when the polled stream is ready now."""
    for _event in poller.ipoll(0):
        return True
    return False

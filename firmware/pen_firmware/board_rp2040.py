# ruff: noqa: D102 - the methods are described where every board reads them: hal.Board
"""The pen's own board: RP2040 pins, PIO machines, watchdog, USB stream, ADC, 1-Wire and flash. See `hal.Board`.

The only module that imports machine or rp2. Three rules shape it:

- Disabling a PIO machine leaves its pin as it was. So a pin is made safe by its pad's override (one register write that
  no PIO program can undo) before anything else happens, and released only after the pads were read low.
- Nothing that runs while armed allocates: integers stay below 2^30, addresses above it are built once, at import.
- Nothing waits, except where `hal.Board` says so: FIFOs are asked before they are used, the stream byte by byte.
"""

import os
import select
import sys
import time

import _onewire
import machine
import rp2
from machine import ADC, WDT, Pin, mem32

from pen_firmware import pins, pio_programs
from pen_firmware.hal import Board as _Contract

_PIO0 = 0x50200000
_PIO1 = 0x50300000
_XOR = 0x1000  # alias that flips the bits written
_IRQ = 0x30
_SHIFTCTRL = 0xD0
_ADDR = 0xD4
_MACHINE_SIZE = 0x18
_FUNCTION_PIO0 = 6
_FUNCTION_PIO1 = 7
_FORCE_LOW = 2 << 8 | 3 << 12  # OUTOVER: low, OEOVER: driven
_NEEDLE_LOW = _FORCE_LOW | _FUNCTION_PIO0
_LEASE_LOW = _FORCE_LOW | _FUNCTION_PIO0
_STEP_LOW = _FORCE_LOW | _FUNCTION_PIO1


def _pad_control(name):
    return 0x40014004 + 8 * pins.gpio(name)


_NEEDLE_PAD = _pad_control("NEEDLE")
_LEASE_PAD = _pad_control("LEASE")
_STEP_PAD = _pad_control("STEP")
_GPIO_IN = 0xD0000004
_PIO0_FLAGS = _PIO0 + _IRQ
_PIO1_FLAGS = _PIO1 + _IRQ
_NEEDLE_FLAG = 1 << 0  # irq(rel(0)) of machine 0
_STEP_FLAG = 1 << 2  # irq(rel(0)) of machine 2
_NEEDLE_JOIN = _PIO0 + _XOR + _SHIFTCTRL
_STEP_JOIN = _PIO1 + _XOR + _SHIFTCTRL + 2 * _MACHINE_SIZE
_JOIN_TX = 1 << 30
_STEP_ADDR = _PIO1 + _ADDR + 2 * _MACHINE_SIZE
_SCRATCH = (0x4005800C, 0x40058010, 0x40058014, 0x40058018)
_OUTPUT_PADS = 1 << pins.gpio("NEEDLE") | 1 << pins.gpio("LEASE") | 1 << pins.gpio("STEP")

_NOP_LOW = 0xA042  # nop().side(0)
_PULL_LOW = 0x8080  # pull(noblock).side(0)
_MOV_ISR_NULL = 0xA0C3  # mov(isr, null)
_IN_X_30 = 0x403E  # in_(x, 30): the 30 bits of a small integer
_PUSH = 0x8000  # push(noblock)

_OFFSET_PIO1 = 2  # where an assembled program keeps its place in PIO1
_COUNT_MASK = (1 << 30) - 1
_DRAIN_TRIES = 16
_CURRENT_RESET_US = 10
_BLOCK = 16  # divides the 256 bytes of the USB queue and the 64 of a USB packet
_SLOT_FILES = ("settings_a.bin", "settings_b.bin", "record_a.bin", "record_b.bin")
_SLOT_NEW = "slot_new.bin"
_RUNTIME_BYTES = 12


def assemble(name):
    """Assemble one of the programs as its `pio_programs.OPTIONS` say; what rp2.StateMachine takes."""
    options = pio_programs.OPTIONS[name]
    return rp2.asm_pio(
        sideset_init=rp2.PIO.OUT_LOW if options["sideset_low"] else None,
        in_shiftdir=rp2.PIO.SHIFT_RIGHT if options["in_right"] else rp2.PIO.SHIFT_LEFT,
        out_shiftdir=rp2.PIO.SHIFT_RIGHT if options["out_right"] else rp2.PIO.SHIFT_LEFT,
        pull_thresh=options["pull_thresh"],
    )(getattr(pio_programs, name))


def _drain(state_machine):
    """Empty both FIFOs of a stopped machine; True when they are empty. Allocates nothing."""
    tries = _DRAIN_TRIES
    while state_machine.tx_fifo() and tries:
        state_machine.exec(_PULL_LOW)
        tries -= 1
    while state_machine.rx_fifo():
        state_machine.get()
    return not state_machine.tx_fifo()


def _restart(state_machine, join_address, flags_address, flag):
    """Bring a latched machine to its start with empty queues; it stays stopped (pin low) when they will not empty."""
    state_machine.active(0)
    state_machine.exec(_NOP_LOW)
    mem32[join_address] = _JOIN_TX  # joining and parting the FIFOs empties both
    mem32[join_address] = _JOIN_TX
    if not _drain(state_machine):
        return
    state_machine.restart()
    mem32[flags_address] = flag
    state_machine.active(1)


class _EdgeCounter:
    """Reads the running total of an edge counter machine without stopping it."""

    def __init__(self, state_machine):
        self.state_machine = state_machine
        self._total = 0

    def total(self):
        """Rising edges since the machine started, modulo 2^30. Allocates nothing.

        X counts down from all ones. Only 30 of its bits are taken: a larger number would be an object, and on older
        MicroPython whatever is computed from it stays one.
        """
        state_machine = self.state_machine
        while state_machine.rx_fifo():
            state_machine.get()
        state_machine.exec(_MOV_ISR_NULL)
        state_machine.exec(_IN_X_30)
        state_machine.exec(_PUSH)
        tries = _DRAIN_TRIES
        while not state_machine.rx_fifo() and tries:
            tries -= 1
        if tries:
            self._total = _COUNT_MASK - state_machine.get()
        return self._total


class Board(_Contract):
    """The pen's board. Building it drives every output low; the machines stand still until `start_machines`."""

    def __init__(self):
        self._pins = {}
        for name, gpio, direction, pull, _role in pins.PINS:
            if direction != pins.ANALOG:
                self._pins[name] = _pin(gpio, direction, pull)
        self._needle = rp2.StateMachine(0)
        self._lease = rp2.StateMachine(1)
        self._needle_counter = _EdgeCounter(rp2.StateMachine(4))
        self._hall = rp2.StateMachine(5)
        self._step = rp2.StateMachine(6)
        self._step_counter = _EdgeCounter(rp2.StateMachine(7))
        self._programs = {}
        self._step_start = -1
        self._direction = self._pins["DIRECTION"]
        self._current_reset = self._pins["CURRENT_RESET"]
        self._wire = self._pins["CARTRIDGE"]
        self._analog = [ADC(Pin(pins.ANALOG_FIRST + channel)) for channel in range(4)]
        self._watchdog = None
        self._stdin = sys.stdin.buffer
        self._stdout = sys.stdout.buffer
        self._readable = select.poll()
        self._readable.register(sys.stdin, select.POLLIN)
        self._writable = select.poll()
        self._writable.register(sys.stdout, select.POLLOUT)
        self._byte = bytearray(1)
        self._block = bytearray(_BLOCK)

    # --- time ---------------------------------------------------------------------------------------------------------
    def now_ms(self):
        return time.ticks_ms()

    def now_us(self):
        return time.ticks_us()

    def elapsed_ms(self, later, earlier):
        return time.ticks_diff(later, earlier)

    def elapsed_us(self, later, earlier):
        return time.ticks_diff(later, earlier)

    def wait_us(self, duration_us):
        # Busy on purpose: a sleeping core may change clocks, and the USB task runs between the turns of this loop.
        start = time.ticks_us()
        while time.ticks_diff(time.ticks_us(), start) < duration_us:
            pass

    # --- safe state ---------------------------------------------------------------------------------------------------
    def make_safe(self):
        mem32[_NEEDLE_PAD] = _NEEDLE_LOW
        mem32[_LEASE_PAD] = _LEASE_LOW
        mem32[_STEP_PAD] = _STEP_LOW
        self._lease.active(0)
        self._needle.active(0)
        self._step.active(0)
        # What the machines' own pins would show if the pads were let go.
        self._lease.exec(_NOP_LOW)
        self._needle.exec(_NOP_LOW)
        self._step.exec(_NOP_LOW)

    def start_machines(self):
        self.make_safe()
        if not self._programs:
            self._start_counting()
        needle, lease, stepper = self._programs["needle"], self._programs["lease"], self._programs["stepper"]
        at = self._pins
        hz = pio_programs.MACHINE_HZ
        # init() gives the pad to the machine and thereby drops the override: it is put back at once each time. Before
        # that init() itself has set the machine's pin low.
        self._needle.init(needle, freq=hz, sideset_base=at["NEEDLE"], jmp_pin=at["SAFE"])
        mem32[_NEEDLE_PAD] = _NEEDLE_LOW
        self._lease.init(lease, freq=hz, sideset_base=at["LEASE"], jmp_pin=at["ESTOP"])
        mem32[_LEASE_PAD] = _LEASE_LOW
        self._step.init(stepper, freq=hz, sideset_base=at["STEP"], jmp_pin=at["AXIS_OK"])
        mem32[_STEP_PAD] = _STEP_LOW
        mem32[_PIO0_FLAGS] = _NEEDLE_FLAG
        mem32[_PIO1_FLAGS] = _STEP_FLAG
        if not (self._empty() and self._pads_low()):
            return False
        self._lease.active(1)
        self._needle.active(1)
        self._step.active(1)
        if not self._pads_low():
            self.make_safe()
            return False
        mem32[_NEEDLE_PAD] = _FUNCTION_PIO0
        mem32[_LEASE_PAD] = _FUNCTION_PIO0
        mem32[_STEP_PAD] = _FUNCTION_PIO1
        return True

    def _start_counting(self):
        """Assemble the programs and start the machines that only watch. They run on for ever, also through a stop."""
        for name in pio_programs.OPTIONS:
            self._programs[name] = assemble(name)
        at = self._pins
        hz = pio_programs.MACHINE_HZ
        counter = self._programs["edge_counter"]
        self._needle_counter.state_machine.init(counter, freq=hz, in_base=at["NEEDLE"])
        self._step_counter.state_machine.init(counter, freq=hz, in_base=at["STEP"])
        self._hall.init(self._programs["period_meter"], freq=hz, in_base=at["HALL"], jmp_pin=at["HALL"])
        self._needle_counter.state_machine.active(1)
        self._step_counter.state_machine.active(1)
        self._hall.active(1)

    def _empty(self):
        needle_empty = _drain(self._needle)
        lease_empty = _drain(self._lease)
        return _drain(self._step) and lease_empty and needle_empty

    def _pads_low(self):
        return not mem32[_GPIO_IN] & _OUTPUT_PADS

    # --- lease machine --------------------------------------------------------------------------------------------------
    def lease_feed(self, ticks):
        # A running machine empties its queue within microseconds; one that does not is stopped, and its line is low.
        if self._lease.tx_fifo() < pio_programs.LEASE_QUEUE:
            self._lease.put(ticks if ticks < pio_programs.LEASE_TICKS_MAX else pio_programs.LEASE_TICKS_MAX)

    # --- needle machine -------------------------------------------------------------------------------------------------
    def needle_restart(self):
        _restart(self._needle, _NEEDLE_JOIN, _PIO0_FLAGS, _NEEDLE_FLAG)

    def needle_room(self):
        return pio_programs.NEEDLE_QUEUE - self._needle.tx_fifo()

    def needle_put(self, word):
        if self._needle.tx_fifo() < pio_programs.NEEDLE_QUEUE:
            self._needle.put(word)

    def needle_ack(self):
        return self._needle.get() if self._needle.rx_fifo() else -1

    def needle_tripped(self):
        return mem32[_PIO0_FLAGS] & _NEEDLE_FLAG != 0

    def needle_edges(self):
        return self._needle_counter.total()

    # --- hall sensor ----------------------------------------------------------------------------------------------------
    def hall_period_us(self):
        return pio_programs.hall_word_period_us(self._hall.get()) if self._hall.rx_fifo() else -1

    # --- stepper machine ------------------------------------------------------------------------------------------------
    def step_room(self):
        return pio_programs.STEP_QUEUE - self._step.tx_fifo()

    def step_put(self, period_us):
        if self._step.tx_fifo() < pio_programs.STEP_QUEUE:
            self._step.put(pio_programs.step_word(period_us))

    def step_idle(self):
        # Order matters: with the queue seen empty, the machine is idle only when it waits at its first instruction.
        return not self._step.tx_fifo() and mem32[_STEP_ADDR] == self._programs["stepper"][_OFFSET_PIO1]

    def step_edges(self):
        return self._step_counter.total()

    def step_tripped(self):
        return mem32[_PIO1_FLAGS] & _STEP_FLAG != 0

    def step_restart(self):
        _restart(self._step, _STEP_JOIN, _PIO1_FLAGS, _STEP_FLAG)

    def step_direction(self, outward):
        self._direction.value(1 if outward else 0)

    # --- inputs ---------------------------------------------------------------------------------------------------------
    def inputs(self):
        return (mem32[_GPIO_IN] >> pins.INPUT_SHIFT ^ pins.INPUT_INVERTED) & pins.INPUT_MASK

    def analog(self, channel):
        return self._analog[channel].read_u16() >> 4

    def clear_over_current(self):
        self._current_reset.value(1)
        self.wait_us(_CURRENT_RESET_US)
        self._current_reset.value(0)

    # --- cartridge bus --------------------------------------------------------------------------------------------------
    def wire_reset(self):
        return bool(_onewire.reset(self._wire))

    def wire_write(self, byte):
        _onewire.writebyte(self._wire, byte)

    def wire_read(self):
        return _onewire.readbyte(self._wire)

    # --- host stream ----------------------------------------------------------------------------------------------------
    def stream_read(self, buffer):
        # read(n) and readinto(longer) wait for all n bytes: one byte for each successful poll never waits.
        count = 0
        while count < len(buffer) and _ready(self._readable):
            self._stdin.readinto(self._byte)
            buffer[count] = self._byte[0]
            count += 1
        return count

    def stream_write(self, buffer, length):
        # A write longer than the room of the USB queue waits 500 ms for a host that stopped reading, and the room cannot
        # be asked. So everything goes out in blocks that divide the queue, the last one filled up with 0x00 (nothing,
        # between two frames): room for one byte is then room for a block, and no write ever waits.
        count = 0
        while count < length and _ready(self._writable):
            if length - count < _BLOCK:
                self._write_last(buffer, count, length)
                return length
            self._stdout.write(buffer, count, _BLOCK)
            count += _BLOCK
        return count

    def _write_last(self, buffer, start, end):
        block = self._block
        for index in range(_BLOCK):
            block[index] = buffer[start + index] if start + index < end else 0
        self._stdout.write(block)

    # --- what survives --------------------------------------------------------------------------------------------------
    def slot_read(self, slot, buffer):
        try:
            with open(_SLOT_FILES[slot], "rb") as file:
                return file.readinto(buffer)
        except OSError:
            return 0

    def slot_write(self, slot, buffer, length):
        try:
            with open(_SLOT_NEW, "wb") as file:
                file.write(memoryview(buffer)[:length])
            os.rename(_SLOT_NEW, _SLOT_FILES[slot])
        except OSError:
            return False
        os.sync()
        return True

    def word_read(self, index):
        return mem32[_SCRATCH[index]]

    def word_write(self, index, value):
        mem32[_SCRATCH[index]] = value

    # --- chip -----------------------------------------------------------------------------------------------------------
    def watchdog_start(self, timeout_ms):
        self._watchdog = WDT(timeout=timeout_ms)

    def watchdog_feed(self):
        if self._watchdog:
            self._watchdog.feed()

    def reset_cause(self):
        return machine.reset_cause()

    def reset(self):
        machine.reset()

    def unique_id(self):
        return machine.unique_id()

    def random_word(self):
        word = int.from_bytes(os.urandom(4), "little") & _COUNT_MASK
        return word or 1

    def runtime(self):
        name = "mpy %d.%d.%d" % sys.implementation.version[:3]
        return (name.encode() + bytes(_RUNTIME_BYTES))[:_RUNTIME_BYTES]


def _ready(poller):
    """True when the polled stream is ready now. ipoll hands out the same tuple again: nothing is allocated."""
    for _event in poller.ipoll(0):
        return True
    return False


def _pin(gpio, direction, pull):
    """Pin as the table says; outputs start low."""
    if pull == pins.NONE:
        return Pin(gpio, Pin.IN)
    resistor = Pin.PULL_UP if pull == pins.UP else Pin.PULL_DOWN
    if direction == pins.OUT:
        return Pin(gpio, Pin.OUT, resistor, value=0)
    if direction == pins.OPEN_DRAIN:
        return Pin(gpio, Pin.OPEN_DRAIN, resistor, value=1)
    return Pin(gpio, Pin.IN, resistor)

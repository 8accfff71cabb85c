# ruff: noqa: F821 - the names inside the program bodies (pull, out, jmp ...) exist while rp2.asm_pio runs them
"""The five PIO programs and the integers that go with them: what a FIFO word means and how long it lasts.

The programs are plain functions here; only `board_rp2040` assembles them (`OPTIONS` says how). Every machine runs at
`MACHINE_HZ`: one cycle is one microsecond. PIO0 holds needle and lease (32 of 32 words), PIO1 edge counter, period
meter and stepper (31 of 32 words).

A stroke word is ON[9] | EXT[14] << 9 | TRIM[2] << 23 | SEQ[5] << 25, below 2^30 so that MicroPython never allocates
for it: coil on for 4 * ON + 3 us, next stroke not before 6678 + 4 * EXT + TRIM us, acknowledged by
EXT | TRIM << 14 | SEQ << 16 after a whole on-time. No word can ask for more than 2047 us or less than 6678 us: the field
is too narrow and the base is built in code.
"""

MACHINE_HZ = 1_000_000
"""Clock of every machine: one cycle is one microsecond."""

# --- needle ----------------------------------------------------------------------------------------------------------
NEEDLE_ON_BITS = 9
"""Width of ON: the cap of the on-time is the width of this field."""
NEEDLE_EXT_BITS = 14
"""Width of EXT: the period's extension, in turns of 4 us of the loop that watches SAFE."""
NEEDLE_TRIM_BITS = 2
"""Width of TRIM: the rest of the period in cycles, once the extension is over."""
NEEDLE_SEQ_BITS = 5
"""Width of SEQ: the number that comes back in the acknowledgement."""
NEEDLE_EXTENDED_BITS = NEEDLE_ON_BITS + NEEDLE_EXT_BITS
"""Bits taken from a word when its extension runs, the pull threshold: the program sees from it which half it is in."""
NEEDLE_TRIM_SHIFT = NEEDLE_EXTENDED_BITS
"""Place of TRIM in a word."""
NEEDLE_SEQ_SHIFT = NEEDLE_TRIM_SHIFT + NEEDLE_TRIM_BITS
"""Place of SEQ in a word."""
NEEDLE_ON_BASE_US = 3
"""Coil on-time of ON = 0."""
NEEDLE_ON_STEP_US = 4
"""Coil on-time added by one step of ON."""
NEEDLE_ON_MAX_US = NEEDLE_ON_BASE_US + NEEDLE_ON_STEP_US * ((1 << NEEDLE_ON_BITS) - 1)
"""2047 us: the longest on-time any word can give."""
NEEDLE_PERIOD_BASE_US = 6678
"""Period of EXT = TRIM = 0 (149.75 Hz): the shortest any word can give, whatever its ON."""
NEEDLE_PERIOD_STEP_US = 1
"""Period added by one step of TRIM; four of them are one step of EXT."""
NEEDLE_PERIOD_MAX_US = NEEDLE_PERIOD_BASE_US + (1 << NEEDLE_EXT_BITS + NEEDLE_TRIM_BITS) - 1
"""72213 us (13.8 Hz): the longest period a word can give."""
NEEDLE_SEQ_MASK = (1 << NEEDLE_SEQ_BITS) - 1
"""Sequence numbers wrap here."""
_TRIM_MASK = (1 << NEEDLE_TRIM_BITS) - 1
NEEDLE_QUEUE = 4
"""Words the needle queue holds."""

# --- lease -----------------------------------------------------------------------------------------------------------
LEASE_TICK_US = 4
"""One lease tick."""
LEASE_HIGH_US = 2
"""High part of one tick of a living lease line; the rest is low. Only this square wave keeps the charge pump up."""
SAFE_DECAY_US = 50
"""SAFE falls within this after the last edge of the lease line: the charge pump is empty. (HARDWARE.md, gate chain)"""
LEASE_BITS = 14
"""Width of a lease word: no word can hold the line longer than 65.5 ms."""
LEASE_TICKS_MAX = (1 << LEASE_BITS) - 1
"""Longest lease, in ticks."""
LEASE_QUEUE = 4
"""Words the lease queue holds. A running machine empties it within microseconds, a latched one never: what is left dies
when the machines are started again."""

# --- hall period meter -----------------------------------------------------------------------------------------------
HALL_TICK_US = 3
"""Resolution of a measured period."""
HALL_BASE_US = 2
"""Measured period of zero ticks."""
HALL_START_TICKS = 31 << 12
"""The meter counts down from here; a pause longer than that is no period and is not reported."""
HALL_PERIOD_MAX_US = HALL_BASE_US + HALL_TICK_US * HALL_START_TICKS
"""380930 us: the longest period that is reported."""

# --- stepper ---------------------------------------------------------------------------------------------------------
STEP_PERIOD_BASE_US = 59
"""Shortest step: 16.9 kHz, whatever the word."""
STEP_PERIOD_STEP_US = 4
"""Period added by one step of the word."""
STEP_BITS = 14
"""Width of a step word."""
STEP_PERIOD_MAX_US = 65_535
"""Longest step asked for."""
STEP_QUEUE = 4
"""Words the step queue holds."""

_MHZ_US = 1_000_000_000
"""Millihertz times microseconds of one period."""


def needle_period_us(rate_mhz):
    """Period in us of a rate in millihertz: the nearest microsecond within what a word can give."""
    wanted_us = (_MHZ_US + rate_mhz // 2) // rate_mhz
    return min(max(wanted_us, NEEDLE_PERIOD_BASE_US), NEEDLE_PERIOD_MAX_US)


def rate_mhz(period_us):
    """Rate in millihertz of a period in us (1 or more)."""
    return (_MHZ_US + period_us // 2) // period_us


def needle_word(on_us, period_us, seq):
    """FIFO word of one stroke: on-time never longer than asked, period as asked.

    Args:
        on_us: Coil on-time, 3..2047 us.
        period_us: Time to the next stroke, 6678..72213 us.
        seq: Any integer; its low 5 bits come back in the acknowledgement.

    Raises:
        ValueError: A value no word can carry.
    """
    if on_us < NEEDLE_ON_BASE_US or on_us > NEEDLE_ON_MAX_US:
        raise ValueError("on-time no stroke word can carry: keep it within 3..2047 us")
    if period_us < NEEDLE_PERIOD_BASE_US or period_us > NEEDLE_PERIOD_MAX_US:
        raise ValueError("period no stroke word can carry: keep it within 6678..72213 us")
    on = (on_us - NEEDLE_ON_BASE_US) // NEEDLE_ON_STEP_US
    rest = period_us - NEEDLE_PERIOD_BASE_US
    ext = rest >> NEEDLE_TRIM_BITS
    trim = rest & _TRIM_MASK
    return (
        on | ext << NEEDLE_ON_BITS | trim << NEEDLE_TRIM_SHIFT | (seq & NEEDLE_SEQ_MASK) << NEEDLE_SEQ_SHIFT
    )


def word_on_us(word):
    """Coil on-time in us that a stroke word gives."""
    return NEEDLE_ON_BASE_US + NEEDLE_ON_STEP_US * (word & ((1 << NEEDLE_ON_BITS) - 1))


def word_period_us(word):
    """Period in us that a stroke word gives."""
    ext = word >> NEEDLE_ON_BITS & ((1 << NEEDLE_EXT_BITS) - 1)
    trim = word >> NEEDLE_TRIM_SHIFT & _TRIM_MASK
    return NEEDLE_PERIOD_BASE_US + (ext << NEEDLE_TRIM_BITS) + trim


def word_ack(word):
    """Acknowledgement a stroke word earns when its on-time was whole."""
    return word >> NEEDLE_ON_BITS


def ack_seq(ack):
    """Sequence number (0..31) of an acknowledgement."""
    return ack >> NEEDLE_SEQ_SHIFT - NEEDLE_ON_BITS


def lease_ticks(duration_ms):
    """Lease ticks of a duration in ms, at most `LEASE_TICKS_MAX`."""
    return min(duration_ms * 1000 // LEASE_TICK_US, LEASE_TICKS_MAX)


def hall_word_period_us(word):
    """Period in us of a word from the meter (what was left of its countdown)."""
    return HALL_BASE_US + HALL_TICK_US * (HALL_START_TICKS - word)


def step_word(period_us):
    """FIFO word of one step, never faster than asked; a period outside 59..65535 us is brought to the nearer end."""
    bounded_us = min(max(period_us, STEP_PERIOD_BASE_US), STEP_PERIOD_MAX_US)
    return (bounded_us - STEP_PERIOD_BASE_US + STEP_PERIOD_STEP_US - 1) // STEP_PERIOD_STEP_US


def step_word_period_us(word):
    """Period in us that a step word gives."""
    return STEP_PERIOD_BASE_US + STEP_PERIOD_STEP_US * (word & ((1 << STEP_BITS) - 1))


OPTIONS = {
    "needle": {
        "sideset_low": True,
        "out_right": True,
        "in_right": False,
        "pull_thresh": NEEDLE_EXTENDED_BITS,
    },
    "lease": {"sideset_low": True, "out_right": True, "in_right": False, "pull_thresh": 32},
    "edge_counter": {"sideset_low": False, "out_right": True, "in_right": False, "pull_thresh": 32},
    "period_meter": {"sideset_low": False, "out_right": True, "in_right": False, "pull_thresh": 32},
    "stepper": {"sideset_low": True, "out_right": True, "in_right": False, "pull_thresh": 32},
}
"""What the assembler must be told: side-set pin (initially low) or none, shift directions, pull threshold in bits."""


def needle(on_bits=NEEDLE_ON_BITS, ext_bits=NEEDLE_EXT_BITS, trim_bits=NEEDLE_TRIM_BITS):
    """One word, one stroke. Side-set pin: coil. jmp_pin: SAFE, high = permitted. 24 words.

    Without a word it stalls and holds the coil low. SAFE low at any moment of a stroke: coil low within 5 cycles, flag
    raised, latched, queued words drained; only a restart by the CPU leads out. Unread acknowledgements stall it low.
    """
    wrap_target()
    pull(block).side(0)  # no word, no stroke
    out(x, on_bits).side(0)  # cap: a field that wide holds no more
    set(y, 13).side(0)  # period floor 13 << 7 ticks, built here where no word can shorten it
    in_(y, 5).side(0)
    in_(null, 7).side(0)
    mov(y, isr).side(0)
    jmp(pin, "on").side(0)  # asked before the coil ever rises
    label("trip")
    irq(rel(0)).side(0)
    label("dead")
    pull(noblock).side(0)  # drain: nothing may replay
    jmp("dead").side(0)
    label("on")
    jmp(y_dec, "timed").side(1)
    label("timed")
    jmp(x_dec, "check").side(1)[1]
    mov(isr, osr).side(0)  # the on-time was whole: say which stroke
    push(block).side(0)
    label("off")
    jmp(pin, "still").side(0)
    jmp("trip").side(0)
    label("still")
    jmp(y_dec, "off").side(0)[2]
    jmp(not_osre, "extend").side(0)
    out(y, trim_bits).side(0)
    label("trim")
    jmp(y_dec, "trim").side(0)  # the last microseconds; SAFE is asked again before the next pulse
    wrap()
    label("check")
    jmp(pin, "on").side(1)
    jmp("trip").side(0)
    label("extend")
    out(y, ext_bits).side(0)
    jmp("off").side(0)


def lease(lease_bits=LEASE_BITS):
    """Retriggerable one-shot. Side-set pin: LEASE. jmp_pin: stop contact, high = closed. 8 words.

    Alive, the line is a square wave of 250 kHz: it feeds the charge pump that holds SAFE, so a latched pin, a stopped clock
    or a program that hangs lets SAFE fall as silence does. A word of N ticks keeps it alive for 4 * (N + 1) us; any newer
    word replaces what is left; 0 ends it within 8 us. Stop contact open: line low, latched; only a start by the CPU leads
    out. The latch does not drain its queue: `start_machines` empties it and starts nothing before it is empty.
    """
    wrap_target()
    label("idle")
    pull(block).side(0)
    out(x, lease_bits).side(0)
    jmp(not_x, "idle").side(0)  # ending an ended lease must not lift the line
    label("run")
    pull(noblock).side(1)  # no newer word: X comes back
    out(x, lease_bits).side(1)
    jmp(pin, "closed").side(0)  # half of each turn low: what the charge pump lives on
    label("trip")
    jmp("trip").side(0)
    label("closed")
    jmp(x_dec, "run").side(0)
    wrap()


def edge_counter():
    """Count rising edges of in_base in the complement of X (small integers for 2^30 edges). 4 words."""
    mov(x, invert(null))
    wrap_target()
    label("next")
    wait(0, pin, 0)
    wait(1, pin, 0)
    jmp(x_dec, "next")
    wrap()


def period_meter():
    """Period between rising edges of in_base = jmp_pin; the word is the countdown's rest. 16 words.

    A pause longer than the countdown is not reported: the meter waits for the next rising edge instead.
    """
    set(y, 31)
    in_(y, 5)
    in_(null, 12)
    mov(y, isr)
    label("idle")
    wait(0, pin, 0)
    wait(1, pin, 0)
    wrap_target()
    mov(x, y)
    label("high")
    jmp(x_dec, "high_pin")[1]
    jmp("idle")
    label("high_pin")
    jmp(pin, "high")
    label("low")
    jmp(x_dec, "low_pin")
    jmp("idle")
    label("low_pin")
    jmp(pin, "rose")
    jmp("low")
    label("rose")
    mov(isr, x)
    push(noblock)
    wrap()


def stepper(step_bits=STEP_BITS):
    """One word, one step after its time. Side-set pin: STEP. jmp_pin: AXIS_OK, high = may move. 11 words.

    AXIS_OK low: no further step, flag raised, latched, queued words drained; only a restart by the CPU leads out.
    """
    wrap_target()
    pull(block).side(0)
    out(x, step_bits).side(0)
    set(y, 2).side(0)
    label("least")
    jmp(y_dec, "least").side(0)[15]  # shortest step, built here where no word can shorten it
    label("time")
    jmp(pin, "may").side(0)
    jmp("trip").side(0)
    label("may")
    jmp(x_dec, "time").side(0)[2]
    nop().side(1)[3]
    wrap()
    label("trip")
    irq(rel(0)).side(0)
    label("dead")
    pull(noblock).side(0)
    jmp("dead").side(0)

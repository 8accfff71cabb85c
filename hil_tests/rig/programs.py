# ruff: noqa: F821 - the names inside the program bodies (pull, out, jmp ...) exist while rp2.asm_pio runs them
"""The rig's five PIO programs and what their words mean. The rig's board assembles them, the laptop decodes them.

PIO0 (28 of 32 words): sampler, lease watch, mark. PIO1 (26 of 32 words): hands, hall.

The sampler looks at 14 lines every 10 cycles and pushes one word when one of them changed: LINES[14] << 18 | TIME[18]. TIME
counts down by one in every look, so a word's time is exact to one look (80 ns at full clock) whatever the chip's core does.
The words go into memory by DMA. TIME wraps within 21 ms; MARK changes every 8 ms, so no wrap can be missed, and a lost
word shows as a mark that is not where it belongs.
"""

LOOK_CYCLES = 10
"""One look of the sampler, whether it finds a change or not."""
LINE_BITS = 14
TIME_BITS = 18
TIME_MASK = (1 << TIME_BITS) - 1

SLOW_HZ = 1_000_000
"""Clock of mark and hall: one cycle is one microsecond."""
FINE_HZ = 5_000_000
"""Clock of hands and lease watch."""
HAND_CYCLES_PER_US = FINE_HZ // 1_000_000
HAND_DELAY_BITS = 22
"""A hand word is AMID[1] | DELAY[22] << 1 | LEVELS[6] << 23, below 2^30."""
HAND_LATENCY_CYCLES = 3
"""From the look that saw the rise, or the word, to the hands' change with DELAY 0."""
HAND_DELAY_MAX_US = ((1 << HAND_DELAY_BITS) - 1) // HAND_CYCLES_PER_US
"""838860 us."""
HAND_QUEUE = 4
"""Words the hands machine's queue holds."""
MARK_US = 7_938
"""Time between two changes of MARK: 31 << 8 turns, and what leads into them."""
HALL_LEAST_US = 390
"""A coil pulse shorter than this moves no plunger: no hall pulse."""
HALL_DELAY_US = 776
"""From the coil's rise until the plunger passes its sensor, within 1 us."""
HALL_LENGTH_US = 771
ALIVE_HOLD_US = 13
"""ALIVE falls this long after the lease line's last rise, within 1 us: a wave slower than 77 kHz is not alive."""


def hand_word(levels, delay_us, amid):
    """Word that sets the hands after `delay_us`, counted from the coil's next rise when `amid`.

    Raises:
        ValueError: A delay no word can carry.
    """
    if delay_us < 0 or delay_us > HAND_DELAY_MAX_US:
        raise ValueError("delay no hand word can carry: keep it within 0..838860 us")
    cycles = delay_us * HAND_CYCLES_PER_US
    cycles = cycles - HAND_LATENCY_CYCLES if cycles > HAND_LATENCY_CYCLES else 0
    return (1 if amid else 0) | cycles << 1 | levels << (HAND_DELAY_BITS + 1)


def sampler(lines=LINE_BITS, time=TIME_BITS):
    """One word for each change of in_base's lines, the first at the start. 13 words.

    OSR is the time, Y the lines of the last word. Both ways through a look take `LOOK_CYCLES`.
    """
    mov(osr, invert(null))
    mov(y, invert(null))  # no 14 lines look like this: the first look is a word
    wrap_target()
    label("look")
    mov(x, osr)
    jmp(x_dec, "counted")
    label("counted")
    mov(osr, x)
    mov(isr, null)
    in_(pins, lines)
    mov(x, isr)
    jmp(x_not_y, "changed")
    jmp("look")[2]
    label("changed")
    mov(y, x)
    in_(osr, time)
    push(noblock)
    wrap()


def alive():
    """Side-set pin: ALIVE, high while jmp_pin = in_base = LEASE rises again and again. 8 words."""
    wrap_target()
    label("dead")
    wait(0, pin, 0).side(0)
    wait(1, pin, 0).side(0)
    label("rose")
    set(x, 31).side(1)
    label("high")
    jmp(x_dec, "look").side(1)
    jmp("dead").side(0)
    label("look")
    jmp(pin, "high").side(1)
    label("low")
    jmp(pin, "rose").side(1)
    jmp(x_dec, "low").side(1)
    wrap()


def mark():
    """Side-set pin: MARK, changed every `MARK_US`. 7 words."""
    set(y, 31).side(0)
    in_(y, 5).side(0)
    in_(null, 8).side(0)
    wrap_target()
    mov(y, isr).side(1)
    label("up")
    jmp(y_dec, "up").side(1)
    mov(y, isr).side(0)
    label("down")
    jmp(y_dec, "down").side(0)
    wrap()


def hands(delay_bits=HAND_DELAY_BITS):
    """One word, one change of the hands (out pins); in_base = COIL. 8 words."""
    wrap_target()
    pull(block)
    out(x, 1)
    jmp(not_x, "now")
    wait(0, pin, 0)
    wait(1, pin, 0)
    label("now")
    out(x, delay_bits)
    label("delay")
    jmp(x_dec, "delay")
    out(pins, 6)
    wrap()


def hall():
    """Side-set pin: HALL, low once for each whole pulse of in_base = jmp_pin = COIL. 18 words.

    A word is the number of strokes to leave without a pulse from now on; 2^32 - 1 is all of them.
    """
    set(y, 12).side(1)
    in_(y, 5).side(1)
    in_(null, 5).side(1)
    mov(x, null).side(1)
    wrap_target()
    label("idle")
    wait(0, pin, 0).side(1)
    wait(1, pin, 0).side(1)
    pull(noblock).side(1)  # no newer word: X comes back
    mov(x, osr).side(1)
    jmp(not_x, "beat").side(1)
    jmp(x_dec, "idle").side(1)
    label("beat")
    mov(y, isr).side(1)
    label("pulled")
    jmp(y_dec, "pulled").side(1)
    jmp(pin, "moves").side(1)
    jmp("idle").side(1)
    label("moves")
    mov(y, isr).side(1)
    label("passing")
    jmp(y_dec, "passing").side(1)
    mov(y, isr).side(0)
    label("passed")
    jmp(y_dec, "passed").side(0)[1]
    wrap()


OPTIONS = {
    "sampler": {"side": False, "in_right": False},
    "alive": {"side": True, "in_right": False},
    "mark": {"side": True, "in_right": False},
    "hands": {"side": False, "in_right": False},
    "hall": {"side": True, "in_right": False},
}
"""What the assembler must be told."""

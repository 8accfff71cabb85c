"""Which wire of the rig goes where: the one table behind its firmware, the wiring page, the doctor and the emulated pair.

GPIO 2 to 15 are sampled as one word, so everything that happens lies on one time base and in one order: what the rig does
to the pen, what the pen answers, and two lines of the rig's own. Hands are GPIO 2 to 7, set together by one PIO machine.

Fail-safe by wiring: a chip without power, in reset or stopped has every GPIO as an input with a weak pull-down. Then the stop
contact is open, the trigger released, the latch open, a charger connected (the pen's own resistors say so) and the pen
without supply. No wire of the rig can hold a pen alive that the rig no longer looks after.
"""

HAND = "hand"
"""Driven by the hands machine."""
PLAYED = "played"
"""Driven by a machine of its own while the rig plays the sensor, else read."""
OWN = "own"
"""Not wired: the rig's own line, seen by the sampler."""
MEASURED = "measured"
"""Read by the sampler."""
WATCHED = "watched"
"""Read by a machine only: too fast to sample each edge."""
SWITCH = "switch"
"""Driven by the firmware, slowly."""

CLOSES = "470 ohm, BAT54 towards the pen"
"""A hand's part: it can only close the contact. Opening is left to the pen's own pull-down, as with a real contact."""
PROTECT = "1 kohm"
"""Between two boards of which one may be without power."""
GATE = "1 kohm to the gate of a 2N7002 (10 kohm to ground)"

LINES = (
    ("ESTOP", 2, HAND, "ESTOP", CLOSES, "stop contact 1, in place of the STOP plug: high closes it"),
    ("ESTOP_PRESENT", 3, HAND, "ESTOP_PRESENT", CLOSES, "loop of the STOP plug: high is plugged in"),
    ("TRIGGER", 4, HAND, "TRIGGER", CLOSES, "trigger: high is held"),
    ("LATCH", 5, HAND, "LATCH", CLOSES, "cartridge latch: high is closed"),
    ("CONTACT", 6, HAND, "CONTACT", CLOSES, "skin contact: high touches"),
    ("CHARGER", 7, HAND, "CHARGER", PROTECT, "charger's jack: low is no charger, high or loose is one"),
    (
        "HALL",
        8,
        PLAYED,
        "HALL",
        PROTECT,
        "plunger sensor: low pulse; left an input where the pen has its own",
    ),
    ("ALIVE", 9, OWN, "", "", "high while the lease wave runs; a test point, no wire"),
    (
        "MARK",
        10,
        OWN,
        "",
        "",
        "changes every 8 ms and so proves that no word was lost; a test point, no wire",
    ),
    ("NOW", 11, OWN, "", "", "changes when the host asks what time it is; a test point, no wire"),
    (
        "COIL",
        12,
        MEASURED,
        "NEEDLE",
        PROTECT,
        "output of the gate's AND (test point GATE), or NEEDLE on a bare board",
    ),
    ("SAFE", 13, MEASURED, "SAFE", PROTECT, "SAFE node: stop contact closed and lease alive"),
    ("STEP", 14, MEASURED, "STEP", PROTECT, "step pulses of the depth axis"),
    ("DIRECTION", 15, MEASURED, "DIRECTION", PROTECT, "direction of the depth axis"),
    ("LEASE", 16, WATCHED, "LEASE", PROTECT, "250 kHz wave of the lease line"),
    ("PEN_RUN", 17, SWITCH, "RUN", PROTECT, "open drain: low holds the pen's chip in reset"),
    (
        "PEN_POWER",
        18,
        SWITCH,
        "V_BAT",
        "1 kohm to the enable of a high-side switch, 10 kohm to ground",
        "high gives the pen its bench supply",
    ),
    (
        "COIL_WARM",
        19,
        SWITCH,
        "COIL_TEMPERATURE",
        GATE + ", 4.7 kohm across the stand-in of the NTC",
        "high: the stand-in (10 kohm, 25 C) falls to 3.2 kohm, 58 C: a warning",
    ),
    (
        "COIL_HOT",
        20,
        SWITCH,
        "COIL_TEMPERATURE",
        GATE + ", 3.3 kohm across the stand-in of the NTC",
        "high: 2.5 kohm, 66 C: a trip",
    ),
    (
        "COIL_WIRE",
        21,
        SWITCH,
        "COIL_TEMPERATURE",
        GATE + " in series with the stand-in of the NTC",
        "low or loose breaks the sensor's wire",
    ),
    (
        "FLUID_WET",
        22,
        SWITCH,
        "FLUID",
        GATE + ", 4.7 kohm across the electrodes",
        "high is a wet channel: the pen goes into quarantine until an engineer clears it",
    ),
    (
        "SUPPLY_LOW",
        26,
        SWITCH,
        "SUPPLY",
        GATE + ", 47 kohm across the divider's lower resistor",
        "high: the pen reads 0.41 of its supply",
    ),
)
"""Name, GPIO, kind, the pen's signal it meets, part in series, what it does."""

FIRST = 2
"""GPIO of bit 0 of a sample."""
COUNT = 14
"""Lines in a sample: GPIO 2 to 15."""
HANDS = ("ESTOP", "ESTOP_PRESENT", "TRIGGER", "LATCH", "CONTACT", "CHARGER")
"""Lines the hands machine sets, in the order of their bits."""
HANDS_MASK = (1 << len(HANDS)) - 1
RESTING = 0
"""Hands of a rig nobody looks after. CHARGER is the exception that driving makes: low is no charger, loose is one."""
SWITCHES = ("COIL_WARM", "COIL_HOT", "COIL_WIRE", "FLUID_WET", "SUPPLY_LOW", "PEN_POWER")
"""Lines of SWITCH the host sets together, in the order of their bits. PEN_RUN is apart: it is pulsed."""
PULLED = ("COIL", "SAFE", "STEP", "DIRECTION", "LEASE")
"""Inputs whose pull the doctor changes: a driven wire does not follow it."""


def gpio(name):
    """GPIO number of a line.

    Raises:
        KeyError: No such line.
    """
    for entry in LINES:
        if entry[0] == name:
            return entry[1]
    raise KeyError("no line %s in the rig's table" % name)


def bit(name):
    """Bit of a line in a sample."""
    return 1 << (gpio(name) - FIRST)

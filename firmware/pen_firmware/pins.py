"""Which GPIO does what: the one table behind the board module, the boot file, the hardware pages and the test rigs.

Every contact is wired so that a broken wire reads as the safe side: stop open, trigger released, latch open, axis at
home (no further retraction), charger connected, current tripped. The eleven signals of `hal.Input` lie on GPIO 2..12 in
the order of their bits, so one read of the port is one consistent picture.
"""

IN = "in"
OUT = "out"
OPEN_DRAIN = "open drain"
ANALOG = "analog"

UP = "up"
DOWN = "down"
NONE = ""

PINS = (
    ("ESTOP", 2, IN, DOWN, "Stop contact, normally closed: high conducts, low or broken is open"),
    ("ESTOP_PRESENT", 3, IN, DOWN, "Connector loop of the stop button: high when the button is there"),
    ("TRIGGER", 4, IN, DOWN, "Trigger under the operator's finger: high while held"),
    ("LATCH", 5, IN, DOWN, "Cartridge latch: high when closed"),
    ("HOME", 6, IN, DOWN, "Home switch, normally closed: low when the axis is fully retracted, or broken"),
    ("CONTACT", 7, IN, DOWN, "Skin contact at the tip: high when touching"),
    ("CHARGER", 8, IN, UP, "Charger: held low by the absent charger, high when connected"),
    ("SAFE", 9, IN, DOWN, "Read-back of the SAFE node: stop contact closed AND lease alive"),
    ("NEEDLE", 10, OUT, DOWN, "Coil drive, PIO0 needle machine; the gate also needs SAFE and its one-shot"),
    ("OVER_CURRENT", 11, IN, DOWN, "Latched coil current comparator: high is healthy, low has tripped"),
    (
        "LEASE",
        12,
        OUT,
        DOWN,
        "Lease line, PIO0 lease machine: 250 kHz while the firmware renews it, for the charge pump",
    ),
    ("AXIS_OK", 13, IN, DOWN, "Step permission: stop contact closed AND NOT (at home AND direction inward)"),
    ("STEP", 14, OUT, DOWN, "Step pulses of the depth axis, PIO1 step machine"),
    ("DIRECTION", 15, OUT, DOWN, "Depth axis direction: high protrudes the needle"),
    ("HALL", 16, IN, UP, "Hall sensor at the needle's plunger: one pulse for each real stroke"),
    ("CARTRIDGE", 17, OPEN_DRAIN, UP, "1-Wire bus of the cartridge memory, 2.2 kohm pull-up on the board"),
    ("CURRENT_RESET", 18, OUT, DOWN, "A high pulse resets the latched current comparator"),
    ("COIL_TEMPERATURE", 26, ANALOG, NONE, "ADC0: 10 kohm NTC to ground, 10 kohm to the reference"),
    ("COIL_CURRENT", 27, ANALOG, NONE, "ADC1: 0.2 ohm shunt, gain 10: 2 V per ampere"),
    ("FLUID", 28, ANALOG, NONE, "ADC2: fluid electrodes, high when dry"),
    ("SUPPLY", 29, ANALOG, NONE, "ADC3: supply through a divider by three"),
)
"""Name, GPIO, direction, pull, role."""

INPUT_SHIFT = 2
"""GPIO of bit 0 of `hal.Input`; the others follow in order."""
INPUT_COUNT = 11
"""Number of `hal.Input` bits."""
INPUT_MASK = (1 << INPUT_COUNT) - 1
"""All `hal.Input` bits."""
INPUT_INVERTED = 16 | 512
"""Bits that are true when the pin is low: HOME and OVER_CURRENT."""
ANALOG_FIRST = 26
"""GPIO of `hal.Analog` channel 0; the others follow in order."""


def gpio(name):
    """GPIO number of a signal.

    Raises:
        KeyError: No such signal.
    """
    for entry in PINS:
        if entry[0] == name:
            return entry[1]
    raise KeyError("no signal %s in the pin table" % name)

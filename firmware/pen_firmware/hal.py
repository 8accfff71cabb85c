"""What a board must offer the firmware, in words. Imports nothing.

Two boards exist: `board_rp2040.Board` (the pen) and `pen_sim.board.SimBoard` (the same firmware on simulated hardware).
Times are integers; clocks wrap at 2^30, differences are taken with `elapsed_ms` only. Nothing here blocks except where said.
"""

CLOCK_WRAP = 1 << 30
"""`now_ms` and `now_us` wrap here."""


class Input:
    """Bits of `Board.inputs()`: every digital input read at one instant."""

    ESTOP_CLOSED = 1
    """The stop contact conducts."""
    ESTOP_PRESENT = 2
    """The stop button's connector loop is closed: the button is there."""
    TRIGGER = 4
    """A hand holds the trigger."""
    LATCH = 8
    """The cartridge latch is closed."""
    HOME = 16
    """The axis stands on the home switch (needle fully retracted)."""
    CONTACT = 32
    """The tip touches skin."""
    CHARGER = 64
    """A charger is connected."""
    SAFE = 128
    """Read-back of the SAFE node: stop contact closed AND lease alive."""
    NEEDLE = 256
    """Read-back of the needle (coil) pad."""
    OVER_CURRENT = 512
    """The coil current comparator has tripped (latched in hardware until `clear_over_current`)."""
    LEASE = 1024
    """Read-back of the lease line: half of the time high while the lease lives, low otherwise."""


class Analog:
    """Channels of `Board.analog(channel)`; every reading is 0..4095."""

    COIL_TEMPERATURE = 0
    """10k NTC (beta 3435) to ground, 10k pull-up to the ADC reference."""
    COIL_CURRENT = 1
    """0.2 ohm shunt, gain 10: 2 V per ampere, 3300 mV full scale."""
    FLUID = 2
    """Fluid sensor: dry reads high, wet reads below `sensors.FLUID_WET_BELOW`."""
    SUPPLY = 3
    """Supply through a divider by three, 3300 mV full scale."""


class Slot:
    """Small records the board keeps through power loss. Each is replaced whole; a cut leaves old, new or damaged bytes."""

    SETTINGS_A = 0
    SETTINGS_B = 1
    RECORD_A = 2
    RECORD_B = 3


class ResetCause:
    """Why the firmware started."""

    POWER = 1
    """Power came up: the surviving words hold nothing."""
    WATCHDOG = 3
    """Watchdog or commanded reset: the surviving words hold."""


class Board:
    """A board, by role. Machines (PIO programs) are described in `pio_programs`."""

    # --- time --------------------------------------------------------------------------------------------------------
    def now_ms(self):
        """Milliseconds since start, wrapping at `CLOCK_WRAP`."""

    def now_us(self):
        """Microseconds since start, wrapping at `CLOCK_WRAP`."""

    def elapsed_ms(self, later, earlier):
        """Signed difference of two `now_ms` readings across the wrap."""

    def elapsed_us(self, later, earlier):
        """Signed difference of two `now_us` readings across the wrap."""

    # --- safe state --------------------------------------------------------------------------------------------------
    def make_safe(self):
        """Force needle, lease and step outputs low and stop every machine. Never allocates, never waits, any state, any time."""

    def start_machines(self):
        """Load and start all machines with the outputs forced low until the pads read low, then release them; True if so.

        Called at boot, after `make_safe`, and to leave a stop: a lease machine that saw the stop contact open is latched
        off until then. False: a pad reads high although it is forced low, or a queue keeps old words; everything stays
        forced and stopped. Lease not fed: the needle stays off. May allocate; not while armed. The two edge counters
        start once and count on.
        """

    # --- lease machine (retriggerable one-shot) ----------------------------------------------------------------------
    def lease_feed(self, ticks):
        """Keep the lease line alive for `ticks` of `pio_programs.LEASE_TICK_US` from now; 0 ends it at once.

        SAFE follows its charge pump: up after some us, down within `pio_programs.SAFE_DECAY_US`.
        """

    # --- needle machine ----------------------------------------------------------------------------------------------
    def needle_restart(self):
        """Bring the needle machine from its latched-off loop to its start, queues empty. Allocates nothing."""

    def needle_room(self):
        """Free words of the needle queue, 0..4."""

    def needle_put(self, word):
        """Queue one stroke (see `pio_programs.needle_word`). Only when `needle_room` > 0."""

    def needle_ack(self):
        """Oldest acknowledgement of a complete on-time (`pio_programs.word_ack`), or -1 when there is none."""

    def needle_tripped(self):
        """True when the machine latched itself off since the last `needle_restart`."""

    def needle_edges(self):
        """Rising edges seen on the needle pad since the first `start_machines`, modulo 2^30."""

    # --- hall sensor (needle really moved) ---------------------------------------------------------------------------
    def hall_period_us(self):
        """Oldest unread period between two hall pulses in us, or -1. At most 4 are kept, the oldest."""

    # --- stepper machine ---------------------------------------------------------------------------------------------
    def step_room(self):
        """Free words of the step queue, 0..4."""

    def step_put(self, period_us):
        """Queue one step that takes `period_us` (59..65535). Only when `step_room` > 0."""

    def step_idle(self):
        """True when every queued step has been made."""

    def step_edges(self):
        """Rising edges seen on the step pad since the first `start_machines`, modulo 2^30."""

    def step_tripped(self):
        """True when the machine latched itself off (stop contact, or home switch while retracting) since `step_restart`."""

    def step_restart(self):
        """Bring the step machine from its latched-off loop to its start, queue empty."""

    def step_direction(self, outward):
        """Direction of the next steps: True protrudes the needle further. Only when `step_idle`."""

    # --- inputs ------------------------------------------------------------------------------------------------------
    def inputs(self):
        """Mask of `Input` bits."""

    def analog(self, channel):
        """Reading 0..4095 of an `Analog` channel."""

    def clear_over_current(self):
        """Reset the latched current comparator."""

    # --- cartridge bus (1-Wire) ------------------------------------------------------------------------------------------------
    def wire_reset(self):
        """Reset pulse (about 1 ms); True when a device answered."""

    def wire_write(self, byte):
        """Write one byte, about 0.6 ms."""

    def wire_read(self):
        """Read one byte, about 0.6 ms."""

    # --- host stream -------------------------------------------------------------------------------------------------
    def stream_read(self, buffer):
        """Take what has arrived, at most len(buffer) bytes; return how many. Never waits."""

    def stream_write(self, buffer, length):
        """Send buffer[:length] if the stream takes it without waiting; return the bytes taken (0 when it is full)."""

    # --- what survives -----------------------------------------------------------------------------------------------
    def slot_read(self, slot, buffer):
        """Read a record into `buffer`; return its length, 0 when there is none."""

    def slot_write(self, slot, buffer, length):
        """Replace a record by buffer[:length]. Waits for the flash (up to 400 ms): only disarmed. True when it was written."""

    def word_read(self, index):
        """Word 0..3 that survives every reset but power loss."""

    def word_write(self, index, value):
        """Set word 0..3 to a value below 2^30."""

    # --- chip --------------------------------------------------------------------------------------------------------
    def watchdog_start(self, timeout_ms):
        """Start the watchdog; it cannot be stopped."""

    def watchdog_feed(self):
        """Feed the watchdog. Only at the end of a whole, healthy pass."""

    def reset_cause(self):
        """A `ResetCause` value."""

    def reset(self):
        """Reset the chip; does not return."""

    def unique_id(self):
        """Eight bytes that name this board."""

    def random_word(self):
        """Random integer 1..2^30-1."""

    def runtime(self):
        """Twelve bytes that name the interpreter and its version, padded with zeros."""

    def wait_us(self, duration_us):
        """Let `duration_us` pass: the rest of a tick. The only call that waits by intent."""

"""Every limit of the pen, each with its unit in the name and its source. The one home: firmware enforces, host shows.

Sources: (S) safety baseline derived from published devices and rules, (J) this project's judgement, (P) PIO design.
"""

# --- needle protrusion -----------------------------------------------------------------------------------------------
DEPTH_STOP_UM = 2500
"""Mechanical stop: widest range of the cleared pens (DEN160029: 0-2.5 mm). (S)"""
DEPTH_CAP_UM = 1500
"""Cap without unlock: the evaluated range of the reference pen (DEN160029 precaution above 1.5 mm). (S)"""
DEPTH_STEP_UM = 50
"""Finest setting: finer than every pen found (100-250 um). (J)"""
DEPTH_TOLERANCE_UM = 50
"""Scale tolerance; the only published figure is +-150 um (K180778). (J)"""

# --- stroke rate -----------------------------------------------------------------------------------------------------
RATE_MIN_MHZ = 25_000
"""25 Hz: a slower needle drags in moving skin. (J)"""
RATE_MAX_MHZ = 149_000
"""149 Hz: the needle program cannot be given a shorter period than 6678 us. (P)"""
RATE_DROOP_PERCENT = 80
"""Measured below this share of the set rate ... (J)"""
RATE_DROOP_MS = 200
"""... for longer than this: stop, latched; never crawl. (J)"""

# --- coil ------------------------------------------------------------------------------------------------------------
COIL_ON_MAX_US = 4095
"""Longest on-time the gate's one-shot and any FIFO word may give. (J)"""
COIL_DUTY_MAX_PERCENT = 50
"""Largest share of a period with the coil on. (J)"""
COIL_WARN_CC = 5_000
"""Coil temperature that warns: 50.00 C in hundredths of a degree. (J)"""
COIL_TRIP_CC = 6_000
"""Coil temperature that stops: 60.00 C. (J)"""
COIL_SENSOR_MIN_CC = -1_000
"""A reading below -10 C is an open sensor. (J)"""
COIL_SENSOR_MAX_CC = 12_000
"""A reading above 120 C is a shorted sensor. (J)"""
COIL_CURRENT_MAX_MA = 1_500
"""Coil current that stops; the board's comparator acts on its own. (J)"""
SUPPLY_MIN_MV = 4_500
"""Supply below which a stroke may not complete. (J)"""

# --- session ---------------------------------------------------------------------------------------------------------
SESSION_ARMED_MAX_S = 1_800
"""Longest time armed in one session: 30 min. (J)"""
STROKING_MAX_MS = 60_000
"""Longest stroking without releasing the trigger: 60 s. (J)"""
TRIGGER_STUCK_MS = 10_000
"""A trigger held this long while arming was never released: stuck. (J)"""

# --- time budgets ----------------------------------------------------------------------------------------------------
BUDGET_ESTOP_US = 10
"""E-stop contact opens: coil off within, CPU alive or hung. (S)"""
BUDGET_TRIGGER_MS = 10
"""Trigger released: coil off within. (S)"""
LEASE_MS = 40
"""Firmware's lease of the needle: a hung CPU ends strokes within. (S)"""
HOST_LEASE_MS = 250
"""Host silent this long: strokes end; with one lease and a tick the budget is 300 ms. (S)"""
BUDGET_HOST_SILENT_MS = 300
"""Host silent, cable pulled, host process killed: coil off within. (S)"""
CONSOLE_LEASE_MS = 400
"""Console frozen or gone: the host stops its heartbeat within. (S)"""
WATCHDOG_MS = 1_500
"""Watchdog resets the chip within; outputs stay low through reset and boot. (S)"""
HEARTBEAT_PERIOD_MS = 80
"""The host renews its lease this often while a session is armed: three may be lost. (J)"""
STOP_REPEAT_MS = 50
"""STOP is repeated this often until STATUS says stopped. (S)"""
STOP_CONFIRM_MS = 200
"""Without confirmation in this time the operator is told to use the pen's own button. (S)"""
REQUEST_RETRY_MS = 150
"""An unanswered request is sent again, byte for byte, after this long. (J)"""
REQUEST_TRIES = 3
"""Sendings of one request before its outcome is Unknown. (S)"""

# --- wire ------------------------------------------------------------------------------------------------------------
TELEMETRY_MAX_HZ = 100
"""Highest rate of unsolicited TELEMETRY. (J)"""
STATUS_PERIOD_MS = 100
"""Unsolicited STATUS is sent this often once a host has said HELLO. (J)"""
WORD_MAX = (1 << 30) - 1
"""Largest integer on the wire: MicroPython keeps up to 2^30-1 without allocating. (P)"""

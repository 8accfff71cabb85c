"""The one message table: id, name, kind, allowed while stopped, answer, since, fields with unit and range.

Every integer on the wire is unsigned little-endian unless its code is lower case, and none exceeds 2^30-1 in size, so
that MicroPython handles it without allocating (the hash itself excepted). `SCHEMA_HASH` covers the whole table, the
limits and every code, and is compared at connect.
"""

import binascii
import struct

from . import faults, limits, states
from .version import PROTOCOL_VERSION


class Kind:
    """How the pen treats a message."""

    QUERY = 1
    """Host to pen, changes nothing that a repeat could change again: executed every time, needs no session."""
    COMMAND = 2
    """Host to pen, executed once per sequence number within an open session; a repeat is answered again."""
    LINK = 3
    """Host to pen, executed once per content, outside the session's sequence: its own fields make a repeat harmless."""
    ANSWER = 4
    """Pen to host, echoes sequence and session of its request."""
    NOTICE = 5
    """Pen to host, unsolicited."""


class Field:
    """One value of a payload: struct code, unit and inclusive range; `size` in bytes. Bytes have no range."""

    def __init__(self, name: str, code: str, unit: str, low: int, high: int) -> None:
        self.name = name
        self.code = code
        self.unit = unit
        self.low = low
        self.high = high
        self.size = struct.calcsize("<" + code)
        self.holds_bytes = code[-1] == "s"


class Message:
    """One message: `struct_format` and `size` follow from its fields; `offsets[i]` is where field i starts."""

    def __init__(
        self,
        number: int,
        name: str,
        kind: int,
        answer: int,
        stopped_ok: bool,
        since: int,
        fields: "tuple[tuple[str, str, str, int, int], ...]",
    ) -> None:
        self.number = number
        self.name = name
        self.kind = kind
        self.answer = answer
        self.stopped_ok = stopped_ok
        self.since = since
        self.fields = tuple([Field(*field) for field in fields])
        self.struct_format = "<" + "".join([field.code for field in self.fields])
        self.size = struct.calcsize(self.struct_format)
        offsets = []
        prefix = "<"
        for field in self.fields:
            offsets.append(struct.calcsize(prefix))
            prefix += field.code
        self.offsets = tuple(offsets)


U8 = 0xFF
U16 = 0xFFFF
U30 = limits.WORD_MAX
I15 = 0x7FFF

EVENT_CODES = "<IIBBiII"
"""One event inside EVENTS: id, time_ms, code, arg, value, strokes_total, contact_total."""
EVENT_SIZE = struct.calcsize(EVENT_CODES)
EVENTS_PER_FRAME = 4
SERIAL_SIZE = 8
LOT_SIZE = 12

MAX_PAYLOAD = 112
"""Longest payload in bytes; the table is checked against it."""

HELLO = 0x01
GET_STATUS = 0x02
HEARTBEAT = 0x03
STOP = 0x04
PULL_EVENTS = 0x05
SET_TELEMETRY = 0x06
SETTINGS_READ = 0x07
CARTRIDGE_READ = 0x08
OPEN_SESSION = 0x10
CLOSE_SESSION = 0x11
HOME = 0x12
SET_DEPTH = 0x13
SET_RATE = 0x14
TIGHTEN_LIMITS = 0x15
ARM = 0x16
DISARM = 0x17
CLEAR_FAULT = 0x18
CARTRIDGE_USE = 0x19
SELF_TEST = 0x1A
SETTINGS_WRITE = 0x1B
SERVICE = 0x1C
IDENTITY = 0x40
STATUS = 0x41
DONE = 0x42
ACCEPTED = 0x43
REFUSED = 0x44
EVENTS = 0x45
TELEMETRY = 0x46
SETTINGS = 0x47
CARTRIDGE = 0x48

_SETTINGS_FIELDS = (
    ("version", "I", "", 0, U30),
    ("depth_cap_um", "H", "um", limits.DEPTH_STEP_UM, limits.DEPTH_CAP_UM),
    ("rate_max_mhz", "I", "mHz", limits.RATE_MIN_MHZ, limits.RATE_MAX_MHZ),
    ("on_us", "H", "us", 500, 2047),
    ("home_offset_um", "h", "um", -50, 500),
    ("backlash_um", "H", "um", 0, 300),
    ("coil_trip_cc", "h", "0.01 C", 4_000, limits.COIL_TRIP_CC),
    ("session_armed_max_s", "H", "s", 60, limits.SESSION_ARMED_MAX_S),
    ("stroking_max_ms", "I", "ms", 1_000, limits.STROKING_MAX_MS),
)

TABLE = (
    # ---- host to pen: queries ------------------------------------------------------------------------------------
    Message(
        HELLO,
        "HELLO",
        Kind.QUERY,
        IDENTITY,
        True,
        1,
        (("schema_hash", "I", "", 0, 0xFFFFFFFF), ("host_nonce", "I", "", 1, U30)),
    ),
    Message(GET_STATUS, "GET_STATUS", Kind.QUERY, STATUS, True, 1, ()),
    Message(HEARTBEAT, "HEARTBEAT", Kind.LINK, 0, True, 1, (("count", "I", "", 1, U30),)),
    Message(STOP, "STOP", Kind.QUERY, STATUS, True, 1, (("origin", "B", "", 0, U8),)),
    Message(
        PULL_EVENTS,
        "PULL_EVENTS",
        Kind.QUERY,
        EVENTS,
        True,
        1,
        (("next_id", "I", "", 0, U30),),
    ),
    Message(
        SET_TELEMETRY,
        "SET_TELEMETRY",
        Kind.QUERY,
        DONE,
        True,
        1,
        (("rate_hz", "B", "Hz", 0, limits.TELEMETRY_MAX_HZ),),
    ),
    Message(SETTINGS_READ, "SETTINGS_READ", Kind.QUERY, SETTINGS, True, 1, ()),
    Message(CARTRIDGE_READ, "CARTRIDGE_READ", Kind.QUERY, CARTRIDGE, True, 1, ()),
    # ---- host to pen: commands -----------------------------------------------------------------------------------
    Message(
        OPEN_SESSION,
        "OPEN_SESSION",
        Kind.LINK,
        DONE,
        False,
        1,
        (
            ("nonce", "I", "", 1, U30),
            ("operator", "I", "", 1, U30),
            ("depth_cap_um", "H", "um", limits.DEPTH_STEP_UM, limits.DEPTH_STOP_UM),
            ("unlock_reason", "B", "", 0, 3),
        ),
    ),
    Message(CLOSE_SESSION, "CLOSE_SESSION", Kind.COMMAND, DONE, True, 1, ()),
    Message(HOME, "HOME", Kind.COMMAND, DONE, False, 1, ()),
    Message(
        SET_DEPTH,
        "SET_DEPTH",
        Kind.COMMAND,
        DONE,
        False,
        1,
        (("depth_um", "H", "um", 0, limits.DEPTH_STOP_UM),),
    ),
    Message(
        SET_RATE,
        "SET_RATE",
        Kind.COMMAND,
        DONE,
        False,
        1,
        (("rate_mhz", "I", "mHz", limits.RATE_MIN_MHZ, limits.RATE_MAX_MHZ),),
    ),
    Message(
        TIGHTEN_LIMITS,
        "TIGHTEN_LIMITS",
        Kind.COMMAND,
        DONE,
        False,
        1,
        (
            ("depth_cap_um", "H", "um", 0, limits.DEPTH_STOP_UM),
            ("rate_max_mhz", "I", "mHz", limits.RATE_MIN_MHZ, limits.RATE_MAX_MHZ),
            ("session_armed_max_s", "H", "s", 1, limits.SESSION_ARMED_MAX_S),
            ("stroking_max_ms", "I", "ms", 100, limits.STROKING_MAX_MS),
        ),
    ),
    Message(
        ARM,
        "ARM",
        Kind.COMMAND,
        DONE,
        False,
        1,
        (
            ("depth_um", "H", "um", 0, limits.DEPTH_STOP_UM),
            ("rate_mhz", "I", "mHz", limits.RATE_MIN_MHZ, limits.RATE_MAX_MHZ),
            ("plan_hash", "I", "", 0, U30),
        ),
    ),
    Message(DISARM, "DISARM", Kind.COMMAND, DONE, True, 1, ()),
    Message(
        CLEAR_FAULT,
        "CLEAR_FAULT",
        Kind.LINK,
        DONE,
        True,
        1,
        (
            ("cause", "B", "", 1, U8),
            ("event_id", "I", "", 0, U30),
            ("operator", "I", "", 1, U30),
        ),
    ),
    Message(CARTRIDGE_USE, "CARTRIDGE_USE", Kind.COMMAND, DONE, False, 1, (("serial", "8s", "", 0, 0),)),
    Message(SELF_TEST, "SELF_TEST", Kind.COMMAND, DONE, False, 1, ()),
    Message(SETTINGS_WRITE, "SETTINGS_WRITE", Kind.LINK, DONE, False, 1, _SETTINGS_FIELDS),
    Message(
        SERVICE,
        "SERVICE",
        Kind.LINK,
        DONE,
        True,
        1,
        (("action", "B", "", 1, 3), ("boot_id", "I", "", 0, U30)),
    ),
    # ---- pen to host ---------------------------------------------------------------------------------------------
    Message(
        IDENTITY,
        "IDENTITY",
        Kind.ANSWER,
        0,
        True,
        1,
        (
            ("product", "8s", "", 0, 0),
            ("schema_hash", "I", "", 0, 0xFFFFFFFF),
            ("host_nonce", "I", "", 1, U30),
            ("boot_id", "I", "", 0, U30),
            ("serial", "8s", "", 0, 0),
            ("fw_major", "B", "", 0, U8),
            ("fw_minor", "B", "", 0, U8),
            ("fw_patch", "B", "", 0, U8),
            ("reset_cause", "B", "", 0, U8),
            ("runtime", "12s", "", 0, 0),
        ),
    ),
    Message(
        STATUS,
        "STATUS",
        Kind.NOTICE,
        0,
        True,
        1,
        (
            ("uptime_ms", "I", "ms", 0, U30),
            ("boot_id", "I", "", 0, U30),
            ("session_nonce", "I", "", 0, U30),
            ("last_seq", "H", "", 0, U16),
            ("state", "B", "", 0, 6),
            ("first_cause", "B", "", 0, U8),
            ("cause_event", "I", "", 0, U30),
            ("conditions", "I", "", 0, U30),
            ("flags", "H", "", 0, U16),
            ("depth_requested_um", "H", "um", 0, limits.DEPTH_STOP_UM),
            ("depth_measured_um", "h", "um", -I15, I15),
            ("depth_cap_um", "H", "um", 0, limits.DEPTH_STOP_UM),
            ("rate_requested_mhz", "I", "mHz", 0, limits.RATE_MAX_MHZ),
            ("rate_measured_mhz", "I", "mHz", 0, U30),
            ("measured_age_ms", "H", "ms", 0, U16),
            ("strokes_total", "I", "", 0, U30),
            ("contact_total", "I", "", 0, U30),
            ("truncated_total", "I", "", 0, U30),
            ("next_event", "I", "", 0, U30),
            ("oldest_event", "I", "", 0, U30),
            ("coil_cc", "h", "0.01 C", -I15, I15),
            ("supply_mv", "H", "mV", 0, U16),
            ("lease_left_ms", "H", "ms", 0, U16),
            ("armed_left_s", "H", "s", 0, limits.SESSION_ARMED_MAX_S),
        ),
    ),
    Message(
        DONE,
        "DONE",
        Kind.ANSWER,
        0,
        True,
        1,
        (("request", "B", "", 0, U8), ("value", "i", "", -U30, U30), ("event_id", "I", "", 0, U30)),
    ),
    Message(
        ACCEPTED,
        "ACCEPTED",
        Kind.ANSWER,
        0,
        True,
        1,
        (("request", "B", "", 0, U8), ("budget_ms", "H", "ms", 0, U16)),
    ),
    Message(
        REFUSED,
        "REFUSED",
        Kind.ANSWER,
        0,
        True,
        1,
        (("request", "B", "", 0, U8), ("reason", "B", "", 0, U8), ("detail", "I", "", 0, U30)),
    ),
    Message(
        EVENTS,
        "EVENTS",
        Kind.ANSWER,
        0,
        True,
        1,
        (
            ("first_id", "I", "", 0, U30),
            ("next_event", "I", "", 0, U30),
            ("oldest_event", "I", "", 0, U30),
            ("count", "B", "", 0, EVENTS_PER_FRAME),
            ("records", str(EVENT_SIZE * EVENTS_PER_FRAME) + "s", "", 0, 0),
        ),
    ),
    Message(
        TELEMETRY,
        "TELEMETRY",
        Kind.NOTICE,
        0,
        True,
        1,
        (
            ("uptime_ms", "I", "ms", 0, U30),
            ("state", "B", "", 0, 6),
            ("flags", "H", "", 0, U16),
            ("depth_measured_um", "h", "um", -I15, I15),
            ("rate_measured_mhz", "I", "mHz", 0, U30),
            ("strokes_total", "I", "", 0, U30),
            ("contact_total", "I", "", 0, U30),
            ("coil_ma", "H", "mA", 0, U16),
            ("coil_cc", "h", "0.01 C", -I15, I15),
            ("lease_left_ms", "H", "ms", 0, U16),
        ),
    ),
    Message(SETTINGS, "SETTINGS", Kind.ANSWER, 0, True, 1, _SETTINGS_FIELDS + (("valid", "B", "", 0, 1),)),
    Message(
        CARTRIDGE,
        "CARTRIDGE",
        Kind.ANSWER,
        0,
        True,
        1,
        (
            ("condition", "B", "", 0, 29),
            ("serial", "8s", "", 0, 0),
            ("lot", "12s", "", 0, 0),
            ("expiry_days", "H", "days since 2020-01-01", 0, U16),
            ("needles", "B", "", 0, U8),
            ("used", "B", "", 0, 2),
        ),
    ),
)

BY_NUMBER = {message.number: message for message in TABLE}
BY_NAME = {message.name: message for message in TABLE}

PRODUCT = b"DERMAPEN"
"""What IDENTITY.product says: a USB id only nominates a port, this names the pen."""


_CODES = (
    ("limit", limits),
    ("mask", states),
    ("state", states.State),
    ("condition", states.Condition),
    ("flag", states.Flag),
    ("unlock", states.UnlockReason),
    ("service", states.ServiceAction),
    ("fault", faults.Fault),
    ("refusal", faults.Refusal),
    ("event", faults.Event),
)
"""Where numbers with a meaning live beside the table."""


def canonical() -> str:
    """The tables as text: one line a message, one line a limit, mask, state or code. What the schema hash covers."""
    lines = ["protocol {}".format(PROTOCOL_VERSION), "event " + EVENT_CODES]
    for m in TABLE:
        fields = ["{}:{}:{}:{}:{}".format(f.name, f.code, f.unit, f.low, f.high) for f in m.fields]
        lines.append(
            "{:02x} {} kind={} answer={:02x} stopped={} since={} {}".format(
                m.number, m.name, m.kind, m.answer, int(m.stopped_ok), m.since, ",".join(fields)
            )
        )
    for title, home in _CODES:
        for name in sorted(dir(home)):
            if name.isupper() and isinstance(getattr(home, name), int):
                lines.append("{} {}={}".format(title, name, getattr(home, name)))
    return "\n".join(lines)


def schema_hash() -> int:
    """CRC-32 of `canonical()`."""
    return binascii.crc32(canonical().encode()) & 0xFFFFFFFF


SCHEMA_HASH = schema_hash()
"""Differs when any message, field, range, limit or code differs: then the same bytes would mean something else."""

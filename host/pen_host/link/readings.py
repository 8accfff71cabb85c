"""What a pen says, as typed values with names and units."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from pen_protocol import messages

from ..names import STOPPABLE, EventCode, Flag, State, cause_name, condition_names, event_name
from ..outcomes import Value

_DAY_ZERO = date(2020, 1, 1)


def _text(value: Value) -> str:
    return bytes(value).rstrip(b"\x00 ").decode("ascii", "replace")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a pen is."""

    serial: str
    """Hex digits of the chip's unique id."""
    boot_id: int
    """Drawn anew at each start of the pen."""
    firmware: tuple[int, int, int]
    reset_cause: int
    runtime: str
    """Interpreter and its version."""
    schema_hash: int

    @property
    def firmware_text(self) -> str:
        """Version with points."""
        return ".".join(map(str, self.firmware))

    @classmethod
    def of(cls, values: Mapping[str, Value]) -> Identity:
        """From the fields of IDENTITY."""
        return cls(
            bytes(values["serial"]).hex(),
            int(values["boot_id"]),
            (int(values["fw_major"]), int(values["fw_minor"]), int(values["fw_patch"])),
            int(values["reset_cause"]),
            _text(values["runtime"]),
            int(values["schema_hash"]),
        )


@dataclass(frozen=True, slots=True)
class Status:
    """What a pen says about itself. Requested and measured are different fields."""

    uptime_ms: int
    boot_id: int
    session_nonce: int
    last_seq: int
    """Sequence number of the last decided command of the session."""
    state: State
    first_cause: int
    """Condition or fault that stopped the pen, 0 for none."""
    cause_event: int
    conditions: int
    """Mask of the conditions that hold now."""
    flags: Flag
    depth_requested_um: int
    depth_measured_um: int
    depth_cap_um: int
    rate_requested_mhz: int
    rate_measured_mhz: int
    measured_age_ms: int
    strokes_total: int
    contact_total: int
    truncated_total: int
    next_event: int
    oldest_event: int
    coil_cc: int
    supply_mv: int
    lease_left_ms: int
    armed_left_s: int
    age_ms: int = 0
    """How long ago this was received."""

    @property
    def condition_names(self) -> tuple[str, ...]:
        """Names of the conditions that hold now."""
        return condition_names(self.conditions)

    @property
    def cause_text(self) -> str:
        """Name of the first cause, empty when the pen is not stopped."""
        return cause_name(self.first_cause) if self.first_cause else ""

    @property
    def stopped(self) -> bool:
        """Stop is latched."""
        return self.state is State.STOPPED

    @property
    def armed(self) -> bool:
        """The pen may stroke, or soon may: the host owes it a heartbeat."""
        return self.state in STOPPABLE

    @classmethod
    def of(cls, values: Mapping[str, Value]) -> Status:
        """From the fields of STATUS."""
        numbers = {name: int(value) for name, value in values.items()}
        state, flags = State(numbers.pop("state")), Flag(numbers.pop("flags"))
        return cls(state=state, flags=flags, **numbers)


@dataclass(frozen=True, slots=True)
class Telemetry:
    """One sample of what moves."""

    uptime_ms: int
    state: State
    flags: Flag
    depth_measured_um: int
    rate_measured_mhz: int
    strokes_total: int
    contact_total: int
    coil_ma: int
    coil_cc: int
    lease_left_ms: int

    @classmethod
    def of(cls, values: Mapping[str, Value]) -> Telemetry:
        """From the fields of TELEMETRY."""
        numbers = {name: int(value) for name, value in values.items()}
        state, flags = State(numbers.pop("state")), Flag(numbers.pop("flags"))
        return cls(state=state, flags=flags, **numbers)


@dataclass(frozen=True, slots=True)
class Cartridge:
    """What the pen read from the cartridge."""

    condition: int
    """0 when it may be used, else the condition that forbids it."""
    serial: bytes
    lot: str
    expiry_days: int
    """Days since 2020-01-01."""
    needles: int
    used: bool | None
    """None when the pen cannot tell."""

    @property
    def usable(self) -> bool:
        """The pen would take it."""
        return self.condition == 0

    @property
    def expires_on(self) -> date:
        """Last day of use."""
        return _DAY_ZERO + timedelta(days=self.expiry_days)

    @classmethod
    def of(cls, values: Mapping[str, Value]) -> Cartridge:
        """From the fields of CARTRIDGE."""
        used = {0: False, 1: True}.get(int(values["used"]))
        return cls(
            int(values["condition"]),
            bytes(values["serial"]),
            _text(values["lot"]),
            int(values["expiry_days"]),
            int(values["needles"]),
            used,
        )


@dataclass(frozen=True, slots=True)
class PenEvent:
    """One numbered event of the pen, with the cumulative totals at its time."""

    event_id: int
    time_ms: int
    """Pen's uptime."""
    code: int
    """An `EventCode` number; newer firmware may send others."""
    arg: int
    value: int
    strokes_total: int
    contact_total: int

    @property
    def name(self) -> str:
        """Name of the event."""
        return event_name(self.code)

    @property
    def cause_text(self) -> str:
        """Name of the first cause for a stop or the end of a run, else empty."""
        with_cause = (EventCode.STOPPED, EventCode.RUN_ENDED, EventCode.FAULT_CLEARED)
        return cause_name(self.arg) if self.arg and self.code in with_cause else ""


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events and where the next ones are."""

    events: tuple[PenEvent, ...]
    next_event: int
    """Id the pen gives its next event."""
    oldest_event: int
    """Oldest one it still holds; those below are lost from its memory."""

    @classmethod
    def of(cls, values: Mapping[str, Value]) -> EventPage:
        """From the fields of EVENTS."""
        records, size = bytes(values["records"]), messages.EVENT_SIZE
        events = tuple(
            PenEvent(*struct.unpack_from(messages.EVENT_CODES, records, index * size))
            for index in range(int(values["count"]))
        )
        return cls(events, int(values["next_event"]), int(values["oldest_event"]))


@dataclass(frozen=True, slots=True)
class Settings:
    """Calibration and limits that a pen keeps. They only tighten the limits of the firmware."""

    version: int
    """Rises by one with each change."""
    depth_cap_um: int
    rate_max_mhz: int
    on_us: int
    home_offset_um: int
    backlash_um: int
    coil_trip_cc: int
    session_armed_max_s: int
    stroking_max_ms: int
    valid: bool = True
    """Whether a stored copy verified; when not, the pen blocks."""

    @classmethod
    def of(cls, values: Mapping[str, Value]) -> Settings:
        """From the fields of SETTINGS."""
        numbers = {name: int(value) for name, value in values.items()}
        valid = bool(numbers.pop("valid"))
        return cls(**numbers, valid=valid)

"""What the console's API says and hears. Units are in the names; requested and measured never share a field."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from pen_protocol import limits

STREAM_HZ = 20
"""Live frames a second. (issue of record: 10-20 Hz; 20 keeps a lost frame invisible)"""
STALE_MS = 300
"""Values older than this are shown grey, with their age. (safety baseline)"""
LEASE_MS = limits.CONSOLE_LEASE_MS
"""A controlling console that has acknowledged no frame sent within this time has lost its lease."""


class Model(BaseModel):
    """Base of what is sent: frozen, and no key that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Line = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=200, strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$"
    ),
]
"""One line of text without control characters; HTML in it is text."""
Words = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=4_000, strip_whitespace=True, pattern=r"^[^\x00-\x09\x0b-\x1f\x7f-\x9f]*$"
    ),
]
"""Several lines of text."""
Pin = Annotated[str, StringConstraints(pattern=r"^[0-9]{4,12}$")]


# --- the pen --------------------------------------------------------------------------------------------------------------


class InterlockView(Model):
    """One thing that keeps the pen from stroking, by name and in words."""

    name: str
    """Stable name, as CARTRIDGE_ABSENT."""
    title: str
    happened: str
    means: str
    now: str
    """What to do now."""
    first_cause: bool = False
    """It latched the stop."""
    cured_by_steps: bool = False
    """The treatment's own next steps cure it: home, cartridge, set-points. Not a thing to worry about before them."""


class Link(StrEnum):
    """How the console stands with its pen."""

    SEARCHING = "searching"
    """No pen is connected; ports are looked at again and again."""
    SETTLING = "settling"
    """It answers, and what an earlier run left open on it is being settled. Nothing begins before that is done."""
    CONNECTED = "connected"
    LOST = "lost"
    """The connection broke; it is being opened again."""
    REFUSED = "refused"
    """There is something, but it cannot be worked with: see `complaint`."""


class PenView(Model):
    """The pen, without the values that change twenty times a second."""

    link: Link
    complaint: str | None = None
    """Why there is no pen to work with."""
    simulated: bool = False
    url: str | None = None
    serial: str | None = None
    firmware: str | None = None
    runtime: str | None = None
    state: str | None = None
    """BOOT, IDLE, ARMING, ARMED, STROKING, STOPPED, SERVICE."""
    stopped: bool = False
    cause: str | None = None
    """Name of the first cause of a stop."""
    interlocks: tuple[InterlockView, ...] = ()
    homed: bool = False
    cartridge_latched: bool = False
    depth_cap_um: int | None = None
    supply_mv: int | None = None
    heartbeat_held_by: str | None = None
    """What keeps the heartbeat back while the pen is armed: console, journal, status."""
    strokes_total: int | None = None
    armed_left_s: int | None = None


class LiveFrame(Model):
    """One moment, twenty times a second: an increment of the chart and the numbers beside it.

    `depth_*` and `rate_*`: requested and measured. None means not known, which is never zero.
    """

    type: Literal["live"] = "live"
    seq: int
    """Number of the frame; the browser acknowledges it."""
    t_ms: int
    """Time of the frame, counted from the console's start."""
    age_ms: int | None = None
    """Age of the measured values when the frame was made; None before the first."""
    state: str | None = None
    depth_requested_um: int | None = None
    depth_measured_um: int | None = None
    rate_requested_mhz: int | None = None
    rate_measured_mhz: int | None = None
    rate_age_ms: int | None = None
    """Age of the measured rate in the pen; None when none was measured yet."""
    load_ma: int | None = None
    """Coil current."""
    coil_cc: int | None = None
    """Coil temperature in hundredths of a degree Celsius."""
    lease_left_ms: int | None = None
    """What is left of the pen's lease; counts only while armed."""
    console_lease_ms: int | None = None
    """What is left of the console's lease; None when no console controls."""
    contact: bool | None = None
    trigger: bool | None = None
    zone: int = -1
    """Index of the zone under treatment, -1 between zones."""
    zone_strokes: int | None = None
    zone_contact: int | None = None
    zone_dose_per_cm2: float | None = None
    """Estimated maximum, None until the needle count is known."""
    zone_held_ms: int | None = None


class StopPhase(StrEnum):
    """What became of the newest STOP."""

    NONE = "none"
    SENT = "sent"
    CONFIRMED = "confirmed"
    NOT_CONFIRMED = "not_confirmed"
    """Not within its time: it goes on being repeated; the sentence stays until STATUS says stopped."""


class StopView(Model):
    """STOP, as it must be on the screen."""

    phase: StopPhase = StopPhase.NONE
    sentence: str = ""
    after_ms: int | None = None


# --- people and consoles ----------------------------------------------------------------------------------------------------


class Role(StrEnum):
    """What a person may do."""

    CLINICIAN = "clinician"
    ENGINEER = "engineer"
    ADMIN = "admin"


class PersonView(Model):
    """Somebody with a PIN."""

    name: str
    roles: tuple[Role, ...]
    active: bool = True
    locked_out_s: int = 0
    """Seconds until another PIN may be tried."""


class Training(Model):
    """The accounts of a simulated console, whose PINs are no secret."""

    names: tuple[str, ...]
    pin: str


class SessionView(Model):
    """The browser's session: who is signed in here."""

    person: PersonView | None = None
    locked: bool = False
    """Somebody is signed in, and must give the PIN again. STOP works all the same."""
    locks_in_s: int | None = None
    setup_needed: bool = False
    """Nobody has an account yet: the first one is made here."""
    training: Training | None = None
    people: tuple[PersonView, ...] = ()
    """Who may sign in, for the choice of names."""


class ControlView(Model):
    """Which console commands."""

    controller: str | None = None
    """Public label of the controlling console, None when nobody controls."""
    person: str | None = None
    """Who is signed in there."""
    fresh: bool = False
    """Its lease runs."""
    lost: str = ""
    """Why the last controlling console lost its lease, until somebody controls again."""
    consoles: int = 0
    """Consoles that are connected."""


class Notice(Model):
    """Something everybody at a console should know, newest first."""

    id: int
    level: Literal["info", "warning", "danger"]
    text: str
    utc: str


class ReplicationView(Model):
    """How this station stands with the clinic's server."""

    joined: bool
    """False for a clinic of one station: there is nothing to replicate with."""
    station: str | None = None
    waiting: int = 0
    """Rows that were changed here and not sent yet."""
    pictures_out: int = 0
    """Photographs that are here and not on the server yet."""
    pictures_in: int = 0
    """Photographs of other stations that are not here yet."""
    heard_at: str | None = None
    """When the server was last heard of, as the record knows; None for never."""
    replicated_at: str | None = None
    """When this console last replicated; None for not yet."""
    reachable: bool | None = None
    """Whether the server answered last time; None before the first."""
    sentence: str = ""
    """Why it did not, and what that means."""
    working: bool = False
    """A replication is under way."""
    held: tuple[str, ...] = ()
    """Rows that server and station do not agree on."""
    put_aside: tuple[str, ...] = ()
    """What the newest replication found that two stations said differently."""


# --- requests ---------------------------------------------------------------------------------------------------------------


class SignIn(Model):
    """A person and a PIN."""

    name: Line
    pin: Pin


class NewPerson(Model):
    """An account to make."""

    name: Line
    pin: Pin
    roles: Annotated[tuple[Role, ...], Field(min_length=1, max_length=3)]


class NewPin(Model):
    """Another PIN for the person signed in."""

    old_pin: Pin
    new_pin: Pin


class ConsoleRef(Model):
    """Which console of this browser asks: the id that its live stream's greeting gave it."""

    console_id: Annotated[str, StringConstraints(min_length=8, max_length=64)]


class TakeControl(ConsoleRef):
    """Ask for control."""

    take_over: bool = False
    """From a console that has it. The needle is stopped first, and it stands in the record."""


class ClearStop(ConsoleRef):
    """Acknowledge a stop by the name of its first cause."""

    cause: Line


class BenchAction(Model):
    """What hands do to the simulated pen."""

    do: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]
    name: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")] | None = None
    """Of a fault, for `inject` and `clear`."""


class FaultView(Model):
    """A fault that can be injected."""

    name: str
    does: str
    provokes: str


class BenchView(Model):
    """What is physically so at the simulated pen, whatever its firmware says."""

    trigger: bool
    estop_closed: bool
    estop_present: bool
    latch: bool
    in_skin: bool
    charger: bool
    wet: bool
    plugged: bool
    cartridge: str | None
    cartridge_marked: bool | None
    strokes: int
    faults: tuple[str, ...]
    all_faults: tuple[FaultView, ...]

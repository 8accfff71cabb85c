"""The kinds of entry, and what the payload of each must say."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Kind(StrEnum):
    """What an entry of the record is about."""

    JOURNAL_CREATED = "journal_created"
    JOURNAL_OPENED = "journal_opened"
    JOURNAL_CLOSED = "journal_closed"
    JOURNAL_RECOVERED = "journal_recovered"
    """An entry could not be written; from here on they can be again."""
    JOURNAL_MIGRATED = "journal_migrated"
    CLOCK_STEPPED = "clock_stepped"
    """The computer's clock was set: times before and after do not compare."""
    SESSION_OPENED = "session_opened"
    SESSION_CLOSED = "session_closed"
    SCREENING = "screening"
    OVERRIDE = "override"
    """A person went past a finding, and said why."""
    ZONE_SELECTED = "zone_selected"
    """Runs from `from_event_id` on are in this zone."""
    INTENT = "intent"
    """A request is about to be sent; written before it is."""
    OUTCOME = "outcome"
    SETTLED = "settled"
    """An unknown outcome was settled from the pen's counters."""
    PEN_EVENT = "pen_event"
    """A numbered event of the pen; written by `append_events` only."""
    EVENT_CONFLICT = "event_conflict"
    """The pen sent a known event number with other content."""
    STATUS = "status"
    TRIP = "trip"
    CARTRIDGE = "cartridge"
    SAMPLES = "samples"
    """A stretch of what was measured, for pictures; see `pen_host.trace`."""
    NOTE = "note"
    PATIENT = "patient"
    """A patient was added, corrected or erased; by pseudonym and salted digest, never by name."""
    CONSENT = "consent"
    VISIT = "visit"
    PRESET = "preset"
    """The clinic saved a version of a preset of its own, or files of them were taken into the record."""
    STOCK = "stock"
    """A cartridge of the inventory changed its state, or a lot was called back."""
    CLEANING = "cleaning"
    MEASUREMENT = "measurement"
    REACTION = "reaction"
    TOPICAL = "topical"
    HOME_TOOL = "home_tool"
    SIGNATURE = "signature"
    """A person put name, time and meaning under something."""
    ROWS = "rows"
    """Digests of the rows that a change left in the other tables; see `pen_host.journal.seals`."""
    BACKUP = "backup"
    """The record was saved elsewhere, or restored from there."""
    ENCRYPTION = "encryption"
    """The record was encrypted, got another key, or its key was put back."""
    REPLICATION = "replication"
    """What this station and the clinic's server told each other that somebody has to know."""


REQUIRED: Mapping[str, tuple[str, ...]] = {
    Kind.SESSION_OPENED: ("nonce",),
    Kind.ZONE_SELECTED: ("zone", "from_event_id"),
    Kind.INTENT: ("request",),
    Kind.OUTCOME: ("request", "outcome"),
    Kind.OVERRIDE: ("rule_id", "reason"),
    Kind.STATUS: ("strokes_total", "contact_total", "next_event"),
    Kind.NOTE: ("text",),
    Kind.PATIENT: ("change",),
    Kind.CONSENT: ("change",),
    Kind.VISIT: ("change", "visit"),
    Kind.PRESET: ("change",),
    Kind.STOCK: ("change",),
    Kind.MEASUREMENT: ("id", "kind"),
    Kind.REACTION: ("change", "reaction"),
    Kind.SIGNATURE: ("of", "meaning", "digest"),
    Kind.ROWS: ("change_no", "rows"),
    Kind.BACKUP: ("change",),
    Kind.ENCRYPTION: ("change",),
    Kind.REPLICATION: ("change",),
}
"""Keys a payload of the kind must have; more are welcome."""

NAMES_PEN = frozenset(
    {Kind.SESSION_OPENED, Kind.ZONE_SELECTED, Kind.STATUS, Kind.PEN_EVENT, Kind.EVENT_CONFLICT}
)
"""Kinds that mean nothing without the pen's serial number."""


SIGNED = frozenset(
    {
        Kind.JOURNAL_OPENED,
        Kind.JOURNAL_CLOSED,
        Kind.JOURNAL_RECOVERED,
        Kind.SESSION_CLOSED,
        Kind.SIGNATURE,
        Kind.BACKUP,
        Kind.ENCRYPTION,
    }
)
"""Entries after which the head is signed and kept outside the record. No needle moves at any of them."""


def problem(kind: str, payload: Mapping[str, object], pen_serial: str | None) -> str:
    """What an entry lacks, as a clause, or nothing."""
    if kind not in Kind.__members__.values():
        return f"{kind!r} is no kind of entry"
    missing = [key for key in REQUIRED.get(kind, ()) if key not in payload]
    if missing:
        return f"a {kind} entry must say {', '.join(missing)}"
    if kind in NAMES_PEN and not pen_serial:
        return f"a {kind} entry must name its pen"
    return ""

"""The record of treatments: append-only, hash-chained, durable before it says so."""

from pen_host.journal.audit import Audit, audit_record
from pen_host.journal.chain import Damage, DamageKind, Head
from pen_host.journal.errors import (
    EntryError,
    JournalDamagedError,
    JournalFullError,
    JournalKeyError,
    JournalLockedError,
    JournalNewerError,
    JournalPlaceError,
    JournalUnhealthyError,
    JournalUnwritableError,
)
from pen_host.journal.kinds import Kind
from pen_host.journal.location import default_path
from pen_host.journal.reader import JournalReader, SessionSummary
from pen_host.journal.rows import Draft, EventsAppended, Row
from pen_host.journal.strokes import Count, Gap, GapKind, Run, StrokeReport, Witness, ZoneMark, tally
from pen_host.journal.verify import Report, verify_record
from pen_host.journal.writer import Journal

__all__ = [
    "Audit",
    "Count",
    "Damage",
    "DamageKind",
    "Draft",
    "EntryError",
    "EventsAppended",
    "Gap",
    "GapKind",
    "Head",
    "Journal",
    "JournalDamagedError",
    "JournalFullError",
    "JournalKeyError",
    "JournalLockedError",
    "JournalNewerError",
    "JournalPlaceError",
    "JournalReader",
    "JournalUnhealthyError",
    "JournalUnwritableError",
    "Kind",
    "Report",
    "Row",
    "Run",
    "SessionSummary",
    "StrokeReport",
    "Witness",
    "ZoneMark",
    "audit_record",
    "default_path",
    "tally",
    "verify_record",
]

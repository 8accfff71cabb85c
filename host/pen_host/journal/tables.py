"""The tables of the record, and the guards that keep its entries from being changed.

`migrations` makes them; this module says what the newest layout is. A test holds the two together.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

APPLICATION_ID = 0x44504A31
"""Marks the file as a derma-pen record ("DPJ1")."""

OF_VISITS = text("kind IN ('visit', 'signature')")
"""Entries that tell of a visit, in the words of their index: only a question in the same words can use it."""

OF_OPENINGS, OF_CLOSINGS = text("kind = 'session_opened'"), text("kind = 'session_closed'")
"""Entries that open and close a session, in the words of their indexes."""

OF_BURNS = text("kind = 'intent' AND instr(payload, '\"request\":\"CARTRIDGE_USE\"') > 0")
"""Attempts to burn a cartridge, in the words of their index: in canonical JSON an equal member is spelled alike."""

BURNED_SERIAL = text("substr(payload, instr(payload, '\"serial\":'), 27)")
"""What is indexed of such an attempt: the member with the cartridge's number, name and 16 quoted digits. Plain text and not
JSON functions, so that the index of a damaged payload can still be checked."""

metadata = MetaData()

# SQLite knows one integer of 64 bits; other databases need to be told.
_LONG = BigInteger().with_variant(Integer, "sqlite")

entries = Table(
    "entries",
    metadata,
    Column("station_id", Text, primary_key=True),
    Column("seq", _LONG, primary_key=True),
    Column("form", Integer, nullable=False),
    Column("utc_ns", _LONG, nullable=False),
    Column("monotonic_ns", _LONG, nullable=False),
    Column("boot_id", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("session_id", Text),
    Column("subject", Text),
    Column("pen_serial", Text),
    Column("event_id", _LONG),
    Column("payload", Text, nullable=False),
    Column("prev_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    UniqueConstraint("station_id", "pen_serial", "event_id", name="entries_event_once"),
    CheckConstraint("seq > 0", name="entries_seq"),
    CheckConstraint("length(hash) = 64 AND length(prev_hash) = 64", name="entries_hash"),
    Index("entries_session", "session_id", "station_id", "seq"),
    Index("entries_kind", "kind", "station_id", "seq"),
    # the same on PostgreSQL, but to say so here would load its dialect at every start
    Index("entries_visits", "subject", sqlite_where=OF_VISITS),
    # what a session asks at its start is asked of its station only; with the kind in the index no entry is looked up
    Index("entries_openings", "pen_serial", "session_id", "kind", sqlite_where=OF_OPENINGS).ddl_if(
        dialect="sqlite"
    ),
    Index("entries_treated", "subject", "utc_ns", "kind", sqlite_where=OF_OPENINGS).ddl_if(dialect="sqlite"),
    Index("entries_closings", "session_id", "kind", sqlite_where=OF_CLOSINGS).ddl_if(dialect="sqlite"),
    Index("entries_burns", BURNED_SERIAL, sqlite_where=OF_BURNS).ddl_if(dialect="sqlite"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

signed_heads = Table(
    "signed_heads",
    metadata,
    Column("station_id", Text, primary_key=True),
    Column("seq", _LONG, primary_key=True),
    Column("hash", Text, nullable=False),
    Column("utc_ns", _LONG, nullable=False),
    Column("public_key", Text, nullable=False),
    Column("signature", Text, nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

row_states = Table(
    "row_states",
    metadata,
    Column("name", Text, primary_key=True),
    Column("row_key", Text, primary_key=True),
    Column("change_no", _LONG, nullable=False),
    Column("salt", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("is_foreign", Integer, nullable=False),
    Index("row_states_change", "change_no"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

station_link = Table(
    "station_link",
    metadata,
    Column("station_id", Text, primary_key=True),
    Column("sent_change_no", _LONG, nullable=False),
    Column("fetched_version", _LONG, nullable=False),
    Column("fetched_us", _LONG),
    Column("pictures_mark", Text),
    sqlite_strict=True,
)

station_bases = Table(
    "station_bases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("row_key", Text, primary_key=True),
    Column("version", _LONG, nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

station_held = Table(
    "station_held",
    metadata,
    Column("name", Text, primary_key=True),
    Column("row_key", Text, primary_key=True),
    Column("why", Text, nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

station_pictures = Table(
    "station_pictures",
    metadata,
    Column("patient_id", Text, primary_key=True),
    Column("sha256", Text, primary_key=True),
    Column("is_here", Integer, nullable=False),
    Column("is_there", Integer, nullable=False),
    Column("why", Text),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

GUARDS = (
    "entries_never_updated",
    "entries_never_deleted",
    "entries_only_appended",
    "entries_event_never_replaced",
    "signed_heads_never_updated",
    "signed_heads_never_deleted",
)
"""Triggers without which the file is no append-only record."""

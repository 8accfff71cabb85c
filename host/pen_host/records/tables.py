"""The tables of the clinical record. They lie in the journal's own file, so that a change and its evidence share one commit.

`migrations` makes them; this module says what the newest layout is, and a test holds the two together. Every key is a
random UUID or pseudonym and every row names the station that wrote it, so rows of several stations go into one database
without a conflict. No column has a type that only SQLite knows.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from pen_host.records.columns import Day, Flag, Json, Moment

metadata = MetaData()


def _table(name: str, *parts: Any) -> Table:
    """A table with what every row has: its station, when it was written and by whom."""
    columns = [part for part in parts if isinstance(part, Column)]
    return Table(
        name,
        metadata,
        *columns,
        Column("station_id", Text, nullable=False),
        Column("at", Moment, nullable=False),
        Column("by_name", Text, nullable=False),
        Column("by_role", Text, nullable=False),
        *(part for part in parts if not isinstance(part, Column)),
        sqlite_strict=True,
    )


def _key() -> Column[str]:
    return Column("id", Text, primary_key=True)


def _patient(**options: Any) -> Column[str]:
    return Column("patient_id", Text, ForeignKey("patients.id"), **{"nullable": False, **options})


def _visit(*, nullable: bool) -> Column[str]:
    return Column("visit_id", Text, ForeignKey("visits.id"), nullable=nullable)


patients = _table(
    "patients",
    _key(),
    Column("erased_at", Moment),
)

demographics = _table(
    "demographics",
    _patient(primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("newest", Flag, nullable=False),
    Column("full_name", Text, nullable=False),
    Column("search_name", Text, nullable=False),
    Column("birth_date", Day, nullable=False),
    Column("sex", Text),
    Column("phone", Text),
    Column("email", Text),
    Column("file_number", Text),
    # only with it can the chain's digest of this row be made again; it goes with the row when a patient is erased
    Column("salt", Text, nullable=False),
    CheckConstraint("version > 0", name="demographics_version"),
    Index("demographics_name", "newest", "search_name"),
    Index("demographics_file_number", "newest", "file_number"),
)

notes = _table(
    "notes",
    _key(),
    _patient(),
    _visit(nullable=True),
    Column("text", Text, nullable=False),
    Column("salt", Text, nullable=False),
    Column("amends", Text, ForeignKey("notes.id")),
    UniqueConstraint("amends", name="notes_amended_once"),
    Index("notes_patient", "patient_id"),
)

consent_texts = _table(
    "consent_texts",
    _key(),
    Column("name", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("digest", Text, nullable=False),
    UniqueConstraint("name", "language", "version", "station_id", name="consent_texts_version"),
)

consents = _table(
    "consents",
    _key(),
    _patient(),
    Column("text_id", Text, ForeignKey("consent_texts.id"), nullable=False),
    Column("signed_by", Text, nullable=False),
    Column("relation", Text, nullable=False),
    Column("signed_on", Text, nullable=False),
    Column("salt", Text, nullable=False),
    Column("withdrawn_at", Moment),
    Column("withdrawn_reason", Text),
    Index("consents_patient", "patient_id"),
)

screenings = _table(
    "screenings",
    _key(),
    _patient(),
    Column("day", Day, nullable=False),
    Column("answers", Json, nullable=False),
    Column("findings", Json, nullable=False),
    Column("settled", Json, nullable=False),
    Column("overrides", Json, nullable=False),
    Index("screenings_patient", "patient_id"),
)

visits = _table(
    "visits",
    _key(),
    _patient(),
    Column("day", Day, nullable=False),
    Column("state", Text, nullable=False),
    Column("preset_id", Text),
    # of the text of an own preset's version; null for a preset that comes with the program
    Column("preset_digest", Text),
    Column("plan", Json, nullable=False),
    Column("depth_um", Integer, nullable=False),
    Column("interval_days", Integer, nullable=False),
    Column("screening_id", Text, ForeignKey("screenings.id"), nullable=False),
    Column("consent_id", Text, ForeignKey("consents.id"), nullable=False),
    Column("overrides", Json, nullable=False),
    Column("closed_at", Moment),
    Column("endpoint", Text),
    Column("after_care_at", Moment),
    Column("next_day", Day),
    Column("next_rule", Text),
    Column("next_sentence", Text),
    Column("next_reason", Text),
    Column("signer_name", Text),
    Column("signer_role", Text),
    Column("signed_meaning", Text),
    Column("abandoned_reason", Text),
    # the patient while the visit is open, nothing afterwards: one open visit a patient, by the database
    Column("open_for", Text, unique=True),
    CheckConstraint("state IN ('open', 'closed', 'abandoned')", name="visits_state"),
    CheckConstraint("(state = 'open') = (open_for IS NOT NULL)", name="visits_open_for"),
    CheckConstraint("(state = 'closed') = (signer_name IS NOT NULL)", name="visits_signed"),
    # who is due is answered from these two alone: a row carries its whole plan
    Index("visits_next_day", "state", "next_day", "patient_id", "day", "at", "preset_id", "preset_digest"),
    # the state is second, so that no database takes the other one for a patient's visits: it would read every closed one
    Index("visits_patient", "patient_id", "state", "day", "at", "preset_id"),
)

# One row a version, never changed. No constraint on the number: two stations may write the same one, and both stay.
own_presets = _table(
    "own_presets",
    _key(),
    Column("preset_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("digest", Text, nullable=False),
    # since when and by whom, null where nobody knows; `at` and `by_name` tell of the row
    Column("saved_at", Moment),
    Column("saved_by", Text),
    CheckConstraint("version > 0", name="own_presets_version"),
)

visit_sessions = _table(
    "visit_sessions",
    _key(),
    Column("session_id", Text, nullable=False),
    _visit(nullable=False),
    Column("pen_serial", Text, nullable=False),
    UniqueConstraint("station_id", "session_id", name="visit_sessions_once"),
    Index("visit_sessions_visit", "visit_id"),
    Index("visit_sessions_pen", "pen_serial", "at"),
)

cartridges = _table(
    "cartridges",
    _key(),
    # empty for a cartridge that only its chip knows: two of one chip are then refused by the same constraint
    Column("gtin", Text, nullable=False),
    Column("serial", Text, nullable=False),
    Column("chip_serial", Text, unique=True),
    Column("lot", Text, nullable=False),
    Column("expiry", Day, nullable=False),
    Column("needles", Integer),
    Column("discarded_at", Moment),
    UniqueConstraint("gtin", "serial", name="cartridges_once"),
    Index("cartridges_lot", "lot"),
)

# Binding is a row of its own, keyed by the cartridge: a second patient for one cartridge is impossible in any database.
cartridge_uses = _table(
    "cartridge_uses",
    Column("cartridge_id", Text, ForeignKey("cartridges.id"), primary_key=True),
    _patient(),
    _visit(nullable=False),
    Column("session_id", Text),
    Column("used_at", Moment),
    Index("cartridge_uses_visit", "visit_id"),
    Index("cartridge_uses_patient", "patient_id"),
)

recalls = _table(
    "recalls",
    _key(),
    Column("gtin", Text, nullable=False),
    Column("lot", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Index("recalls_lot", "lot"),
)

cleanings = _table(
    "cleanings",
    _key(),
    Column("pen_serial", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("sheath_changed", Flag, nullable=False),
    Index("cleanings_pen", "pen_serial", "at"),
)

outcomes = _table(
    "outcomes",
    _key(),
    _patient(),
    _visit(nullable=True),
    Column("day", Day, nullable=False),
    Column("kind", Text, nullable=False),
    Column("measured", Json, nullable=False),
    Column("baseline", Flag, nullable=False),
    Column("note", Text),
    Column("salt", Text, nullable=False),
    Column("amends", Text, ForeignKey("outcomes.id"), unique=True),
    Index("outcomes_patient", "patient_id", "kind", "day"),
    Index("outcomes_kind", "kind"),
)

photographs = _table(
    "photographs",
    _key(),
    _patient(),
    _visit(nullable=True),
    Column("day", Day, nullable=False),
    Column("view", Text, nullable=False),
    # of the file as it is kept, and its name
    Column("sha256", Text, nullable=False),
    Column("width_px", Integer, nullable=False),
    Column("height_px", Integer, nullable=False),
    Column("note", Text),
    UniqueConstraint("patient_id", "sha256", name="photographs_once"),
    Index("photographs_patient", "patient_id", "view", "day"),
)

reactions = _table(
    "reactions",
    _key(),
    _patient(),
    _visit(nullable=False),
    Column("kind", Text, nullable=False),
    Column("onset", Day, nullable=False),
    Column("site", Text),
    Column("note", Text),
    Column("salt", Text, nullable=False),
    Column("resolved", Day),
    Column("reviewed_at", Moment),
    Column("reviewer_name", Text),
    Column("reviewer_role", Text),
    Index("reactions_patient", "patient_id"),
    Index("reactions_open", "resolved", "reviewed_at"),
)

reaction_days = _table(
    "reaction_days",
    Column("reaction_id", Text, ForeignKey("reactions.id"), primary_key=True),
    Column("day", Day, primary_key=True),
    Column("severity", Text),
    Column("note", Text),
)

topicals = _table(
    "topicals",
    _key(),
    _patient(),
    _visit(nullable=True),
    Column("substance", Text, nullable=False),
    Column("detail", Text),
    Column("used_at", Moment, nullable=False),
    Index("topicals_patient", "patient_id", "used_at"),
)

home_tools = _table(
    "home_tools",
    _key(),
    _patient(),
    Column("tool", Text, nullable=False),
    Column("needle_um", Integer, nullable=False),
    Column("times_a_week", Integer, nullable=False),
    Column("last_used", Day),
    Column("since", Day),
    Index("home_tools_patient", "patient_id"),
)

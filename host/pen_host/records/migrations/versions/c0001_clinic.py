"""The clinical tables: patients, consents, screenings, visits, cartridges, outcomes, reactions."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "c0001"
down_revision = None
branch_labels = None
depends_on = None

# SQLite knows one integer of 64 bits; other databases need to be told.
_LONG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _columns() -> list[sa.Column[Any]]:
    """What every row has: its station, when it was written and by whom."""
    return [
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("at", _LONG, nullable=False),
        sa.Column("by_name", sa.Text, nullable=False),
        sa.Column("by_role", sa.Text, nullable=False),
    ]


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "cartridges",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("gtin", sa.Text, nullable=False),
        sa.Column("serial", sa.Text, nullable=False),
        sa.Column("chip_serial", sa.Text, unique=True),
        sa.Column("lot", sa.Text, nullable=False),
        sa.Column("expiry", sa.Text, nullable=False),
        sa.Column("needles", sa.Integer),
        sa.Column("discarded_at", _LONG),
        *_columns(),
        sa.UniqueConstraint("gtin", "serial", name="cartridges_once"),
        sqlite_strict=True,
    )
    op.create_index("cartridges_lot", "cartridges", ["lot"])
    op.create_table(
        "cleanings",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("pen_serial", sa.Text, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("sheath_changed", sa.Integer, nullable=False),
        *_columns(),
        sqlite_strict=True,
    )
    op.create_index("cleanings_pen", "cleanings", ["pen_serial", "at"])
    op.create_table(
        "consent_texts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        *_columns(),
        sa.UniqueConstraint("name", "language", "version", "station_id", name="consent_texts_version"),
        sqlite_strict=True,
    )
    op.create_table(
        "patients",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("erased_at", _LONG),
        *_columns(),
        sqlite_strict=True,
    )
    op.create_table(
        "recalls",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("gtin", sa.Text, nullable=False),
        sa.Column("lot", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        *_columns(),
        sqlite_strict=True,
    )
    op.create_index("recalls_lot", "recalls", ["lot"])
    op.create_table(
        "consents",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("patient_id", sa.Text, sa.ForeignKey("patients.id"), nullable=False),
        sa.Column("text_id", sa.Text, sa.ForeignKey("consent_texts.id"), nullable=False),
        sa.Column("signed_by", sa.Text, nullable=False),
        sa.Column("relation", sa.Text, nullable=False),
        sa.Column("signed_on", sa.Text, nullable=False),
        sa.Column("salt", sa.Text, nullable=False),
        sa.Column("withdrawn_at", _LONG),
        sa.Column("withdrawn_reason", sa.Text),
        *_columns(),
        sqlite_strict=True,
    )
    op.create_index("consents_patient", "consents", ["patient_id"])
    op.create_table(
        "demographics",
        sa.Column("patient_id", sa.Text, sa.ForeignKey("patients.id"), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("newest", sa.Integer, nullable=False),
        sa.Column("full_name", sa.Text, nullable=False),
        sa.Column("search_name", sa.Text, nullable=False),
        sa.Column("birth_date", sa.Text, nullable=False),
        sa.Column("sex", sa.Text),
        sa.Column("phone", sa.Text),
        sa.Column("email", sa.Text),
        sa.Column("file_number", sa.Text),
        sa.Column("salt", sa.Text, nullable=False),
        *_columns(),
        sa.CheckConstraint("version > 0", name="demographics_version"),
        sqlite_strict=True,
    )
    op.create_index("demographics_file_number", "demographics", ["newest", "file_number"])
    op.create_index("demographics_name", "demographics", ["newest", "search_name"])
    op.create_table(
        "home_tools",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("patient_id", sa.Text, sa.ForeignKey("patients.id"), nullable=False),
        sa.Column("tool", sa.Text, nullable=False),
        sa.Column("needle_um", sa.Integer, nullable=False),
        sa.Column("times_a_week", sa.Integer, nullable=False),
        sa.Column("last_used", sa.Text),
        sa.Column("since", sa.Text),
        *_columns(),
        sqlite_strict=True,
    )
    op.create_index("home_tools_patient", "home_tools", ["patient_id"])
    op.create_table(
        "screenings",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("patient_id", sa.Text, sa.ForeignKey("patients.id"), nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("answers", sa.Text, nullable=False),
        sa.Column("findings", sa.Text, nullable=False),
        sa.Column("settled", sa.Text, nullable=False),
        sa.Column("overrides", sa.Text, nullable=False),
        *_columns(),
        sqlite_strict=True,
    )
    op.create_index("screenings_patient", "screenings", ["patient_id"])
    op.create_table(
        "visits",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("patient_id", sa.Text, sa.ForeignKey("patients.id"), nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("preset_id", sa.Text),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("depth_um", sa.Integer, nullable=False),
        sa.Column("interval_days", sa.Integer, nullable=False),
        sa.Column("screening_id", sa.Text, sa.ForeignKey("screenings.id"), nullable=False),
        sa.Column("consent_id", sa.Text, sa.ForeignKey("consents.id"), nullable=False),
        sa.Column("overrides", sa.Text, nullable=False),
        sa.Column("closed_at", _LONG),
        sa.Column("endpoint", sa.Text),
        sa.Column("after_care_at", _LONG),
        sa.Column("next_day", sa.Text),
        sa.Column("next_rule", sa.Text),
        sa.Column("next_sentence", sa.Text),
        sa.Column("next_reason", sa.Text),
        sa.Column("signer_name", sa.Text),
        sa.Column("signer_role", sa.Text),
        sa.Column("signed_meaning", sa.Text),
        sa.Column("abandoned_reason", sa.Text),
        sa.Column("open_for", sa.Text, unique=True),
        *_columns(),
        sa.CheckConstraint("(state = 'open') = (open_for IS NOT NULL)", name="visits_open_for"),
        sa.CheckConstraint("(state = 'closed') = (signer_name IS NOT NULL)", name="visits_signed"),
        sa.CheckConstraint("state IN ('open', 'closed', 'abandoned')", name="visits_state"),
        sqlite_strict=True,
    )
    op.create_index("visits_next_day", "visits", ["state", "next_day"])
    op.create_index("visits_patient", "visits", ["patient_id", "day"])
    op.create_table(
        "cartridge_uses",
        sa.Column("cartridge_id", sa.Text, sa.ForeignKey("cartridges.id"), primary_key=True),
        sa.Column("patient_id", sa.Text, sa.ForeignKey("patients.id"), nullable=False),
        sa.Column("visit_id", sa.Text, sa.ForeignKey("visits.id"), nullable=False),
        sa.Column("session_id", sa.Text),
        sa.Column("used_at", _LONG),
        *_columns(),
        sqlite_strict=True,
    )
    op.create_index("cartridge_uses_patient", "cartridge_uses", ["patient_id"])
    op.create_index("cartridge_uses_visit", "cartridge_uses", ["visit_id"])
    op.create_table(
        "notes",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("patient_id", sa.Text, sa.ForeignKey("patients.id"), nullable=False),
        sa.Column("visit_id", sa.Text, sa.ForeignKey("visits.id")),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("salt", sa.Text, nullable=False),
        sa.Column("amends", sa.Text, sa.ForeignKey("notes.id")),
        *_columns(),
        sa.UniqueConstraint("amends", name="notes_amended_once"),
        sqlite_strict=True,
    )
    op.create_index("notes_patient", "notes", ["patient_id"])
    op.create_table(
        "outcomes",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("patient_id", sa.Text, sa.ForeignKey("patients.id"), nullable=False),
        sa.Column("visit_id", sa.Text, sa.ForeignKey("visits.id")),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("measured", sa.Text, nullable=False),
        sa.Column("baseline", sa.Integer, nullable=False),
        sa.Column("note", sa.Text),
        sa.Column("salt", sa.Text, nullable=False),
        sa.Column("amends", sa.Text, sa.ForeignKey("outcomes.id"), unique=True),
        *_columns(),
        sqlite_strict=True,
    )
    op.create_index("outcomes_kind", "outcomes", ["kind"])
    op.create_index("outcomes_patient", "outcomes", ["patient_id", "kind", "day"])
    op.create_table(
        "reactions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("patient_id", sa.Text, sa.ForeignKey("patients.id"), nullable=False),
        sa.Column("visit_id", sa.Text, sa.ForeignKey("visits.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("onset", sa.Text, nullable=False),
        sa.Column("site", sa.Text),
        sa.Column("note", sa.Text),
        sa.Column("salt", sa.Text, nullable=False),
        sa.Column("resolved", sa.Text),
        sa.Column("reviewed_at", _LONG),
        sa.Column("reviewer_name", sa.Text),
        sa.Column("reviewer_role", sa.Text),
        *_columns(),
        sqlite_strict=True,
    )
    op.create_index("reactions_open", "reactions", ["resolved", "reviewed_at"])
    op.create_index("reactions_patient", "reactions", ["patient_id"])
    op.create_table(
        "topicals",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("patient_id", sa.Text, sa.ForeignKey("patients.id"), nullable=False),
        sa.Column("visit_id", sa.Text, sa.ForeignKey("visits.id")),
        sa.Column("substance", sa.Text, nullable=False),
        sa.Column("detail", sa.Text),
        sa.Column("used_at", _LONG, nullable=False),
        *_columns(),
        sqlite_strict=True,
    )
    op.create_index("topicals_patient", "topicals", ["patient_id", "used_at"])
    op.create_table(
        "visit_sessions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("visit_id", sa.Text, sa.ForeignKey("visits.id"), nullable=False),
        sa.Column("pen_serial", sa.Text, nullable=False),
        *_columns(),
        sa.UniqueConstraint("station_id", "session_id", name="visit_sessions_once"),
        sqlite_strict=True,
    )
    op.create_index("visit_sessions_pen", "visit_sessions", ["pen_serial", "at"])
    op.create_index("visit_sessions_visit", "visit_sessions", ["visit_id"])
    op.create_table(
        "reaction_days",
        sa.Column("reaction_id", sa.Text, sa.ForeignKey("reactions.id"), primary_key=True),
        sa.Column("day", sa.Text, primary_key=True),
        sa.Column("severity", sa.Text),
        sa.Column("note", sa.Text),
        *_columns(),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Refused: a record is never taken back to a layout that cannot hold it."""
    raise NotImplementedError(
        "a record is never taken back to an older layout; restore the backup made before"
    )

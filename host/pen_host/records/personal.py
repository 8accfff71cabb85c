"""What in the clinical tables says who a patient is: the one list that sealing, erasing and rights are made of.

Every column that can hold a word is in `PERSONAL` or in `PLAIN`; a test compares them with the tables, so a new column is not
forgotten anywhere. Pseudonyms, days, measures and what was done are `PLAIN`: they stay when a patient is erased.
"""

from __future__ import annotations

from collections.abc import Mapping

PERSONAL: Mapping[str, tuple[str, ...]] = {
    "demographics": ("full_name", "search_name", "birth_date", "sex", "phone", "email", "file_number"),
    "notes": ("text",),
    "consents": ("signed_by", "withdrawn_reason"),
    "outcomes": ("note",),
    "topicals": ("detail",),
    "reactions": ("note",),
    "reaction_days": ("note",),
    "photographs": ("note",),
}
"""Who somebody is, and what was typed about them."""
ROWS = ("demographics", "notes", "photographs")
"""Tables whose rows go as a whole when a patient is erased."""
SALT = "salt"
"""Name of the column by which a digest in the chain could be guessed; as personal as what the digest is of."""
PLAIN: Mapping[str, tuple[str, ...]] = {
    "consent_texts": ("name", "language", "title", "body", "digest"),
    "consents": ("relation", "signed_on"),
    "screenings": ("day", "answers", "findings", "settled", "overrides"),
    "visits": (
        *("day", "state", "preset_id", "preset_digest", "plan", "overrides", "endpoint", "open_for"),
        *("next_day", "next_rule", "next_sentence", "next_reason", "abandoned_reason"),
        *("signer_name", "signer_role", "signed_meaning"),
    ),
    "own_presets": ("preset_id", "text", "digest", "saved_by"),
    "visit_sessions": ("session_id", "pen_serial"),
    "cartridges": ("gtin", "serial", "chip_serial", "lot", "expiry"),
    "cartridge_uses": ("session_id",),
    "recalls": ("gtin", "lot", "reason"),
    "cleanings": ("pen_serial", "method"),
    "outcomes": ("day", "kind", "measured"),
    "photographs": ("day", "view", "sha256"),
    "reactions": ("kind", "onset", "site", "resolved", "reviewer_name", "reviewer_role"),
    "reaction_days": ("severity",),
    "topicals": ("substance",),
    "home_tools": ("tool", "last_used", "since"),
}
"""Everything else that holds words or days: of staff, of things, or chosen from a list."""


def hidden(table: str, columns: list[str]) -> set[str]:
    """Columns of a table that only those who treat may read."""
    return {column for column in columns if column == SALT or column in PERSONAL.get(table, ())}

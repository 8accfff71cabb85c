"""Drugs and cosmetics on needled skin: recorded with their time, warned about, never asked for. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from pen_host.findings import Finding, Level
from pen_host.records.models import Substance, TopicalUse

WINDOW_HOURS = 48
"""After needling, the skin lets more through for about this long: human micropores closed after 58-63 h with a half-life of
20-26 h (PMC8259462), sources on minoxidil name 0, 24 and 48 h. Default, configurable. (J)"""
_BARRIER = "micropores of human skin closed after 58-63 h on average, PMC8259462"
_GRANULOMA = "granuloma after microneedling: 15 patients, vitamin C with a motorised pen in most (l16LrMY9)"


def check_topicals(
    uses: Iterable[TopicalUse], needled_at: datetime, window_hours: int = WINDOW_HOURS
) -> list[Finding]:
    """Warnings about what was applied while the skin was open; oral drugs are not applied.

    Args:
        uses: What was used.
        needled_at: When the skin was needled.
        window_hours: How long it counts as open.
    """
    found = []
    for use in uses:
        after = use.used_at - needled_at
        if use.substance is Substance.ORAL_DRUG or not timedelta(0) <= after <= timedelta(hours=window_hours):
            continue
        hours = int(after.total_seconds() // 3600)
        sentence = (
            f"{str(use.substance).replace('_', ' ').capitalize()} was recorded {hours} h after needling, within the "
            f"{window_hours} h in which skin may take up more of it. It is recorded; watch the patient."
        )
        source = _GRANULOMA if use.substance is Substance.VITAMIN_C else _BARRIER
        found.append(Finding(Level.INFORM, "topical_window", sentence, source))
    return found

"""Lots that were called back: none of them is opened for anybody any more."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from pen_host.journal import Draft, Kind
from pen_host.records.errors import made
from pen_host.records.keys import new_key
from pen_host.records.models import Person, Recall
from pen_host.records.store import Store, Writing, writer
from pen_host.records.tables import cartridges, recalls


class Recalls:
    """What makers, or the clinic, called back.

    Args:
        store: The record.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def call_back(self, lot: str, reason: str, by: Person, *, gtin: str | None = None) -> Recall:
        """Calls a lot back: none of it can be bound any more.

        Args:
            lot: Which.
            reason: Why.
            by: Who enters it.
            gtin: Only of this article.

        Raises:
            InputError: A field cannot be.
        """
        given = {"recall_id": new_key(), "gtin": gtin, "lot": lot.strip(), "reason": reason}
        entry = made(Recall, "the recall", {**given, "at": self._store.now(), "by": by})

        def change(writing: Writing) -> Sequence[Draft]:
            writing.add(
                recalls, id=entry.recall_id, gtin=entry.gtin or "", lot=entry.lot, reason=entry.reason
            )
            told = {"change": "recalled", "lot": entry.lot, "gtin": entry.gtin, "reason": entry.reason}
            return [Draft(Kind.STOCK, told)]

        self._store.write(change, by)
        return next(one for one in self.all() if one.recall_id == entry.recall_id)

    def all(self) -> tuple[Recall, ...]:
        """Every recall, newest first."""
        found = self._store.rows(select(recalls).order_by(recalls.c.at.desc(), recalls.c.id))
        return tuple(
            Recall(
                recall_id=row["id"],
                gtin=row["gtin"] or None,
                lot=row["lot"],
                reason=row["reason"],
                at=row["at"],
                by=writer(row),
            )
            for row in found
        )

    def lots(self) -> frozenset[str]:
        """Lots that a session must refuse, whatever their article."""
        return frozenset(recall.lot for recall in self.all())

    def like(self, lot: str) -> tuple[str, ...] | None:
        """Whether a lot is one that was ever here: None for one that was; else lots that may have been meant.

        A lot that nobody here ever had may be called back all the same: a delivery may be under way.
        """
        found = self._store.rows(select(cartridges.c.lot).distinct())
        known = {str(row["lot"]) for row in found}
        if lot in known:
            return None
        return tuple(sorted(one for one in known if _plain(one) == _plain(lot)))


def unknown_lot(lot: str, like: Sequence[str]) -> str:
    """What to tell somebody who called back a lot that was never here."""
    meant = f" Did you mean {' or '.join(like)}? Then call that back as well." if like else ""
    return (
        f"No cartridge of lot {lot} was ever in this inventory; one that comes is refused from now on.{meant}"
    )


def _plain(lot: str) -> str:
    """A lot as it is easily mistyped: without case and signs, O for 0 and I for 1."""
    letters = "".join(letter for letter in lot.casefold() if letter.isalnum())
    return letters.translate(str.maketrans("oil", "011"))

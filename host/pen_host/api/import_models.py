"""An import as it is shown: where it stands, and what would become of each bundle."""

from __future__ import annotations

from enum import StrEnum

from ..exports.bundles import Item, ItemState
from .models import Line, Model

ITEMS_SHOWN = 200
"""Bundles of one state that a view lists; all of them are counted. (J)"""


class ImportState(StrEnum):
    """Where an import stands."""

    NONE = "none"
    RECEIVING = "receiving"
    LOOKING = "looking"
    LOOKED = "looked"
    """A person decides."""
    TAKING = "taking"
    DONE = "done"
    FAILED = "failed"


class ItemView(Model):
    """One patient's bundle, and what would become of it."""

    name: str
    state: ItemState
    patient_id: str | None
    rows: int
    photographs: int
    without_picture: int
    """Photographs of which it holds the row and not the picture: no consent stood, or the picture was not there."""
    why: str


class ImportView(Model):
    """The newest import of this console."""

    state: ImportState = ImportState.NONE
    by: str | None = None
    bytes: int = 0
    """That have arrived."""
    done: int = 0
    """Bundles that were looked at, or taken in."""
    total: int = 0
    """Of how many."""
    new: int = 0
    here: int = 0
    refused: int = 0
    items: tuple[ItemView, ...] = ()
    key: str | None = None
    """Names what was looked at; given back with the decision."""
    sentence: str = ""
    """Why it failed, or what was left out."""


class TakeIn(Model):
    """A person has seen what would become of it."""

    key: Line


def shown(items: tuple[Item, ...]) -> tuple[ItemView, ...]:
    """Those that will not be taken in first: they are what somebody must read."""
    order = (ItemState.REFUSED, ItemState.HERE, ItemState.NEW)
    shown: list[Item] = []
    for state in order:
        shown += [one for one in items if one.state is state][:ITEMS_SHOWN]
    return tuple(
        ItemView(
            name=one.name,
            state=one.state,
            patient_id=one.patient_id,
            rows=one.rows,
            photographs=one.photographs,
            without_picture=one.without_picture,
            why=one.why,
        )
        for one in shown
    )

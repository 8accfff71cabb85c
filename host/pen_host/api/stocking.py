"""The inventory of cartridges at the console: taken in by scan, looked up, thrown away, called back."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from ..models import NEEDLES_MAX
from ..records import Clinic, NotFoundError
from ..records.models import Cartridge, Person, Recall, ShelfLot
from ..records.recalls import unknown_lot
from .models import Line, Model, Pin

Code = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
"""What a scanner typed."""


class TakeIn(Model):
    """A package that came in."""

    code: Code
    needles: Annotated[int, Field(ge=1, le=NEEDLES_MAX)]
    """Of the article; the package's code does not say it, and without it no dose follows."""


class Scanned(Model):
    """One package."""

    code: Code


class CallBack(Model):
    """A lot that nobody may use any more. There is no way back."""

    lot: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[\x21-\x7e]{1,20}$")]
    reason: Line
    pin: Pin
    """Of who is signed in, who signs for it."""


class CalledBack(Model):
    """A recall that is in force."""

    recall: Recall
    warning: str
    """That no such lot was ever here, and which may have been meant; nothing for one that was."""


class ShelfView(Model):
    """What is there, and what was called back."""

    lots: tuple[ShelfLot, ...]
    recalls: tuple[Recall, ...]


class StockDesk:
    """See the module. Waits for the disk.

    Args:
        clinic: The clinic's record.
    """

    def __init__(self, clinic: Clinic) -> None:
        self._stock = clinic.cartridges
        self._recalls = clinic.recalls

    def shelf(self) -> ShelfView:
        """What is there."""
        return ShelfView(lots=self._stock.shelf(), recalls=self._recalls.all())

    def take_in(self, asked: TakeIn, by: Person) -> Cartridge:
        """Into the inventory.

        Raises:
            PenError: It is no whole code, there already, expired or called back; nothing was taken in.
        """
        return self._stock.register(asked.code, by, needles=asked.needles)

    def look_up(self, code: str) -> Cartridge:
        """Where one stands.

        Raises:
            PenError: It is no whole code, not in the inventory, or its label says otherwise than the record.
        """
        found = self._stock.look_up(code)
        if found is None:
            label = self._stock.read(code)
            raise NotFoundError("cartridge", f"{label.serial} of lot {label.lot}")
        return found

    def discard(self, code: str, by: Person) -> Cartridge:
        """It went into the sharps container.

        Raises:
            PenError: See `look_up`; or it went there before.
        """
        return self._stock.discard(self.look_up(code).cartridge_id, by)

    def call_back(self, asked: CallBack, by: Person) -> CalledBack:
        """Nobody may use this lot any more. The signature was checked by the caller.

        Raises:
            PenError: It cannot be recorded.
        """
        like = self._recalls.like(asked.lot)
        entry = self._recalls.call_back(asked.lot, asked.reason, by)
        return CalledBack(recall=entry, warning="" if like is None else unknown_lot(entry.lot, like))

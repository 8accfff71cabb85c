"""Cartridges: one patient, one session, and a trace from lot to person."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from pen_host.models import NEEDLES_MAX, Model, Text
from pen_host.records.models.people import Key, Name, PatientId, Person

Gtin = Annotated[str, StringConstraints(pattern=r"^[0-9]{14}$")]
Lot = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,20}$")]
Serial = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,20}$")]
ChipSerial = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]


class CartridgeState(StrEnum):
    """Where a cartridge stands. There is no way back to an earlier state."""

    NEW = "new"
    BOUND = "bound"
    """Opened for one patient and one visit; it is never anybody else's."""
    USED = "used"
    DISCARDED = "discarded"
    RECALLED = "recalled"


class Label(Model):
    """What the GS1 DataMatrix on a package says.

    Attributes:
        gtin: Article number, 14 digits with a valid check digit.
        lot: Lot number.
        expiry: Last day of use.
        serial: Serial number within the GTIN.
    """

    gtin: Gtin
    lot: Lot
    expiry: date
    serial: Serial


class Cartridge(Model):
    """A cartridge of the inventory.

    Attributes:
        cartridge_id: Its key.
        label: What the package says; None for one that only its chip knows.
        chip_serial: What the pen reads from it, None until it was read.
        lot: Lot number.
        expiry: Last day of use.
        needles: How many it has, None where nobody said.
        state: Where it stands; RECALLED when its lot was called back before it was used.
        patient_id: Whose it is, once bound.
        visit_id: In which visit.
        registered_at: When it came into the inventory.
        bound_at: When it was bound.
        used_at: When its first stroke was made.
        discarded_at: When it went into the sharps container.
    """

    cartridge_id: Key
    label: Label | None
    chip_serial: ChipSerial | None
    lot: Lot
    expiry: date
    needles: Annotated[int, Field(ge=1, le=NEEDLES_MAX)] | None
    state: CartridgeState
    patient_id: PatientId | None = None
    visit_id: Key | None = None
    registered_at: datetime
    bound_at: datetime | None = None
    used_at: datetime | None = None
    discarded_at: datetime | None = None


class ShelfLot(Model):
    """Cartridges of one lot that nobody opened yet.

    Attributes:
        gtin: Article; None for cartridges that only their chips know.
        lot: Lot number.
        expiry: Last day of use.
        needles: How many each has, None where nobody said.
        count: How many are left.
        expired: Past the last day of use.
        recalled: Called back.
    """

    gtin: Gtin | None
    lot: Lot
    expiry: date
    needles: Annotated[int, Field(ge=1, le=NEEDLES_MAX)] | None
    count: Annotated[int, Field(ge=1)]
    expired: bool
    recalled: bool


class Recall(Model):
    """A lot that its maker, or the clinic, called back.

    Attributes:
        recall_id: Its key.
        gtin: Article; None for the lot of whatever article.
        lot: Which lot.
        reason: Why.
        at: When it was entered.
        by: By whom.
    """

    recall_id: Key
    gtin: Gtin | None
    lot: Lot
    reason: Text
    at: datetime
    by: Person

    def concerns(self, lot: str, gtin: str) -> bool:
        """Whether it is about this lot; one that names an article is about lots of no known article as well."""
        return self.lot == lot and (self.gtin is None or not gtin or self.gtin == gtin)


class LotUse(Model):
    """One answer to "who got this lot, when, from whom".

    Attributes:
        lot: The lot.
        cartridge: Serial number as printed, else as read from the chip.
        state: Where that cartridge stands.
        patient_id: The patient it was bound to.
        patient_name: Their name; None once erased.
        phone: To reach them.
        email: The same.
        visit_id: The visit.
        day: Its day.
        session_ids: The pen sessions of that visit.
        pen_serials: The pens.
        operator: Who treated.
    """

    lot: str
    cartridge: str
    state: CartridgeState
    patient_id: PatientId
    patient_name: Name | None
    phone: str | None
    email: str | None
    visit_id: Key
    day: date
    session_ids: tuple[str, ...]
    pen_serials: tuple[str, ...]
    operator: Person


class CleaningMethod(StrEnum):
    """How the pen was cleaned between patients."""

    LOW_LEVEL_DISINFECTION = "low_level_disinfection"
    HIGH_LEVEL_DISINFECTION = "high_level_disinfection"
    NOSECONE_AUTOCLAVED = "nosecone_autoclaved"


class Cleaning(Model):
    """A pen that was cleaned.

    Attributes:
        cleaning_id: Its key.
        pen_serial: Which pen.
        method: How.
        sheath_changed: Whether a new sheath was put on.
        at: When.
        by: By whom.
    """

    cleaning_id: Key
    pen_serial: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    method: CleaningMethod
    sheath_changed: bool
    at: datetime
    by: Person

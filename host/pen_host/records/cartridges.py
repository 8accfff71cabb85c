"""The inventory of cartridges. One patient, one visit, never again: looked up first, and excluded by the database as well."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import RowMapping, Select, and_, func, or_, select

from pen_host import gs1
from pen_host.findings import Finding, Level
from pen_host.journal import Draft, Kind
from pen_host.models import NEEDLES_MAX, CartridgeSeen, Plan
from pen_host.records.errors import ConflictError, ForbiddenStepError, InputError, NotFoundError
from pen_host.records.keys import cartridge_key
from pen_host.records.models import Cartridge, CartridgeState, Label, Person, Recall, ShelfLot
from pen_host.records.recalls import Recalls
from pen_host.records.registry import clinic_wide
from pen_host.records.store import Store, Writing, as_plan
from pen_host.records.tables import cartridge_uses, cartridges, visits

SINGLE_USE = "FDA and CDC: MMWR 73:372, one patient and one session"
RECALLED = "the recall on record"
LABEL = "the cartridge's label"


class Cartridges:
    """Cartridges from delivery to the sharps container.

    Args:
        store: The record.
        recalls: Lots that were called back.
    """

    def __init__(self, store: Store, recalls: Recalls) -> None:
        self._store = store
        self._recalls = recalls

    # --- inventory ------------------------------------------------------------------------------------------------

    def read(self, scan: str) -> Label:
        """What a scanned code says.

        Raises:
            LabelError: It is no whole code.
        """
        found = gs1.parse(scan, self._store.today())
        return Label(gtin=found.gtin, lot=found.lot, expiry=found.expiry, serial=found.serial)

    def register(self, scan: str | Label, by: Person, *, needles: int | None = None) -> Cartridge:
        """Takes a cartridge into the inventory.

        Args:
            scan: What the scanner typed, or the label it was read as.
            by: Who.
            needles: How many needles this article has.

        Raises:
            LabelError: The scan is no whole code.
            ConflictError: It is in the inventory already.
            ForbiddenStepError: It is expired or its lot was called back: it would never be used.
            InputError: No cartridge has so many needles.
        """
        label = self.read(scan) if isinstance(scan, str) else scan
        return self._register(label.gtin, label.serial, label.lot, label.expiry, None, needles, by)

    def register_seen(self, seen: CartridgeSeen, by: Person) -> Cartridge:
        """Takes a cartridge into the inventory that only its chip identifies.

        Raises:
            ConflictError: It is in the inventory already.
            ForbiddenStepError: It is expired, recalled or used.
            InputError: It names no lot or no needles.
        """
        if not seen.lot.strip() or not seen.needles:
            raise InputError(
                "the cartridge", {"lot": "its chip names no lot or no needles, so it cannot be traced"}
            )
        if seen.used is not False:
            raise ForbiddenStepError("the cartridge", [_used(seen.serial)])
        return self._register("", seen.serial, seen.lot.strip(), seen.expiry, seen.serial, seen.needles, by)

    def look_up(self, scan: str | Label) -> Cartridge | None:
        """The cartridge that a scanned code names; None when it is not in the inventory.

        Raises:
            LabelError: The scan is no whole code.
            ConflictError: It is there under another lot or expiry: one of the two labels is wrong.
        """
        label = self.read(scan) if isinstance(scan, str) else scan
        row = self._store.row(
            _query().where(and_(cartridges.c.gtin == label.gtin, cartridges.c.serial == label.serial))
        )
        if row is None:
            return None
        found = self._cartridge(row)
        if (found.lot, found.expiry) != (label.lot, label.expiry):
            raise ConflictError(
                f"Cartridge {label.serial} is on record with lot {found.lot} and expiry {found.expiry:%Y-%m-%d}, the scanned "
                f"label says {label.lot} and {label.expiry:%Y-%m-%d}, so it was not taken: one of the labels is wrong or "
                "counterfeit. Put the package aside and take another."
            )
        return found

    def by_chip(self, chip_serial: str) -> Cartridge | None:
        """The cartridge with this chip, None when it is not in the inventory."""
        row = self._store.row(_query().where(cartridges.c.chip_serial == chip_serial))
        return self._cartridge(row) if row else None

    def get(self, cartridge_id: str) -> Cartridge:
        """One cartridge.

        Raises:
            NotFoundError: There is none.
        """
        row = self._store.row(_query().where(cartridges.c.id == cartridge_id))
        if row is None:
            raise NotFoundError("cartridge", cartridge_id)
        return self._cartridge(row)

    def stock(self, state: CartridgeState | None = None, *, lot: str | None = None) -> tuple[Cartridge, ...]:
        """Cartridges by expiry, all or those of a state or lot."""
        query = _query().order_by(cartridges.c.expiry, cartridges.c.serial)
        if lot is not None:
            query = query.where(cartridges.c.lot == lot)
        called_back = self._recalls.all()
        found = (as_cartridge(row, called_back) for row in self._store.rows(query))
        return tuple(one for one in found if state is None or one.state is state)

    def shelf(self) -> tuple[ShelfLot, ...]:
        """What is left unopened, by lot, first to expire first."""
        group = (cartridges.c.gtin, cartridges.c.lot, cartridges.c.expiry, cartridges.c.needles)
        opened = select(cartridge_uses.c.cartridge_id)
        query = (
            select(*group, func.count().label("count"))
            .where(cartridges.c.discarded_at.is_(None), cartridges.c.id.not_in(opened))
            .group_by(*group)
            .order_by(cartridges.c.expiry, cartridges.c.lot)
        )
        today, called_back = self._store.today(), self._recalls.all()
        return tuple(
            ShelfLot(
                gtin=row["gtin"] or None,
                lot=row["lot"],
                expiry=row["expiry"],
                needles=row["needles"],
                count=row["count"],
                expired=row["expiry"] < today,
                recalled=any(recall.concerns(row["lot"], row["gtin"]) for recall in called_back),
            )
            for row in self._store.rows(query)
        )

    # --- use ------------------------------------------------------------------------------------------------------

    def of_visit(self, visit_id: str) -> tuple[Cartridge, ...]:
        """Cartridges that were opened for a visit, in order."""
        rows = self._store.rows(
            _query().where(cartridge_uses.c.visit_id == visit_id).order_by(cartridge_uses.c.at)
        )
        return tuple(map(self._cartridge, rows))

    def check(self, cartridge_id: str, plan: Plan) -> list[Finding]:
        """What forbids using a cartridge for a plan today; nothing when it may be used."""
        return self._findings(self.get(cartridge_id), plan)

    def bind(self, cartridge_id: str, visit_id: str, by: Person) -> Cartridge:
        """Opens a cartridge for the patient of a visit. From then on it is nobody else's, whatever happens.

        Raises:
            NotFoundError: There is no such cartridge or visit.
            ForbiddenStepError: It is used, bound, expired, recalled, discarded or has other needles than the plan.
            ConflictError: The visit is not open, or another station was faster.
        """
        cartridge = self.get(cartridge_id)

        def change(writing: Writing) -> Sequence[Draft]:
            visit = writing.row(select(visits).where(visits.c.id == visit_id))
            if visit is None:
                raise NotFoundError("visit", visit_id)
            if visit["state"] != "open":
                raise ConflictError(
                    "The visit is not open any more, so no cartridge was bound to it. Open a new visit first."
                )
            forbidden = self._findings(cartridge, as_plan(visit["plan"]))
            if forbidden:
                raise ForbiddenStepError("the cartridge", forbidden)
            writing.add(
                cartridge_uses,
                cartridge_id=cartridge_id,
                patient_id=visit["patient_id"],
                visit_id=visit_id,
            )
            told = {"change": "bound", "visit": visit_id, **_told(cartridge)}
            return [Draft(Kind.STOCK, told, subject=visit["patient_id"])]

        self._store.write(change, by)
        return self.get(cartridge_id)

    def check_seen(self, cartridge_id: str, seen: CartridgeSeen) -> list[Finding]:
        """What the pen read against what was scanned, before the used mark is burned; nothing when they are one."""
        cartridge = self.get(cartridge_id)
        differs = _differences(cartridge, seen)
        if not differs:
            return []
        sentence = (
            f"The cartridge in the pen is not the one that was scanned ({', '.join(differs)} differ). Take it out and put "
            "both aside."
        )
        return [_block("cartridge_other", sentence, SINGLE_USE)]

    def used(
        self, cartridge_id: str, session_id: str, by: Person, *, seen: CartridgeSeen | None = None
    ) -> Cartridge:
        """Records that a bound cartridge was burned in a pen session, and which chip the pen read from it.

        It is recorded even where the chip differs from the label (see `check_seen`, which comes before): it has happened.

        Raises:
            ConflictError: It is bound to no patient, or was used before.
        """
        cartridge = self.get(cartridge_id)
        differs = _differences(cartridge, seen) if seen else []

        def change(writing: Writing) -> Sequence[Draft]:
            mine = and_(cartridge_uses.c.cartridge_id == cartridge_id, cartridge_uses.c.used_at.is_(None))
            if not writing.change(cartridge_uses, mine, used_at=writing.at, session_id=session_id):
                raise ConflictError(
                    f"Cartridge {_name(cartridge)} is bound to no patient, or was used before, so its use was not recorded. "
                    "Bind a new cartridge to the visit first."
                )
            if seen is not None and not differs:
                writing.change(cartridges, cartridges.c.id == cartridge_id, chip_serial=seen.serial)
            chip = seen.serial if seen else None
            told = {"change": "used", "chip": chip, "differs": differs, **_told(cartridge)}
            return [Draft(Kind.STOCK, told, session_id=session_id, subject=cartridge.patient_id)]

        self._store.write(change, by)
        return self.get(cartridge_id)

    def discard(self, cartridge_id: str, by: Person, reason: str = "sharps container") -> Cartridge:
        """Records that a cartridge went into the sharps container, used or not.

        Raises:
            ConflictError: It was discarded before.
        """
        cartridge = self.get(cartridge_id)

        def change(writing: Writing) -> Sequence[Draft]:
            there = and_(cartridges.c.id == cartridge_id, cartridges.c.discarded_at.is_(None))
            if not writing.change(cartridges, there, discarded_at=writing.at):
                raise ConflictError(
                    "This cartridge was discarded before, so nothing was changed. Nothing is to be done."
                )
            told = {"change": "discarded", "reason": reason, **_told(cartridge)}
            return [Draft(Kind.STOCK, told, subject=cartridge.patient_id)]

        self._store.write(change, by)
        return self.get(cartridge_id)

    def chip_is_used(self, chip_serial: str) -> bool:
        """Whether the cartridge with this chip is not new any more, for a session's own check."""
        query = _query().where(
            and_(
                cartridges.c.chip_serial == chip_serial,
                or_(cartridge_uses.c.used_at.is_not(None), cartridges.c.discarded_at.is_not(None)),
            )
        )
        return self._store.row(query) is not None

    # --- inside ---------------------------------------------------------------------------------------------------

    def _register(
        self,
        gtin: str,
        serial: str,
        lot: str,
        expiry: date,
        chip: str | None,
        needles: int | None,
        by: Person,
    ) -> Cartridge:
        if needles is not None and not 1 <= needles <= NEEDLES_MAX:
            told = f"{needles} is not between 1 and {NEEDLES_MAX}, which no cartridge has"
            raise InputError("the cartridge", {"needles": told})
        key = cartridge_key(gtin, serial)
        values = {"gtin": gtin, "serial": serial, "lot": lot, "expiry": expiry, "chip_serial": chip}

        def change(writing: Writing) -> Sequence[Draft]:
            same = and_(cartridges.c.gtin == gtin, cartridges.c.serial == serial)
            if writing.row(
                select(cartridges.c.id).where(or_(same, cartridges.c.chip_serial == (chip or "-")))
            ):
                raise ConflictError(
                    f"Cartridge {serial} is in the inventory already, so it was not registered again. If this package is "
                    "sealed, its number was copied: put it aside; else go on with the one on record."
                )
            writing.add(cartridges, id=key, needles=needles, **values)
            told = {
                **values,
                "change": "registered",
                "id": key,
                "expiry": expiry.isoformat(),
                "needles": needles,
            }
            return [Draft(Kind.STOCK, told)]

        findings = self._shelf(lot, gtin, expiry)
        if findings:
            raise ForbiddenStepError("the cartridge", findings)
        self._store.write(change, by)
        return self.get(key)

    def _shelf(self, lot: str, gtin: str, expiry: date) -> list[Finding]:
        """What forbids any use of a cartridge."""
        found = []
        if expiry < self._store.today():
            found.append(
                _block("cartridge_expired", f"The cartridge's last day was {expiry:%Y-%m-%d}.", LABEL)
            )
        if any(recall.concerns(lot, gtin) for recall in self._recalls.all()):
            found.append(_block("cartridge_recalled", f"Lot {lot} was called back.", RECALLED))
        return found

    def _findings(self, cartridge: Cartridge, plan: Plan) -> list[Finding]:
        """What forbids using a cartridge for a plan."""
        if cartridge.bound_at is not None or cartridge.discarded_at is not None:
            return [_used(_name(cartridge))]
        found = self._shelf(cartridge.lot, cartridge.label.gtin if cartridge.label else "", cartridge.expiry)
        found += clinic_wide(self._store, cartridge.cartridge_id)
        if cartridge.needles is None:
            found.append(
                _block(
                    "cartridge_needles",
                    "Nobody said how many needles this cartridge has, so no dose follows from it.",
                    "dose follows from the number of needles",
                )
            )
        elif cartridge.needles != plan.needles:
            found.append(
                _block(
                    "cartridge_needles",
                    f"The cartridge has {cartridge.needles} needles and the plan is calculated for {plan.needles}.",
                    "dose follows from the number of needles",
                )
            )
        return found

    def _cartridge(self, row: RowMapping) -> Cartridge:
        return as_cartridge(row, self._recalls.all())


def as_cartridge(row: RowMapping, called_back: Sequence[Recall]) -> Cartridge:
    """A cartridge from its row, its use and the recalls."""
    label = None
    if row["gtin"]:
        label = Label(gtin=row["gtin"], lot=row["lot"], expiry=row["expiry"], serial=row["serial"])
    return Cartridge(
        cartridge_id=row["id"],
        label=label,
        chip_serial=row["chip_serial"],
        lot=row["lot"],
        expiry=row["expiry"],
        needles=row["needles"],
        state=_state(row, called_back),
        patient_id=row["patient_id"],
        visit_id=row["visit_id"],
        registered_at=row["at"],
        bound_at=row["bound_at"],
        used_at=row["used_at"],
        discarded_at=row["discarded_at"],
    )


def _query() -> Select[Any]:
    """Cartridges with their use, if there is one."""
    use = (
        cartridge_uses.c.patient_id,
        cartridge_uses.c.visit_id,
        cartridge_uses.c.session_id,
        cartridge_uses.c.used_at,
        cartridge_uses.c.at.label("bound_at"),
    )
    return select(cartridges, *use).select_from(
        cartridges.outerjoin(cartridge_uses, cartridge_uses.c.cartridge_id == cartridges.c.id)
    )


def _state(row: RowMapping, called_back: Sequence[Recall]) -> CartridgeState:
    if row["discarded_at"] is not None:
        return CartridgeState.DISCARDED
    if row["used_at"] is not None:
        return CartridgeState.USED
    if any(recall.concerns(row["lot"], row["gtin"]) for recall in called_back):
        return CartridgeState.RECALLED
    return CartridgeState.NEW if row["bound_at"] is None else CartridgeState.BOUND


def _block(rule_id: str, sentence: str, source: str) -> Finding:
    return Finding(Level.BLOCK, rule_id, f"{sentence} Take a new cartridge.", source)


def _used(name: str) -> Finding:
    return _block(
        "cartridge_used",
        f"Cartridge {name} was opened, used or discarded before, or nobody knows.",
        SINGLE_USE,
    )


def _name(cartridge: Cartridge) -> str:
    """What people call a cartridge: its printed serial number, else its chip's."""
    return cartridge.label.serial if cartridge.label else cartridge.chip_serial or cartridge.cartridge_id


def _told(cartridge: Cartridge) -> dict[str, object]:
    """A cartridge in an entry of the chain."""
    return {
        "id": cartridge.cartridge_id,
        "gtin": cartridge.label.gtin if cartridge.label else None,
        "serial": _name(cartridge),
        "lot": cartridge.lot,
    }


def _differences(cartridge: Cartridge, seen: CartridgeSeen) -> list[str]:
    """In what the chip in the pen is not that of the package that was scanned."""
    differs = {
        "chip": cartridge.chip_serial not in {None, seen.serial},
        "lot": seen.lot.strip() != cartridge.lot,
        "expiry": seen.expiry != cartridge.expiry,
        "needles": cartridge.needles is not None and seen.needles != cartridge.needles,
    }
    return [name for name, differ in differs.items() if differ]

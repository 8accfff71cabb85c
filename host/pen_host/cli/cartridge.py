"""`pen cartridge` and `pen lot`: the inventory, recalls, and who got which lot."""

from typing import TYPE_CHECKING, Annotated

import typer

from .clinical import Role, person, plain, reading, tell_many, tell_one, writing
from .options import JournalFile, Json, Operator
from .telling import print_json

if TYPE_CHECKING:
    from ..records.models import Cartridge

group = typer.Typer(help="Cartridges: register, look up, discard, call back.", no_args_is_help=True)

Scan = Annotated[str, typer.Argument(metavar="CODE", help="The scanned code of the package.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="cartridge")
    app.command("lot")(lot)


@group.command()
def add(
    code: Scan,
    needles: Annotated[int | None, typer.Option(help="How many needles this article has.")] = None,
    operator: Operator = "operator",
    role: Role = "clinician",
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Take a cartridge into the inventory by its scanned code."""
    with writing(journal_file) as clinic:
        added = clinic.cartridges.register(code, person(operator, role), needles=needles)
    tell_one(added, "cartridge", _line(added), as_json=json_)


@group.command()
def show(code: Scan, journal_file: JournalFile = None, json_: Json = False) -> None:
    """Where the cartridge with a scanned code stands."""
    from ..records import NotFoundError

    with reading(journal_file) as clinic:
        found = clinic.cartridges.look_up(code)
        label = clinic.cartridges.read(code)
    if found is None:
        raise NotFoundError("cartridge", f"{label.serial} of lot {label.lot}")
    tell_one(found, "cartridge", _line(found), as_json=json_)


@group.command("list")
def list_cartridges(
    state: Annotated[str | None, typer.Option(help="new, bound, used, discarded or recalled.")] = None,
    of_lot: Annotated[str | None, typer.Option("--lot", help="Only this lot.")] = None,
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """The inventory, first to expire first."""
    from ..records import InputError
    from ..records.models import CartridgeState

    if state is not None and state not in set(CartridgeState):
        raise InputError("the list", {"state": f"{state} is none of {', '.join(CartridgeState)}"})
    with reading(journal_file) as clinic:
        found = clinic.cartridges.stock(CartridgeState(state) if state else None, lot=of_lot)
    rows = [
        (one.expiry, one.lot, _serial(one), one.needles or "?", one.state, one.cartridge_id) for one in found
    ]
    columns = ("expiry", "lot", "serial", "needles", "state", "id")
    tell_many(found, "cartridges", columns, rows, as_json=json_)


@group.command()
def discard(
    code: Scan,
    operator: Operator = "operator",
    role: Role = "clinician",
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Record that a cartridge went into the sharps container."""
    from ..records import NotFoundError

    with writing(journal_file) as clinic:
        found = clinic.cartridges.look_up(code)
        if found is None:
            raise NotFoundError("cartridge", clinic.cartridges.read(code).serial)
        gone = clinic.cartridges.discard(found.cartridge_id, person(operator, role))
    tell_one(gone, "cartridge", _line(gone), as_json=json_)


@group.command()
def recall(
    lot_number: Annotated[str, typer.Argument(metavar="LOT", help="The lot that is called back.")],
    reason: Annotated[str, typer.Option(help="Why; stands in the record.")],
    gtin: Annotated[str | None, typer.Option(help="Only of this article.")] = None,
    operator: Operator = "operator",
    role: Role = "clinician",
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Call a lot back: none of it can be used any more. Answers with who has had it."""
    from ..records.recalls import unknown_lot

    with writing(journal_file) as clinic:
        meant = clinic.recalls.like(lot_number.strip())
        entry = clinic.recalls.call_back(lot_number, reason, person(operator, role), gtin=gtin)
        given = clinic.lot(entry.lot, gtin)
    if json_:
        known = {"known": meant is None, "like": list(meant or ())}
        print_json({"recall": plain(entry), "given": [plain(one) for one in given], **known})
    else:
        print(f"Lot {entry.lot} is called back. {len(given)} were opened for patients: pen lot {entry.lot}")
        if meant is not None:
            print(unknown_lot(entry.lot, meant))


def lot(
    lot_number: Annotated[str, typer.Argument(metavar="LOT", help="Lot number as printed.")],
    gtin: Annotated[str | None, typer.Option(help="Only of this article.")] = None,
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Who got this lot, when, from whom, with which pen."""
    with reading(journal_file) as clinic:
        found = clinic.lot(lot_number, gtin)
    if not found and not json_:
        print(f"Nobody was given a cartridge of lot {lot_number}.")
        return
    rows = [
        (
            *(one.day, one.patient_id, one.patient_name or "erased", one.phone or one.email or ""),
            *(one.cartridge, one.state, " ".join(one.pen_serials), one.operator.name),
        )
        for one in found
    ]
    columns = ("day", "patient", "name", "reach", "cartridge", "state", "pen", "treated by")
    tell_many(found, "given", columns, rows, as_json=json_)


def _serial(cartridge: "Cartridge") -> str:
    return cartridge.label.serial if cartridge.label else cartridge.chip_serial or ""


def _line(cartridge: "Cartridge") -> str:
    whose = f" for {cartridge.patient_id}" if cartridge.patient_id else ""
    return f"{_serial(cartridge)} of lot {cartridge.lot}, expiry {cartridge.expiry}: {cartridge.state}{whose}"

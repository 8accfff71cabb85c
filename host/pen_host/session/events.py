"""The wire's words turned into the record's."""

from dataclasses import asdict

from ..models import CartridgeSeen, PenEvent
from ..pen import Cartridge
from ..pen import PenEvent as WireEvent


def to_record(event: WireEvent) -> PenEvent:
    """A pen's event as the record keeps it."""
    return PenEvent(**asdict(event))


def seen(cartridge: Cartridge) -> CartridgeSeen | None:
    """What was read from a cartridge as the record keeps it; None when it could not be read."""
    if not any(cartridge.serial):
        return None
    return CartridgeSeen(
        serial=cartridge.serial.hex(),
        lot=cartridge.lot,
        expiry=cartridge.expires_on,
        needles=cartridge.needles,
        used=cartridge.used,
    )

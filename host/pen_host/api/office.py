"""What is done with the record besides treating: papers, exports, photographs, open skin, the clinic's own rules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..journal import Journal
from ..records import Clinic
from . import papers
from .exporting import ExportDesk
from .house import House
from .importing import ImportDesk
from .keeping import SafeDesk
from .people import Person
from .photographs import PhotoDesk
from .protocols import ProtocolDesk
from .skin import SkinDesk
from .stocking import StockDesk
from .workshop import Workshop


class Office:
    """See the module.

    Args:
        journal: The record.
        clinic: The same with its tables.
        rules: File of the clinic's rules; None keeps them in memory.
        note: Writes into the record, in somebody's name; returns at once.
        busy: Whether the pen works for a treatment.

    Attributes:
        record: The record's file, as the workshop reads it.
        workshop: Makes what takes long, in a process of its own.
        exports: Of the whole record.
        imports: Our own bundles, coming back.
        house: The clinic's rules.
        skin: Whose skin counts as open.
        photos: Photographs, taken in.
        safe: The record verified, and saved elsewhere.
        stock: The inventory of cartridges.
        protocols: Presets, and the clinic's own.
    """

    def __init__(
        self,
        journal: Journal,
        clinic: Clinic,
        rules: Path | None,
        note: Callable[[str, Person, str], None],
        busy: Callable[[], bool],
    ) -> None:
        self._busy = busy
        self._warm = False
        self.record = journal.path
        self.workshop = Workshop()
        self.exports = ExportDesk(self.record, self.workshop, note)
        self.imports = ImportDesk(clinic, self.workshop, busy)
        self.house = House(rules)
        self.skin = SkinDesk(clinic, self.house)
        self.photos = PhotoDesk(clinic, self.workshop)
        self.safe = SafeDesk(journal, self.house, self.workshop, busy)
        self.stock = StockDesk(clinic)
        self.protocols = ProtocolDesk(clinic.presets)

    def expect_papers(self) -> None:
        """Somebody is about to ask for a paper: what sets it is loaded meanwhile, once, and not while the pen works."""
        if not self._warm and not self._busy():
            self._warm = True
            self.workshop.begin(papers.warm)

    def close(self) -> None:
        """Throw away what is being made."""
        self.imports.end()
        self.safe.close()
        self.workshop.close()
        self.imports.close()
        self.exports.close()

"""A cartridge for the session: asked for, read, checked against plan, calendar and record, burned before its first stroke."""

from datetime import date

from pen_protocol.states import bits

from ..advice import for_cause
from ..checks import Finding, Level, check_cartridge
from ..journal import Kind
from ..models import CartridgeSeen
from ..names import Condition, Flag
from ..progress import Phase
from .bedside import Bedside, TreatmentAbandonedError
from .events import seen
from .precheck import recalled_lots, tried_before

CARTRIDGE_TRIES = 5
"""Cartridges tried before the treatment is closed. (J)"""
CARTRIDGE_MASK = bits(
    Condition.CARTRIDGE_ABSENT,
    Condition.CARTRIDGE_UNLATCHED,
    Condition.CARTRIDGE_USED,
    Condition.CARTRIDGE_EXPIRED,
    Condition.CARTRIDGE_UNREADABLE,
    Condition.CARTRIDGE_NOT_BURNED,
)
"""Conditions whose way out is a cartridge."""


class Cartridges:
    """Those of one treatment.

    Args:
        bedside: Where it happens.
        today: For the expiry.

    Attributes:
        burned: In order; the last one is in the pen.
    """

    def __init__(self, bedside: Bedside, today: date) -> None:
        self._at = bedside
        self._today = today
        self._recalled = recalled_lots(bedside.session.journal)
        self.burned: list[CartridgeSeen] = []

    def get(self, why: str, *, in_place: bool = False) -> None:
        """Until a cartridge was read, found good and burned.

        Args:
            why: What the hands are told.
            in_place: Try what is in the pen before anything is asked for.

        Raises:
            TreatmentAbandonedError: `CARTRIDGE_TRIES` were refused, or nobody came.
            PenError: The pen or the record failed.
        """
        for number in range(CARTRIDGE_TRIES):
            if number or not in_place:
                self.ask(why, another=number > 0)
            refused = self._try()
            if not refused:
                return
            why = f"This cartridge is refused. {refused}"
            self._at.say(Phase.CARTRIDGE, why)
        raise TreatmentAbandonedError(
            f"{CARTRIDGE_TRIES} cartridges were refused, so the treatment was closed with what was done so far. {why} "
            "Get cartridges from a sealed package of a known lot and begin again."
        )

    def ask(self, why: str, *, another: bool = False, phase: Phase = Phase.CARTRIDGE) -> None:
        """Ask for one and wait until the latch is closed.

        Args:
            why: What the hands are told.
            another: The one in the pen was refused: it must be seen taken out first, or it would be tried again.
            phase: Where the treatment stands meanwhile.
        """
        self._at.say(phase, why)
        self._at.hands.give_cartridge(why)
        if another:
            self._at.wait(
                lambda status: Flag.CARTRIDGE_LATCHED not in status.flags,
                "the refused cartridge to be taken out",
            )
        self._at.wait(lambda status: Flag.CARTRIDGE_LATCHED in status.flags, "the cartridge latch to close")

    def _try(self) -> str:
        """Read what is in the pen and burn it if it may be used; why not otherwise."""
        session = self._at.session
        read = session.pen.cartridge_read()
        known = seen(read)
        session.note(
            Kind.CARTRIDGE,
            {"condition": read.condition, "cartridge": known and known.model_dump(mode="json")},
        )
        if known is None or not read.usable:
            return for_cause(read.condition or Condition.CARTRIDGE_UNREADABLE).happened
        forbidden = _forbidden(
            check_cartridge(
                self._at.plan,
                known,
                self._today,
                used_before=tried_before(session.journal, known.serial),
                recalled_lots=self._recalled,
            )
        )
        if forbidden:
            return forbidden
        session.use_cartridge(known)
        self.burned.append(known)
        self._at.observer.mark(f"cartridge {known.serial[-6:]} used", trip=False)
        self._at.say(
            Phase.CARTRIDGE, f"Cartridge {known.serial} of lot {known.lot} is burned for this session."
        )
        return ""


def _forbidden(findings: list[Finding]) -> str:
    """The sentences of what forbids, or nothing."""
    return " ".join(finding.sentence for finding in findings if finding.level is Level.BLOCK)

"""The operator's hands: what only a person at the pen can do, asked for in words, seen in the pen's own inputs.

The treatment never trusts that something was done: it asks, then waits until the pen reports it.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from ..models import Zone


class Proceed(StrEnum):
    """What is to happen with the zone that comes next."""

    ARM = "arm"
    SKIP = "skip"
    FINISH = "finish"
    """Neither this zone nor any after it; the treatment is closed with what was done."""


class Hands(Protocol):
    """Somebody, or a bench, at the pen.

    The pen's inputs tell what really happened. Every call returns at once, but those that ask for a
    decision.
    """

    def give_cartridge(self, why: str) -> None:
        """Put a cartridge in that was never used, and close the latch."""

    def proceed(self, zone: Zone) -> Proceed:
        """Whether the zone may be armed: asked before its first hold and after every stop. May wait; the needle is off."""

    def hold(self, zone: Zone) -> None:
        """Place the tip on the zone and hold the trigger."""

    def release(self) -> None:
        """Let the trigger go and lift the tip."""

    def resolve(self, cause: str, what_to_do: str) -> None:
        """Remove the cause of a stop."""

    def clear(self, cause: str, operator: str) -> bool:
        """Agree, in the operator's name, that a stop whose cause is gone is cleared; the way out of a stop is explicit."""

    def confirm(self, question: str) -> bool:
        """Answer a question of the checks, yes or no."""


class PromptedHands:
    """A person at a real pen: each request is a line to read, nothing is typed while the needle may move.

    Args:
        say: Shows one sentence.
        ask: Shows one question and returns the answer.
    """

    def __init__(self, say: Callable[[str], None], ask: Callable[[str], bool]) -> None:
        self._say = say
        self._ask = ask

    def give_cartridge(self, why: str) -> None:
        """See `Hands`."""
        self._say(f"{why} Insert a new cartridge from a sealed package and close the latch.")

    def proceed(self, _zone: Zone) -> Proceed:
        """See `Hands`. Whoever reads along at a terminal has both hands at the pen: its trigger is the decision."""
        return Proceed.ARM

    def hold(self, zone: Zone) -> None:
        """See `Hands`."""
        self._say(f"Place the tip on {zone.name}, then hold the trigger and move with the grain of the hair.")

    def release(self) -> None:
        """See `Hands`."""
        self._say("Release the trigger and lift the tip.")

    def resolve(self, cause: str, what_to_do: str) -> None:
        """See `Hands`."""
        self._say(f"{cause}: {what_to_do}")

    def clear(self, cause: str, operator: str) -> bool:
        """See `Hands`. The needle is off while this waits for an answer."""
        return self._ask(f"The cause of {cause} is gone. Clear the stop in the name of {operator} and go on?")

    def confirm(self, question: str) -> bool:
        """See `Hands`."""
        return self._ask(question)

"""The operator at the terminal: requests are printed, questions read."""

from rich.console import Console
from rich.prompt import Confirm

from ..errors import UsageError
from ..session import PromptedHands


def hands_for(console: Console, interactive: bool) -> PromptedHands:
    """Hands of whoever sits here.

    Args:
        console: Where requests appear.
        interactive: Whether somebody can answer a question.
    """

    def ask(question: str) -> bool:
        if not interactive:
            raise UsageError(
                f"The plan leaves a question open and nobody can be asked here: {question} Nothing was begun. "
                "Answer it in the plan's [screening.answers], or run the command in a terminal."
            )
        return bool(Confirm.ask(question, console=console, default=None))

    return PromptedHands(lambda sentence: console.print(f"[bold cyan]> {sentence}[/bold cyan]"), ask)

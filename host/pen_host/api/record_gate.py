"""Whether the record takes entries; and when it did not, the way back to where it does."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from ..journal import Journal
from .people import Person, signer
from .problems import Code, ProblemError
from .scribe import Scribe


class RecordGate:
    """See the module.

    Args:
        journal: The record.
        scribe: Has notes that wait for it.
        needle_may_run: Nothing changes under a needle that does.
        tell: Told the sentence of a failure, once.
        recovered: Told when the record takes entries again; must return at once.
    """

    def __init__(
        self,
        journal: Journal,
        scribe: Scribe,
        needle_may_run: Callable[[], bool],
        tell: Callable[[str], None],
        recovered: Callable[[], None],
    ) -> None:
        self._journal = journal
        self._scribe = scribe
        self._needle_may_run = needle_may_run
        self._tell = tell
        self._recovered = recovered
        self._told: str | None = None

    @property
    def failure(self) -> str | None:
        """Why it takes none; None while it does."""
        return self._journal.failure or None

    def look(self) -> str | None:
        """`failure`, and everybody is told of a new one. For one thread."""
        failure = self.failure
        if failure is not None and failure != self._told:
            self._tell(failure)
        self._told = failure
        return failure

    def recover(self, person: Person) -> None:
        """Let it take entries again, in somebody's name, and have written and settled what it missed.

        Raises:
            PenError: The cause is still there, or the needle may run.
        """
        if self._journal.healthy:
            return
        if self._needle_may_run():
            raise ProblemError(
                Code.REFUSED,
                HTTPStatus.CONFLICT,
                "The needle may run, so the record was left as it is. Press STOP, then recover the record.",
            )
        by = signer(person)
        self._journal.recover(actor=by.name, role=by.role)
        self._scribe.catch_up()
        self._recovered()

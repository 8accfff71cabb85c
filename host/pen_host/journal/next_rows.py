"""From drafts to rows: each gets its number, the times, who did it, and the link to the row before."""

from __future__ import annotations

from pen_host.canonical import CanonicalError, canonical_json
from pen_host.journal.chain import FORM, GENESIS, Head, row_hash
from pen_host.journal.errors import EntryError
from pen_host.journal.kinds import Kind, problem
from pen_host.journal.rows import Draft, Row

CLOCK_STEP_NS = 1_000_000_000
"""The clock and steady time may drift apart by this much before an entry says so. (J)"""


class NextRows:
    """The end of a chain, and what follows it. Nothing here counts as written until `written` is told.

    Args:
        boot_id: This opening of the record.

    Attributes:
        head: The last row that is on the disk.
    """

    def __init__(self, boot_id: str) -> None:
        self.head = Head("", 0, GENESIS)
        self._boot_id = boot_id
        self._clock: tuple[int, int] | None = None

    def rows(
        self, drafts: list[Draft], texts: list[str], now: tuple[int, int], who: tuple[str, str]
    ) -> tuple[Row, ...]:
        """Rows for drafts, with one before them that says so when the clock was set.

        Args:
            drafts: What is to be written.
            texts: Their payloads, see `payload_text`.
            now: Clock and steady time in ns.
            who: Actor and role.

        Raises:
            EntryError: A row cannot be written.
        """
        if not drafts:
            return ()
        step = self._step_ns(now)
        if abs(step) > CLOCK_STEP_NS:
            note = Draft(Kind.CLOCK_STEPPED, {"by_ms": step // 1_000_000})
            drafts, texts = [note, *drafts], [payload_text(note), *texts]
        rows: list[Row] = []
        head = self.head
        for draft, text in zip(drafts, texts, strict=True):
            row = self._row(head, draft, text, now, who)
            rows.append(row)
            head = row.head
        return tuple(rows)

    def written(self, last: Row) -> None:
        """Takes note that rows are on the disk, up to this one."""
        self.head = last.head
        self._clock = (last.utc_ns, last.monotonic_ns)

    def _step_ns(self, now: tuple[int, int]) -> int:
        """How far the clock went beyond steady time since the last row; also the time a computer slept."""
        if self._clock is None:
            return 0
        return (now[0] - self._clock[0]) - (now[1] - self._clock[1])

    def _row(self, head: Head, draft: Draft, text: str, now: tuple[int, int], who: tuple[str, str]) -> Row:
        columns = (
            *(head.station_id, head.seq + 1, FORM, *now, self._boot_id, *who, str(draft.kind)),
            *(draft.session_id, draft.subject, draft.pen_serial, draft.event_id, text, head.hash),
        )
        try:
            return Row(*columns, hash=row_hash((*columns, "")))
        except (TypeError, ValueError) as error:
            raise EntryError(f"a {draft.kind} entry cannot be written: {error}") from error


def payload_text(draft: Draft) -> str:
    """A draft's payload as canonical JSON.

    Raises:
        EntryError: It says less than its kind must, or has no canonical JSON.
    """
    lacking = problem(draft.kind, draft.payload, draft.pen_serial)
    if lacking:
        raise EntryError(lacking)
    try:
        return canonical_json(draft.payload)
    except CanonicalError as error:
        raise EntryError(f"a {draft.kind} entry cannot be written: {error}") from error

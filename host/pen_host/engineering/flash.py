"""Puts a bundle onto a pen: asks the running firmware to make way, writes what differs, verifies, resets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import RefusedError, UsageError, VerificationError
from ..transport import open_transport
from . import changes, prompt
from .build import build
from .bundle import MAIN, Bundle
from .changes import Act, Change, FileChange, Plan, Step
from .handover import PATIENCE_S, ask_for_prompt
from .prompt import Prompt

RESERVE_BYTES = 32 * 1024
"""Room left to settings and records: four slots, each written beside its predecessor, in blocks of 4 KB."""


@dataclass(frozen=True)
class FlashProgress:
    """How far flashing has come.

    Attributes:
        doing: What is done now, for a person.
        written: Bytes written to the pen so far.
        total: Bytes to write; 0 until that is known.
    """

    doing: str
    written: int
    total: int


@dataclass(frozen=True)
class FlashReport:
    """What flashing did.

    Attributes:
        port: The port or URL.
        board: What the interpreter says it runs on.
        runtime: Version of the interpreter.
        firmware: Version now on the pen.
        digest: SHA-256 of the bundle's manifest.
        before: Version that ran before and made way; empty when none answered.
        changes: Every file and what happened to it, sorted by path with the removed ones last.
        written: Bytes written.
    """

    port: str
    board: str
    runtime: str
    firmware: str
    digest: str
    before: str
    changes: tuple[FileChange, ...]
    written: int

    def count(self, change: Change) -> int:
        """How many files had this change."""
        return sum(entry.change is change for entry in self.changes)

    @property
    def sentence(self) -> str:
        """The report in one sentence."""
        counts = ", ".join(f"{self.count(change)} {change}" for change in Change if self.count(change))
        return f"Firmware {self.firmware} is on the pen at {self.port}: {counts}; every file verified, pen reset."


Progress = Callable[[FlashProgress], None]


def flash(
    port_or_url: str,
    progress: Progress | None = None,
    bundle: Bundle | None = None,
    patience_s: float = PATIENCE_S,
) -> FlashReport:
    """Bring the pen on a port to a bundle and reset it.

    A cut at any moment leaves a pen that starts safely: the old firmware, the new one, or boot.py alone with the outputs
    low. Flash again and it goes on from there. Settings and records are not touched.

    Args:
        port_or_url: Serial port, or `socket://host:port`.
        progress: Called often, from this thread.
        bundle: What to put there; without it, the firmware of this program's release is built.
        patience_s: How long a running firmware is given to answer; a pen answers within milliseconds.

    Raises:
        BusyPortError: Another program holds the port.
        NoPenError: There is no such port.
        NotAPenError: No prompt answers, or the board is not one for this firmware.
        RefusedError: The pen is armed or has a session open, or lacks room.
        SchemaMismatchError: The running firmware speaks another version of the wire.
        TransportLostError: The connection broke; the sentence of this module's promise above holds.
        UsageError: A simulated pen was named, or the engineers' packages are not installed.
        VerificationError: The bundle is damaged, or a file arrived damaged twice.
    """
    tell = progress or (lambda _progress: None)
    if port_or_url.startswith("sim:"):
        raise UsageError(
            "A simulated pen always runs the firmware of this program, so there is nothing to flash. Name a port."
        )
    prompt.load()
    tell(FlashProgress("building the firmware", 0, 0))
    chosen = bundle or build()
    chosen.check()
    tell(FlashProgress("asking the running firmware to make way", 0, 0))
    before = _make_way(port_or_url, patience_s)
    with Prompt(port_or_url, bool(before), patience_s) as at_prompt:
        tell(FlashProgress("comparing with what the pen holds", 0, 0))
        work = changes.plan(chosen, _held(at_prompt))
        _check_room(at_prompt, work)
        written = _Writer(at_prompt, chosen, work, tell).run()
    return FlashReport(
        port=port_or_url,
        board=at_prompt.interpreter.machine,
        runtime=at_prompt.interpreter.version_text,
        firmware=chosen.manifest.firmware,
        digest=chosen.manifest.digest,
        before=before,
        changes=work.changes,
        written=written,
    )


def _make_way(url: str, patience_s: float) -> str:
    """Version of the firmware that left for its prompt, empty when none answered."""
    transport = open_transport(url)
    try:
        running = ask_for_prompt(transport, patience_s)
    finally:
        transport.close()
    return running.firmware if running else ""


def _held(at_prompt: Prompt) -> dict[str, str]:
    return {path: sha256 for path, _size, sha256 in at_prompt.survey(changes.ROOTS)}


def _check_room(at_prompt: Prompt, work: Plan) -> None:
    free, block = at_prompt.free_bytes()
    needed = changes.bytes_needed(work.changes, block)
    if needed and needed + RESERVE_BYTES > free:
        raise RefusedError(
            f"The pen has {free // 1024} KB free; the new files need {needed // 1024} KB beside the old ones and "
            f"{RESERVE_BYTES // 1024} KB stay reserved for its records. Nothing was written and the pen keeps its "
            "firmware. Remove files that are not the pen's from it, then flash again."
        )


class _Writer:
    """Takes the steps of one plan."""

    def __init__(self, at_prompt: Prompt, bundle: Bundle, work: Plan, tell: Progress) -> None:
        self._prompt = at_prompt
        self._bundle = bundle
        self._work = work
        self._tell = tell
        self._written = 0
        self._total = sum(len(bundle.contents[step.source]) for step in work.steps if step.act is Act.WRITE)

    def run(self) -> int:
        """Take every step in order; bytes written."""
        for step in self._work.steps:
            self._take(step)
        return self._written

    def _take(self, step: Step) -> None:
        if step.act is Act.WRITE:
            self._write(step)
        elif step.act is Act.MOVE:
            self._prompt.move(step.source, step.path)
        elif step.act is Act.REMOVE:
            self._prompt.remove(step.path)
        elif step.act is Act.FOLDER:
            self._prompt.make_folder(step.path)
        elif step.act is Act.REMOVE_FOLDER:
            self._prompt.remove_folder(step.path)
        else:
            self._check()

    def _write(self, step: Step) -> None:
        content = self._bundle.contents[step.source]
        doing = f"writing {step.source}"

        def told(count: int) -> None:
            self._tell(FlashProgress(doing, self._written + count, self._total))

        told(0)
        for _try in range(2):
            self._prompt.write(step.path, content, told)
            if self._prompt.digest(step.path) == self._bundle.digests[step.source]:
                self._written += len(content)
                return
        raise VerificationError(
            f"{step.source} arrived on the pen damaged, twice. The pen keeps the firmware it had. "
            "Use another cable or port and flash again."
        )

    def _check(self) -> None:
        """Whether all is in place before main.py lets the pen run it."""
        self._tell(FlashProgress("verifying", self._total, self._total))
        held = _held(self._prompt)
        main = changes.staged(MAIN)
        wrong = [
            path
            for path, sha256 in self._bundle.digests.items()
            if held.get(main if path == MAIN else path) != sha256
        ]
        if wrong:
            raise VerificationError(
                f"On the pen {', '.join(wrong)} {'is' if len(wrong) == 1 else 'are'} not what was sent. main.py stays aside, "
                "so the pen does not run: it waits at its prompt with the outputs low. Flash again; if it happens again, "
                "the pen's flash memory is worn: replace the board."
            )

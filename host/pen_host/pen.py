"""A pen, for a program: every request as a typed method, every answer as a typed value.

Commands return their outcome (`Done`, `Refused` or `Unknown`), because whoever asks must record it. Questions return what they
ask for and raise when the pen does not say.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from types import TracebackType

from pen_protocol import limits

from .errors import PenError, RefusedError, UnknownOutcomeError
from .link.readings import Cartridge, EventPage, Identity, PenEvent, Settings, Status, Telemetry
from .names import ServiceAction, UnlockReason
from .outcomes import Done, Outcome, Refused, Unknown
from .transport import open_transport
from .worker import PenWorker, Snapshot, StopReport, random_word

__all__ = [
    "Cartridge",
    "Identity",
    "Pen",
    "PenEvent",
    "Settings",
    "Snapshot",
    "Status",
    "StopReport",
    "Telemetry",
    "default_dumps",
    "stop_at",
]

QUESTION_ROUNDS = 3
"""A question is asked this often, each time with the link's own repetitions, before the pen counts as silent. (J)"""


def stop_at(url: str, timeout_s: float = 1.0) -> StopReport:
    """STOP the pen at `url`, first thing and without a greeting, and let go of it.

    Args:
        url: Port or URL.
        timeout_s: How long STOP is repeated before giving up.

    Raises:
        PenError: The port cannot be had.
    """
    with PenWorker(open_transport(url)) as worker:
        ticket = worker.stop()
        worker.start()
        report = ticket.wait(timeout_s)
        return report if report.confirmed else ticket.wait_confirmed(timeout_s)


def default_dumps() -> Path:
    """Where black box dumps belong on this system."""
    from platformdirs import user_log_path  # late: STOP does not wait for it

    return user_log_path("derma-pen") / "blackbox"


class Pen:
    """One connected pen.

    Args:
        worker: A worker that has greeted its pen.
    """

    def __init__(self, worker: PenWorker) -> None:
        self.worker = worker

    @classmethod
    def open(
        cls,
        url: str | None = None,
        serial: str | None = None,
        dumps: Path | None = None,
        keep_dumps: bool = True,
    ) -> Pen:
        """Connect to a pen.

        Args:
            url: Port or URL; None looks for pens on USB.
            serial: Serial number of the wanted pen, or the beginning of it.
            dumps: Directory for black box dumps; None takes the system's place for logs.
            keep_dumps: False writes none.

        Raises:
            PenError: No pen, several, a busy port, another release, another serial number.
        """
        if url is None:
            from .discovery import find_url  # late: STOP at a named port does not wait for it

            url = find_url(serial)
        directory = (dumps or default_dumps()) if keep_dumps else None
        worker = PenWorker(open_transport(url), dumps=directory)
        try:
            identity = worker.connect()
            if serial is not None and not identity.serial.startswith(serial.lower()):
                raise PenError(
                    f"The pen on {url} has the serial number {identity.serial}, not {serial}. Nothing was sent to it. "
                    "Connect the wanted pen or name its port."
                )
        except PenError:
            worker.close()
            raise
        return cls(worker)

    def close(self) -> None:
        """Let go of the pen. It stops by itself when it was armed."""
        self.worker.close()

    def __enter__(self) -> Pen:
        """The pen itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of it."""
        self.close()

    # --- stop -----------------------------------------------------------------------------------------------------------

    def stop(self) -> StopReport:
        """STOP, and wait until it is confirmed or its time is up. It goes on being repeated either way."""
        return self.worker.stop().wait()

    # --- questions ------------------------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """What is known now, with its age; asks nobody."""
        return self.worker.snapshot()

    def identity(self) -> Identity:
        """Who the pen is."""
        identity = self.worker.snapshot().identity
        assert identity is not None, "a pen is open only after its greeting"
        return identity

    def status(self) -> Status:
        """What the pen says now."""
        return Status.of(self._answer("GET_STATUS").answer)

    def event_page(self, next_id: int) -> EventPage:
        """The first few events from `next_id` on."""
        return EventPage.of(self._answer("PULL_EVENTS", next_id=next_id).answer)

    def pull_events(self, next_id: int) -> list[PenEvent]:
        """Every event from `next_id` on. Ids that are missing at the front were overwritten in the pen."""
        events: list[PenEvent] = []
        while True:
            page = self.event_page(next_id)
            events += page.events
            if not page.events or page.events[-1].event_id + 1 >= page.next_event:
                return events
            next_id = page.events[-1].event_id + 1

    def settings_read(self) -> Settings:
        """Calibration and limits the pen keeps."""
        return Settings.of(self._answer("SETTINGS_READ").answer)

    def cartridge_read(self) -> Cartridge:
        """What the pen reads from the cartridge."""
        return Cartridge.of(self._answer("CARTRIDGE_READ").answer)

    # --- session --------------------------------------------------------------------------------------------------------

    def open_session(
        self,
        operator: int,
        nonce: int | None = None,
        depth_cap_um: int = limits.DEPTH_CAP_UM,
        unlock_reason: int = UnlockReason.NONE,
    ) -> Outcome:
        """Open a session.

        Args:
            operator: Number of the responsible person.
            nonce: Number of the session, 1..2^30-1, never used before; None draws one.
            depth_cap_um: Deepest setting of this session; above the default cap it needs a reason.
            unlock_reason: A `names.UnlockReason`.
        """
        values = {
            "nonce": nonce or random_word(),
            "operator": operator,
            "depth_cap_um": depth_cap_um,
            "unlock_reason": int(unlock_reason),
        }
        return self._ask("OPEN_SESSION", **values)

    def adopt_session(self, nonce: int) -> bool:
        """Take over the session the pen still holds after this program, or its machine, went down.

        Args:
            nonce: The session's number from the journal.

        Returns:
            Whether the pen holds that session.
        """
        status = self.status()
        if status.session_nonce != nonce:
            return False
        self.worker.adopt_session(nonce, status.last_seq)
        return True

    def close_session(self) -> Outcome:
        """End the session: disarms, and a marked cartridge counts as used from now on."""
        return self._ask("CLOSE_SESSION")

    # --- commands -------------------------------------------------------------------------------------------------------

    def home(self) -> Outcome:
        """Find the home position of the depth axis. Takes seconds."""
        return self._ask("HOME")

    def set_depth(self, depth_um: int) -> Outcome:
        """Set the needle protrusion; Done.value is the measured one in um."""
        return self._ask("SET_DEPTH", depth_um=depth_um)

    def set_rate(self, rate_mhz: int) -> Outcome:
        """Set the stroke rate in mHz."""
        return self._ask("SET_RATE", rate_mhz=rate_mhz)

    def tighten(
        self, depth_cap_um: int, rate_max_mhz: int, session_armed_max_s: int, stroking_max_ms: int
    ) -> Outcome:
        """Make the limits of this session tighter; loosening is refused."""
        return self._ask(
            "TIGHTEN_LIMITS",
            depth_cap_um=depth_cap_um,
            rate_max_mhz=rate_max_mhz,
            session_armed_max_s=session_armed_max_s,
            stroking_max_ms=stroking_max_ms,
        )

    def arm(self, depth_um: int, rate_mhz: int, plan_hash: int = 0) -> Outcome:
        """Arm for exactly this depth and rate. Strokes begin when a hand presses the trigger, not before."""
        return self._ask("ARM", depth_um=depth_um, rate_mhz=rate_mhz, plan_hash=plan_hash)

    def disarm(self) -> Outcome:
        """Disarm; ends a longer request that is under way."""
        return self._ask("DISARM")

    def clear_fault(self, cause: int, event_id: int, operator: int) -> Outcome:
        """Clear the latched stop, naming its cause and the event that recorded it."""
        return self._ask("CLEAR_FAULT", cause=cause, event_id=event_id, operator=operator)

    def cartridge_use(self, serial: bytes) -> Outcome:
        """Mark the cartridge as used for this session. It cannot be undone."""
        return self._ask("CARTRIDGE_USE", serial=serial)

    def self_test(self) -> Outcome:
        """Run the pen's self-test. Takes seconds."""
        return self._ask("SELF_TEST")

    def settings_write(self, settings: Settings) -> Outcome:
        """Replace the settings; the version must be the held one plus one."""
        values = asdict(settings)
        values.pop("valid")
        return self._ask("SETTINGS_WRITE", **values)

    def service(self, action: ServiceAction) -> Outcome:
        """An engineer's action. A reboot loses the greeting and every session."""
        return self._ask("SERVICE", action=int(action), boot_id=self.identity().boot_id)

    def telemetry(self, rate_hz: int) -> Outcome:
        """Have samples sent at this rate, 0 for none. They come as news and in the snapshot."""
        return self._ask("SET_TELEMETRY", rate_hz=rate_hz)

    # --- inside ---------------------------------------------------------------------------------------------------------

    def _ask(self, name: str, **values: int | bytes) -> Outcome:
        return self.worker.call(name, values)

    def _answer(self, name: str, **values: int | bytes) -> Done:
        """Ask a question. It changes nothing, so on a bad cable it is asked anew rather than given up."""
        outcome = self._ask(name, **values)
        for _ in range(QUESTION_ROUNDS - 1):
            if not isinstance(outcome, Unknown) or self.worker.snapshot().lost is not None:
                break
            outcome = self._ask(name, **values)
        match outcome:
            case Done():
                return outcome
            case Refused():
                raise RefusedError(outcome.sentence)
            case Unknown():
                raise UnknownOutcomeError(
                    f"The pen did not answer {name} ({outcome.why}), so nobody knows how it is. A pen that hears no host "
                    "stops by itself within 300 ms: lift it from the skin, check the cable and connect again."
                )

"""The rig, for a program: hands, switches, edges. Holds the run together, and refuses to go on once anything is in doubt."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable

from hil_tests.benches.contract import Edge
from hil_tests.rig import messages, pins
from hil_tests.rig.capture import Capture, Timing
from hil_tests.rig.link import Greeting, RigError, RigLink, RigLostError, greeting
from pen_host.errors import PenError
from pen_host.transport import Transport, WriteBlockedError
from pen_protocol.limits import WORD_MAX

ANSWER_S = 1.0
"""A rig answers within milliseconds."""
GREETING_S = 5.0
"""One that was just plugged in starts within this."""
GREETING_EVERY_S = 0.5
READ_S = 0.02
RESTING = frozenset({"ESTOP", "ESTOP_PRESENT", "LATCH"})
"""Hands closed by an operator who is not treating."""


class Rig:
    """A rig on a transport. `connect`, `start`, use, `close`.

    Args:
        transport: The way to it.
        clock: Seconds; passes while the transport's reads wait.
    """

    def __init__(self, transport: Transport, clock: Callable[[], float]) -> None:
        self._transport = transport
        self._clock = clock
        self._link = RigLink()
        self._lock = threading.RLock()
        self._random = random.SystemRandom()
        self._closed_hands: frozenset[str] = frozenset()
        self._on: frozenset[str] = frozenset()
        self._last_number = 0
        self._last_now_ns = -1
        self.identity: Greeting | None = None

    # --- a run ------------------------------------------------------------------------------------------------------------

    def connect(self, timeout_s: float = GREETING_S) -> Greeting:
        """Find out who it is.

        Raises:
            RigError: Nobody answers, no rig, or one of another release.
        """
        end_s = self._clock() + timeout_s
        while True:
            nonce = self._random.randrange(1, WORD_MAX)
            answer = self._ask("GREET", (messages.SCHEMA_HASH, nonce), GREETING_EVERY_S)
            if answer is not None and answer[2] == nonce:
                self.identity = greeting(answer)
                return self.identity
            if self._clock() >= end_s:
                raise RigError(
                    "No rig answers on its port, so no test was begun. Check the cable and --rig; a new board wants its "
                    "firmware first: python -m hil_tests.rig.install."
                )

    def start(self, divider: int = 1, plays_hall: bool = True) -> None:
        """Begin a run: time at zero, nothing remembered, all hands open, the pen's supply on.

        Args:
            divider: Of the sampler's clock; 1 looks every 80 ns.
            plays_hall: Pulse HALL after each stroke; False where the pen has its own sensor.
        """
        assert self.identity is not None, "connect first"
        with self._lock:
            run = self._random.randrange(1, WORD_MAX)
            self._link.begin(run, Timing(self.identity.clock_hz, divider), self._clock())
            self._closed_hands = frozenset()
            self._on = frozenset({"COIL_WIRE", "PEN_POWER"})
            self._last_now_ns = -1
            self.request("START", divider, int(plays_hall))

    @property
    def capture(self) -> Capture:
        """Edges of the run.

        Raises:
            RigLostError: The run is over, or was never begun.
        """
        if self._link.lost is not None:
            raise RigLostError(self._link.lost)
        if self._link.capture is None or not self._link.run:
            raise RigLostError("none was started")
        return self._link.capture

    def request(self, name: str, *values: int) -> int:
        """Ask for something; the value of its DONE.

        Raises:
            RigLostError: The run is over, or the rig does not answer.
            RigError: It refuses.
        """
        with self._lock:
            if self._link.lost is not None:
                raise RigLostError(self._link.lost)
            answer = self._ask(name, values, ANSWER_S)
            if answer is None:
                raise RigLostError(self._link.lost or f"it did not answer {name}")
            if len(answer) == 2 and self._last_number == messages.DONE:
                return int(answer[1])
            reason = int(answer[1])
            text = messages.REASON_TEXT.get(reason, f"reason {reason}")
            if reason in _RUN_OVER:
                raise RigLostError(text)
            raise RigError(f"The rig refuses {name}: {text}.")

    def service(self, timeout_s: float = 0.0) -> None:
        """Take what has come and keep the run alive; to be called at least every half second."""
        with self._lock:
            data = self._transport.read(timeout_s)
            now_s = self._clock()
            self._link.receive(data, now_s)
            beat = self._link.beat(now_s)
            if beat:
                self._transport.write(beat)

    def close(self) -> None:
        """End the run: the rig lets go of the pen."""
        with self._lock:
            if self._link.run and self._link.lost is None:
                with contextlib.suppress(RigError, PenError, WriteBlockedError):
                    self.request("END")
            self._link.end()

    # --- hands and switches -------------------------------------------------------------------------------------------------

    def hands(self, closed: frozenset[str], *, amid: bool = False, delay_us: int = 0) -> None:
        """Set all hands at once after a delay, counted from the coil's next rise when `amid`."""
        levels = sum(1 << index for index, name in enumerate(pins.HANDS) if name in closed)
        self.request("HANDS", levels, int(amid), delay_us)
        self._closed_hands = closed

    def hand(self, name: str, closed: bool, *, amid: bool = False, delay_us: int = 0) -> None:
        """Close or open one hand; the others stay."""
        others = self._closed_hands - {name}
        self.hands(others | {name} if closed else others, amid=amid, delay_us=delay_us)

    def hand_moved_ns(self, name: str, closed: bool, since_ns: int) -> int:
        """When a hand changed, as the sampler saw it.

        Raises:
            RigError: It did not.
        """
        end_s = self._clock() + ANSWER_S
        while True:
            moved = [edge.t_ns for edge in self.capture.edges(name, since_ns) if edge.level == int(closed)]
            if moved:
                return moved[-1]
            if self._clock() >= end_s:
                raise RigError(
                    f"The rig's own line {name} does not follow: what it was told to do to the pen did not happen. Its "
                    "output may be shorted; run the doctor."
                )
            self.service(READ_S)

    def cancel(self) -> None:
        """Forget hands that wait for a stroke; ask the sampler how they are."""
        self.request("CANCEL")
        self.now_ns()
        self._closed_hands = frozenset(name for name in pins.HANDS if self.capture.level(name))

    def switch(self, name: str, on: bool) -> None:
        """Set one of the slow switches."""
        self._on = self._on - {name} | ({name} if on else set())
        self.request(
            "SWITCH", sum(1 << index for index, each in enumerate(pins.SWITCHES) if each in self._on)
        )

    # --- time and edges -------------------------------------------------------------------------------------------------------

    def now_ns(self) -> int:
        """Now, on the run's time line: everything that happened before has been received."""
        with self._lock:
            before = self.request("NOW")
            end_s = self._clock() + ANSWER_S
            while self.capture.words <= before or not self.capture.edges("NOW", self._last_now_ns + 1):
                if self._clock() >= end_s:
                    raise RigLostError("it does not say what time it is")
                self.service(READ_S)
            self._last_now_ns = self.capture.edges("NOW")[-1].t_ns
            return self._last_now_ns

    def edges(self, line: str, since_ns: int = 0) -> list[Edge]:
        """Changes of a line up to now."""
        self.now_ns()
        return self.capture.edges(line, since_ns)

    # --- inside -----------------------------------------------------------------------------------------------------------

    def _ask(self, name: str, values: tuple[int, ...], timeout_s: float) -> tuple[int | bytes, ...] | None:
        """Send, and let time pass until the answer is there; None when it is not in time, or the run was lost."""
        with self._lock:
            sequence, data = self._link.request(name, values, self._clock())
            self._transport.write(data)
            end_s = self._clock() + timeout_s
            while True:
                self.service(READ_S)
                answer = self._link.answer(sequence)
                if answer is not None:
                    self._last_number = answer.number
                    return answer.values
                if self._link.lost is not None or self._clock() >= end_s:
                    return None


_RUN_OVER = frozenset(
    {
        messages.Reason.NO_RUN,
        messages.Reason.RING_FULL,
        messages.Reason.FIFO_FULL,
        messages.Reason.HOST_SILENT,
        messages.Reason.ENDED,
    }
)
"""Reasons to refuse that mean the run is no more."""


class Keeper:
    """A thread that keeps a rig's run alive and its edges coming while the program is busy with the pen."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="rig keeper", daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        while not self._over.wait(READ_S):
            try:
                self._rig.service()
            except (PenError, WriteBlockedError):
                return  # whoever asks the rig next meets the same and is told

    def close(self) -> None:
        """End it."""
        self._over.set()
        self._thread.join()

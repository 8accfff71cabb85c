"""Watches the pen while a treatment runs: samples for the record and the picture, progress for the view.

A thread of its own, so that the view stays live and the samples gapless while a request (homing takes seconds) is waited for.
"""

import threading
import time
from collections.abc import Callable

from ..errors import JournalError
from ..journal import Kind
from ..names import Flag
from ..pen import Status
from ..progress import Phase, Progress, ZoneProgress
from ..trace import Mark, Sample, pack
from .session import Session

PERIOD_S = 0.1
"""One look at the pen: as often as STATUS comes (`pen_protocol.limits.STATUS_PERIOD_MS`)."""
CHUNK_SAMPLES, CHUNK_MS = 500, 2_000
"""A chunk of samples is written down when it has this many or spans this long: a crash loses two seconds of the picture at the
pace of STATUS, half a second at 1 kHz, and no strokes. (J)"""
BETWEEN_ZONES = -1


class Observer:
    """Looks at the pen every `PERIOD_S` from `start` to `stop`.

    Args:
        session: The session watched.
        watch: Told of every look, in the observer's thread, and of all that is said, in the speaker's; must return at once.
        zones: The zones as planned.
        clock: Seconds that never go back.

    Attributes:
        samples: Every look so far.
        marks: Named moments.
        zones: Progress of each zone; replaced whole, never changed in place.
        active: Index of the zone under treatment, -1 between zones.
        trips: Stops so far.
    """

    def __init__(
        self,
        session: Session,
        watch: Callable[[Progress], None],
        zones: tuple[ZoneProgress, ...],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._watch = watch
        self._clock = clock
        self._start_s = clock()
        self._told = (Phase.CHECKS, "The plan and the answers are checked.")
        self._showing = threading.Lock()
        self._unwritten: list[Sample] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="treatment-observer", daemon=True)
        self._base = session.pen.status()
        self.zones = zones
        self.samples: list[Sample] = []
        self.marks: list[Mark] = []
        self.active = BETWEEN_ZONES
        self.trips = 0

    @property
    def working(self) -> bool:
        """Whether it looks; False before its start, after its end, and when the view has failed."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look once more, write down what is not yet, and end."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def say(self, phase: Phase, message: str) -> None:
        """What is going on, for the operator; shown at once."""
        with self._showing:
            self._told = (phase, message)
            self._tell()

    def mark(self, label: str, *, trip: bool) -> None:
        """Name this moment."""
        self.marks.append(Mark(self.now_ms(), label, trip))

    def now_ms(self) -> int:
        """Time since the start."""
        return round((self._clock() - self._start_s) * 1000)

    def _run(self) -> None:
        while not self._ended.wait(PERIOD_S):
            self._look()
        self._look()
        self._write()

    def _look(self) -> None:
        status = self._session.pen.snapshot().status
        if status is None:
            return
        sample = self._sample(status)
        if self.samples and sample.t_ms <= self.samples[-1].t_ms:
            self._show()
            return
        self.samples.append(sample)
        self._unwritten.append(sample)
        if len(self._unwritten) >= CHUNK_SAMPLES or sample.t_ms - self._unwritten[0].t_ms >= CHUNK_MS:
            self._write()
        self._show()

    def _write(self) -> None:
        """Samples are for pictures: a record that cannot take them stops the treatment by its own means."""
        if not self._unwritten:
            return
        try:
            self._session.note(Kind.SAMPLES, pack(self._unwritten))
        except JournalError:
            return
        self._unwritten.clear()

    def _show(self) -> None:
        with self._showing:
            self._tell()

    def _tell(self) -> None:
        """One thread at a time: what was looked at before something was said is never told after it."""
        phase, message = self._told
        status = self._session.pen.snapshot().status
        self._watch(
            Progress(
                phase,
                message,
                self.zones,
                self.active,
                self._sample(status) if status else None,
                status.age_ms if status else 0,
                status.condition_names if status else (),
                self.trips,
            )
        )

    def _sample(self, status: Status) -> Sample:
        return Sample(
            self.now_ms() - status.age_ms,
            self.active,
            status.state.name,
            status.depth_requested_um,
            status.depth_measured_um if Flag.HOMED in status.flags else None,
            status.rate_requested_mhz,
            status.rate_measured_mhz,
            status.strokes_total - self._base.strokes_total,
            status.contact_total - self._base.contact_total,
            status.coil_cc,
            status.lease_left_ms,
        )

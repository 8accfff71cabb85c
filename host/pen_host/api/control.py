"""Which console commands, and whether it is still being looked at: the lease that a browser renews frame by frame.

A browser acknowledges each live frame that it has painted. What renews the lease is not the acknowledgement but the age of
the frame it names: a screen that lags shows old values and loses the lease as one that has stopped does.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from .models import LEASE_MS, ControlView
from .problems import Code, ProblemError

LEASE_S = LEASE_MS / 1000
KEPT_S = 30.0
"""A controlling console that is gone this long no longer holds control: a reload or a page in between is shorter. (J)"""
FORGOTTEN_S = 3600.0
"""A console that is gone this long is forgotten. (J)"""
FRAMES_KEPT = 64
"""Frames whose time is remembered: more than a lease lasts."""
NEVER = float("-inf")


@dataclass(slots=True)
class Console:
    """One tab of one browser.

    Attributes:
        console_id: Known to this tab only.
        label: What others call it.
        session: Key of the browser session it belongs to.
        person: Who is signed in there, for the others.
        stream: Number of its newest live stream; an older one, as of a duplicated tab, counts no more.
        connected: Its newest live stream is open.
        visible: The page is not hidden.
        seen_s: When the newest frame that it has acknowledged was made.
        gone_s: When its last stream closed.
    """

    console_id: str
    label: str
    session: str
    person: str | None = None
    stream: int = 0
    connected: bool = False
    visible: bool = True
    seen_s: float = NEVER
    gone_s: float = NEVER


@dataclass(slots=True)
class _Frames:
    made: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=FRAMES_KEPT))

    def time_of(self, seq: int) -> float | None:
        if not self.made:
            return None
        index = seq - self.made[0][0]
        return self.made[index][1] if 0 <= index < len(self.made) else None


class ControlDesk:
    """Consoles, and the one among them that controls. Any thread may call; `fresh` never waits.

    Args:
        on_lost: Told, at once and in the caller's thread, why the controlling console lost its lease.
        clock: Seconds that never go back.
    """

    def __init__(self, on_lost: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._on_lost = on_lost
        self._clock = clock
        self._lock = threading.Lock()
        self._frames = _Frames()
        self._consoles: dict[str, Console] = {}
        self._controller: Console | None = None
        self._running = False
        self._lost = ""
        self._numbers = 0

    # --- the lease ------------------------------------------------------------------------------------------------------

    def fresh(self) -> bool:
        """The worker's gate: a console controls, is shown, and has painted a frame made within `LEASE_S`. Takes no lock."""
        controller = self._controller
        return (
            controller is not None
            and controller.visible
            and controller.connected
            and self._clock() - controller.seen_s < LEASE_S
        )

    def left_ms(self) -> int | None:
        """What is left of the lease, None when no console controls."""
        controller = self._controller
        if controller is None:
            return None
        return max(0, round((controller.seen_s + LEASE_S - self._clock()) * 1000)) if self.fresh() else 0

    def made(self, seq: int) -> None:
        """A frame is about to be sent; its number follows the last one's."""
        self._frames.made.append((seq, self._clock()))

    def acknowledge(self, console: Console, seq: int) -> None:
        """A console has painted a frame. A number that was never sent, or long ago, renews nothing."""
        made_s = self._frames.time_of(seq)
        if made_s is None:
            return
        # a gap that has just ended was a gap all the same
        self.look()
        with self._lock:
            console.seen_s = max(console.seen_s, made_s)
            if console is self._controller and self.fresh():
                self._running = True

    def show(self, console: Console, visible: bool, stream: int) -> None:
        """A page is hidden or shown again. What an older stream of it says, as of a page that is left, counts no more."""
        if stream != console.stream:
            return
        console.visible = visible
        if not visible:
            console.seen_s = NEVER
        self.look()

    def look(self) -> None:
        """Find out whether the lease has run out; called with every frame and every acknowledgement."""
        with self._lock:
            if not self._running or self.fresh():
                return
            self._running = False
            why = self._lost = _why(self._controller)
        self._on_lost(why)

    # --- consoles ---------------------------------------------------------------------------------------------------------

    def join(self, session: str, console_id: str | None) -> Console:
        """A live stream was opened.

        Args:
            session: Key of the browser session.
            console_id: As this tab was told before; None, or one that is not known, makes a new console.

        Raises:
            ProblemError: The id belongs to another browser session.
        """
        with self._lock:
            self._forget()
            known = self._consoles.get(console_id or "")
            if known is not None and known.session != session:
                raise ProblemError(
                    Code.NOT_IN_CONTROL,
                    HTTPStatus.FORBIDDEN,
                    "This console id belongs to another browser, so the connection was refused. Open the console anew.",
                )
            if known is None:
                self._numbers += 1
                known = Console(secrets.token_urlsafe(16), f"console {self._numbers}", session)
                self._consoles[known.console_id] = known
            known.stream += 1
            known.connected = known.visible = True
            known.seen_s = NEVER
        self.look()
        return known

    def leave(self, console: Console, stream: int) -> None:
        """A live stream of it was closed."""
        with self._lock:
            if stream != console.stream:
                return
            console.connected = False
            console.gone_s = self._clock()
            console.seen_s = NEVER
        self.look()

    def of(self, session: str, console_id: str) -> Console:
        """The console that asks.

        Raises:
            ProblemError: It is not known, or another browser's.
        """
        console = self._consoles.get(console_id)
        if console is None or console.session != session:
            raise ProblemError(
                Code.NOT_IN_CONTROL,
                HTTPStatus.FORBIDDEN,
                "This console is not connected, so nothing was done. Reload the page.",
            )
        return console

    # --- control ----------------------------------------------------------------------------------------------------------

    def controls(self, console: Console | None) -> bool:
        """Whether it is the one that commands."""
        return console is not None and console is self._controller

    def holder(self) -> Console | None:
        """The console that has control and may keep it; None when it is free."""
        held = self._controller
        if held is None or held.connected:
            return held
        return held if self._clock() - held.gone_s < KEPT_S else None

    def give(self, console: Console, instead_of: Console | None) -> bool:
        """Control is this console's from now on; False when another got it meanwhile, and then nothing has changed.

        Args:
            console: Which.
            instead_of: Who held it when the caller looked, and had the needle stopped if it was another.
        """
        with self._lock:
            held = self.holder()
            if held is not None and held is not instead_of and held is not console:
                return False
            before, self._controller = self._controller, console
            self._running = False
            self._lost = ""
            if before is not console:
                console.seen_s = NEVER
            return True

    def release(self, session: str) -> None:
        """Nobody of this browser session controls any more."""
        with self._lock:
            if self._controller is not None and self._controller.session == session:
                self._controller = None
                self._running = False

    def name(self, session: str, person: str | None) -> None:
        """Who is signed in at a browser, for the others."""
        for console in list(self._consoles.values()):
            if console.session == session:
                console.person = person

    def view(self) -> ControlView:
        """How it stands."""
        held = self.holder()
        return ControlView(
            controller=held.label if held else None,
            person=held.person if held else None,
            fresh=self.fresh(),
            lost=self._lost,
            consoles=sum(1 for one in list(self._consoles.values()) if one.connected),
        )

    def _forget(self) -> None:
        now_s = self._clock()
        for key, one in list(self._consoles.items()):
            gone = not one.connected and now_s - one.gone_s > FORGOTTEN_S
            if gone and one is not self._controller:
                del self._consoles[key]


def _why(console: Console | None) -> str:
    if console is None:
        return "nobody controls the console any more"
    if not console.connected:
        return f"{console.label} was closed, or lost its connection"
    if not console.visible:
        return f"the page of {console.label} is hidden"
    return f"{console.label} has not shown anything new for {LEASE_MS} ms"

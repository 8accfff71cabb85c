"""Browser sessions: a cookie says which browser it is, a PIN who sits at it."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass

COOKIE = "pen_console"
LOCK_AFTER_S = 300.0
"""Nobody has touched anything for this long: the PIN is asked for again. (J)"""
TOKEN_LIVES_S = 3600.0
"""A launch token that nobody has used by then is worth nothing. (J)"""
SESSIONS_MAX = 64
"""More browsers than any clinic has; the oldest is forgotten."""


@dataclass(slots=True)
class BrowserSession:
    """One browser that came in by a launch token.

    Attributes:
        key: Digest of its cookie; names it inside the program.
        person: Name of who is signed in.
        locked: The PIN is wanted again.
        touched_s: When a person last did something there.
    """

    key: str
    person: str | None = None
    locked: bool = False
    touched_s: float = 0.0


class Sessions:
    """Browser sessions and the tokens that begin them. Nothing of it is on a disk: it ends with the program."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens: dict[str, float] = {}
        self._sessions: dict[str, BrowserSession] = {}

    def issue_token(self) -> str:
        """A token that begins one session, once."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._tokens[_digest(token)] = self._clock()
        return token

    def redeem(self, token: str) -> str | None:
        """The cookie of a new session for a token; None for one that was used, has aged, or never was."""
        with self._lock:
            issued_s = self._tokens.pop(_digest(token), None)
            if issued_s is None or self._clock() - issued_s > TOKEN_LIVES_S:
                return None
            cookie = secrets.token_urlsafe(32)
            if len(self._sessions) >= SESSIONS_MAX:
                self._sessions.pop(next(iter(self._sessions)))
            key = _digest(cookie)
            self._sessions[key] = BrowserSession(key, touched_s=self._clock())
            return cookie

    def of_cookie(self, cookie: str | None) -> BrowserSession | None:
        """The session of a cookie, None when there is none."""
        return self._sessions.get(_digest(cookie)) if cookie else None

    def of_key(self, key: str) -> BrowserSession | None:
        """The session with this key."""
        return self._sessions.get(key)

    def end(self, session: BrowserSession) -> None:
        """The browser does not belong any more."""
        with self._lock:
            self._sessions.pop(session.key, None)

    def touch(self, session: BrowserSession) -> None:
        """A person did something there."""
        session.touched_s = self._clock()

    def locks_in_s(self, session: BrowserSession) -> int | None:
        """Seconds until it locks by itself; None when nobody is signed in or it is locked."""
        if session.person is None or session.locked:
            return None
        return max(0, round(session.touched_s + LOCK_AFTER_S - self._clock()))

    def lock_idle(self, held: str | None) -> list[BrowserSession]:
        """Lock what nobody touches; returns what was locked now.

        Args:
            held: Key of the session whose operator holds the pen's trigger or may: a hand on the pen is a person there.
        """
        now_s = self._clock()
        locked = []
        for session in list(self._sessions.values()):
            if session.key == held:
                session.touched_s = now_s
            elif session.person and not session.locked and now_s - session.touched_s >= LOCK_AFTER_S:
                session.locked = True
                locked.append(session)
        return locked


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()

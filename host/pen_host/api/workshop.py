"""Reports, exports and pictures are made in a process of their own: the pen's thread and STOP never wait for one.

Python lets one thread of a process run at a time, and setting a page or encoding a photograph takes it for long. The process is
started when it is first needed, works at low priority, reads the record beside the console and ends with it, however it ends.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from http import HTTPStatus
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import TypeVar

from ..errors import PenError
from .problems import Code, Problem, ProblemError, of_error

_LOG = logging.getLogger(__name__)
T = TypeVar("T")
WORKERS = 2
"""A report need not wait for an export."""
NICENESS = 5
"""The pen's own threads go first; who waits for a paper is served all the same. (J)"""


class Workshop:
    """See the module. Any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hands: _Hands | None = None
        self._closed = False

    def make(self, work: Callable[..., T], *given: object) -> T:
        """Have something made, and wait for it. Not for an event loop.

        Args:
            work: A function of a module, which may raise errors meant for a person.
            given: What it is given.

        Raises:
            ProblemError: What went wrong with it, or the process broke down.
        """
        return made_of(self.begin(work, *given))

    def begin(self, work: Callable[..., T], *given: object) -> Future[T | Problem]:
        """Have something made and do not wait; `made_of` takes what is returned."""
        with self._lock:
            if self._closed:  # by a thread that is still at it: no process is started that nobody would end
                return _never()
            if self._hands is None:
                self._hands = _Hands()
            try:
                coming = self._hands.pool.submit(_done, work, given)
            except BrokenProcessPool:
                self._hands.close()
                self._hands = _Hands()
                coming = self._hands.pool.submit(_done, work, given)
        coming.add_done_callback(log_failure)
        return coming

    def close(self) -> None:
        """End the process at once; what it was making is thrown away."""
        with self._lock:
            self._closed = True
            hands, self._hands = self._hands, None
        if hands is not None:
            hands.close()


class _Hands:
    """The processes, and the line that keeps them alive: they end when its end here is closed, by whom or what ever."""

    def __init__(self) -> None:
        context = get_context("spawn")
        # the far end is handed to each process when it starts, so it stays open here as long as they may start
        self._far, self._near = context.Pipe(duplex=False)
        self.pool = ProcessPoolExecutor(
            WORKERS, mp_context=context, initializer=_settle_in, initargs=(self._far,)
        )

    def close(self) -> None:
        self._near.close()
        self._far.close()
        self.pool.shutdown(wait=False, cancel_futures=True)


def made_of(coming: Future[T | Problem]) -> T:
    """What was made, when it is there.

    Raises:
        ProblemError: It could not be, in whatever way, or the console ended before.
    """
    try:
        error = coming.exception()
    except CancelledError:
        raise _ended() from None
    if error is not None:
        raise _broken() from error
    found = coming.result()
    if isinstance(found, Problem):
        raise ProblemError(found.code, HTTPStatus(found.status), found.detail, found.errors)
    return found


def log_failure(done: Future[T]) -> None:
    """An error of the program, which is meant for nobody at a console, stands in its output."""
    error = None if done.cancelled() else done.exception()
    if error is not None and not isinstance(error, BrokenProcessPool):  # as one is that ends with its console
        _LOG.error("the workshop failed", exc_info=error)


def _done(work: Callable[..., T], given: tuple[object, ...]) -> T | Problem:
    """In the other process. Errors go back as documents: they are made of more than their text."""
    try:
        return work(*given)
    except PenError as error:
        return of_error(error)


def _settle_in(line: Connection) -> None:
    """In the other process, once: behind the pen, deaf to Ctrl-C, and gone when the console is."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    threading.Thread(target=_end_with_console, args=(line,), name="console-watch", daemon=True).start()


def _end_with_console(line: Connection) -> None:
    with suppress(EOFError, OSError):
        line.recv_bytes()
    os._exit(0)  # whatever it is making is nobody's any more


def _never() -> Future[T | Problem]:
    given_up: Future[T | Problem] = Future()
    given_up.cancel()
    return given_up


def _ended() -> ProblemError:
    return ProblemError(
        Code.INTERNAL,
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The console ended before this was made, so nothing was; record and pen are not touched by it. Open the console and ask "
        "for it again.",
    )


def _broken() -> ProblemError:
    return ProblemError(
        Code.INTERNAL,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "The process that makes reports and exports broke down, so nothing was made; record and pen are not touched by it. "
        "Try again; if it happens again, use the command line (pen report, pen export).",
    )

"""A pen at MicroPython's prompt: the file operations flashing needs, over mpremote's transport, errors as sentences."""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import NotAPenError, TransportLostError, UsageError
from . import on_device
from .bundle import BOARD_CHIP

if TYPE_CHECKING:
    from mpremote.transport_serial import SerialTransport  # type: ignore[import-untyped]

RUNTIME_MIN = (1, 22)
"""Oldest MicroPython the firmware is tested on."""
BYTECODE = 6
"""Version of compiled files that the compiler writes and the interpreter must read."""
ANSWER_S = 20.0
"""Silence after which the pen is given up: erasing and writing one file takes a fraction of that."""
KNOCK_PATIENCES, ENTER_PATIENCES = 2, 4
"""Time for one knock at the prompt and for all of them, in the caller's patience: a firmware may be on its way out, or a
watchdog may reset the chip just then."""
RETURN_S = 10.0
"""Time a port has to come back after a reset: USB is announced anew."""
_RETURN_POLL_S = 0.2
CHUNK = 1024
"""Bytes written by one piece of code: the chip holds its text and the bytes at once."""

# Clears the enable bit of the RP2040's watchdog (CTRL at 0x40058000, through its bit-clear alias): the firmware started
# it, MicroPython offers no way to stop it, and it would reset the pen in the middle of a write. It starts again at boot.
_WATCHDOG_OFF = "import machine\nmachine.mem32[0x4005B000] = 1 << 30"
_IDENTIFY = (
    "(sys.implementation._machine, tuple(sys.implementation.version[:3]), sys.implementation._mpy & 255)"
)


@dataclass(frozen=True)
class Interpreter:
    """What runs the prompt."""

    machine: str
    version: tuple[int, int, int]
    bytecode: int

    @property
    def version_text(self) -> str:
        """The version as a person writes it."""
        return ".".join(map(str, self.version))


class Prompt:
    """A pen's prompt, entered. Use as a context manager: leaving it resets the pen and lets go of the port.

    Args:
        url: Serial port or `socket://host:port`.
        left: A firmware has just said that it leaves: its port may be away for a moment.
        patience_s: How long an answer may take.

    Raises:
        NotAPenError: No prompt answers, or it belongs to another board or too old an interpreter.
        UsageError: The engineers' packages are not installed.
        TransportLostError: The connection broke.
    """

    def __init__(self, url: str, left: bool, patience_s: float) -> None:
        self._url = url
        self._link = _open(url, RETURN_S if left else 0)
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(self._let_go)
            self._enter(patience_s)
            with self._asking():
                self._run(_WATCHDOG_OFF)
                self._run("import sys, os")
                self.interpreter = Interpreter(*self._link.eval(_IDENTIFY))
            _check(self.interpreter)
            self._do(inspect.getsource(on_device))
            on_failure.pop_all()

    def __enter__(self) -> Prompt:
        return self

    def __exit__(self, *_error: object) -> None:
        """Reset the pen. After a failure too: it then runs what it has, or waits at its prompt with the outputs low."""
        with contextlib.suppress(*_failures()):
            self._link.exec_raw_no_follow("import machine\nmachine.reset()")
        self._let_go()

    def survey(self, paths: tuple[str, ...]) -> list[tuple[str, int, str]]:
        """Path, size and SHA-256 of every file at or below `paths`; size -1 for folders."""
        with self._asking():
            said = self._link.exec(f"for entry in survey({paths!r}):\n print(entry)")
            return [ast.literal_eval(line) for line in said.decode().splitlines()]

    def free_bytes(self) -> tuple[int, int]:
        """Free bytes of the file system, and the size of its blocks."""
        free, block = self._eval("(free_bytes(), block_bytes())")
        return free, block

    def digest(self, path: str) -> str:
        """SHA-256 of a file, computed by the pen."""
        return str(self._eval(f"digest({path!r})"))

    def write(self, path: str, content: bytes, progress: Callable[[int], None]) -> None:
        """Write a file; `progress` is told how many bytes of it are written."""
        with self._asking():
            self._link.fs_writefile(
                path, content, CHUNK, lambda written, _size: progress(min(written, len(content)))
            )

    def move(self, source: str, path: str) -> None:
        """Rename; a file at `path` is replaced in the same instant."""
        self._do(f"os.rename({source!r}, {path!r})")

    def remove(self, path: str) -> None:
        """Remove a file."""
        self._do(f"os.remove({path!r})")

    def make_folder(self, path: str) -> None:
        """Make a folder."""
        self._do(f"os.mkdir({path!r})")

    def remove_folder(self, path: str) -> None:
        """Remove an empty folder."""
        self._do(f"os.rmdir({path!r})")

    def _enter(self, patience_s: float) -> None:
        said = io.StringIO()  # mpremote prints what it did not expect
        end_s = time.monotonic() + ENTER_PATIENCES * patience_s
        while time.monotonic() < end_s:
            with self._asking(), contextlib.redirect_stdout(said):
                try:
                    self._link.enter_raw_repl(soft_reset=True, timeout_overall=KNOCK_PATIENCES * patience_s)
                    return
                except _transport_error():
                    continue
        raise NotAPenError(
            f"No MicroPython prompt answers on {self._url}, so nothing was written. Unplug the pen and plug it in again, "
            "then flash at once; if that does not help, hold BOOTSEL while connecting and put MicroPython on it anew. "
            f"(It said: {said.getvalue().strip()[:80] or 'nothing'})"
        )

    def _do(self, code: str) -> None:
        with self._asking():
            self._run(code)

    def _eval(self, expression: str) -> Any:
        with self._asking():
            return self._link.eval(expression)

    def _run(self, code: str) -> None:
        self._link.exec(code)

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        """Turns every way the connection or the pen can fail into a sentence."""
        try:
            yield
        except _failures() as error:
            raise TransportLostError(self._url, _last_line(error)) from error

    def _let_go(self) -> None:
        with contextlib.suppress(OSError):
            self._link.close()


def load() -> None:
    """Import mpremote, which is slow, before a pen waits for it.

    Raises:
        UsageError: It is not installed.
    """
    try:
        import mpremote.transport_serial  # type: ignore[import-untyped]  # noqa: F401 - in an extra, slow to import
    except ImportError as error:
        raise UsageError(
            "Flashing needs mpremote, which is not installed; the pen was not touched. "
            "Run: pip install 'derma-pen[engineer]'"
        ) from error


def _open(url: str, patience_s: float) -> SerialTransport:
    load()
    from mpremote.transport_serial import SerialTransport

    end_s = time.monotonic() + patience_s
    while True:
        try:
            return SerialTransport(url, timeout=ANSWER_S)
        except _failures() as error:
            if time.monotonic() >= end_s:
                raise TransportLostError(url, _last_line(error)) from error
        time.sleep(_RETURN_POLL_S)


def _transport_error() -> type[Exception]:
    from mpremote.transport import TransportError  # type: ignore[import-untyped]

    error: type[Exception] = TransportError
    return error


def _failures() -> tuple[type[Exception], ...]:
    """What mpremote raises: its own errors, the system's, and those of half an answer."""
    return (_transport_error(), OSError, struct.error, SyntaxError, ValueError)


def _last_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__


def _check(interpreter: Interpreter) -> None:
    if BOARD_CHIP not in interpreter.machine:
        raise NotAPenError(
            f"This board is a {interpreter.machine}; the pen's firmware is for the {BOARD_CHIP} and would not run safely "
            "on another chip. Nothing was written. Connect the pen, or name its port."
        )
    if interpreter.version[:2] < RUNTIME_MIN or interpreter.bytecode != BYTECODE:
        least = ".".join(map(str, RUNTIME_MIN))
        raise NotAPenError(
            f"This board runs MicroPython {interpreter.version_text}, which does not read the compiled firmware (it needs "
            f"{least} or newer with bytecode {BYTECODE}). Nothing was written. Hold BOOTSEL while connecting, put a newer "
            "MicroPython on it, then flash again."
        )

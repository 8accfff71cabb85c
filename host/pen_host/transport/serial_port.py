"""A serial port, held alone.

pyserial's `exclusive` is an advisory lock that a plain open by another program walks past; TIOCEXCL makes the system refuse
that one too. Windows ports are exclusive by themselves.
"""

from __future__ import annotations

import errno
import sys
import threading

import serial

from ..errors import BusyPortError, NoPenError, TransportLostError
from .base import WRITE_TIMEOUT_S, WriteBlockedError

_BUSY = frozenset({errno.EBUSY, errno.EAGAIN, errno.EACCES if sys.platform == "win32" else errno.EBUSY})
_ABSENT = frozenset({errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO})


class SerialTransport:
    """A pen on a serial port.

    Args:
        port: Device path or COM name.

    Raises:
        BusyPortError: Another program holds the port.
        NoPenError: The port cannot be opened.
    """

    def __init__(self, port: str) -> None:
        self._name = port
        self._waking = threading.Lock()
        self._closed = False
        try:
            # the rate means nothing on USB but must be one
            self._serial = serial.Serial(
                port, 115_200, timeout=0, write_timeout=WRITE_TIMEOUT_S, exclusive=True
            )
        except (serial.SerialException, OSError, ValueError) as error:
            raise _sentence(port, error) from error
        try:
            _refuse_other_opens(self._serial)
        except OSError as error:
            self._serial.close()
            raise _sentence(port, error) from error

    @property
    def name(self) -> str:
        """The port."""
        return self._name

    def read(self, timeout_s: float) -> bytes:
        """Bytes that arrived. See `Transport.read`."""
        try:
            waiting = self._serial.in_waiting
            if waiting:
                return bytes(self._serial.read(waiting))
            self._serial.timeout = timeout_s
            first = bytes(self._serial.read(1))
            return first + bytes(self._serial.read(self._serial.in_waiting)) if first else b""
        except (serial.SerialException, OSError, TypeError) as error:
            raise TransportLostError(self._name, str(error)) from error

    def write(self, data: bytes) -> None:
        """Send all of `data`. See `Transport.write`."""
        try:
            self._serial.write(data)
        except serial.SerialTimeoutException as error:
            raise WriteBlockedError(f"{self._name} takes no bytes") from error
        except (serial.SerialException, OSError, TypeError) as error:
            raise TransportLostError(self._name, str(error)) from error

    def wake(self) -> None:
        """End a waiting `read`. On a system without it the read ends by its timeout."""
        cancel = getattr(self._serial, "cancel_read", None)
        if cancel is None:
            return
        # held for one byte, and never while the port is being closed
        with self._waking:
            if self._closed:
                return  # nobody reads, and what pyserial would write to may be another file's descriptor by now
            try:
                cancel()
            except (OSError, TypeError):
                return

    def close(self) -> None:
        """Let go of the port."""
        with self._waking:
            self._closed = True
        if not self._serial.is_open:
            return
        try:
            # a pseudo terminal, unlike a device, would stay refused after its last close
            _refuse_other_opens(self._serial, refuse=False)
        except OSError:
            pass  # the device is gone, and its state with it
        finally:
            self._serial.close()


def _refuse_other_opens(port: serial.Serial, *, refuse: bool = True) -> None:
    """Make the system refuse every other open of the device, or no longer, where it can."""
    if sys.platform == "win32":
        return
    import fcntl
    import termios

    fcntl.ioctl(port.fileno(), termios.TIOCEXCL if refuse else termios.TIOCNXCL)


def _sentence(port: str, error: Exception) -> BusyPortError | NoPenError:
    number = getattr(error, "errno", None)
    if isinstance(error, BlockingIOError) or number in _BUSY or "PermissionError" in str(error):
        return BusyPortError(port)
    if number == errno.EACCES:
        return NoPenError(
            f"This user may not open {port}, so the pen on it cannot be commanded or stopped from here. "
            "Install the udev rule (pen udev-setup) or join the group that owns the port, then log in again."
        )
    what = "is not there" if number in _ABSENT else f"cannot be opened ({error})"
    return NoPenError(
        f"The port {port} {what}, so no pen was reached. Check the cable and the name; pen list shows the ports."
    )

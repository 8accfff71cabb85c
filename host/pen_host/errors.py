"""What can go wrong on the host: one hierarchy, one exit code each, one sentence each.

A sentence says what happened, what it means for patient and device, and what to do now. It is shown as it
stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What the `pen` command returns to its shell."""

    OK = 0
    USAGE = 2
    """Wrong arguments, or a plan that does not hold together."""
    NO_DEVICE = 3
    SEVERAL_DEVICES = 4
    PORT_BUSY = 5
    PROTOCOL = 6
    """The pen speaks another protocol or was built from another message table."""
    REFUSED = 7
    """The pen or an interlock refused, or the pen is stopped."""
    AUTH = 8
    VERIFICATION = 9
    """A record, signature or check sum does not verify."""
    JOURNAL = 10
    """The record cannot be written or read: nothing may start."""
    UNKNOWN = 11
    """A request was sent and its outcome is not known: it may have been executed."""


class PenError(Exception):
    """Base of every error meant for a person.

    Args:
        sentence: What happened, what it means, what to do now.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.REFUSED

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class UsageError(PenError):
    """The arguments or a plan do not hold together."""

    exit_code = ExitCode.USAGE


class NoPenError(PenError):
    """No pen was found."""

    exit_code = ExitCode.NO_DEVICE


class ManyPensError(PenError):
    """Several pens were found and none was chosen.

    Args:
        serials: Serial numbers of the pens found.
    """

    exit_code = ExitCode.SEVERAL_DEVICES

    def __init__(self, serials: Sequence[str]) -> None:
        self.serials = tuple(serials)
        super().__init__(
            f"{len(self.serials)} pens are connected ({', '.join(self.serials)}) and none was chosen, "
            "so none was touched. Give the wanted one with --serial."
        )


class BusyPortError(PenError):
    """Another program holds the port.

    Args:
        port: Path or name of the port.
        holder: Name of the program that holds it, when known.
    """

    exit_code = ExitCode.PORT_BUSY

    def __init__(self, port: str, holder: str = "") -> None:
        self.port = port
        by = f" by {holder}" if holder else " by another program"
        super().__init__(
            f"The port {port} is held{by}, so this program cannot command or stop the pen on it. "
            "Close that program (a console, a terminal, an editor with a serial monitor) and try again; "
            "to stop a running needle now, release the trigger and press the pen's button."
        )


class TransportLostError(PenError):
    """The connection to the pen broke.

    Args:
        name: The connection.
        why: What the system said.
    """

    exit_code = ExitCode.NO_DEVICE

    def __init__(self, name: str, why: str) -> None:
        self.why = why
        super().__init__(
            f"The connection to the pen on {name} was lost ({why}). The pen stops by itself within "
            "300 ms without a host; lift it from the skin, check the cable, and connect again."
        )


class NotAPenError(PenError):
    """Something answered, or did not, but it is not a derma-pen."""

    exit_code = ExitCode.NO_DEVICE


class SchemaMismatchError(PenError):
    """Host and pen were built from different message tables, or speak different protocols."""

    exit_code = ExitCode.PROTOCOL


class RefusedError(PenError):
    """The pen refused a request whose outcome the caller needs."""

    exit_code = ExitCode.REFUSED


class UnknownOutcomeError(PenError):
    """A request was sent and nobody knows whether it was executed."""

    exit_code = ExitCode.UNKNOWN


class AuthError(PenError):
    """The person or key may not do this."""

    exit_code = ExitCode.AUTH


class VerificationError(PenError):
    """A record, signature or check sum does not verify."""

    exit_code = ExitCode.VERIFICATION


class JournalError(PenError):
    """The record cannot be written or read: nothing may start."""

    exit_code = ExitCode.JOURNAL

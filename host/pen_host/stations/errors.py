"""What can go wrong between a station and the clinic's server. The station's own record is untouched by all of it."""

from __future__ import annotations

from pen_host.errors import AuthError, JournalError, RefusedError, VerificationError


class ServerGoneError(JournalError):
    """The server cannot be reached, or went away.

    Args:
        why: What the system said.
    """

    def __init__(self, why: str) -> None:
        first = why.strip().splitlines()[0] if why.strip() else "it does not answer"
        super().__init__(
            f"The clinic's server is not there ({first}), so nothing more was replicated; everything stays in this station's "
            "own record and is sent when the server is back. Go on treating, and replicate again later."
        )


class ServerNewerError(JournalError):
    """A newer program made the server's tables.

    Args:
        revision: The layout they are said to have.
    """

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"The clinic's server was set up by a newer version of this program (layout {revision}), which this one does "
            "not know. Nothing was sent or changed. Install the newer version on this station."
        )


class ServerOlderError(JournalError):
    """The server's tables are older than this program, or are not there."""

    def __init__(self) -> None:
        super().__init__(
            "The clinic's server has no tables of this version of the program, so nothing was sent. Have its administrator "
            "run pen station setup once."
        )


class ServerRefusedError(AuthError):
    """The server does not let this station do that.

    Args:
        why: What it said.
    """

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The clinic's server refused ({why.strip().splitlines()[0]}), so nothing was changed there. Check that this "
            "station is enrolled under its own login."
        )


class NotJoinedError(RefusedError):
    """This record belongs to no clinic with a server."""

    def __init__(self) -> None:
        super().__init__(
            "This station has joined no clinic's server, so there is nothing to replicate with. Join it with pen station join."
        )


class ForkedChainError(JournalError):
    """Server and station have different entries under one number.

    Args:
        station_id: The station.
        seq: The number.
    """

    def __init__(self, station_id: str, seq: int) -> None:
        super().__init__(
            f"Entry {seq} of station {station_id} is not the one that the clinic's server has under this number: one record "
            "was restored from a backup or written anew. Nothing was sent. Keep both, run pen log verify, and begin a new "
            "station for this computer."
        )


class ServerRowsError(VerificationError):
    """Rows on the server do not hold together.

    Args:
        row: A row, with its table.
        parent: What it refers to and is not there, with its table.
    """

    def __init__(self, row: str, parent: str) -> None:
        super().__init__(
            f"The clinic's server has {row}, but not {parent} that it belongs to, or that one is not as it was written: somebody "
            "changed the server by hand. What this station had to send was sent; nothing was taken over from there. Go on "
            "treating, and have the server's administrator restore it."
        )

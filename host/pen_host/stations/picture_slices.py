"""A picture on its way: cut into slices, each sealed under its patient's key for its place, so that none can be put elsewhere.

What has arrived so far lies in the folder of photographs, slice after slice and still sealed; whatever the last write left of a
slice is cut off when it goes on.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from pen_host.errors import PenError
from pen_host.journal import encrypting
from pen_host.records import photo_folder
from pen_host.records.patient_keys import seal, unseal

SLICE_BYTES = 256 * 1024
"""Of a picture: the most that goes again after a cable was pulled; a fifth of a second at 10 Mbit/s. (J)"""
_SEAL_BYTES = 12 + 16
"""Nonce and tag of AES-GCM."""


class NoRoomError(PenError):
    """A picture cannot be written here.

    Args:
        name: Which, shortened.
        why: What the system said.
    """

    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            f"The photograph {name} could not be kept here ({why}); nothing of it was left, and it stays on the clinic's server. "
            "Free disk space: it comes with the next replication."
        )


@dataclass(frozen=True, slots=True)
class Cut:
    """How a picture is cut.

    Attributes:
        patient_id: Of whom it is.
        sha256: Of it, and its name.
        slices: How many.
        slice_bytes: How long each but the last one is.
    """

    patient_id: str
    sha256: str
    slices: int
    slice_bytes: int

    def place(self, number: int) -> bytes:
        """What a slice is sealed for."""
        return f"derma-pen picture 1 {self.patient_id}/{self.sha256} {number}/{self.slices}".encode()

    def sealed(self, key: bytes, content: bytes, number: int) -> bytes:
        """A slice of the content."""
        start = number * self.slice_bytes
        return seal(key, content[start : start + self.slice_bytes], self.place(number))

    def opened(self, key: bytes, sealed: bytes, number: int) -> bytes | None:
        """What is in a slice; None where it is not the one that was sealed."""
        return unseal(key, sealed, self.place(number))


def cut(patient_id: str, sha256: str, length: int) -> Cut:
    """How a picture of a length is cut."""
    return Cut(patient_id, sha256, max(1, -(-length // SLICE_BYTES)), SLICE_BYTES)


class Arriving:
    """A picture that arrives.

    Args:
        record: The station's record.
        cut: How it was cut.
    """

    def __init__(self, record: Path, cut: Cut) -> None:
        self._cut = cut
        self.path = _path(record, cut.patient_id, cut.sha256)
        self._step = cut.slice_bytes + _SEAL_BYTES

    @property
    def slices(self) -> int:
        """How many have arrived whole."""
        size = self.path.stat().st_size if self.path.exists() else 0
        # the last slice may be a short one: whatever is not a whole step counts for nothing, and that one comes again
        return min(size // self._step, self._cut.slices)

    def add(self, number: int, sealed: bytes) -> None:
        """Takes the next slice.

        Raises:
            NoRoomError: It cannot be written; nothing of the picture is left.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(self.path, "ab", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
                file.truncate(number * self._step)
                file.write(sealed)
        except OSError as error:
            self.path.unlink(missing_ok=True)
            raise NoRoomError(self._cut.sha256[:12], error.strerror or str(error)) from error

    def content(self, key: bytes) -> bytes | None:
        """The whole picture; None where what lies here is not what arrived, or not what the picture's name says."""
        raw = self.path.read_bytes()
        found = []
        for number in range(self._cut.slices):
            piece = self._cut.opened(key, raw[number * self._step : (number + 1) * self._step], number)
            if piece is None:
                return None
            found.append(piece)
        content = b"".join(found)
        return content if hashlib.sha256(content).hexdigest() == self._cut.sha256 else None

    def remove(self) -> None:
        """Removes it for good."""
        encrypting.erase(self.path)


def remove_strays(record: Path, wanted: set[tuple[str, str]]) -> None:
    """Removes what is there of pictures that nobody waits for any more."""
    paths = {_path(record, patient_id, sha256) for patient_id, sha256 in wanted}
    for path in photo_folder.arriving(record):
        if path not in paths:
            encrypting.erase(path)


def _path(record: Path, patient_id: str, sha256: str) -> Path:
    return record.parent / photo_folder.FOLDER / f"{sha256}-{patient_id}{photo_folder.ARRIVING}"

"""Files of photographs: decoded and encoded anew, named by what is in them, below the folder of the record."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pen_host.errors import VerificationError
from pen_host.journal import JournalUnwritableError
from pen_host.records.errors import InputError
from pen_host.records.store import Store

if TYPE_CHECKING:
    from PIL import Image

FOLDER = "photographs"
"""Beside the record."""
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")
"""What cameras and scanners write and what can be read without another program."""
BYTES_MAX = 64 * 1024 * 1024
"""Largest file that is looked at. (J)"""
PIXELS_MAX = 120_000_000
"""Largest picture that is decoded: a camera of 108 megapixels; a small file can claim any size. (J)"""
SIDE_MAX_PX = 3_000
"""Longer sides are scaled down to this: a hair of 60 um in a view of 20 cm is still a pixel wide. (J)"""
SIDE_MIN_PX = 64
"""Smaller ones show nothing that could be compared. (J)"""
QUALITY = 92
_WHAT = "the photograph"


@dataclass(frozen=True, slots=True)
class Encoded:
    """A photograph as it is kept: only the picture, no place, time, camera or person.

    Attributes:
        content: JPEG.
        sha256: Of it.
        width_px: Width.
        height_px: Height.
    """

    content: bytes
    sha256: str
    width_px: int
    height_px: int


def encoded(path: Path) -> Encoded:
    """Reads a picture and encodes it anew; everything else in the file (EXIF, GPS, comments, profiles) is left behind.

    Raises:
        InputError: It cannot be read, is no picture of a known format, broken, too small or too large.
    """
    try:
        if path.stat().st_size > BYTES_MAX:
            raise _refused(f"{path.name} is larger than {BYTES_MAX // 2**20} MiB")
        raw = path.read_bytes()
    except OSError as error:
        raise _refused(f"{path.name} cannot be read ({error.strerror or error})") from error
    return encoded_bytes(raw, path.name)


def encoded_bytes(raw: bytes, name: str) -> Encoded:
    """The same from bytes.

    Args:
        raw: The file's content.
        name: What to call it in the sentence.

    Raises:
        InputError: See `encoded`.
    """
    # imported late: nobody who only reads a list of photographs needs a decoder
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(raw), formats=FORMATS) as opened:
            width, height = opened.size
            if width * height > PIXELS_MAX:
                raise _refused(f"{name} has {width} x {height} pixels, more than any camera")
            if min(width, height) < SIDE_MIN_PX:
                raise _refused(f"{name} has {width} x {height} pixels, too few to compare")
            opened.load()
            picture = ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, EOFError) as error:
        raise _refused(f"{name} is no picture, or a broken one; JPEG, PNG, WebP and TIFF are read") from error
    picture.thumbnail((SIDE_MAX_PX, SIDE_MAX_PX))
    content = _jpeg(picture)
    return Encoded(content, hashlib.sha256(content).hexdigest(), *picture.size)


def keep(store: Store, kept: Encoded) -> bool:
    """Writes a photograph durably under its name; False when it is there already, and left as it is.

    Raises:
        JournalError: It cannot be written.
    """
    target = path_of(store, kept.sha256)
    if target.is_file():
        return False
    part = target.with_suffix(".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with part.open("wb") as file:
            file.write(kept.content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise JournalUnwritableError(target, error.strerror or str(error)) from error
    return True


def read(store: Store, sha256: str) -> bytes:
    """A photograph's content, checked against its name.

    Raises:
        VerificationError: The file is gone, or is not what it was.
    """
    path = path_of(store, sha256)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise VerificationError(
            f"The photograph {sha256[:12]} is not in {path.parent} any more ({error.strerror or error}), so it cannot be "
            "shown. Restore it from a backup."
        ) from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise VerificationError(
            f"The photograph {path} is not what was stored, so it is not shown. Restore it from a backup."
        )
    return content


def path_of(store: Store, sha256: str) -> Path:
    """Where a photograph lies."""
    return store.path.parent / FOLDER / f"{sha256}.jpg"


def remove(store: Store, digests: Iterable[str]) -> None:
    """Removes photographs for good; one that is gone already is no error.

    Raises:
        JournalError: One cannot be removed.
    """
    for sha256 in digests:
        path = path_of(store, sha256)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise JournalUnwritableError(path, error.strerror or str(error)) from error


def _jpeg(picture: Image.Image) -> bytes:
    """Without any metadata, and the same bytes for the same pixels."""
    clean = picture.copy()
    clean.info.clear()
    out = io.BytesIO()
    clean.save(out, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
    return out.getvalue()


def _refused(why: str) -> InputError:
    return InputError(_WHAT, {"file": why})

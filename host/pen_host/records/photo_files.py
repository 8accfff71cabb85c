"""Photographs as they are kept: decoded and encoded anew, named by what is in them. `photo_folder` has the files."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pen_host.records import photo_folder
from pen_host.records.errors import InputError
from pen_host.records.store import Store

if TYPE_CHECKING:
    from PIL import Image

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
    return photo_folder.keep(store.path, kept.sha256, kept.content)


def read(store: Store, sha256: str) -> bytes:
    """A photograph's content, checked against its name.

    Raises:
        VerificationError: The file is gone, or is not what it was.
        JournalError: It is sealed and its key is not at hand.
    """
    return photo_folder.read(store.path, sha256)


def remove(store: Store, digests: Iterable[str]) -> None:
    """Removes photographs for good; one that is gone already is no error.

    Raises:
        JournalError: One cannot be removed.
    """
    photo_folder.remove(store.path, digests)


def _jpeg(picture: Image.Image) -> bytes:
    """Without any metadata, and the same bytes for the same pixels."""
    clean = picture.copy()
    clean.info.clear()
    out = io.BytesIO()
    clean.save(out, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
    return out.getvalue()


def _refused(why: str) -> InputError:
    return InputError(_WHAT, {"file": why})

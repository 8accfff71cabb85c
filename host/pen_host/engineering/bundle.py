"""What goes onto a pen: files by their path there, and a manifest that names each with its SHA-256.

The manifest has one canonical spelling, so its digest names the firmware and a signature over it will cover every file.
Paths are relative: a bundle can be put at the root of a pen or, one day, below the folder of a slot.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from pen_protocol import messages
from pen_protocol.version import FIRMWARE_VERSION, PROTOCOL_VERSION

from ..canonical import canonical_json
from ..errors import VerificationError

BOOT = "boot.py"
MAIN = "main.py"
PACKAGES = ("pen_firmware", "pen_protocol")
"""Folders that belong to the firmware alone: what a bundle does not name there is removed."""
ARCHITECTURE = "armv6m"
BOARD_CHIP = "RP2040"


@dataclass(frozen=True)
class ManifestFile:
    """One file as the manifest names it."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a bundle says about itself.

    Attributes:
        firmware: Version, major.minor.patch.
        protocol: Version of the wire.
        schema: Hash of the message tables, compared at connect.
        chip: The chip it is built for.
        architecture: Instruction set of compiled files.
        files: Every file, sorted by path.
    """

    firmware: str
    protocol: int
    schema: int
    chip: str
    architecture: str
    files: tuple[ManifestFile, ...]

    def to_bytes(self) -> bytes:
        """The one spelling of this manifest: canonical JSON. What a signature covers."""
        return canonical_json(asdict(self)).encode()

    @property
    def digest(self) -> str:
        """SHA-256 of `to_bytes`: equal digests, equal firmware."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


@dataclass(frozen=True)
class Bundle:
    """Files for a pen and their manifest. `check` before use: the two may have come separate ways."""

    manifest: Manifest
    contents: Mapping[str, bytes]

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of every file, by path."""
        return {file.path: file.sha256 for file in self.manifest.files}

    def check(self) -> None:
        """Whether the files are those of the manifest, and all of them, and none strays outside.

        Raises:
            VerificationError: A file is missing, unnamed, altered, or would lie where the firmware has no business.
        """
        named = self.digests
        for path in sorted(named.keys() ^ self.contents.keys()):
            side = "manifest" if path in named else "files"
            raise _broken(f"{path} is only in its {side}")
        for path, content in self.contents.items():
            if hashlib.sha256(content).hexdigest() != named[path]:
                raise _broken(f"{path} is not what its manifest says")
            if not belongs(path):
                raise _broken(f"{path} lies outside {', '.join((BOOT, MAIN, *PACKAGES))}")
        for path in (BOOT, MAIN):
            if path not in named:
                raise _broken(f"{path} is missing")


def make_bundle(contents: Mapping[str, bytes]) -> Bundle:
    """A bundle of these files with a manifest of this release."""
    files = tuple(
        ManifestFile(path, len(contents[path]), hashlib.sha256(contents[path]).hexdigest())
        for path in sorted(contents)
    )
    version = ".".join(str(part) for part in FIRMWARE_VERSION)
    manifest = Manifest(version, PROTOCOL_VERSION, messages.SCHEMA_HASH, BOARD_CHIP, ARCHITECTURE, files)
    return Bundle(manifest, dict(contents))


def belongs(path: str) -> bool:
    """Whether a path is one the firmware's files may have: boot.py, main.py, or inside its packages."""
    if path in (BOOT, MAIN):
        return True
    folder, _, rest = path.partition("/")
    return folder in PACKAGES and bool(rest) and not {"", ".", ".."} & set(rest.split("/"))


def _broken(what: str) -> VerificationError:
    return VerificationError(
        f"The firmware bundle is damaged: {what}. Nothing was written to the pen. "
        "Build or fetch the bundle again."
    )

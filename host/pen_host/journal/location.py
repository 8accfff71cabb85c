"""Where the record lies, and where it must not: folders that something synchronises, and network drives."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath, PurePosixPath

from platformdirs import user_data_path

from pen_host.journal.errors import JournalPlaceError

FILE_NAME = "record.sqlite3"

_SYNCED_NAMES = {
    "onedrive": "OneDrive",
    "dropbox": "Dropbox",
    "icloud drive": "iCloud",
    "iclouddrive": "iCloud",
    "mobile documents": "iCloud",
    "cloudstorage": "a cloud drive",
    "google drive": "Google Drive",
    "googledrive": "Google Drive",
    "my drive": "Google Drive",
    "box sync": "Box",
    "nextcloud": "Nextcloud",
    "owncloud": "ownCloud",
    "pcloud drive": "pCloud",
    "syncthing": "Syncthing",
}
_SYNCED_PREFIXES = {"onedrive - ": "OneDrive", "dropbox (": "Dropbox"}
_SYNCED_MARKERS = {".dropbox": "Dropbox", ".dropbox.cache": "Dropbox", ".stfolder": "Syncthing"}
_SYNCED_VARIABLES = {"OneDrive": "OneDrive", "OneDriveCommercial": "OneDrive", "OneDriveConsumer": "OneDrive"}
_NETWORK_TYPES = {
    *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "davfs"),
    *("fuse.sshfs", "fuse.rclone", "fuse.gvfsd-fuse", "fuse.s3fs"),
}
_WINDOWS_REMOTE = 4
"""DRIVE_REMOTE of GetDriveTypeW."""


def default_path() -> Path:
    """The record of this user on this computer."""
    return user_data_path("derma-pen", appauthor=False) / FILE_NAME


def check_place(path: Path) -> None:
    """Refuses a place where a database would be damaged.

    Raises:
        JournalPlaceError: Names the kind of place.
    """
    absolute = path.resolve()
    service = synced_by(absolute, os.environ)
    if service:
        raise JournalPlaceError(path, f"a folder that {service} synchronises")
    if _on_network(absolute):
        raise JournalPlaceError(path, "a network drive")


def synced_by(path: Path, environment: Mapping[str, str]) -> str:
    """Name of the service that synchronises a folder on the way to an absolute path, or nothing."""
    for variable, service in _SYNCED_VARIABLES.items():
        root = environment.get(variable)
        if root and path.is_relative_to(Path(root).resolve()):
            return service
    for folder in path.parents:
        name = folder.name.casefold()
        if name in _SYNCED_NAMES:
            return _SYNCED_NAMES[name]
        for prefix, service in _SYNCED_PREFIXES.items():
            if name.startswith(prefix):
                return service
        for marker, service in _SYNCED_MARKERS.items():
            # A home folder has Dropbox's own settings in .dropbox without being synchronised.
            if (folder / marker).exists() and folder != Path.home():
                return service
    return ""


def _on_network(path: Path) -> bool:
    if sys.platform == "win32":
        import ctypes

        anchor = path.anchor
        if anchor.startswith("\\\\"):
            return True
        return bool(ctypes.windll.kernel32.GetDriveTypeW(anchor) == _WINDOWS_REMOTE)
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return mount_type(path, mounts.splitlines()) in _NETWORK_TYPES


def mount_type(path: PurePath, mounts: Iterable[str]) -> str:
    """File system type of an absolute path, from the lines of /proc/self/mountinfo."""
    best, found = -1, ""
    for line in mounts:
        left, _, right = line.partition(" - ")
        fields = left.split()
        if len(fields) < 5 or not right:
            continue
        point = PurePosixPath(fields[4].replace("\\040", " "))
        # Of two mounts on one point the later one is seen.
        if path.is_relative_to(point) and len(point.parts) >= best:
            best, found = len(point.parts), right.split()[0]
    return found

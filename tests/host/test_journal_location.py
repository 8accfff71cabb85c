"""Where a record may lie: never in a folder that something synchronises, never on a network drive."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from pen_host.errors import ExitCode
from pen_host.journal import Journal, JournalPlaceError, default_path, location
from pen_host.journal.location import mount_type, synced_by

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:25 / /mnt/clinic rw - cifs //server/share rw
31 22 0:26 / /mnt/my\\040disk rw - nfs4 server:/x rw
32 22 8:2 / /home rw - ext4 /dev/sda2 rw
33 32 0:27 / /srv/a/remote rw - fuse.sshfs a@b: rw
broken line
"""


@pytest.mark.parametrize(
    ("folder", "service"),
    [
        ("OneDrive", "OneDrive"),
        ("OneDrive - Clinic Ltd", "OneDrive"),
        ("onedrive/records", "OneDrive"),
        ("Dropbox/pen", "Dropbox"),
        ("Dropbox (Clinic)/pen", "Dropbox"),
        ("Library/Mobile Documents/com~apple~CloudDocs", "iCloud"),
        ("iCloudDrive", "iCloud"),
        ("Library/CloudStorage/GoogleDrive-a@b.example/My Drive", "Google Drive"),
        ("Nextcloud", "Nextcloud"),
        ("Documents", ""),
        ("one drive bay", ""),
        ("dropboxes", ""),
    ],
)
def test_synchronised_folders_are_known_by_name(tmp_path: Path, folder: str, service: str) -> None:
    assert synced_by(tmp_path / folder / "record.sqlite3", {}) == service


def test_synchronised_folders_are_known_by_their_markers_and_variables(tmp_path: Path) -> None:
    folder = tmp_path / "files" / "pen"
    folder.mkdir(parents=True)
    assert synced_by(folder / "record.sqlite3", {}) == ""
    assert synced_by(folder / "record.sqlite3", {"OneDriveCommercial": str(tmp_path / "files")}) == "OneDrive"
    (tmp_path / "files" / ".stfolder").mkdir()
    assert synced_by(folder / "record.sqlite3", {}) == "Syncthing"


def test_a_record_in_a_synchronised_folder_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    path = tmp_path / "Dropbox" / "record.sqlite3"
    with pytest.raises(JournalPlaceError, match="a folder that Dropbox synchronises") as caught:
        Journal.create_or_open(path)
    assert caught.value.exit_code == ExitCode.JOURNAL
    assert not path.parent.exists()


def test_a_link_into_a_synchronised_folder_does_not_help(tmp_path: Path) -> None:
    (tmp_path / "Dropbox").mkdir()
    (tmp_path / "local").symlink_to(tmp_path / "Dropbox", target_is_directory=True)
    with pytest.raises(JournalPlaceError):
        Journal.create_or_open(tmp_path / "local" / "record.sqlite3")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/record", "ext4"),
        ("/mnt/clinic/record", "cifs"),
        ("/mnt/clinical/record", "ext4"),
        ("/mnt/my disk/record", "nfs4"),
        ("/srv/a/record", "ext4"),
        ("/srv/a/remote/x/record", "fuse.sshfs"),
    ],
)
def test_network_drives_are_known_from_the_mounts(path: str, kind: str) -> None:
    assert mount_type(PurePosixPath(path), MOUNTS.splitlines()) == kind


def test_a_network_drive_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(location, "_on_network", lambda path: True)
    with pytest.raises(JournalPlaceError, match="network drive"):
        Journal.create_or_open(tmp_path / "record.sqlite3")


def test_the_default_place_is_the_users_own() -> None:
    assert default_path().name == "record.sqlite3"
    assert default_path().parent.name == "derma-pen"

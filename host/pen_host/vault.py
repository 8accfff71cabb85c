"""Secrets of this computer: in the system's keyring where there is one, else in files that nobody else may read.

`PEN_KEYS` names a folder to be used instead of the keyring. A file is refused as soon as its rights, or those of its
folder, let anybody but its owner in: a key that others may have read is no key any more.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import Protocol

from platformdirs import user_data_path

from pen_host.errors import AuthError

FOLDER_VARIABLE = "PEN_KEYS"
SERVICE = "derma-pen"
"""Name of the service in the keyring."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class VaultError(AuthError):
    """A secret cannot be kept or fetched.

    Args:
        where: The keyring, or the file.
        why: As a clause.
    """

    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            f"The key in {where} cannot be used ({why}), so nothing was signed, opened or encrypted with it. Mend that, or "
            f"name another folder in {FOLDER_VARIABLE}, then try again."
        )


class Vault(Protocol):
    """Where secrets are kept, each under a name."""

    where: str
    on_disk: bool
    """Whether they lie in files, which whoever takes the disk has as well."""

    def get(self, name: str) -> bytes | None:
        """A secret, or None where there is none of that name."""

    def put(self, name: str, secret: bytes) -> None:
        """Keeps a secret, instead of any older one of that name."""

    def drop(self, name: str) -> None:
        """Destroys a secret; harmless where there is none."""


class FileVault:
    """Secrets as files of one folder.

    Args:
        folder: Made when absent, for its owner alone.

    Attributes:
        where: The folder.
    """

    on_disk = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.where = str(folder)

    def get(self, name: str) -> bytes | None:
        """A secret, or None.

        Raises:
            VaultError: Others may read it, or it cannot be read.
        """
        path = self._path(name)
        try:
            if not path.exists():
                return None
            self._must_be_private(path)
            return path.read_bytes()
        except OSError as error:
            raise VaultError(str(path), str(error)) from error

    def put(self, name: str, secret: bytes) -> None:
        """Keeps a secret: the old one or the new one is there at every moment.

        Raises:
            VaultError: It cannot be written, or the folder is open to others.
        """
        path = self._path(name)
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._must_be_private(self._folder)
            descriptor, draft = tempfile.mkstemp(dir=self._folder)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secret)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        except OSError as error:
            raise VaultError(str(path), str(error)) from error

    def drop(self, name: str) -> None:
        """Overwrites a secret and removes its file; what the disk keeps of it below the file system is beyond reach.

        Raises:
            VaultError: It is still there.
        """
        path = self._path(name)
        try:
            if not path.exists():
                return
            with path.open("r+b") as file:
                file.write(bytes(path.stat().st_size))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
        except OSError as error:
            raise VaultError(str(path), str(error)) from error

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.key"

    def _must_be_private(self, path: Path) -> None:
        if sys.platform == "win32":
            return  # the user's own folder is private there by the system's lists, which st_mode does not show
        for place in (path, self._folder):
            found = place.stat()
            if found.st_uid != os.getuid():
                raise VaultError(str(place), "it belongs to another user")
            if found.st_mode & _OTHERS:
                raise VaultError(
                    str(place),
                    f"its rights {stat.S_IMODE(found.st_mode):o} let other users of this computer in",
                )


class KeyringVault:
    """Secrets in the system's keyring, as hexadecimal text.

    Attributes:
        where: What the keyring calls itself.
    """

    on_disk = False

    def __init__(self) -> None:
        import keyring

        self._keyring = keyring
        self.where = f"the keyring ({keyring.get_keyring().name})"

    def get(self, name: str) -> bytes | None:
        """A secret, or None.

        Raises:
            VaultError: The keyring is locked or broken.
        """
        from keyring.errors import KeyringError

        try:
            found = self._keyring.get_password(SERVICE, name)
            return None if found is None else bytes.fromhex(found)
        except (KeyringError, ValueError) as error:
            raise VaultError(self.where, str(error)) from error

    def put(self, name: str, secret: bytes) -> None:
        """Keeps a secret.

        Raises:
            VaultError: The keyring is locked or broken.
        """
        from keyring.errors import KeyringError

        try:
            self._keyring.set_password(SERVICE, name, secret.hex())
        except KeyringError as error:
            raise VaultError(self.where, str(error)) from error

    def drop(self, name: str) -> None:
        """Destroys a secret.

        Raises:
            VaultError: It is still there.
        """
        from keyring.errors import KeyringError

        try:
            if self._keyring.get_password(SERVICE, name) is not None:
                self._keyring.delete_password(SERVICE, name)
        except KeyringError as error:
            raise VaultError(self.where, str(error)) from error


def this_vault() -> Vault:
    """The vault of this computer and user."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        return FileVault(Path(folder))
    if _keyring_works():
        return KeyringVault()
    return FileVault(user_data_path("derma-pen", appauthor=False) / "keys")


def _keyring_works() -> bool:
    """Whether the system has a keyring that keeps what it is given."""
    try:
        import keyring
        from keyring.backends import fail, null
    except ImportError:
        return False
    found = keyring.get_keyring()
    return not isinstance(found, (fail.Keyring, null.Keyring)) and found.priority > 0

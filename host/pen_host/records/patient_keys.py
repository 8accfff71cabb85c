"""One key for each patient, with which backups seal who they are. Erasing a patient destroys theirs.

The keys lie beside the record in `<record>.keys`, as one sealed file whose own key is in the vault. Destroying a patient's key
also gives the file a new key, so an older copy of the file is of no use either.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from pen_host.errors import AuthError, UsageError
from pen_host.vault import Vault

KEY_BYTES = 32
GONE = b""
"""Stands where a key was destroyed: a key that is only missing must not be taken for one."""
_NONCE_BYTES = 12
_NEXT = "-next"
_AT_THE_FILE = b"derma-pen patient keys 1"
_turn = threading.RLock()
"""A backup that makes keys and an erasure that destroys one, in two threads: the key that went must not come back."""


class KeysDamagedError(AuthError):
    """The keys of the patients cannot be opened.

    Args:
        where: The file.
    """

    def __init__(self, where: Path) -> None:
        super().__init__(
            f"The patients' keys in {where} cannot be opened with the key at hand, so no backup can be made or read with them. "
            "Take them from the newest backup with the recovery code."
        )


def seal(key: bytes, content: bytes, place: bytes) -> bytes:
    """Encrypts with AES-256-GCM; what is sealed for one place cannot be put into another.

    Raises:
        UsageError: `cryptography` is missing.
    """
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + _cipher(key).encrypt(nonce, content, place)  # type: ignore[attr-defined, no-any-return]


def unseal(key: bytes, sealed: bytes, place: bytes) -> bytes | None:
    """What was sealed; None where this is not the key, the place, or whole.

    Raises:
        UsageError: `cryptography` is missing.
    """
    cipher = _cipher(key)
    from cryptography.exceptions import InvalidTag

    try:
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place)  # type: ignore[attr-defined, no-any-return]
    except (InvalidTag, ValueError):
        return None


def must_seal() -> None:
    """Refuses where nothing can be sealed.

    Raises:
        UsageError: `cryptography` is missing.
    """
    _cipher(bytes(KEY_BYTES))


def _cipher(key: bytes) -> object:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError as error:
        raise UsageError(
            "The package cryptography is missing, without which nothing can be sealed or opened, so nothing was saved, encrypted "
            "or read. Install the extra evidence or encryption."
        ) from error
    return AESGCM(key)


class PatientKeys:
    """The keys of the patients of one record.

    Args:
        record: The record.
        vault: Where the key of the file lies.
    """

    def __init__(self, record: Path, vault: Vault) -> None:
        self.path = record.with_name(record.name + ".keys")
        self._vault = vault
        self._name = f"patients-{record.stem}-{_short(record)}"

    def all(self) -> dict[str, bytes]:
        """Every key by patient, `GONE` for those that were destroyed.

        Raises:
            KeysDamagedError: The file cannot be opened.
        """
        with _turn:
            return self._all()

    def _all(self) -> dict[str, bytes]:
        if not self.path.exists():
            return {}
        content = self.path.read_bytes()
        # two names: a crash while the file was being replaced leaves one of them fitting
        for name in (self._name, self._name + _NEXT):
            master = self._vault.get(name)
            opened = unseal(master, content, _AT_THE_FILE) if master else None
            if opened is not None:
                return from_text(opened)
        raise KeysDamagedError(self.path)

    def ensure(self, patients: Iterable[str], gone: Iterable[str] = ()) -> dict[str, bytes]:
        """Keys of these patients, new ones where there was none; those of erased patients go.

        Raises:
            KeysDamagedError: The file cannot be opened.
        """
        with _turn:
            found = self.all()
            wanted = {
                one: found.get(one) or secrets.token_bytes(KEY_BYTES)
                for one in patients
                if found.get(one) != GONE
            }
            wanted = found | wanted | dict.fromkeys(gone, GONE)
            if wanted != found:
                self.replace(wanted)
            return wanted

    def destroy(self, patients: Iterable[str]) -> None:
        """Destroys keys; what they sealed anywhere is unreadable from then on. Harmless where there are none."""
        if self.path.exists():
            self.ensure((), gone=patients)

    def replace(self, keys: Mapping[str, bytes]) -> None:
        """Writes the file anew under a new key of its own; the old one, or the new one, is whole at every moment."""
        master = secrets.token_bytes(KEY_BYTES)
        with _turn:
            self._replace(master, keys)

    def _replace(self, master: bytes, keys: Mapping[str, bytes]) -> None:
        draft = self.path.with_name(self.path.name + ".partial")
        with open(draft, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(seal(master, to_text(keys), _AT_THE_FILE))
            file.flush()
            os.fsync(file.fileno())
        self._vault.put(self._name + _NEXT, master)
        os.replace(draft, self.path)
        self._vault.put(self._name, master)
        self._vault.drop(self._name + _NEXT)


def to_text(keys: Mapping[str, bytes]) -> bytes:
    """Keys as JSON."""
    return json.dumps({one: key.hex() for one, key in sorted(keys.items())}).encode()


def from_text(text: bytes) -> dict[str, bytes]:
    """Keys from JSON."""
    return {one: bytes.fromhex(key) for one, key in json.loads(text).items()}


def _short(record: Path) -> str:
    return hashlib.sha256(str(record.resolve()).encode()).hexdigest()[:16]

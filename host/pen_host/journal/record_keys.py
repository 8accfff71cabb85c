"""Keys of encrypted records: recognised by the file's first bytes, kept in the vault, printed as a recovery code.

An encrypted file begins with 16 random bytes, SQLCipher's salt, one of them at least beyond ASCII: no other database ("SQLite
format 3"), text or zeroed page does. They are the name of its key in the vault, so a record may be moved or copied and is still
opened. Nothing but the key opens it.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from pen_host.errors import UsageError
from pen_host.journal.cipher import KEY_BYTES, SALT_BYTES
from pen_host.journal.errors import JournalKeyError, JournalUnwritableError
from pen_host.vault import Vault, VaultError, this_vault

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Base 32 of Douglas Crockford, made to be read out and typed (https://www.crockford.com/base32.html)."""
_LOOK_ALIKE = str.maketrans({"O": "0", "I": "1", "L": "1"})
_CHECK_BYTES = 3
_LETTERS = (KEY_BYTES + _CHECK_BYTES) * 8 // 5
_GROUP = 4
RECOVER = "Put it back with pen log recover and the printed recovery code, or restore a backup elsewhere."


@dataclass(frozen=True, slots=True)
class RecordKey:
    """What opens one encrypted file.

    Attributes:
        salt: The first bytes of the file.
        key: The key; never shown.
    """

    salt: bytes
    key: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """Where the vault keeps it."""
        return f"record-{self.salt.hex()}"

    @property
    def code(self) -> str:
        """The key as a person can print and type it: 14 groups of four letters, the last of them a check."""
        content = self.key + hashlib.sha256(self.key).digest()[:_CHECK_BYTES]
        number = int.from_bytes(content)
        letters = "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_LETTERS)))
        return "-".join(letters[start : start + _GROUP] for start in range(0, _LETTERS, _GROUP))


_opened: dict[bytes, bytes] = {}
"""Keys that have opened a file in this process, by its salt: the keyring is not asked for every connection."""


def new_key() -> RecordKey:
    """A key that opens nothing yet."""
    salt = secrets.token_bytes(SALT_BYTES)
    while salt.isascii():
        salt = secrets.token_bytes(SALT_BYTES)
    return RecordKey(salt, secrets.token_bytes(KEY_BYTES))


def salt_of(path: Path) -> bytes | None:
    """The salt of an encrypted file; None for one that is not encrypted, no database at all, or not there.

    Raises:
        JournalUnwritableError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            first = file.read(SALT_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise JournalUnwritableError(path, str(error)) from error
    return None if len(first) < SALT_BYTES or first.isascii() else first


def is_encrypted(path: Path) -> bool:
    """Whether a file is encrypted."""
    return salt_of(path) is not None


def key_of(path: Path, vault: Vault | None = None) -> RecordKey | None:
    """The key of a record; None for one that is not encrypted.

    Args:
        path: The record.
        vault: Where its key lies; this computer's when not given.

    Raises:
        JournalKeyError: There is no key for it.
    """
    salt = salt_of(path)
    return None if salt is None else key_for(salt, path, vault)


def key_for(salt: bytes, path: Path, vault: Vault | None = None) -> RecordKey:
    """The key under a salt.

    Args:
        salt: The salt.
        path: What is to be opened with it.
        vault: Where it lies; this computer's when not given.

    Raises:
        JournalKeyError: There is none.
    """
    known = _opened.get(salt)
    if known is not None:
        return RecordKey(salt, known)
    vault = this_vault() if vault is None else vault
    try:
        kept = vault.get(RecordKey(salt, b"").name)
    except VaultError as error:
        raise JournalKeyError(path, "its key cannot be fetched", error.sentence) from error
    if kept is None:
        raise JournalKeyError(path, f"no key for it is in {vault.where}", RECOVER)
    return RecordKey(salt, kept)


def remember(key: RecordKey) -> None:
    """Notes a key that has opened its file."""
    _opened[key.salt] = key.key


def forget(key: RecordKey) -> None:
    """Forgets a key; harmless where it was not noted."""
    _opened.pop(key.salt, None)


def destroy(salt: bytes, vault: Vault) -> None:
    """Destroys a key under which nothing lies any more.

    Raises:
        VaultError: It is still there.
    """
    gone = RecordKey(salt, b"")
    vault.drop(gone.name)
    forget(gone)


def keep(key: RecordKey, vault: Vault) -> None:
    """Keeps a key in a vault, and makes sure that it is there.

    Raises:
        VaultError: It is not.
    """
    vault.put(key.name, key.key)
    if vault.get(key.name) != key.key:
        raise VaultError(vault.where, "what was put there did not come back")


def key_of_code(code: str) -> bytes:
    """The key behind a recovery code, however it was typed: spaces, dashes and small letters do not count.

    Raises:
        UsageError: It is none; one letter wrong or two exchanged are noticed.
    """
    letters = "".join(code.upper().split()).replace("-", "").translate(_LOOK_ALIKE)
    strange = sorted(set(letters) - set(_ALPHABET))
    if strange:
        raise _no_code(f"no code holds {' '.join(strange)}")
    if len(letters) != _LETTERS:
        raise _no_code(f"it has {len(letters)} letters instead of {_LETTERS}")
    number = 0
    for letter in letters:
        number = number << 5 | _ALPHABET.index(letter)
    content = number.to_bytes(KEY_BYTES + _CHECK_BYTES)
    key, check = content[:KEY_BYTES], content[KEY_BYTES:]
    if hashlib.sha256(key).digest()[:_CHECK_BYTES] != check:
        raise _no_code("its last letters do not fit, so a letter is wrong")
    return key


def _no_code(why: str) -> UsageError:
    return UsageError(
        f"This is no recovery code of a record ({why}), so nothing was opened or changed. Type it as it was printed; the code "
        "of the backups is another one."
    )

"""Signed heads: who holds a station's key says that the chain up to an entry is as it stood then.

The signature is Ed25519 (RFC 8032) over the text `derma-pen head 1`, station, number, hash and time of the entry, one a
line. `cryptography` is an extra; without it a record is written unsigned and says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pen_host.journal.chain import Head, utc_text
from pen_host.vault import Vault, VaultError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FORM = "derma-pen head 1"
"""First line of what is signed; a later form gets another number."""
_TEXT = b"derma-pen text 1\n"
NO_LIBRARY = "the package cryptography is not installed (extra evidence)"
PUBLIC_BYTES = 32


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head under a signature.

    Attributes:
        head: The entry.
        utc_ns: When it was signed, nanoseconds since 1970.
        public: The key that it can be checked with, hexadecimal.
        signature: 64 bytes, hexadecimal.
    """

    head: Head
    utc_ns: int
    public: str
    signature: str


def message(head: Head, utc_ns: int) -> bytes:
    """What is signed."""
    return f"{FORM}\n{head.station_id}\n{head.seq}\n{head.hash}\n{utc_ns}\n".encode()


def fingerprint(public: str) -> str:
    """A short name of a key for people: the beginning of its SHA-256."""
    return hashlib.sha256(bytes.fromhex(public)).hexdigest()[:16]


def under_other_key(heads: Sequence[SignedHead], own: str, where: str) -> str:
    """What is said, once, of everything that another key signed than the one that this computer holds for the station.

    `verify_chain` says the same in its own file.

    Args:
        heads: Under that key, in their order.
        own: The public half of the station's key.
        where: The vault it lies in.
    """
    first, last = heads[0], heads[-1]
    which = f"The head signed at entry {first.head.seq} ({utc_text(first.utc_ns)}) is"
    if len(heads) > 1:
        which = (
            f"{len(heads)} heads, signed from entry {first.head.seq} ({utc_text(first.utc_ns)}) to entry {last.head.seq} "
            f"({utc_text(last.utc_ns)}), are"
        )
    other = fingerprint(first.public)
    return (
        f"{which} under key {other}, not under key {fingerprint(own)} that this computer holds for station "
        f"{first.head.station_id} in {where}: this record was written with two sets of keys, or somebody else signed it, and "
        f"nobody here vouches for what key {other} signed. If that key is yours, use the keyring or the folder of PEN_KEYS in "
        "which it lies, and only that one; if nobody knows it, compare the record with a backup and with the heads on printed "
        "reports."
    )


def key_name(station_id: str) -> str:
    """Where the vault keeps a station's key."""
    return f"station-{station_id}"


def anchor_name(station_id: str) -> str:
    """Where the vault keeps the newest head that a station signed."""
    return f"head-{station_id}"


class Signer:
    """Signs heads of one station, and keeps the newest one outside the record.

    Args:
        station_id: The station.
        vault: Where its key lies; made there when absent.

    Raises:
        VaultError: The key cannot be kept or fetched, or `cryptography` is missing.
    """

    def __init__(self, station_id: str, vault: Vault) -> None:
        self._station_id = station_id
        self._vault = vault
        self._key = _key(station_id, vault)
        self.public = self._key.public_key().public_bytes_raw().hex()

    def sign(self, head: Head, utc_ns: int) -> SignedHead:
        """A head under this station's signature."""
        return SignedHead(head, utc_ns, self.public, self._key.sign(message(head, utc_ns)).hex())

    def sign_text(self, text: str) -> str:
        """A text under this station's signature, hexadecimal; no text looks like a head."""
        return self._key.sign(_TEXT + text.encode()).hex()

    def anchor(self, head: Head) -> None:
        """Keeps a head outside the record: entries that go missing later are then missed.

        Raises:
            VaultError: It could not be kept.
        """
        self._vault.put(anchor_name(self._station_id), f"{head.seq} {head.hash}".encode())


def anchored(station_id: str, vault: Vault) -> Head | None:
    """The newest head that was kept outside the record.

    Raises:
        VaultError: It cannot be fetched.
    """
    kept = vault.get(anchor_name(station_id))
    if kept is None:
        return None
    seq, _, found = kept.decode(errors="replace").partition(" ")
    if not seq.isdigit():
        raise VaultError(vault.where, f"the head kept for station {station_id} is unreadable")
    return Head(station_id, int(seq), found)


def public_key(station_id: str, vault: Vault) -> str | None:
    """The public half of a station's key as this computer knows it, or None.

    Raises:
        VaultError: The key cannot be fetched, or `cryptography` is missing.
    """
    if vault.get(key_name(station_id)) is None:
        return None
    return _key(station_id, vault).public_key().public_bytes_raw().hex()


def signature_holds(signed: SignedHead) -> bool | None:
    """Whether a signature is what it says it is; None where that cannot be checked here."""
    return _holds(signed.public, message(signed.head, signed.utc_ns), signed.signature)


def text_signature_holds(public: str, text: str, signature: str) -> bool | None:
    """The same for a text, see `Signer.sign_text`."""
    return _holds(public, _TEXT + text.encode(), signature)


def _holds(public: str, content: bytes, signature: str) -> bool | None:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        return None
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(signature), content)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _key(station_id: str, vault: Vault) -> Ed25519PrivateKey:
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    except ImportError as error:
        raise VaultError(vault.where, NO_LIBRARY) from error
    kept = vault.get(key_name(station_id))
    if kept is None:
        made = Ed25519PrivateKey.generate()
        vault.put(key_name(station_id), made.private_bytes_raw())
        return made
    try:
        return Ed25519PrivateKey.from_private_bytes(kept)
    except ValueError as error:
        raise VaultError(vault.where, f"the key of station {station_id} is unreadable") from error

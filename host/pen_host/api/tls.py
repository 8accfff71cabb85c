"""A certificate for a console on the LAN, when the clinic has none of its own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

VALID_DAYS = 365
EARLIER = timedelta(minutes=10)
"""Clocks on a LAN differ."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificate and key, both PEM files."""

    certificate: Path
    key: Path


def self_signed(address: str, place: Path) -> Tls:
    """A certificate for this address and for loopback, signed by itself: browsers warn, so compare its fingerprint.

    Raises:
        OSError: It cannot be written.
        ValueError: The address is none.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"derma-pen console {address}")])
    now = datetime.now(UTC)
    addresses = dict.fromkeys((ip_address(address), ip_address("127.0.0.1"), ip_address("::1")))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now + timedelta(days=VALID_DAYS))
        .add_extension(
            x509.SubjectAlternativeName([*map(x509.IPAddress, addresses), x509.DNSName("localhost")]), False
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = Tls(place / "console-cert.pem", place / "console-key.pem")
    found.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    found.key.unlink(missing_ok=True)
    descriptor = os.open(found.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    return found


def fingerprint(certificate: Path) -> str:
    """SHA-256 of a certificate, as browsers show it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    digest = x509.load_pem_x509_certificate(certificate.read_bytes()).fingerprint(hashes.SHA256())
    return ":".join(f"{byte:02X}" for byte in digest)

"""Which hosts, origins and peers belong to this console, and which headers every answer carries."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
BODY_MAX = 64 * 1024
"""Largest JSON body: the longest plan is a tenth of it. (J)"""
UPLOAD_MAX = 25 * 1024 * 1024
"""Largest upload (a photograph). (J)"""
UPLOAD_PATHS = ("/_nicegui/client/",)
"""Where the pages' own toolkit takes uploads."""
PHOTO_PATH = re.compile(r"/api/patients/[^/]+/photographs")
"""Where a photograph is sent as it is; everything else takes JSON."""
PHOTO_MEDIA = frozenset({"image/jpeg", "image/png", "image/webp", "image/tiff"})
"""What may be sent there. No form of another page can say so, and a script of one is asked first, which is refused."""

IMPORT_PATH = "/api/imports/file"
"""Where our own bundles are sent as they are."""
IMPORT_MEDIA = frozenset({"application/json", "application/fhir+json", "application/zip"})
IMPORT_MAX = 256 * 1024 * 1024
"""Largest file with bundles: photographs are in it. A larger export is taken in by `pen import`. (J)"""


@dataclass(frozen=True, slots=True)
class Policy:
    """Who belongs.

    Attributes:
        port: Where the console listens.
        names: Names of this computer it may be called by; loopback unless the LAN was asked for.
        tls: It speaks TLS.
        lan: Peers beyond this computer may come in.
    """

    port: int
    names: tuple[str, ...] = LOOPBACK_NAMES
    tls: bool = False
    lan: bool = False

    @property
    def hosts(self) -> frozenset[str]:
        """What the Host header may say."""
        default = 443 if self.tls else 80
        bare = self.names if self.port == default else ()
        return frozenset((*(f"{name}:{self.port}" for name in self.names), *bare))

    @property
    def origins(self) -> frozenset[str]:
        """What the Origin header may say."""
        scheme = "https" if self.tls else "http"
        return frozenset(f"{scheme}://{host}" for host in self.hosts)

    def peer_belongs(self, address: str | None) -> bool:
        """Whether a peer may come in: this computer, or anybody on the LAN when that was asked for."""
        if self.lan:
            return True
        try:
            return address is not None and ip_address(address).is_loopback
        except ValueError:
            return False

    def headers(self, path: str) -> Iterable[tuple[bytes, bytes]]:
        """What every answer carries.

        NiceGUI's pages bring scripts in the page and compile templates, so script-src must allow that; nothing may come from
        elsewhere, be sent elsewhere, or put the console into a frame.
        """
        sockets = " ".join(sorted(f"{'wss' if self.tls else 'ws'}://{host}" for host in self.hosts))
        csp = "; ".join(
            (
                "default-src 'self'",
                "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
                "style-src 'self' 'unsafe-inline'",
                "img-src 'self' data: blob:",
                "font-src 'self' data:",
                f"connect-src 'self' {sockets}",
                "worker-src 'self' blob:",
                "object-src 'none'",
                "base-uri 'none'",
                "form-action 'self'",
                "frame-ancestors 'none'",
            )
        )
        yield b"content-security-policy", csp.encode()
        yield b"x-content-type-options", b"nosniff"
        yield b"x-frame-options", b"DENY"
        yield b"referrer-policy", b"no-referrer"
        yield b"cross-origin-opener-policy", b"same-origin"
        yield b"cross-origin-resource-policy", b"same-origin"
        yield b"permissions-policy", b"camera=(self), microphone=(), geolocation=(), usb=(), serial=()"
        if self.tls:
            yield b"strict-transport-security", b"max-age=31536000"
        if not _static(path):
            yield b"cache-control", b"no-store"


def _static(path: str) -> bool:
    """Files of the program, which a browser may keep; everything else is about people."""
    return path.startswith(("/_nicegui/", "/console/static/")) and "/client/" not in path

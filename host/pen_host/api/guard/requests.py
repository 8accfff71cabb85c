"""What one request says about where it comes from, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Any

from ..problems import Code, ProblemError
from ..sessions import COOKIE
from .policy import (
    BODY_MAX,
    IMPORT_MAX,
    IMPORT_MEDIA,
    IMPORT_PATH,
    PHOTO_MEDIA,
    PHOTO_PATH,
    UPLOAD_MAX,
    UPLOAD_PATHS,
    Policy,
)

SAFE = frozenset({"GET", "HEAD"})
METHODS = frozenset({*SAFE, "POST"})
SITES = frozenset({"same-origin", "none"})
"""Sec-Fetch-Site of the console's own pages, and of an address that a person typed."""
OPEN_PATHS = frozenset({"/launch", "/api/stop", "/api/health"})
"""Need no cookie: the way in, STOP, and whether anybody is there."""
SINGLE = ("host", "origin", "content-type", "content-length", "sec-fetch-site", "authorization")
"""Headers that must not come twice: two parts of a program could believe different ones."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as far as the guard looks at it."""

    kind: str
    """`http` or `websocket`."""
    method: str
    path: str
    peer: str | None
    headers: Mapping[str, str]

    @classmethod
    def of(cls, scope: Mapping[str, Any]) -> Asked:
        """From an ASGI scope.

        Raises:
            ProblemError: A header that decides comes twice, or is no text.
        """
        headers: dict[str, str] = {}
        for raw_name, raw_value in scope["headers"]:
            name = raw_name.decode("latin-1").lower()
            if name in SINGLE and name in headers:
                raise ProblemError(
                    Code.MALFORMED,
                    HTTPStatus.BAD_REQUEST,
                    f"The header {name} came twice, so nothing was done.",
                )
            value = raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}; {value}" if name in headers else value
        client = scope.get("client")
        return cls(
            scope["type"],
            scope.get("method", "GET"),
            scope["path"],
            client[0] if client else None,
            headers,
        )

    @property
    def cookie(self) -> str | None:
        """The console's cookie."""
        try:
            found = SimpleCookie(self.headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return None
        return found.value if found else None

    @property
    def bearer(self) -> str | None:
        """The key of a program of the same user."""
        scheme, _, key = self.headers.get("authorization", "").partition(" ")
        return key if scheme == "Bearer" and key else None

    @property
    def is_photograph(self) -> bool:
        """A photograph is taken here, and nothing else."""
        return PHOTO_PATH.fullmatch(self.path) is not None

    @property
    def body_max(self) -> int:
        """Longest body that is taken here, in bytes."""
        if self.path == IMPORT_PATH:
            return IMPORT_MAX
        return UPLOAD_MAX if self.path.startswith(UPLOAD_PATHS) or self.is_photograph else BODY_MAX


def must_belong(asked: Asked, policy: Policy, *, keyed: bool) -> None:
    """Refuse whoever comes from elsewhere, before any of the program sees it.

    Args:
        asked: The request.
        policy: Who belongs.
        keyed: It carries the key that only this user can read, so it is no browser that was led here.

    Raises:
        ProblemError: Why not.
    """
    if not policy.peer_belongs(asked.peer):
        raise _no(Code.PEER_NOT_ALLOWED, "This console serves this computer only.")
    if asked.headers.get("host") not in policy.hosts:
        raise _no(
            Code.HOST_NOT_ALLOWED, "This console is not called by that name.", HTTPStatus.MISDIRECTED_REQUEST
        )
    if asked.method not in METHODS:
        raise _no(
            Code.METHOD_NOT_ALLOWED, "The console knows GET, HEAD and POST.", HTTPStatus.METHOD_NOT_ALLOWED
        )
    origin = asked.headers.get("origin")
    if origin is not None and origin not in policy.origins:
        raise _no(Code.ORIGIN_NOT_ALLOWED, "Pages of another origin may not speak to this console.")
    if asked.headers.get("sec-fetch-site", "none") not in SITES:
        raise _no(Code.CROSS_SITE, "Another site may not speak to this console.")
    changes = asked.kind == "websocket" or asked.method not in SAFE
    if changes and origin is None and not keyed:
        raise _no(Code.ORIGIN_NOT_ALLOWED, "Whatever changes something must name its origin.")
    if asked.kind == "http" and asked.method not in SAFE and not asked.path.startswith(UPLOAD_PATHS):
        media = asked.headers.get("content-type", "").partition(";")[0].strip().lower()
        if asked.is_photograph:
            if media not in PHOTO_MEDIA:
                raise _no(
                    Code.NOT_A_PICTURE,
                    "This is no photograph; JPEG, PNG, WebP and TIFF are taken.",
                    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                )
        elif asked.path == IMPORT_PATH:
            if media not in IMPORT_MEDIA:
                raise _no(
                    Code.NOT_A_BUNDLE,
                    "This is no bundle; JSON and zip are taken.",
                    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                )
        elif media != "application/json":
            raise _no(Code.NOT_JSON, "The console takes JSON only.", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)


def _no(code: Code, why: str, status: HTTPStatus = HTTPStatus.FORBIDDEN) -> ProblemError:
    return ProblemError(code, status, f"{why} Nothing was done.")

"""Asks a running console, which owns the port: what the command line does instead of failing on a busy one.

Standard library only, for `pen stop` is in a hurry.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import BusyPortError, ExitCode, PenError, UnknownOutcomeError
from ..names import Flag, State
from ..stopping import Stopped
from .runtime import Running, find_all

ASK_S = 5.0
"""How long an answer of a console is waited for. (J)"""
BY_HAND = "release the trigger and press the pen's button"


class ConsoleGoneError(PenError):
    """The console that the file names does not run any more."""

    exit_code = ExitCode.NO_DEVICE


class ConsoleClient:
    """One running console.

    Args:
        running: Where it is and the key to it.
        timeout_s: How long an answer is waited for.
    """

    def __init__(self, running: Running, timeout_s: float = ASK_S) -> None:
        self.running = running
        self._timeout_s = timeout_s

    def get(self, path: str) -> Any:
        """Ask something.

        Raises:
            PenError: What the console says is wrong, or that it is gone.
        """
        return self._ask("GET", path, None)

    def post(self, path: str, body: Mapping[str, object]) -> Any:
        """Have something done. See `get`."""
        return self._ask("POST", path, json.dumps(body))

    def launch_url(self) -> str:
        """An address that lets one browser in, once."""
        scheme = "https" if self.running.certificate else "http"
        path = self.post("/api/launch", {})["path"]
        return f"{scheme}://127.0.0.1:{self.running.port}{path}"

    def _ask(self, method: str, path: str, body: str | None) -> Any:
        connection = self._connection()
        headers = {
            "Host": f"127.0.0.1:{self.running.port}",
            "Authorization": f"Bearer {self.running.key}",
            "Content-Type": "application/json",
        }
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            content = json.loads(response.read())
        except ConnectionRefusedError as error:
            raise ConsoleGoneError(
                "The console does not run any more. Start it again: pen console."
            ) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise UnknownOutcomeError(
                f"The console (process {self.running.pid}) did not answer ({error}), so nobody knows whether it did what it "
                f"was asked. If a needle is moving: {BY_HAND}."
            ) from error
        finally:
            connection.close()
        if response.status >= http.client.BAD_REQUEST:
            raise PenError(str(content.get("detail", "The console refused.")))
        return content

    def _connection(self) -> http.client.HTTPConnection:
        port, certificate = self.running.port, self.running.certificate
        if certificate is None:
            return http.client.HTTPConnection("127.0.0.1", port, timeout=self._timeout_s)
        # the certificate named in a file that only this user can write is the one that is wanted, whatever its name
        context = ssl.create_default_context(cafile=certificate)
        context.check_hostname = False
        return http.client.HTTPSConnection("127.0.0.1", port, timeout=self._timeout_s, context=context)


@dataclass(frozen=True, slots=True)
class Held:
    """A pen that a console holds."""

    client: ConsoleClient
    url: str | None
    serial: str | None


def held(url: str | None, serial: str | None, find: Callable[[], list[Running]] = find_all) -> Held | None:
    """The console that holds the wanted pen; None when no console does.

    Args:
        url: The pen's port or URL; None for whatever pen a console has. A simulated one must be named.
        serial: The pen's serial number, or its beginning.
        find: Finds the files of running consoles.
    """
    for running in find():
        if running.simulated and url != running.pen:
            continue
        client = ConsoleClient(running)
        try:
            pen = client.get("/api/state")["pen"]
        except PenError:
            continue
        other = url is not None and pen["url"] != url
        stranger = serial is not None and not str(pen["serial"] or "").startswith(serial.lower())
        if not other and not stranger and (pen["serial"] or url is not None or serial is not None):
            return Held(client, pen["url"], pen["serial"])
    return None


def stopping(running: Running) -> Callable[[float], list[Stopped]]:
    """Asks a console to stop its pen, in the time given; a console that is gone holds nothing."""

    def ask(timeout_s: float) -> list[Stopped]:
        name = running.pen or f"console (process {running.pid})"
        try:
            told = ConsoleClient(running, timeout_s).post("/api/stop", {})
        except ConsoleGoneError:
            return []
        except PenError as error:
            return [Stopped(name, False, None, error.sentence, ExitCode.UNKNOWN)]
        if told["url"] is None:
            return []  # it holds no pen now
        code = ExitCode.OK if told["confirmed"] else ExitCode.UNKNOWN
        return [Stopped(told["url"], told["confirmed"], told["after_ms"], told["sentence"], code)]

    return ask


def must_be_free(url: str | None, serial: str | None) -> None:
    """A command that wants the pen for itself leaves a console's pen alone.

    Raises:
        BusyPortError: A console holds it.
    """
    found = held(url, serial)
    if found is not None:
        raise BusyPortError(
            found.url or "of the pen", f"a running console (process {found.client.running.pid})"
        )


def read_status(told: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a status with their types."""
    return {**told, "state": State(told["state"]), "flags": Flag(told["flags"])}

"""How the pages' toolkit is loaded: without the HTTP client that one of its parts brings along."""

from __future__ import annotations

import sys
from importlib import import_module

UNUSED = "aiohttp"
"""python-engineio imports it for its client, when it is there; the console is a server. It is a tenth of all loading."""


def load() -> None:
    """Load the toolkit as if the client were not installed. Whoever imports that later gets it all the same."""
    if UNUSED in sys.modules:
        return
    # None stands for a module that is known not to be there: importing it fails, and that is provided for
    sys.modules[UNUSED] = None  # type: ignore[assignment]
    try:
        import_module("nicegui")
    finally:
        del sys.modules[UNUSED]

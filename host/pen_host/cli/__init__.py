"""The `pen` command: parse, call, print. Nothing here decides anything.

Imports are late on purpose: `pen stop` must not wait for a database or a plot library it does not use.
"""

from .main import main

__all__ = ["main"]

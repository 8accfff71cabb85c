"""What a clinic decides about its consoles, kept in a small file beside the accounts."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from pydantic import ConfigDict, Field, ValidationError

from ..errors import AuthError
from ..records.adjuncts import WINDOW_HOURS
from ..whole_files import write_whole
from .models import Model

WINDOW_MIN_HOURS = 24
"""The warning cannot be switched off: half of the micropores are open for 20-26 h. (PMC8259462)"""
WINDOW_MAX_HOURS = 168
"""A week; the slowest micropores closed after less. (J)"""


class HouseRules(Model):
    """What a clinic decides."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    topical_window_hours: int = Field(WINDOW_HOURS, ge=WINDOW_MIN_HOURS, le=WINDOW_MAX_HOURS)
    """How long after needling the console warns about what is applied."""
    backup_folder: str = Field("", max_length=1_000)
    """Where the record was saved last; nothing before it ever was."""


class House:
    """The rules in force.

    Args:
        path: The file; None keeps them in memory.

    Raises:
        AuthError: The file is there and cannot be read: no rule is guessed.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.rules = HouseRules() if path is None else _read(path)

    def decide(self, told: Mapping[str, object]) -> tuple[HouseRules, HouseRules]:
        """Other rules from now on, those that are told; returns those before and those in force.

        Args:
            told: By name, checked by the caller.

        Raises:
            UsageError: They cannot be written; those before stay in force.
        """
        with self._lock:
            rules = self.rules.model_copy(update=told)
            if self._path is not None:
                write_whole(self._path, rules.model_dump_json(indent=1).encode())
            before, self.rules = self.rules, rules
        return before, rules


def _read(path: Path) -> HouseRules:
    try:
        return HouseRules.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return HouseRules()
    except (OSError, ValidationError) as error:
        raise AuthError(
            f"The clinic's rules in {path} cannot be read ({type(error).__name__}), so no console was opened. Put the file's "
            "backup in its place, or move it away and set the rules anew."
        ) from error

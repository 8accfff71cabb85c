"""How the command ends when something went wrong: one sentence, or one JSON object, and a fixed exit code."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from ..errors import ExitCode


def print_json(content: Mapping[str, Any]) -> None:
    """One JSON object on one line."""
    print(json.dumps(content, ensure_ascii=False, separators=(", ", ": ")), flush=True)


def warn(sentence: str) -> None:
    """Say what somebody should know, while the command goes on; nothing where there is nothing."""
    if sentence:
        print(f"pen: {sentence}", file=sys.stderr)


def tell(sentence: str, code: ExitCode, *, as_json: bool) -> None:
    """Say what went wrong: with --json on standard output, for programs; else for people."""
    if as_json:
        print_json({"error": {"code": code.name, "exit": int(code), "sentence": sentence}})
    else:
        print(f"pen: {sentence}", file=sys.stderr)

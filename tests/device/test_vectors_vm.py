"""The golden frames are read and written on MicroPython exactly as on CPython."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.micropython_vm import ROOT, run_micropython

PROTOCOL = ROOT / "protocol"
SCRIPT = Path(__file__).with_name("vectors_on_device.py")
VECTORS = json.loads((PROTOCOL / "vectors.json").read_text(encoding="utf-8"))

pytestmark = pytest.mark.xdist_group("vectors_vm")


@pytest.fixture(scope="module")
def outcomes() -> dict[str, dict[str, Any]]:
    """What the VM printed, by name."""
    script = 'VECTORS = "/disk0/vectors.json"\n' + SCRIPT.read_text(encoding="utf-8")
    lines = run_micropython(script, [PROTOCOL]).splitlines()
    return {entry["name"]: entry for entry in map(json.loads, lines)}


def test_the_vm_did_all_of_them(outcomes: dict[str, dict[str, Any]]) -> None:
    assert list(outcomes) == [vector["name"] for vector in VECTORS["frames"] + VECTORS["streams"]]


@pytest.mark.parametrize("vector", VECTORS["frames"], ids=lambda vector: vector["name"])
def test_the_vm_reads_and_writes_the_frame(
    vector: dict[str, Any], outcomes: dict[str, dict[str, Any]]
) -> None:
    outcome = outcomes[vector["name"]]
    assert outcome == {name: vector[name] for name in outcome}


@pytest.mark.parametrize("vector", VECTORS["streams"], ids=lambda vector: vector["name"])
def test_the_vm_counts_the_stream(vector: dict[str, Any], outcomes: dict[str, dict[str, Any]]) -> None:
    outcome = outcomes[vector["name"]]
    assert outcome == {name: vector[name] for name in outcome}

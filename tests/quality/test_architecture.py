"""Imports run in the directions of the table, and the checker sees it when they do not."""

from __future__ import annotations

from collections.abc import Callable
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.quality.architecture import CLOSED, ROOMS, modules, room_of, violations

Tree = Callable[..., Path]


def test_the_project_obeys() -> None:
    found = violations()
    if found:
        print(*found, sep="\n")
        pytest.fail(f"{len(found)} imports against the table, above", pytrace=False)


def test_the_checker_looks_at_the_project() -> None:
    """A wrong folder would make the test above pass on nothing."""
    assert {"pen_protocol", "pen_firmware", "pen_sim", "pen_host"} <= modules(
        Path(__file__).parents[2]
    ).keys()


def test_the_table_has_no_circle() -> None:
    graph = {
        name: {own for own in room.own if own != name and room_of(own) == own}
        for name, room in ROOMS.items()
        if name.startswith("pen_host.")
    }
    TopologicalSorter(graph).prepare()


def test_the_table_names_only_rooms_it_has() -> None:
    named = {own for room in ROOMS.values() for own in (*room.own, *room.never)}
    assert named <= ROOMS.keys() | {"pen_firmware.pen"}
    assert not CLOSED & ROOMS.keys()


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Writes a small repository from pairs of a file's name and its text."""

    def write(*pairs: str) -> Path:
        for name, text in zip(pairs[::2], pairs[1::2], strict=True):
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            (file.parent / "__init__.py").touch()
            file.write_text(text)
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("firmware/pen_firmware/needle.py", "import machine", "only pen_firmware.board_rp2040 and boot may"),
        ("firmware/main.py", "from machine import Pin", "only pen_firmware.board_rp2040 and boot may"),
        ("host/pen_host/cli.py", "def f():\n    import rp2", "only pen_firmware.board_rp2040 and boot may"),
        ("firmware/pen_firmware/needle.py", "import time", "may import array"),
        ("firmware/pen_firmware/needle.py", "from pen_sim import plant", "may import pen_firmware"),
        ("firmware/pen_firmware/needle.py", "import pen_host.cli", "may import pen_firmware"),
        ("firmware/pen_firmware/pen.py", "from pen_firmware import board_rp2040", "never may"),
        ("firmware/pen_firmware/pen.py", "from . import board_rp2040", "never may"),
        ("firmware/pen_firmware/hal.py", "import struct", "may import nothing"),
        ("firmware/pen_firmware/supervisor.py", "import random", "is pure"),
        ("protocol/pen_protocol/codec.py", "import os", "is pure"),
        (
            "protocol/pen_protocol/limits.py",
            "from enum import IntEnum",
            "may import binascii, micropython, struct",
        ),
        ("protocol/pen_protocol/limits.py", "from pen_firmware import hal", "may import nothing"),
        ("host/pen_host/link.py", "import time", "is pure"),
        ("host/pen_host/link.py", "def f():\n    from socket import socket", "is pure"),
        ("host/pen_host/checks.py", "import datetime\ndatetime.datetime.now()", "is pure and calls now()"),
        ("host/pen_host/worker.py", "from pen_host.session import run", "room pen_host.worker may import"),
        ("host/pen_host/session.py", "from .cli import main", "room pen_host.session may import"),
        ("host/pen_host/session/store.py", "from ..cli import main", "room pen_host.session may import"),
        ("host/pen_host/session.py", "import pen_sim", "room pen_host.session may import"),
        (
            "host/pen_host/session.py",
            "import importlib\nimportlib.import_module('pen_sim.plant')",
            "pen_sim.plant",
        ),
        ("host/pen_host/models.py", "import tests.conftest", "room pen_host.models may import"),
        ("host/pen_host/gadget.py", "", "add it to ROOMS"),
        ("host/pen_host/gadget/part.py", "", "add it to ROOMS"),
    ],
)
def test_a_wrong_import_is_found(tree: Tree, file: str, text: str, complaint: str) -> None:
    root = tree("firmware/pen_firmware/board_rp2040.py", "", "host/pen_host/outcomes.py", "", file, text)
    found = violations(root)
    assert found
    assert all(complaint in sentence and file.rpartition("/")[0] in sentence for sentence in found), found


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("firmware/pen_firmware/board_rp2040.py", "import machine, rp2, time\nfrom pen_firmware import hal"),
        ("firmware/boot.py", "from machine import Pin"),
        ("firmware/main.py", "from pen_firmware.board_rp2040 import Board\nfrom pen_firmware.pen import Pen"),
        (
            "firmware/pen_firmware/pen.py",
            "from micropython import const\nfrom . import needle\nfrom .needle import N",
        ),
        ("protocol/pen_protocol/framing.py", "import binascii\nfrom .limits import X"),
        ("firmware/pen_sim/board.py", "import random\nfrom pen_firmware.hal import Board"),
        ("host/pen_host/transport.py", "import serial\ndef f():\n    from pen_sim import board"),
        ("host/pen_host/session/store.py", "from .keys import key\nfrom ..journal import Journal"),
        ("host/pen_host/cli/__init__.py", "from pen_host.cli.stop import stop\nfrom pen_host import session"),
    ],
)
def test_a_right_import_is_not(tree: Tree, file: str, text: str) -> None:
    root = tree("host/pen_host/outcomes.py", "", "firmware/pen_firmware/needle.py", "", file, text)
    assert violations(root) == []

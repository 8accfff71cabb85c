"""What the rig boots from: its device tree, compiled for the chip."""

from __future__ import annotations

from pathlib import Path

from hil_tests.chip.image import ROOT, compiled

DEVICE = ROOT / "hil_tests" / "rig_firmware" / "device"
MODULES = (
    "hil_tests/__init__.py",
    *(f"hil_tests/rig/{name}.py" for name in ("__init__", "messages", "pins", "programs")),
    *(f"hil_tests/rig_firmware/{name}.py" for name in ("__init__", "board", "rig")),
    *(
        f"protocol/pen_protocol/{name}.py"
        for name in ("__init__", "codec", "faults", "framing", "limits", "messages", "states", "version")
    ),
)
"""Sources of the rig's modules."""


def device_tree(cache: Path) -> dict[str, bytes]:
    """Every file of the rig, by its path there.

    Args:
        cache: Folder for compiled files; one newer than its source is used again.
    """
    files = {name: (DEVICE / name).read_bytes() for name in ("boot.py", "main.py")}
    for module in MODULES:
        path = Path(module.removeprefix("protocol/")).with_suffix(".mpy")
        files[path.as_posix()] = compiled(ROOT / module, cache / path)
    return files

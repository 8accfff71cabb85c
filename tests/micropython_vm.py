"""A real MicroPython VM on this machine: the WebAssembly build on Node, fetched once into .cache/.

It has no `machine` and no `rp2`; what it proves is that the shared and the pure modules run on MicroPython
as they do on CPython:

    run_micropython("from pen_protocol import framing; print(framing.encode(b'x'))", [ROOT / "protocol"])
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "@micropython/micropython-webassembly-pyscript"
PATIENCE_S = 240.0
"""A machine that does other things as well is no failure."""
VERSION = "1.27.0"
SHA512 = "DnXx4EqxgkeaFESrS3uKrL7mLMk4mRTd0mMzaOd3HUSiZUOAE7t11uLnjf3ftF87N2xm4knHnWEKcVK4IYIUDA=="
RUNNER = Path(__file__).with_suffix(".mjs")
HEAP_BYTES = 4 * 1024 * 1024


class MicroPythonError(Exception):
    """The script ended with an exception; the text is MicroPython's traceback."""


class VmMissingError(Exception):
    """No VM on this machine; the text says how to get one."""


def installed() -> Path:
    """The folder of the VM, fetched when it is not there yet.

    Raises:
        VmMissingError: when Node is missing or the package cannot be had.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise VmMissingError(
            "MicroPython's WebAssembly build needs Node: install node and npm (apt-get install npm)."
        )
    home = ROOT / ".cache" / f"micropython-{VERSION}-{hashlib.sha256(SHA512.encode()).hexdigest()[:8]}"
    if home.is_dir():
        return home
    home.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent) as scratch:
        target = Path(scratch) / "package"
        _unpack(_fetch(Path(scratch)), target)
        try:
            target.rename(home)
        except OSError:  # another worker was first
            if not home.is_dir():
                raise
    return home


def _fetch(folder: Path) -> bytes:
    command = [
        "npm",
        "pack",
        f"{PACKAGE}@{VERSION}",
        "--silent",
        "--ignore-scripts",
        "--pack-destination",
        str(folder),
    ]
    try:
        subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    except subprocess.SubprocessError as error:
        raise VmMissingError(
            f"npm could not fetch {PACKAGE} {VERSION}; run the tests once with a network."
        ) from error
    (archive,) = folder.glob("*.tgz")
    return archive.read_bytes()


def _unpack(archive: bytes, target: Path) -> None:
    """Writes the two files the VM consists of, from an archive that must be the pinned one."""
    found = base64.b64encode(hashlib.sha512(archive).digest()).decode()
    if found != SHA512:
        raise ValueError(f"{PACKAGE} {VERSION}: the archive's sha512 is {found}, pinned is {SHA512}")
    target.mkdir()
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for name in ("micropython.mjs", "micropython.wasm"):
            member = tar.extractfile(f"package/{name}")
            if member is None:
                raise ValueError(f"{PACKAGE} {VERSION}: no {name} in the archive")
            (target / name).write_bytes(member.read())


def require_vm() -> Path:
    """The VM's folder; without one the test is skipped on a desk and fails in CI."""
    try:
        return installed()
    except VmMissingError as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(str(missing))


def run_micropython(
    script: str | Path,
    sys_path: Sequence[Path] = (),
    timeout: float = PATIENCE_S,
    heap_bytes: int = HEAP_BYTES,
) -> str:
    """Runs a script on MicroPython and gives what it printed.

    Args:
        script: the text of the script, or its file.
        sys_path: folders whose Python and JSON files the script can import and open; each is copied into the
            VM's own file system and stands in its sys.path in this order.
        timeout: seconds until the VM is killed.
        heap_bytes: the VM's heap; small ones show what allocates.

    Raises:
        MicroPythonError: when the script raised.
    """
    package = require_vm()
    files: dict[str, str] = {}
    folders = []
    for index, folder in enumerate(sys_path):
        if not folder.is_dir():
            raise NotADirectoryError(folder)
        folders.append(f"/disk{index}")
        for file in sorted(folder.rglob("*")):
            if file.suffix in {".py", ".json"} and "__pycache__" not in file.parts:
                files[f"/disk{index}/{file.relative_to(folder).as_posix()}"] = file.read_text(
                    encoding="utf-8"
                )
    job = {
        "package": package.as_posix(),
        "heap": heap_bytes,
        "files": files,
        "path": folders,
        "script": script.read_text(encoding="utf-8") if isinstance(script, Path) else script,
    }
    done = subprocess.run(
        ["node", str(RUNNER)],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode != 0:
        raise MicroPythonError(done.stderr.strip())
    return done.stdout

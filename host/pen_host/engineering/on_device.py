"""What runs on the pen's own prompt while it is flashed. Sent as source, so it keeps to what MicroPython and CPython share.

Paths have no leading slash and are relative to the root of the pen's file system.
"""

import binascii
import hashlib
import os

_CHUNK = 1024
_FOLDER = 0x4000


def digest(path: str) -> str:
    """SHA-256 of a file as hexadecimal text, read in pieces that fit the chip."""
    check = hashlib.sha256()
    buffer = bytearray(_CHUNK)
    whole = memoryview(buffer)
    with open(path, "rb") as file:
        while True:
            count = file.readinto(buffer)
            if not count:
                break
            check.update(whole[:count])
    return binascii.hexlify(check.digest()).decode()


def survey(paths: tuple[str, ...]):  # type: ignore[no-untyped-def]
    """Yield (path, size, SHA-256) of every file named or below a folder named, (path, -1, "") of every such folder.

    One by one, so that a slow chip is never silent for long.
    """
    waiting = list(paths)
    while waiting:
        path = waiting.pop()
        try:
            status = os.stat(path)
        except OSError:
            continue
        if status[0] & _FOLDER:
            yield path, -1, ""
            waiting += [path + "/" + name for name in os.listdir(path)]
        else:
            yield path, status[6], digest(path)


def free_bytes() -> int:
    """Bytes of whole free blocks of the file system."""
    status = os.statvfs(".")
    return status[0] * status[3]


def block_bytes() -> int:
    """Size of one block: what the smallest file takes."""
    return os.statvfs(".")[0]

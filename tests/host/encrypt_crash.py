"""Encrypts and rekeys a record again and again, each time killed before another line of the code that does it.

    python -m tests.host.encrypt_crash FOLDER

Whatever line it was: the record opens with what the vault holds, the patient and the photograph are there, and encrypting once more
ends with nothing in the clear. Prints how many lines there were, or what was found.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

from pen_host.journal import encrypting, record_keys, sqlite
from pen_host.records import at_rest, photo_folder
from pen_host.records.models import Person
from pen_host.vault import FileVault
from tests.host.told_clinic import picture

ANNA = Person(name="anna", role="physician")
SECRET = b"Grimhilda Unusual"
TRACED = {module.__file__ for module in (encrypting, photo_folder, at_rest)}
SLOW = ("_must_be_intact", "_tell")
"""Steps before and after, which open and verify the record as anywhere else."""
KILLED = 9


def exposed(folder: Path) -> list[str]:
    """Files below a folder that hold the patient's name or a picture in the clear."""
    found = []
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = file.read_bytes()
        if SECRET in content or content.startswith(b"\xff\xd8\xff"):
            found.append(file.name)
    return found


def template(folder: Path) -> str:
    """A record with a patient, an older copy of it and a photograph; the photograph's name."""
    import hashlib
    from datetime import date

    from pen_host.records import Clinic
    from pen_host.records.models import Demographics

    vault = FileVault(folder / "keys")
    record = folder / "clinic" / "record.sqlite3"
    with Clinic.open(record, station_id="s1", vault=vault) as clinic:
        clinic.patients.add(Demographics(full_name=SECRET.decode(), birth_date=date(1980, 2, 29)), ANNA)
    sqlite.backup(record, record.with_name("record.before-0001-20280101T000000000000Z.sqlite3"))
    content = picture(folder / "x.jpg", 1).read_bytes()
    (folder / "x.jpg").unlink()
    name = hashlib.sha256(content).hexdigest()
    photo_folder.keep(record, name, content)
    return name


def killed_at(line: int, folder: Path, act: Callable[[Path, FileVault], Any]) -> bool:
    """Runs `act` in a process of its own that dies before its nth new line; whether it came so far."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED
    seen: set[tuple[str, int]] = set()

    def trace(frame: FrameType, happening: str, argument: object) -> Any:
        if frame.f_code.co_filename not in TRACED or frame.f_code.co_name in SLOW:
            return None
        if happening == "line":
            seen.add((frame.f_code.co_filename, frame.f_lineno))
            if len(seen) > line:
                os._exit(KILLED)
        return trace

    at_rest._must_be_intact = lambda *_: None
    at_rest._tell = lambda *_: None
    sys.settrace(trace)
    try:
        act(folder / "clinic" / "record.sqlite3", FileVault(folder / "keys"))
    except BaseException as error:
        print(f"line {line}: {error!r}", flush=True)
        os._exit(1)
    os._exit(0)


def whole(folder: Path, photo: str) -> str:
    """What is wrong with the record after a crash, or nothing."""
    record, vault = folder / "clinic" / "record.sqlite3", FileVault(folder / "keys")
    record_keys._opened.clear()
    with closing(sqlite.connect_file(record, vault)) as connection:
        names = connection.execute("SELECT full_name FROM demographics").fetchall()
        first = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if names != [(SECRET.decode(),)] or first != "ok":
        return f"the record holds {names} and reports {first}"
    photo_folder.read(record, photo, vault)
    return ""


def finished(folder: Path) -> str:
    """What is still in the clear after encrypting once more, or nothing."""
    record, vault = folder / "clinic" / "record.sqlite3", FileVault(folder / "keys")
    at_rest.encrypt(record, vault, ANNA)
    left = exposed(folder / "clinic") + [file.name for file in record.parent.glob(".*")]
    salts = {record_keys.salt_of(record), *photo_folder.salts(record)}
    return f"left over: {left}" if left else "" if len(salts) == 1 else "photographs are under another key"


def shape(folder: Path) -> tuple[tuple[str, bool], ...]:
    """What lies where, and whether it is encrypted: crashes that leave the same need finishing once."""
    files = sorted(path for path in (folder / "clinic").rglob("*") if path.is_file())
    return tuple((file.name, record_keys.is_encrypted(file)) for file in files)


def every_line(start: Path, work: Path, photo: str, act: Callable[[Path, FileVault], Any]) -> tuple[int, int]:
    """Kills at every line; how many there were, and how many states they left."""
    lines, shapes = 0, set()
    while True:
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(start, work)
        if not killed_at(lines, work, act):
            break
        wrong = whole(work, photo)
        if not wrong and shape(work) not in shapes:
            shapes.add(shape(work))
            wrong = finished(work) or whole(work, photo)
        if wrong:
            sys.exit(f"killed before line {lines}: {wrong}")
        lines += 1
    wrong = whole(work, photo) or (f"in the clear: {exposed(work / 'clinic')}" if exposed(work / "clinic") else "")
    if wrong:
        sys.exit(f"not killed: {wrong}")
    return lines, len(shapes)


def main() -> None:
    """Both campaigns."""
    folder = Path(sys.argv[1])
    start = folder / "start"
    os.environ["PEN_KEYS"] = str(folder / "no-keys")
    photo = template(start)
    if exposed(start / "clinic") != [
        f"{photo}.jpg",
        "record.before-0001-20280101T000000000000Z.sqlite3",
        "record.sqlite3",
    ]:
        sys.exit(f"the test itself is blind: {exposed(start / 'clinic')}")
    encrypted = every_line(start, folder / "work", photo, lambda *at: at_rest.encrypt(*at, ANNA))
    rekeyed = every_line(folder / "work", folder / "again", photo, lambda *at: at_rest.rekey(*at, ANNA))
    print(f"{encrypted[0]} + {rekeyed[0]} lines, {encrypted[1]} + {rekeyed[1]} states")


if __name__ == "__main__":
    main()

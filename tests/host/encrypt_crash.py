"""Encrypts and rekeys a record again and again, each time killed before another line of the code that does it.

    python -m tests.host.encrypt_crash FOLDER [STRIDE]

Whatever line it was: the record opens with what the vault holds, patient and photograph are there, and encrypting once more ends
with nothing in the clear. STRIDE takes every so manieth line only, and those of the swap. Prints how many lines there were, or
what was found.
"""

from __future__ import annotations

import os
import shutil
import sys
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any, TypeAlias

from pen_host.journal import audit_record, encrypting, record_keys, sqlite
from pen_host.records import at_rest, photo_folder
from pen_host.records.models import Person
from pen_host.vault import FileVault
from tests.host.told_clinic import JPEG, picture

ANNA = Person(name="anna", role="physician")
SECRET = b"Grimhilda Unusual"
TRACED = {module.__file__ for module in (encrypting, photo_folder, at_rest)}
SLOW = ("_must_be_intact", "_tell")
"""Steps before and after, which open and verify the record as anywhere else; left out here."""
KILLED = 9
Act: TypeAlias = Callable[[Path, FileVault], Any]


def exposed(folder: Path) -> list[str]:
    """Files below a folder that hold the patient's name or a picture in the clear."""
    found = []
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = file.read_bytes()
        if SECRET in content or content.startswith(JPEG):
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


def in_a_child(folder: Path, act: Act, step: Callable[[int, str], None]) -> int:
    """Runs `act` in a process of its own; `step` is told number and function of each line that is new. Its exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    seen: set[tuple[str, int]] = set()

    def trace(frame: FrameType, happening: str, argument: object) -> Any:
        place = (frame.f_code.co_filename, frame.f_lineno)
        if place[0] not in TRACED:
            return None
        if happening == "line" and place not in seen:
            step(len(seen), frame.f_code.co_name)
            seen.add(place)
        return trace

    sys.settrace(trace)
    try:
        act(folder / "clinic" / "record.sqlite3", FileVault(folder / "keys"))
        os._exit(0)
    finally:
        traceback.print_exc()
        os._exit(1)


def killed_at(line: int, folder: Path, act: Act) -> bool:
    """Runs `act` in a process that dies before its nth new line; whether it came so far."""

    def step(number: int, name: str) -> None:
        if number == line:
            os._exit(KILLED)

    return in_a_child(folder, act, step) == KILLED


def lines_of(folder: Path, act: Act, stride: int) -> list[int]:
    """Every line of a swap, and every so manieth of the others."""
    told = folder / "lines"

    def step(number: int, name: str) -> None:
        if name == encrypting.swap.__name__ or number % stride == 0:
            with told.open("a") as file:
                file.write(f"{number}\n")

    if in_a_child(folder, act, step) != 0:
        sys.exit("it fails without being killed")
    return [int(number) for number in told.read_text().split()]


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


def every_line(start: Path, work: Path, photo: str, act: Act, stride: int) -> tuple[int, int]:
    """Kills at every line; how many, and how many states they left. Ends with one that nobody killed."""
    shapes = set()
    lines = lines_of(_fresh(start, work), act, stride)
    for line in lines:
        if not killed_at(line, _fresh(start, work), act):
            sys.exit(f"line {line} was not come to")
        wrong = whole(work, photo)
        if not wrong and shape(work) not in shapes:
            shapes.add(shape(work))
            wrong = finished(work) or whole(work, photo)
        if wrong:
            sys.exit(f"killed before line {line}: {wrong}")
    act(_fresh(start, work) / "clinic" / "record.sqlite3", FileVault(work / "keys"))
    wrong = whole(work, photo) or ", ".join(exposed(work / "clinic"))
    if wrong:
        sys.exit(f"not killed: {wrong}")
    return len(lines), len(shapes)


def _fresh(start: Path, work: Path) -> Path:
    shutil.rmtree(work, ignore_errors=True)
    record_keys._opened.clear()
    return Path(shutil.copytree(start, work))


def main() -> None:
    """Both campaigns."""
    folder = Path(sys.argv[1])
    start = folder / "start"
    os.environ["PEN_KEYS"] = str(folder / "no-keys")
    photo = template(start)
    for step in SLOW:
        setattr(at_rest, step, lambda *_: None)
    if exposed(start / "clinic") != [
        f"{photo}.jpg",
        "record.before-0001-20280101T000000000000Z.sqlite3",
        "record.sqlite3",
    ]:
        sys.exit(f"the test itself is blind: {exposed(start / 'clinic')}")
    stride = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    encrypted = every_line(start, folder / "work", photo, lambda *at: at_rest.encrypt(*at, ANNA), stride)
    rekeyed = every_line(
        folder / "work", folder / "again", photo, lambda *at: at_rest.rekey(*at, ANNA), stride
    )
    audit = audit_record(folder / "again" / "clinic" / "record.sqlite3", FileVault(folder / "again" / "keys"))
    if not audit.intact:
        sys.exit(audit.sentence)
    print(f"{encrypted[0]} + {rekeyed[0]} lines, {encrypted[1]} + {rekeyed[1]} states")


if __name__ == "__main__":
    main()

"""Who may import whom: the table, and the checker that reads imports from the source without running it.

A room is a module or a package with everything below it; the longest matching name is the room of a module.
A room may import itself, the rooms in `own`, and from outside the project what `outside` names (None:
anything a host has). Downward imports only: the table itself is checked for circles.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# folder -> what of it is product code (a pattern of module files)
SOURCES = {
    "protocol": ("pen_protocol",),
    "firmware": ("pen_firmware", "pen_sim", "boot", "main"),
    "host": ("pen_host",),
}
OWN_TOP = {"pen_protocol", "pen_firmware", "pen_sim", "pen_host", "boot", "main", "tests", "hil_tests"}

# Exist on the chip only, and stand for its pins: one module may have them, and the boot file, which drives the
# outputs low before anything else can be imported, or fail to be.
CHIP = {"machine", "rp2"}
CHIP_ROOM = "pen_firmware.board_rp2040"
CHIP_ROOMS = (CHIP_ROOM, "boot")

SHARED = {"struct", "binascii", "micropython"}

# a pure module is given time and bytes; it fetches neither
IMPURE = {
    *("time", "utime", "os", "uos", "socket", "threading", "random", "secrets"),
    *("asyncio", "select", "selectors", "subprocess", "serial", "sqlite3"),
}
CLOCK_CALLS = {"now", "utcnow", "today", "monotonic", "perf_counter", "ticks_ms", "ticks_us"}


@dataclass(frozen=True)
class Room:
    """What the modules of one room may import."""

    own: tuple[str, ...] = ()
    outside: frozenset[str] | None = frozenset()
    never: tuple[str, ...] = ()
    pure: bool = False


# what every room of the host may use: its errors, names for the numbers on the wire, what to tell a person about
# them, one form of bytes to hash, what is wrong with what was entered
WORDS = ("errors", "names", "canonical", "advice", "clauses")


def host(*own: str, pure: bool = False) -> Room:
    """A room of pen_host: names of other host rooms; the protocol and the words are everybody's."""
    full = (name if name.startswith("pen_") else f"pen_host.{name}" for name in (*WORDS, *own))
    return Room(own=("pen_protocol", *full), outside=None, pure=pure)


def firmware(*, pure: bool = False) -> Room:
    """A room of pen_firmware: anything of the firmware but the board, which is handed in."""
    return Room(
        own=("pen_firmware", "pen_protocol"),
        outside=frozenset({*SHARED, "array", "hashlib"}),
        never=(CHIP_ROOM,),
        pure=pure,
    )


BOARD = {*CHIP, *SHARED, "array", "errno", "gc", "io", "os", "select", "sys", "time", "uctypes", "vfs"}
# what is known about treating, without any record of it
RULES = ("findings", "intervals", "screening", "presets", "checks", "dose", "models", "gs1")
RECORD = (*RULES, "trace", "progress", "plans", "vault", "journal", "blackbox", "outcomes")
WIRE = ("discovery", "worker", "transport", "link", "outcomes")
# all that the verifier of an exported chain needs: what every Python brings
OFFLINE = {"__future__", "argparse", "collections", "hashlib", "json", "pathlib", "sys", "dataclasses"}
# firmware whose constants the data sheet shows
CONSTANTS = ("pio_programs", "cartridge_layout", "depth", "steps")
# what a person or another system gets to see
VIEWS = ("exports", "reports", "whole_files", "picture", "live")

ROOMS: Mapping[str, Room] = {
    # the wire
    "pen_protocol": Room(outside=frozenset(SHARED)),
    "pen_protocol.framing": Room(own=("pen_protocol",), outside=frozenset(SHARED), pure=True),
    "pen_protocol.codec": Room(own=("pen_protocol",), outside=frozenset(SHARED), pure=True),
    # on the chip
    "boot": Room(outside=frozenset({"machine"})),
    "main": Room(own=(CHIP_ROOM, "pen_firmware.pen"), outside=frozenset({"micropython", "sys", "gc"})),
    "pen_firmware": firmware(),
    "pen_firmware.interlocks": firmware(pure=True),
    "pen_firmware.supervisor": firmware(pure=True),
    "pen_firmware.hal": Room(),
    "pen_firmware.pins": Room(),
    **{f"pen_firmware.{name}": firmware(pure=True) for name in CONSTANTS},
    CHIP_ROOM: Room(
        own=("pen_firmware.hal", "pen_firmware.pins", "pen_firmware.pio_programs", "pen_protocol"),
        outside=frozenset({*BOARD, "_onewire"}),
    ),
    # the simulated pen
    "pen_sim": Room(own=("pen_firmware", "pen_protocol"), outside=None, never=(CHIP_ROOM,)),
    # the host, lowest first
    "pen_host.errors": Room(outside=None),
    "pen_host.names": Room(own=("pen_protocol",), outside=None),
    "pen_host.advice": Room(own=("pen_host.errors", "pen_host.names", "pen_protocol"), outside=None),
    "pen_host.clauses": Room(outside=None, pure=True),
    "pen_host.canonical": Room(own=("pen_host.errors",), outside=None, pure=True),
    # the data sheet reads the constants the firmware obeys; it runs none of it
    "pen_host.spec": host(*(f"pen_firmware.{name}" for name in CONSTANTS)),
    "pen_host.outcomes": host(),
    "pen_host.link": host("outcomes", pure=True),
    "pen_host.transport": host("pen_sim"),
    "pen_host.worker": host("link", "transport", "outcomes", "blackbox"),
    "pen_host.discovery": host("worker", "transport", "link", "outcomes"),
    "pen_host.pen": host(*WIRE),
    "pen_host.models": host(),
    "pen_host.trace": host(),
    "pen_host.picture": host("trace"),
    "pen_host.progress": host("trace", "models"),
    "pen_host.live": host("trace", "progress"),
    "pen_host.findings": host(pure=True),
    "pen_host.gs1": host(pure=True),
    "pen_host.intervals": host("findings", pure=True),
    "pen_host.dose": host("models", pure=True),
    "pen_host.screening": host("models", "findings"),
    "pen_host.screening.engine": host("models", "findings", "screening", pure=True),
    "pen_host.screening.days": host(pure=True),
    "pen_host.presets": host(
        "models", "findings", "intervals", "screening", "screening.engine", "dose", "whole_files"
    ),
    "pen_host.checks": host(
        "models", "dose", "findings", "intervals", "screening", "screening.engine", pure=True
    ),
    "pen_host.plans": host("models", "checks", "dose"),
    "pen_host.vault": host(),
    "pen_host.journal": host("models", "trace", "outcomes", "vault"),
    # goes along with an exported chain and runs where nothing of ours is installed
    "pen_host.journal.verify_chain": Room(outside=frozenset({*OFFLINE, "cryptography", "datetime"})),
    "pen_host.blackbox": host("link", "outcomes"),
    "pen_host.records": host(*RECORD),
    "pen_host.records.cohort": host("records", pure=True),
    "pen_host.records.arms": host("records", "records.cohort", pure=True),
    "pen_host.records.measures": host("records", "records.cohort", pure=True),
    "pen_host.records.adjuncts": host("records", "findings", pure=True),
    "pen_host.whole_files": host(),
    "pen_host.reports": host("records", "picture", "whole_files", "spec", *RECORD),
    "pen_host.exports": host("records", "whole_files", *RECORD),
    "pen_host.demo_course": host("session", "records", "pen", "vault", *VIEWS, *RECORD, *WIRE),
    "pen_host.stations": host("records", *RECORD),
    "pen_host.backups": host("records", "whole_files", *RECORD),
    # STOP needs neither record nor session
    "pen_host.stopping": host("pen", *WIRE),
    "pen_host.session": host("pen", "records", "picture", *RECORD, *WIRE),
    "pen_host.engineering": host("pen", "records", *RECORD, *WIRE),
    "pen_host.history": host("picture", *RECORD),
    "pen_host.api": host(
        "history",
        "stopping",
        "session",
        "stations",
        "backups",
        "records",
        "pen",
        "spec",
        *VIEWS,
        *RECORD,
        *WIRE,
    ),
    "pen_host.console": host("api", "session", "stations", "records", *VIEWS, *RECORD),
    "pen_host.demo": host("session", "records", "pen", *VIEWS, *RECORD, *WIRE),
    "pen_host.cli": host(
        *(
            "demo",
            "demo_course",
            "history",
            "console",
            "api",
            "session",
            "stopping",
            "engineering",
            "spec",
            "records",
            "stations",
            "backups",
            "pen",
        ),
        *VIEWS,
        *RECORD,
        *WIRE,
    ),
}

# a new module in here needs a room of its own in the table: no default
CLOSED = {"pen_host"}


def within(module: str, room: str) -> bool:
    """Whether a module is a room or lies below it."""
    return module == room or module.startswith(f"{room}.")


def room_of(module: str) -> str | None:
    """The name of a module's room, or None when the table has none for it."""
    rooms = [name for name in ROOMS if within(module, name)]
    return max(rooms, key=len, default=None)


def modules(root: Path) -> dict[str, Path]:
    """Product modules below a repository's root: dotted name -> file."""
    found = {}
    for folder, tops in SOURCES.items():
        for file in sorted((root / folder).rglob("*.py")):
            parts = list(file.relative_to(root / folder).with_suffix("").parts)
            if parts[-1] == "__init__":
                parts.pop()
            if parts and parts[0] in tops:
                found[".".join(parts)] = file
    return found


def imports(module: str, file: Path, known: Mapping[str, Path]) -> Iterator[tuple[int, str]]:
    """Every import in a file, wherever it stands: line and absolute dotted name."""
    package = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                below = f"{base}.{alias.name}"
                yield node.lineno, below if below in known else base
        elif isinstance(node, ast.Call) and _name(node.func) in {"import_module", "__import__"} and node.args:
            target = node.args[0]
            if isinstance(target, ast.Constant) and isinstance(target.value, str):
                yield node.lineno, target.value


def _name(node: ast.expr) -> str:
    """The last name of `a.b.c` or `c`."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def violations(root: Path = ROOT) -> list[str]:
    """One sentence for each import, or missing room, that runs against the table."""
    known = modules(root)
    found = []
    for module, file in known.items():
        where = file.relative_to(root).as_posix()
        name = room_of(module)
        if name is None and module in CLOSED:
            room = Room()  # the package's own __init__: a docstring
        elif name is None:
            found.append(
                f"{where}: {module} is in no room; add it to ROOMS in tests/quality/architecture.py "
                "with the rooms it may import, below those that may import it"
            )
            continue
        else:
            room = ROOMS[name]
        for line, target in imports(module, file, known):
            complaint = judge(name or module, room, target)
            if complaint:
                found.append(f"{where}:{line}: {module} {complaint}")
        if room.pure:
            found += [
                f"{where}:{line}: {module} is pure and calls {call}()" for line, call in clock_calls(file)
            ]
    return found


def judge(name: str, room: Room, target: str) -> str | None:
    """What is wrong with a module of this room importing that, if anything."""
    top = target.partition(".")[0]
    if top in CHIP and name not in CHIP_ROOMS:
        return f"imports {target}; only {' and '.join(CHIP_ROOMS)} may"
    if room.pure and top in IMPURE:
        return f"is pure and imports {target}; hand it in as an argument"
    if top not in OWN_TOP:
        if room.outside is not None and top not in room.outside:
            return f"imports {target}; room {name} may import {_listed(room.outside)} from outside"
        return None
    if any(within(target, never) for never in room.never):
        return f"imports {target}; room {name} never may"
    if (
        target == name.partition(".")[0]
        or within(target, name)
        or any(within(target, own) for own in room.own)
    ):
        return None
    return f"imports {target}; room {name} may import {_listed(room.own)}"


def clock_calls(file: Path) -> Iterator[tuple[int, str]]:
    """Calls that read a clock, whatever they are called on."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file))):
        if isinstance(node, ast.Call) and _name(node.func) in CLOCK_CALLS:
            yield node.lineno, _name(node.func)


def _listed(names: frozenset[str] | tuple[str, ...]) -> str:
    return ", ".join(sorted(names)) or "nothing"

"""Writes the generated parts of protocol/PROTOCOL.md from the tables that firmware and host run on.

    python -m tests.protocol.make_spec

A part stands between `<!-- generated: name -->` and `<!-- end -->`; everything else in the file is written by hand.
"""

from __future__ import annotations

import ast
import json
import re
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from cobs import cobs

from pen_firmware import supervisor
from pen_protocol import faults, framing, limits, messages, states, version
from pen_protocol.messages import BY_NAME, BY_NUMBER, TABLE, Field, Kind, Message
from tests.protocol import make_vectors
from tests.protocol.meanings import FIELDS, MESSAGES

FILE = Path(__file__).resolve().parents[2] / "protocol" / "PROTOCOL.md"
PART = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
KINDS = {value: name for name, value in vars(Kind).items() if name.isupper()}
TYPES = {"B": "u8", "H": "u16", "I": "u32", "b": "i8", "h": "i16", "i": "i32"}


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *[[str(cell).replace("|", r"\|") for cell in row] for row in rows]]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def docs(module: ModuleType, owner: str | None = None) -> dict[str, str]:
    """Name -> the string behind its assignment, on one line, in a module or in one of its classes."""
    body: list[ast.stmt] = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8")).body
    if owner:
        (found,) = [node for node in body if isinstance(node, ast.ClassDef) and node.name == owner]
        body = found.body
    says = {}
    for node, behind in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            text = (
                behind.value.value
                if isinstance(behind, ast.Expr) and isinstance(behind.value, ast.Constant)
                else ""
            )
            says[node.targets[0].id] = " ".join(str(text).split())
    return says


def codes(module: ModuleType, owner: str) -> str:
    """The constants of a class with their sentences."""
    says = docs(module, owner)
    kind = getattr(module, owner)
    numbers = {name: value for name, value in vars(kind).items() if name.isupper()}
    return table(
        ("code", "name", "note"), [(value, f"`{name}`", says[name]) for name, value in numbers.items()]
    )


def conditions() -> str:
    """Conditions with what each of them does."""
    masks = ("STOPS_ALWAYS", "STOPS_ARMED", "STOPS_STROKING", "BLOCKS_ARM", "BLOCKS_STROKE", "BLOCKS_MOTION")
    says = docs(states, "Condition")
    rows = []
    for number, name in enumerate(states.CONDITION_NAMES):
        if name:
            marks = ["x" if getattr(states, mask) >> number & 1 else "" for mask in masks]
            rows.append((number, f"`{name}`", *marks, says[name]))
    head = ("code", "name", *[mask.lower().replace("_", " ") for mask in masks], "note")
    return table(head, rows)


def timing() -> str:
    """Every limit with its sentence."""
    says = docs(limits)
    rows = [(f"`{name}`", getattr(limits, name), says[name]) for name in says if name.isupper()]
    return table(("limit", "value", "what it is, source"), rows)


def kind_of(part: Field) -> str:
    """A field's type in words of this document."""
    return f"{part.size} bytes" if part.holds_bytes else TYPES[part.code]


def reach(part: Field) -> str:
    """A field's range."""
    return "any" if part.holds_bytes else f"{part.low} to {part.high}"


def message(entry: Message) -> str:
    """One message: what it does, and its offset table."""
    answer = BY_NUMBER[entry.answer].name if entry.answer else "none"
    facts = f"Number 0x{entry.number:02X} · kind {KINDS[entry.kind]} · payload {entry.size} bytes · since {entry.since}"
    if entry.kind in (Kind.QUERY, Kind.COMMAND, Kind.LINK):
        facts += f" · answer {answer} · while stopped: {'allowed' if entry.stopped_ok else 'refused'}"
    lines = [f"#### {entry.name}", "", facts, "", MESSAGES[entry.name], ""]
    if entry.fields:
        rows = [
            (
                offset,
                f"`{part.name}`",
                kind_of(part),
                part.unit or "-",
                reach(part),
                FIELDS.get(f"{entry.name}.{part.name}", FIELDS.get(part.name, "")),
            )
            for part, offset in zip(entry.fields, entry.offsets, strict=True)
        ]
        lines.append(table(("offset", "field", "type", "unit", "range", "meaning"), rows))
    return "\n".join(lines).rstrip() + "\n"


def reference() -> str:
    """All messages, host to pen first."""
    return "\n".join(message(entry) for entry in TABLE)


def overview() -> str:
    """One line a message."""
    rows = [
        (
            f"0x{entry.number:02X}",
            f"[{entry.name}](#{entry.name.lower()})",
            KINDS[entry.kind],
            BY_NUMBER[entry.answer].name if entry.answer else "-",
            entry.size,
            ("yes" if entry.stopped_ok else "no") if entry.number < 0x40 else "-",
            entry.since,
        )
        for entry in TABLE
    ]
    return table(("number", "message", "kind", "answer", "payload", "while stopped", "since"), rows)


def record() -> str:
    """Offset table of one event record."""
    names = ("id", "time_ms", "code", "arg", "value", "strokes_total", "contact_total")
    rows = []
    at = 0
    for name, code in zip(names, messages.EVENT_CODES[1:], strict=True):
        rows.append((at, f"`{name}`", TYPES[code], FIELDS[f"event.{name}"]))
        at += struct.calcsize("<" + code)
    assert at == messages.EVENT_SIZE
    return table(("offset", "field", "type", "meaning"), rows)


def spaced(data: bytes) -> str:
    """Bytes as a reader likes them."""
    return data.hex(" ").upper()


def example(vector: dict[str, Any]) -> str:
    """One golden frame taken apart."""
    wire = bytes.fromhex(vector["wire"])
    body = cobs.decode(wire[1:-1])
    lines = [
        f"wire      {spaced(wire)}",
        f"body      {spaced(body)}",
        f"message   {vector['message']}",
        f"sequence  {vector['sequence']}",
        f"session   {vector['session']}",
        f"crc32     0x{vector['crc32'].upper()}",
    ]
    lines += [f"  {name} = {value}" for name, value in vector["values"].items()]
    return "\n".join([f"*{vector['name'].capitalize()}*", "", "```frame", *lines, "```", ""])


def examples() -> str:
    """The dialogue of vectors.json, frame by frame."""
    return "\n".join(example(vector) for vector in make_vectors.dialogue())


def steps() -> str:
    """COBS and CRC of one frame, step by step."""
    (vector,) = [entry for entry in make_vectors.dialogue() if entry["name"] == "set depth 0.75 mm"]
    wire = bytes.fromhex(vector["wire"])
    body = cobs.decode(wire[1:-1])
    payload = bytes.fromhex(vector["payload"])
    rows = [
        ("header", spaced(body[:8]), "version 1, message 0x13, sequence 3, session 123456"),
        ("payload", spaced(payload), "`depth_um` = 750"),
        (
            "check sum",
            spaced(body[-4:]),
            f"CRC-32 of the bytes above is 0x{vector['crc32'].upper()}, little-endian",
        ),
        ("stuffed", spaced(wire[1:-1]), "every 00 became the distance to the next one; one byte longer"),
        ("on the wire", spaced(wire), "a 00 before and a 00 behind"),
    ]
    return table(("step", "bytes", "why"), rows)


def damaged() -> str:
    """What the damaged streams of vectors.json count."""
    rows = []
    for entry in make_vectors.streams():
        counted = (
            ", ".join(f"{name} {count}" for name, count in entry["counters"].items() if count) or "nothing"
        )
        rows.append((entry["name"], counted))
    return table(("stream", "counters"), rows)


def identity() -> str:
    """The numbers two ends compare."""
    rows = [
        ("protocol version", version.PROTOCOL_VERSION),
        ("schema hash", f"0x{messages.SCHEMA_HASH:08X}"),
        ("longest payload", f"{messages.MAX_PAYLOAD} bytes"),
        ("longest body", f"{framing.MAX_BODY} bytes"),
        ("longest frame", f"{framing.MAX_WIRE} bytes"),
    ]
    return table(("what", "value in this tree"), rows)


def named(mask: int, names: Iterable[str]) -> list[str]:
    """Names of the bits set in a mask."""
    return [name for bit, name in enumerate(names) if mask >> bit & 1]


def flag_names(kind: type) -> list[str]:
    """Names of a class of single bits, lowest bit first."""
    return [
        name
        for name, _ in sorted(((n, v) for n, v in vars(kind).items() if n.isupper()), key=lambda nv: nv[1])
    ]


MASKS = {
    states.STOPS_ALWAYS: "STOPS_ALWAYS",
    states.STOPS_ARMED: "STOPS_ARMED",
    states.STOPS_STROKING: "STOPS_STROKING",
    states.BLOCKS_ARM: "BLOCKS_ARM",
    states.BLOCKS_STROKE: "BLOCKS_STROKE",
}


def origin(mask: int) -> str:
    """The states a row leaves."""
    return "any" if mask == supervisor.ANY else ", ".join(named(mask, states.STATE_NAMES))


def transitions() -> str:
    """The supervisor's rows as the firmware runs them."""
    rows = []
    for sources, stops, signal in supervisor.LATCHING:
        asked = f"signal {', '.join(named(signal, flag_names(supervisor.Signal)))}" if signal else ""
        when = asked or f"a condition of {MASKS[stops]}"
        rows.append((origin(sources), when, "", "STOPPED", "needle off, axis held, first cause latched"))
    for sources, blocks, signal, target, actions in supervisor.ORDERLY:
        when = f"signal {', '.join(named(signal, flag_names(supervisor.Signal)))}"
        unless = f"a condition of {MASKS[blocks]}" if blocks else ""
        does = ", ".join(named(actions, flag_names(supervisor.Action))).lower().replace("_", " ")
        rows.append((origin(sources), when, unless, states.STATE_NAMES[target], does))
    return table(("from", "when", "unless", "to", "the pen does"), rows)


def diagram() -> str:
    """The same rows as a picture; the stops from every state as one."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> BOOT"]
    for sources, _, signal, target, _ in supervisor.ORDERLY:
        label = ", ".join(named(signal, flag_names(supervisor.Signal)))
        leaves = ["any"] if sources == supervisor.ANY else named(sources, states.STATE_NAMES)
        lines += [f"    {source} --> {states.STATE_NAMES[target]}: {label}" for source in leaves]
    stops = ["STOP", *(MASKS[stops] for _, stops, _ in supervisor.LATCHING if stops), "FAULT"]
    lines.append(f"    any --> STOPPED: {', '.join(stops)}")
    return "\n".join([*lines, "```", ""])


PARTS: dict[str, Callable[[], str]] = {
    "identity": identity,
    "steps": steps,
    "examples": examples,
    "damaged": damaged,
    "overview": overview,
    "reference": reference,
    "event-record": record,
    "timing": timing,
    "conditions": conditions,
    "transitions": transitions,
    "diagram": diagram,
    "states": lambda: codes(states, "State"),
    "flags": lambda: codes(states, "Flag"),
    "unlock-reasons": lambda: codes(states, "UnlockReason"),
    "service-actions": lambda: codes(states, "ServiceAction"),
    "faults": lambda: codes(faults, "Fault"),
    "refusals": lambda: codes(faults, "Refusal"),
    "events": lambda: codes(faults, "Event"),
}


def filled(text: str) -> str:
    """The text with every generated part made anew."""
    return PART.sub(lambda part: f"{part[1]}\n{PARTS[part[2]]()}\n{part[3]}", text)


def frames(text: str) -> list[dict[str, str]]:
    """The frame blocks of a text: wire, body, message, ... and `values` as JSON."""
    found = []
    for block in re.findall(r"```frame\n(.*?)```", text, re.DOTALL):
        entry = {}
        values = {}
        for line in block.splitlines():
            if " = " in line:
                name, value = line.split(" = ", 1)
                values[name.strip()] = value
            else:
                name, value = line.split(None, 1)
                entry[name] = value.strip()
        found.append({**entry, "values": json.dumps(values)})
    return found


if __name__ == "__main__":
    assert BY_NAME.keys() == MESSAGES.keys()
    FILE.write_text(filled(FILE.read_text(encoding="utf-8")), encoding="utf-8")

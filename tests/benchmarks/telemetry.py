"""Samples at 1 kHz: of the real firmware on its simulated board, and the same with noise in every one of them."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

from pen_host.canonical import canonical_json
from pen_host.exports.parquet_files import encode_telemetry
from pen_host.journal import Draft, Journal, Kind
from pen_host.names import State
from pen_host.trace import COLUMNS, Sample, as_dict, columns, pack, thinned
from pen_host.vault import FileVault
from pen_sim.rig import SimPen
from tests.benchmarks.lines import Line, Timed, timed
from tests.sim.raw_host import RawHost

HZ, CHUNK_S, HALF_HOUR_S = 1_000, 0.5, 1_800
CHUNK = int(HZ * CHUNK_S)
RECORD_MB, PARQUET_MB = 35.0, 10.0
CLINIC_HZ, CLINIC_CHUNK_S, CLINIC_S = 10, 2, 600
"""What the program itself samples today, and how long a treatment is taken to last."""
HOLD_S, REST_S = 15, 5
SIMULATED_S = 3 * (HOLD_S + REST_S)
"""So long the pen is simulated; half an hour is this again and again, with time and totals going on. No chunk knows another."""
PART_S = 3 * SIMULATED_S
_BEAT_MS = 80
_COMMITTED = 200
SEED = 11
Rows = list[Sample]


def simulated(seconds: int = SIMULATED_S) -> Rows:
    """The pen's own figures at every millisecond of holds and rests."""
    sim = SimPen(seed=SEED)
    sim.trace.enabled = False
    host = RawHost(sim)
    host.ready(600, 100_000)
    sim.bench.touch_skin()
    found: Rows = []
    for t_ms in range(seconds * HZ):
        second = t_ms // 1_000 % (HOLD_S + REST_S)
        if t_ms % 1_000 == 0 and second in (0, HOLD_S):
            if second == 0:
                sim.bench.press_trigger()
            else:
                sim.bench.release_trigger()
        if t_ms % _BEAT_MS == 0:
            host.beats += 1
            sim.stream.write(host.frame("HEARTBEAT", 0, count=host.beats))
            host.listen()
        sim.advance_ms(1)
        found.append(_sample(sim, t_ms))
    return found


def _sample(sim: SimPen, t_ms: int) -> Sample:
    pen = sim.pen
    return Sample(
        t_ms,
        0,
        State(pen.supervisor.state).name,
        pen.session.depth_um,
        pen.depth.measured_um,
        pen.session.rate_mhz,
        pen.needle.rate_measured_mhz,
        pen.counters.strokes_total,
        pen.counters.contact_total,
        pen.sensors.coil_cc,
        pen.host_lease.left_ms(sim.board.now_ms()),
    )


def noisy(found: Sequence[Sample]) -> Rows:
    """The same with noise in every sample, as from a finer sensor than the pen has: 20 um, 2 Hz, 0.1 C."""
    drawn = random.Random(SEED)
    return [
        replace(
            one,
            depth_measured_um=(one.depth_measured_um or 0) + drawn.randrange(-10, 11),
            rate_measured_mhz=max(0, one.rate_measured_mhz + drawn.randrange(-1_000, 1_001)),
            coil_cc=one.coil_cc + drawn.randrange(-5, 6),
        )
        for one in found
    ]


def chunks(found: Sequence[Sample], seconds: int) -> Iterator[Rows]:
    """The samples again and again, in chunks, with time and totals going on."""
    length, last = len(found), found[-1]
    for start in range(0, seconds * HZ, CHUNK):
        again = start // length
        yield [
            replace(
                one,
                t_ms=one.t_ms + again * length,
                strokes=one.strokes + again * last.strokes,
                contact_strokes=one.contact_strokes + again * last.contact_strokes,
            )
            for one in found[start % length : start % length + CHUNK]
        ]


def of_a_treatment(found: Sequence[Sample]) -> list[str]:
    """Payloads of the chunks of one treatment as the program samples it today, as canonical JSON."""
    step = HZ // CLINIC_HZ
    each = CLINIC_HZ * CLINIC_CHUNK_S
    thin = [one for chunk in chunks(found, CLINIC_S) for one in chunk[::step]]
    return [canonical_json(pack(thin[start : start + each])) for start in range(0, len(thin), each)]


def measured(folder: Path) -> list[Line]:
    """What half an hour at 1 kHz takes in the record and as Parquet, beside peers, and what it costs to write and read.

    The simulated pen's is written whole. The noisy one and the peers are of a part of it, and told for the whole.
    """
    folder.mkdir(parents=True)
    plain = simulated()
    found = []
    for name, samples, seconds in (
        ("simulated pen", plain, HALF_HOUR_S),
        ("noise in every sample", noisy(plain), PART_S),
    ):
        every = list(chunks(samples, seconds))
        packing = [_timed_pack(chunk) for chunk in every]
        payloads = [payload for payload, _ in packing]
        label, whole = name.replace(" ", "-"), HALF_HOUR_S / seconds / 1e6
        peers = HALF_HOUR_S / PART_S / 1e6
        part = every[: int(PART_S / CHUNK_S)]
        size = _recorded(folder / label, payloads) * whole
        rows = _row_each(folder / f"{label}-rows.sqlite3", part) * peers
        content = len(encode_telemetry("s", [columns(one) for one in payloads], {})) * whole
        text = sum(len(json.dumps(as_dict(one))) + 1 for chunk in part for one in chunk) * peers
        found += [
            Line(
                f"30 min of 1 kHz in the record, {name}",
                "MB",
                size,
                0.0,
                rows,
                "SQLite, a row a sample",
                RECORD_MB,
            ),
            Line(f"30 min of 1 kHz as Parquet, {name}", "MB", content, 0.0, text, "JSON lines", PARQUET_MB),
        ]
    cost_ms = sorted(cost.wall_s * 1e3 for _, cost in packing)
    cpu_ms = sum(cost.cpu_s for _, cost in packing) * 1e3 / len(packing)
    share = cpu_ms / (CHUNK_S * 10)
    drawn = timed(lambda: thinned(payloads, 2_000))
    times = HALF_HOUR_S / PART_S
    return [
        *found,
        Line("a chunk of half a second packed, p99", "ms", cost_ms[int(len(cost_ms) * 0.99)], cpu_ms),
        Line("packing, of one processor while treating", "%", share, share),
        Line("30 min of 1 kHz read for a picture", "s", drawn.wall_s * times, drawn.cpu_s * times),
    ]


def _timed_pack(chunk: Rows) -> tuple[dict[str, Any], Timed]:
    made: list[dict[str, Any]] = []
    cost = timed(lambda: made.append(pack(chunk)))
    return made[0], cost


def _recorded(folder: Path, payloads: Sequence[dict[str, Any]]) -> int:
    """Bytes by which a record grows."""
    folder.mkdir()
    path = folder / "record.sqlite3"
    with Journal.create_or_open(path, station_id="bench", vault=FileVault(folder / "keys")) as journal:
        before = path.stat().st_size
        drafts = [Draft(Kind.SAMPLES, payload, "s1", "P-1", "PEN0000000000001") for payload in payloads]
        for start in range(0, len(drafts), _COMMITTED):
            journal.append_all(drafts[start : start + _COMMITTED], actor="anna", role="physician")
        journal.flush_log()
    return path.stat().st_size - before


def _row_each(path: Path, every: Sequence[Rows]) -> int:
    """Bytes of a plain table with a row for each sample."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE samples (seq INTEGER PRIMARY KEY, {', '.join(COLUMNS)})")
        marks = ", ".join("?" * len(COLUMNS))
        rows = (astuple(one) for chunk in every for one in chunk)
        connection.executemany(f"INSERT INTO samples VALUES (NULL, {marks})", rows)
        connection.commit()
    return path.stat().st_size

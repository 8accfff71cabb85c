"""Kills a process that writes the record, again and again, at chosen and at random moments; run as a program.

Each round forks a writer, which tells through a pipe what has been acknowledged to it, and is killed with SIGKILL.
Afterwards the record is opened as after any crash, and everything acknowledged must be in it.
"""

from __future__ import annotations

import os
import random
import select
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pen_host.journal import Head, Journal, Kind, verify_record
from pen_host.models import PenEvent

PEN = "PEN1"
BATCH = 3


def write_until_killed(path: Path, pipe: int, arm: Callable[[sqlite3.Connection], None]) -> None:
    """Appends notes and batches of events for ever, acknowledging each on the pipe once `append` returned."""
    journal = Journal.create_or_open(path)
    os.write(pipe, f"{journal.head.seq} {journal.head.hash}\n".encode())
    with journal.reader() as reader:
        number = (reader.last_event_id(PEN) or 0) + 1
    arm(journal._raw)
    while True:
        head = journal.append(Kind.NOTE, {"text": "x" * random.randrange(2_000)}).head
        os.write(pipe, f"{head.seq} {head.hash}\n".encode())
        batch = [
            PenEvent(event_id=number + i, time_ms=0, code=1, arg=0, value=0, strokes_total=0, contact_total=0)
            for i in range(BATCH)
        ]
        head = journal.append_events(PEN, batch).added[-1].head
        number += BATCH
        os.write(pipe, f"{head.seq} {head.hash}\n".encode())


def crash(path: Path, arm: Callable[[sqlite3.Connection], None], delay_s: float | None) -> list[Head]:
    """One writer and its end; what was acknowledged to it.

    Args:
        path: The record.
        arm: Prepares the writer's connection to end the process by itself.
        delay_s: Kill it this long after its first word instead.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        write_until_killed(path, writing, arm)
        os._exit(1)
    os.close(writing)
    if delay_s is not None:
        select.select([reading], [], [])
        time.sleep(delay_s)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reading) as pipe:
        lines = pipe.read().split("\n")[:-1]
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), (
        "the writer ended by itself, so it was not killed in the middle of anything"
    )
    return [Head("s1", int(line.split()[0]), line.split()[1]) for line in lines]


def check(path: Path, acknowledged: list[Head]) -> int:
    """Opens the record as after a crash: intact, and nothing acknowledged is missing; entries in it."""
    with Journal.create_or_open(path) as journal:
        report = journal.verify(known=acknowledged)
        assert report.intact, [damage.sentence for damage in report.damages]
        with journal.reader() as reader:
            last = reader.last_event_id(PEN) or 0
        assert last % BATCH == 0, "half a batch of events is in the record"
        return report.checked


def kill_at_instruction(count: int) -> Callable[[sqlite3.Connection], None]:
    """Ends the process at the n-th step of SQLite's own machine."""

    def arm(connection: sqlite3.Connection) -> None:
        left = [count]

        def step() -> int:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return 0

        connection.set_progress_handler(step, 1)

    return arm


def leave(_: sqlite3.Connection) -> None:
    """Lets the parent do the killing."""


def main(path: Path, rounds: int, seed: int) -> None:
    """Crashes a record `rounds` times in both ways."""
    chance = random.Random(seed)
    Journal.create_or_open(path, station_id="s1").close()
    acknowledged: list[Head] = []
    for count in range(rounds):
        if count % 2:
            acknowledged += crash(path, leave, chance.uniform(0, 0.012))
        else:
            acknowledged += crash(path, kill_at_instruction(chance.randrange(1, 900)), None)
        check(path, acknowledged)
    assert verify_record(path, known=acknowledged).intact
    sys.stdout.write(f"{rounds} crashes, {len(acknowledged)} acknowledged\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))

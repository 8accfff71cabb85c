"""How fast the host's side of the link is: decoding, a request's round trip, STOP, and the command's own time.

Each figure stands beside a peer's. Peers that can be measured are measured in the same run, in turns with ours; published figures
carry their source. Percentiles are of single calls; on a loaded machine look at the load printed first.

    python -m tests.benchmarks.link [--json] [--calls 400]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from cobs import cobs
from cobs.cobs import _cobs_py
from rich.console import Console
from rich.table import Table

from pen_host.link import FrameReader, encode
from pen_host.outcomes import Done, Value
from pen_host.transport import open_transport
from pen_host.worker import PenWorker
from pen_protocol import framing, limits, messages
from pen_sim.rig import SimPen
from pen_sim.serve import PenServer

ROOT = Path(__file__).resolve().parents[2]
CDC_MB_S = 0.6
"""4.8 Mbit/s from device to host, MicroPython on RP2350 (micropython/micropython#17960, measured by a maintainer)."""
P50_TARGET_MS, P99_TARGET_MS = 2.0, 10.0
CLI_TARGET_S = 0.25
ROUNDS = 5
FRAMES = 4_000


@dataclass(frozen=True)
class Line:
    """One figure of ours beside one of a peer."""

    what: str
    unit: str
    ours: float
    peer: float | None
    peer_is: str
    better: str
    """`more` or `less`."""

    @property
    def ratio(self) -> float | None:
        """How many times better ours is; below 1 it is worse."""
        if not self.peer or not self.ours:
            return None
        return self.ours / self.peer if self.better == "more" else self.peer / self.ours


# --- decoding ---------------------------------------------------------------------------------------------------------


def status_frame(number: int) -> bytes:
    """A STATUS as an armed pen sends it."""
    values: dict[str, Value] = {field.name: 0 for field in messages.BY_NAME["STATUS"].fields}
    values |= {"uptime_ms": 10_000 + number, "boot_id": 987_654_321, "session_nonce": 123_456_789, "state": 4}
    values |= {"depth_requested_um": 750, "depth_measured_um": 748, "depth_cap_um": 1500, "coil_cc": 3412}
    values |= {"rate_requested_mhz": 100_000, "rate_measured_mhz": 99_870, "strokes_total": 50_000 + number}
    return encode(messages.STATUS, 0, 123_456_789, values)


def shared_decoder(stream: bytes) -> int:
    """Ours: the decoder that runs on the chip as well."""
    decoder, at, frames = framing.Decoder(), 0, 0
    while at < len(stream):
        at = decoder.feed(stream, at, len(stream))
        frames += decoder.length > 0
    return frames


def reader(stream: bytes) -> int:
    """Ours, up to typed frames with every field's range checked."""
    return sum(1 for _ in FrameReader().feed(stream))


def split_decoder(decode: Callable[[bytes], bytes]) -> Callable[[bytes], int]:
    """The peer: split at zeros, a COBS library, zlib's check sum; needs the whole stream and bounds nothing."""

    def count(stream: bytes) -> int:
        frames = 0
        for piece in stream.split(b"\x00"):
            if piece:
                body = decode(piece)
                frames += zlib.crc32(body[:-4]) == struct.unpack("<I", body[-4:])[0]
        return frames

    return count


HAS_C = cobs.decode is not _cobs_py.decode
"""The pinned wheel of cobs is pure Python; a row for its C is printed only where there is one."""


def decoding() -> list[Line]:
    """Megabytes a second of CPU time, in turns, median of the rounds."""
    stream = b"".join(status_frame(number) for number in range(FRAMES))
    ways: dict[str, Callable[[bytes], int]] = {
        "shared": shared_decoder,
        "reader": reader,
        "python": split_decoder(_cobs_py.decode),
    }
    if HAS_C:
        ways["c"] = split_decoder(cobs.decode)
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            began = time.process_time()
            assert way(stream) == FRAMES
            speeds[name].append(len(stream) / (time.process_time() - began) / 1e6)
    mb_s = {name: statistics.median(values) for name, values in speeds.items()}
    cdc = "MicroPython USB CDC, device to host (micropython#17960)"
    peers = {"python": "PyPI cobs, its Python + zlib", "c": "PyPI cobs, its C + zlib"}
    return [
        *(
            Line("decode: check sum verified", "MB/s", mb_s["shared"], mb_s[name], peer, "more")
            for name, peer in peers.items()
            if name in mb_s
        ),
        Line("decode to typed, range-checked frames", "MB/s", mb_s["reader"], CDC_MB_S, cdc, "more"),
    ]


# --- round trips ------------------------------------------------------------------------------------------------------


class Echo:
    """A pen that answers at once: what is left is the host's own time."""

    name = "echo"

    def __init__(self) -> None:
        self._reader = FrameReader()
        self._answers = bytearray()
        self._ready = threading.Event()
        self.order: list[str] = []

    def read(self, timeout_s: float) -> bytes:
        """What was answered."""
        if not self._answers:
            self._ready.wait(timeout_s)
        self._ready.clear()
        data = bytes(self._answers)
        self._answers.clear()
        return data

    def write(self, data: bytes) -> None:
        """Answer."""
        for frame, _ in self._reader.feed(data):
            self.order.append(frame.name)
            if frame.number == messages.HELLO:
                self._answers += identity(int(frame.values["host_nonce"]), frame.sequence)
            elif frame.number in (messages.GET_STATUS, messages.STOP):
                self._answers += echo_status(frame.sequence, stopped=frame.number == messages.STOP)

    def wake(self) -> None:
        """End a waiting read."""
        self._ready.set()

    def close(self) -> None:
        """Nothing to let go of."""


def identity(nonce: int, sequence: int) -> bytes:
    """IDENTITY of the echo."""
    values: dict[str, Value] = {
        "product": messages.PRODUCT,
        "schema_hash": messages.SCHEMA_HASH,
        "host_nonce": nonce,
    }
    values |= {"boot_id": 5, "serial": bytes(8), "fw_major": 0, "fw_minor": 1, "fw_patch": 0}
    return encode(messages.IDENTITY, sequence, 0, {**values, "reset_cause": 1, "runtime": bytes(12)})


def echo_status(sequence: int, *, stopped: bool) -> bytes:
    """STATUS of the echo."""
    values: dict[str, Value] = {field.name: 0 for field in messages.BY_NAME["STATUS"].fields}
    return encode(messages.STATUS, sequence, 0, {**values, "boot_id": 5, "state": 5 if stopped else 1})


def percentiles(samples: Iterable[float]) -> tuple[float, float]:
    """Median and 99th percentile in milliseconds."""
    cuts = statistics.quantiles(samples, n=100, method="inclusive")
    return cuts[49] * 1000, cuts[98] * 1000


def round_trips(worker: PenWorker, calls: int, pause_s: float) -> tuple[float, float]:
    """p50 and p99 of GET_STATUS; pauses of random length keep clear of the pen's own rhythm."""
    rng = random.Random(1)
    samples = []
    for _ in range(calls):
        time.sleep(rng.uniform(0, pause_s))
        began = time.perf_counter()
        outcome = worker.call("GET_STATUS")
        samples.append(time.perf_counter() - began)
        assert isinstance(outcome, Done), outcome
    return percentiles(samples)


def requests(calls: int) -> list[Line]:
    """Round trips to an echo and to simulated pens."""
    lines = []
    with PenWorker(Echo()) as worker:
        worker.connect(10)
        p50, p99 = round_trips(worker, calls, 0.0005)
    lines.append(
        Line("request round trip, host's own share: p50", "ms", p50, P50_TARGET_MS, "target", "less")
    )
    lines.append(
        Line("request round trip, host's own share: p99", "ms", p99, P99_TARGET_MS, "target", "less")
    )
    for scale in (1, 10):
        with PenWorker(open_transport(f"sim:?scale={scale}")) as worker:
            worker.connect(10)
            p50, p99 = round_trips(worker, calls, 0.005)
        name = f"request round trip on sim:?scale={scale}"
        lines.append(Line(f"{name}: p50", "ms", p50, P50_TARGET_MS, "target", "less"))
        lines.append(Line(f"{name}: p99", "ms", p99, P99_TARGET_MS, "target", "less"))
    return lines


def stops(count: int) -> list[Line]:
    """From asking for STOP, with a queue of requests waiting, to the pen's confirmation."""
    samples = []
    for seed in range(count):
        with PenWorker(open_transport(f"sim:?seed={seed}")) as worker:
            worker.connect(10)
            worker.call("OPEN_SESSION", {"nonce": 5, "operator": 1, "depth_cap_um": 1500, "unlock_reason": 0})
            worker.submit("HOME")
            waiting = [worker.submit("SET_RATE", {"rate_mhz": 100_000}) for _ in range(20)]
            began = time.perf_counter()
            assert worker.stop().wait(5).confirmed
            samples.append(time.perf_counter() - began)
            assert not any(isinstance(ticket.wait(), Done) for ticket in waiting)
    peer = f"budget {limits.STOP_CONFIRM_MS} ms"
    worst = max(samples) * 1000
    return [
        Line(
            "STOP past 21 waiting requests to confirmation: worst",
            "ms",
            worst,
            limits.STOP_CONFIRM_MS,
            peer,
            "less",
        )
    ]


# --- the command ------------------------------------------------------------------------------------------------------


def command_time(*arguments: str) -> tuple[float, float]:
    """Wall and CPU seconds of a program: the best of the rounds, because a busy machine only adds."""
    paths = os.pathsep.join(str(ROOT / room) for room in ("protocol", "firmware", "host"))
    walls, cpus = [], []
    for _ in range(ROUNDS + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, *arguments],
            env={**os.environ, "PYTHONPATH": paths},
            check=True,
            capture_output=True,
        )
        walls.append(time.perf_counter() - began)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpus.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(walls), min(cpus)


def commands() -> list[Line]:
    """`pen --help` and `pen stop`, beside the help of mpremote and the budget."""
    entry = "import sys; from pen_host.cli import main; sys.argv[0] = 'pen'; main()"
    help_s, help_cpu_s = command_time("-c", entry, "--help")
    peer_s, peer_cpu_s = command_time("-m", "mpremote", "--help")
    with PenServer(SimPen(seed=1)) as server:
        assert server.addresses is not None
        stop_s, stop_cpu_s = command_time("-c", entry, "stop", "--url", server.addresses.url)
    peer = "mpremote --help"
    return [
        Line("pen --help: wall", "s", help_s, peer_s, peer, "less"),
        Line("pen --help: CPU", "s", help_cpu_s, peer_cpu_s, peer, "less"),
        Line(
            "pen stop, start of the program to confirmation: wall",
            "s",
            stop_s,
            CLI_TARGET_S,
            "budget",
            "less",
        ),
        Line(
            "pen stop, start of the program to confirmation: CPU",
            "s",
            stop_cpu_s,
            CLI_TARGET_S,
            "budget",
            "less",
        ),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    parser.add_argument("--calls", type=int, default=400, help="requests a round trip is measured over")
    options = parser.parse_args()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    lines = [*decoding(), *requests(options.calls), *stops(20), *commands()]
    if options.json:
        figures = [{**asdict(line), "ratio": line.ratio} for line in lines]
        json.dump(
            {"benchmark": "link", "load": load, "processors": os.cpu_count(), "figures": figures},
            sys.stdout,
            indent=1,
        )
        print()
        return
    table = Table(title=f"link, host side - {os.cpu_count()} processors, load {load:.1f}")
    for column in ("figure", "unit", "ours", "peer", "ratio (above 1: ours is better)", "the peer is"):
        table.add_column(column, justify="left" if column in ("figure", "unit", "the peer is") else "right")
    for line in lines:
        ratio = "-" if line.ratio is None else f"{line.ratio:.2f}"
        peer = "-" if line.peer is None else f"{line.peer:.3g}"
        table.add_row(line.what, line.unit, f"{line.ours:.3g}", peer, ratio, line.peer_is)
    Console(width=160).print(table)


if __name__ == "__main__":
    main()

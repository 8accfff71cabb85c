"""Every command as a user runs it: what it prints on a terminal's pipe and as JSON, how quick it is, how it ends."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pen_host import discovery
from pen_host.cli import stop as stop_command
from pen_host.errors import ExitCode
from pen_host.stopping import Stopped, stop_every
from pen_host.transport import open_transport, sim_server
from pen_host.transport.sim import open_sim
from pen_host.worker import PenWorker
from pen_protocol.states import State
from pen_sim.rig import SimPen
from pen_sim.serve import PenServer
from tests.cli.conftest import COMMAND, PROCESS_S, Command

LATE_MODULES = ("pydantic", "sqlalchemy", "rich", "typer", "matplotlib", "platformdirs", "sqlite3", "pen_sim")


def wait_until(there: Callable[[], object], limit_s: float = PROCESS_S) -> None:
    end_s = time.monotonic() + limit_s
    while not there():
        assert time.monotonic() < end_s, "waited in vain"
        time.sleep(0.01)


def state(server: PenServer) -> int:
    number: int = server.call(lambda sim: sim.pen.supervisor.state if sim.pen else State.BOOT)
    return number


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A confirmation is waited for as long as a machine that does other things as well may hold it up."""
    monkeypatch.setattr(stop_command, "STOP_S", PROCESS_S)


# --- stop --------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("patient")
def test_stop_confirms_over_a_socket(pen: Command, server: PenServer, url: str) -> None:
    ran = pen("stop", "--url", url)
    assert ran.code == ExitCode.OK
    assert "STOP CONFIRMED by the pen after" in ran.out
    assert state(server) == State.STOPPED


@pytest.mark.usefixtures("patient")
@pytest.mark.skipif(sys.platform == "win32", reason="no ptys there")
def test_stop_finds_every_pen_and_needs_no_word(
    pen: Command, server: PenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server.addresses is not None
    both = [server.addresses.pty, "/dev/not-there"]
    monkeypatch.setattr(discovery, "candidates", lambda serial=None: both)
    ran = pen("stop", "--json")
    reports = {one["url"]: one for one in ran.json["stops"]}
    assert reports[server.addresses.pty]["confirmed"]
    assert not reports["/dev/not-there"]["confirmed"], "a dead port delays no other and is told"
    assert ran.code == ExitCode.NO_DEVICE
    assert state(server) == State.STOPPED


@pytest.mark.usefixtures("patient")
def test_stop_by_serial_number_goes_to_that_pen_alone(
    pen: Command, server: PenServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []

    def ports(serial: str | None = None) -> list[str]:
        asked.append(serial)
        return [] if serial else ["sim:?seed=1", url]

    monkeypatch.setattr(discovery, "candidates", ports)
    ran = pen("stop", "--serial", "E607", "--json")
    assert [one["url"] for one in ran.json["stops"]] == [url]
    assert state(server) == State.STOPPED
    wrong = pen("stop", "--serial", "beef")
    assert wrong.code == ExitCode.NO_DEVICE
    assert "`pen stop` without --serial stops every pen" in wrong.sentence


def test_the_usb_descriptor_names_the_pen_without_a_greeting(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    from serial.tools import list_ports

    from pen_host.stopping import ports_of

    ids = {"vid": 0x2E8A, "pid": 0x0005}
    listed = [
        SimpleNamespace(device="/dev/a", serial_number="E6601", **ids),
        SimpleNamespace(device="/dev/b", serial_number="E6602", **ids),
        SimpleNamespace(device="/dev/c", serial_number=None, **ids),
    ]
    monkeypatch.setattr(list_ports, "comports", lambda: listed)
    assert ports_of("e6602") == ["/dev/b"]
    assert ports_of(None) == ["/dev/a", "/dev/b", "/dev/c"]


@pytest.mark.skipif(sys.platform == "win32", reason="no ptys there")
def test_a_program_that_holds_the_port_is_asked_and_its_answer_counts(server: PenServer) -> None:
    assert server.addresses is not None
    port = server.addresses.pty
    assert port is not None
    with PenWorker(open_transport(port)) as console:
        console.connect(PROCESS_S)

        def holder(timeout_s: float) -> list[Stopped]:
            report = console.stop().wait(timeout_s)
            return [Stopped(port, report.confirmed, report.after_ms, report.sentence)]

        (without,) = stop_every([port], 0.3)
        assert without.exit_code is ExitCode.PORT_BUSY
        (with_it,) = stop_every([port], PROCESS_S, [holder])
        assert with_it.confirmed
        assert state(server) == State.STOPPED


def test_a_pen_that_does_not_answer_is_not_confirmed(pen: Command, server: PenServer, url: str) -> None:
    server.call(lambda sim: sim.power_off())
    ran = pen("stop", "--url", url)
    assert ran.code == ExitCode.UNKNOWN
    assert "STOP NOT CONFIRMED" in ran.out
    assert "press the pen's button" in ran.out


def test_stop_loads_nothing_that_it_does_not_use() -> None:
    """250 ms from a shell to the wire: a parser, a database or a plot library would cost more than all the rest."""
    code = (
        "import sys\nfrom pen_host.cli import main\n"
        "try: main(['stop', '--port', '/dev/not-there'])\nexcept SystemExit: pass\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PROCESS_S, check=True
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "serial" in loaded
    assert not loaded & set(LATE_MODULES)


def test_help_loads_no_more_than_the_parser() -> None:
    code = (
        "import sys\nfrom pen_host.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PROCESS_S, check=True
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "typer" in loaded
    assert not loaded & (set(LATE_MODULES) - {"typer"})
    assert "pen_host.worker" not in done.stdout


def test_stop_has_the_same_options_both_ways(pen: Command) -> None:
    """The quick way and the one that the other commands' parser knows for its help."""
    from pen_host.cli.main import app

    ran = pen("stop", "--help")
    quick = set(re.findall(r"--[a-z]+", ran.out)) - {"--help"}
    assert quick == set(stop_command.OPTIONS)
    listed = {
        option
        for command in app.registered_commands
        if command.callback is not None and command.callback.__name__ == "stop"
        for option in ("--port", "--url", "--serial", "--json")
    }
    assert listed == quick


# --- list, info, status, clear -----------------------------------------------------------------------------------------


def test_list_names_each_port_and_who_answers(pen: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "candidates", lambda serial=None: ["sim:?seed=3", "/dev/not-there"])
    told = pen("list", "--json").json["pens"]
    assert [one["serial"] for one in told] == ["e603000000000000", None]
    assert "is not there" in told[1]["complaint"]
    assert "e603000000000000" in pen("list").out


def test_info_says_who_the_pen_is_and_what_it_keeps(pen: Command) -> None:
    told = pen("info", "--url", "sim:?seed=3", "--json").json
    assert told["serial"] == "e603000000000000"
    assert told["settings"]["depth_cap_um"] == 1500
    assert "protrusion cap    1.50 mm" in pen("info", "--url", "sim:?seed=3").out


def test_status_waits_for_the_self_test_and_says_what_blocks_and_what_to_do(pen: Command) -> None:
    told = pen("status", "--url", "sim:", "--json").json
    assert told["state"] == "IDLE"
    assert told["flags"] == ["CARTRIDGE_LATCHED"]
    ran = pen("status", "--url", "sim:")
    assert "measured not known (not homed)" in ran.out
    assert re.search(r"NOT_HOMED +Depth axis not homed. Home the axis", ran.out)


@pytest.mark.usefixtures("patient")
def test_a_stop_is_cleared_by_cause_and_name_and_stands_in_the_record(
    pen: Command, server: PenServer, url: str
) -> None:
    pen("stop", "--url", url)
    assert "pen clear STOP_COMMAND" in pen("status", "--url", url).out
    assert pen("clear", "STOP_COMMAND", "--url", url).code == ExitCode.USAGE, "in nobody's name"
    wrong = pen("clear", "FLUID", "--operator", "Dr. A", "--url", url)
    assert wrong.code == ExitCode.USAGE
    assert "not for FLUID" in wrong.sentence
    assert state(server) == State.STOPPED
    ran = pen("clear", "STOP_COMMAND", "--operator", "Dr. A", "--url", url)
    assert ran.code == ExitCode.OK
    assert "cleared in the name of Dr. A" in ran.out
    assert state(server) == State.IDLE
    again = pen("clear", "STOP_COMMAND", "--operator", "Dr. A", "--url", url)
    assert "not stopped" in again.sentence


def test_a_stop_whose_cause_is_there_stays(pen: Command, server: PenServer, url: str) -> None:
    server.call(lambda sim: sim.bench.open_estop())
    wait_until(lambda: state(server) == State.STOPPED)
    ran = pen("clear", "ESTOP_OPEN", "--operator", "Dr. A", "--url", url)
    assert ran.code == ExitCode.REFUSED
    assert state(server) == State.STOPPED


def test_status_as_json_lines_goes_on_until_interrupted(url: str) -> None:
    with subprocess.Popen(
        [*COMMAND, "status", "--url", url, "--watch", "--json"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [json.loads(process.stdout.readline()) for _ in range(3)]
        process.send_signal(signal.SIGINT)
        assert process.wait(PROCESS_S) == ExitCode.OK
    assert [one["state"] for one in lines] == ["IDLE"] * 3
    assert len({one["uptime_ms"] for one in lines}) == 3


def test_a_watched_pen_that_goes_away_ends_the_watching_with_a_sentence(server: PenServer, url: str) -> None:
    with subprocess.Popen(
        [*COMMAND, "status", "--url", url, "--watch", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        server.stop()
        rest = process.stdout.read().splitlines()
        assert process.wait(PROCESS_S) == ExitCode.NO_DEVICE
    assert "was lost" in json.loads(rest[-1])["error"]["sentence"]


def in_terminal(arguments: list[str], until: str, limit_s: float = PROCESS_S) -> str:
    """What a command draws on a terminal of 100 columns, until it has drawn `until`; then Ctrl-C."""
    import pty  # not on Windows

    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    with subprocess.Popen(
        [*COMMAND, *arguments], stdin=slave, stdout=slave, stderr=slave, env=environment
    ) as process:
        os.close(slave)
        seen = ""
        end_s = time.monotonic() + limit_s
        while (
            until not in _plain(seen) and time.monotonic() < end_s and (drawn := _drawn(master)) is not None
        ):
            seen += drawn
        process.send_signal(signal.SIGINT)
        # a terminal that nobody reads holds up what draws on it
        end_s = time.monotonic() + PROCESS_S
        while process.poll() is None and time.monotonic() < end_s:
            seen += _drawn(master) or ""
        ended = process.poll() is not None
        process.kill()
    os.close(master)
    assert ended, "Ctrl-C did not end it"
    return _plain(seen)


def _plain(seen: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen)


def _drawn(master: int) -> str | None:
    """What was drawn in the last tenth of a second; None when the terminal was closed."""
    if not select.select([master], [], [], 0.1)[0]:
        return ""
    try:
        return os.read(master, 65_536).decode(errors="replace")
    except OSError:
        return None


@pytest.mark.skipif(sys.platform == "win32", reason="no ptys there")
def test_on_a_terminal_a_watched_status_is_a_panel_with_its_age(server: PenServer, url: str) -> None:
    drawn = in_terminal(["status", "--url", url, "--watch"], "ms ago")
    assert "IDLE" in drawn
    assert "as of" in drawn
    assert "╭" in drawn


# --- sim, spec, log, session -------------------------------------------------------------------------------------------


def test_faults_are_listed_by_name(pen: Command) -> None:
    names = [one["name"] for one in pen("sim", "faults", "--json").json["faults"]]
    assert "droop" in names
    assert names == sorted(names)
    assert "STROKE_MISMATCH" in pen("sim", "faults").out


def test_a_served_pen_says_where_it_is_and_answers_there(pen: Command) -> None:
    with subprocess.Popen(
        [*COMMAND, "sim", "serve", "--json", "--seed", "5"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        where = json.loads(process.stdout.readline())
        told = pen("info", "--url", where["url"], "--json").json
        process.send_signal(signal.SIGINT)
        assert process.wait(PROCESS_S) == ExitCode.OK
    assert told["serial"] == "e605000000000000"


def test_a_firmware_crash_resets_the_pen_as_on_the_chip_and_ends_no_program() -> None:
    """An exception that no fault injected: served to others, and in this process."""

    def crash(sim: SimPen) -> None:
        sim.pen.tick = lambda: 1 // 0

    with sim_server.serve(5, 0, 0, 1.0, pty=False) as served:
        served._server.call(crash)
        wait_until(lambda: served._server.call(lambda sim: sim.resets) >= 1)
        assert served.failed() is None
    transport = open_sim("sim:?seed=5")
    with PenWorker(transport) as worker:
        worker.connect(PROCESS_S)
        crash(transport.sim)
        wait_until(lambda: transport.sim.resets >= 1)
        assert worker.snapshot().lost is None


def test_spec_comes_from_the_constants(pen: Command) -> None:
    assert "mechanical stop" in pen("spec").out
    assert json.loads(pen("spec", "--json").out)


# --- demo --------------------------------------------------------------------------------------------------------------


def test_the_demo_ends_with_one_object_and_a_record_that_verifies(pen: Command, tmp_path: Path) -> None:
    out = tmp_path / "demo"
    ran = pen.process("demo", "--json", "--scale", "4", "--out", out)
    assert ran.code == ExitCode.OK, ran.err
    told = json.loads(ran.out.strip().splitlines()[-1])
    wanted = {
        "session_id",
        "zones",
        "strokes_pen",
        "strokes_journal",
        "trips",
        "chain_ok",
        "faults",
        "picture",
    }
    assert wanted <= set(told)
    assert (
        told["strokes_pen"] == told["strokes_journal"] == sum(zone["strokes"] for zone in told["zones"]) > 700
    )
    assert len(told["zones"]) == 3
    assert all(zone["dose_per_cm2"] >= 250 for zone in told["zones"])
    assert told["trips"] == len(told["faults"]) >= 1
    assert "CARTRIDGE_UNLATCHED" in told["faults"]
    assert told["chain_ok"] is True
    assert Path(told["picture"]).read_bytes().startswith(b"\x89PNG")
    record = out / "record.sqlite"
    assert pen("log", "verify", "--journal", record).code == ExitCode.OK
    (listed,) = pen("session", "list", "--journal", record, "--json").json["sessions"]
    assert (listed["state"], listed["strokes"], listed["sure"]) == ("closed", told["strokes_pen"], True)
    shown = pen(
        "session", "show", told["session_id"], "--journal", record, "--picture", tmp_path / "again.png"
    )
    assert shown.code == ExitCode.OK
    assert "RUN_STARTED" in shown.out
    assert (tmp_path / "again.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process there")
def test_ctrl_c_amid_the_demo_stops_closes_and_says_so(pen: Command, tmp_path: Path) -> None:
    out = tmp_path / "demo"
    with subprocess.Popen(
        [*COMMAND, "demo", "--scale", "2", "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while "[stroking]" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=PROCESS_S)
    assert process.returncode == ExitCode.REFUSED
    assert "Broken off by the operator" in told
    assert "Traceback" not in told
    record = out / "record.sqlite"
    assert pen("log", "verify", "--journal", record).code == ExitCode.OK
    (listed,) = pen("session", "list", "--journal", record, "--json").json["sessions"]
    assert (listed["state"], listed["sure"]) == ("closed", True)


@pytest.mark.skipif(sys.platform == "win32", reason="no ptys there")
def test_on_a_terminal_the_demo_shows_requested_and_measured_side_by_side(
    pen: Command, tmp_path: Path
) -> None:
    drawn = in_terminal(["demo", "--scale", "4", "--out", str(tmp_path / "demo")], "STROKING")
    for words in ("requested", "measured", "lease left", "est. maximum", "frontal", "midscalp", "vertex"):
        assert words in drawn


def test_every_command_explains_itself(pen: Command) -> None:
    commands = [
        ["demo"],
        ["list"],
        ["info"],
        ["status"],
        ["stop"],
        ["clear"],
        ["spec"],
        ["session", "run"],
        ["session", "list"],
        ["session", "show"],
        ["session", "recover"],
        ["sim", "serve"],
        ["sim", "faults"],
        ["log", "verify"],
        ["fw", "flash"],
    ]
    for words in commands:
        ran = pen(*words, "--help")
        assert ran.code == ExitCode.OK
        assert "--json" in ran.out, words

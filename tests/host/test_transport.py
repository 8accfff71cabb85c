"""Ways to a pen: a port is held alone, a write never blocks for ever, a lost cable is an error and not silence."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from pen_host.errors import BusyPortError, NoPenError, TransportLostError, UsageError
from pen_host.link import FrameReader, encode
from pen_host.transport import Transport, WriteBlockedError, open_transport
from pen_host.transport.serial_port import SerialTransport
from pen_host.transport.sim import SimTransport
from pen_host.transport.socket_port import SocketTransport
from pen_protocol import messages

posix = pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals exist on POSIX only")


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """A pseudo terminal: the pen's end and the name of the host's."""
    pty = pytest.importorskip("pty")
    pen_end, host_end = pty.openpty()
    name = os.ttyname(host_end)
    os.close(host_end)
    yield pen_end, name
    os.close(pen_end)


@posix
class TestSerial:
    def test_a_second_program_is_told_the_port_is_busy(self, terminal: tuple[int, str]) -> None:
        _, name = terminal
        first = open_transport(name)
        try:
            with pytest.raises(BusyPortError) as refused:
                open_transport(name)
            assert name in refused.value.sentence
            assert "press the pen's button" in refused.value.sentence
        finally:
            first.close()
        open_transport(name).close()

    def test_a_program_that_ignores_locks_is_refused_by_the_system(self, terminal: tuple[int, str]) -> None:
        _, name = terminal
        first = open_transport(name)
        os.chmod(name, 0o666)
        # the system lets root open a held port, so the other program is nobody's
        drop = "os.geteuid() or os.setuid(65534)"
        other = f"import os, sys; {drop}; os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)"
        held = subprocess.run(
            [sys.executable, "-c", other, name], capture_output=True, text=True, check=False
        )
        first.close()
        free = subprocess.run(
            [sys.executable, "-c", other, name], capture_output=True, text=True, check=False
        )
        assert "busy" in held.stderr
        assert free.returncode == 0, free.stderr

    def test_a_port_held_by_a_program_without_locks_is_busy_too(self, terminal: tuple[int, str]) -> None:
        _, name = terminal
        with serial.Serial(name, exclusive=True), pytest.raises(BusyPortError):
            open_transport(name)

    def test_bytes_pass_both_ways_whatever_their_value(self, terminal: tuple[int, str]) -> None:
        pen_end, name = terminal
        transport = SerialTransport(name)
        everything = bytes(range(256))
        transport.write(everything)
        assert read_all(pen_end, 256) == everything
        os.write(pen_end, everything)
        arrived = b""
        while len(arrived) < 256:
            arrived += transport.read(1.0)
        assert arrived == everything
        transport.close()

    def test_a_read_with_nothing_there_ends_in_time(self, terminal: tuple[int, str]) -> None:
        transport = SerialTransport(terminal[1])
        assert transport.read(0) == b""
        assert transport.read(0.01) == b""
        transport.close()

    def test_a_waiting_read_is_woken(self, terminal: tuple[int, str]) -> None:
        transport = SerialTransport(terminal[1])
        done = threading.Event()

        def read() -> None:
            transport.read(60)
            done.set()

        thread = threading.Thread(target=read)
        thread.start()
        transport.wake()
        assert done.wait(30)
        thread.join()
        transport.close()

    def test_whoever_wakes_amid_the_close_writes_into_no_file_that_was_opened_since(
        self, terminal: tuple[int, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The system gives the number of a closed descriptor to the next file, and threads go on waking."""
        _, name = terminal
        transport, whole = SerialTransport(name), os.close
        wakes_by = transport._serial.pipe_abort_read_w
        opened = tmp_path / "record"

        def closing(number: int) -> None:
            whole(number)
            if number == wakes_by:
                file = os.open(opened, os.O_CREAT | os.O_WRONLY)
                os.dup2(file, number)
                whole(file)
                transport.wake()

        with monkeypatch.context() as patched:
            patched.setattr(os, "close", closing)
            transport.close()
        whole(wakes_by)
        assert opened.read_bytes() == b""

    def test_a_pen_that_takes_nothing_does_not_block_the_host(self, terminal: tuple[int, str]) -> None:
        transport = SerialTransport(terminal[1])
        with pytest.raises(WriteBlockedError):
            fill(transport)
        transport.close()

    def test_a_lost_cable_is_an_error(self) -> None:
        pty = pytest.importorskip("pty")
        pen_end, host_end = pty.openpty()
        transport = SerialTransport(os.ttyname(host_end))
        os.close(host_end)
        os.close(pen_end)
        with pytest.raises(TransportLostError, match="300 ms"):
            transport.read(0.05)
        with pytest.raises(TransportLostError):
            transport.write(b"x")
        transport.close()
        transport.wake()

    def test_a_port_that_is_not_there_is_named(self) -> None:
        with pytest.raises(NoPenError, match="/dev/no-such-port is not there"):
            open_transport("/dev/no-such-port")


def read_all(descriptor: int, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += os.read(descriptor, count - len(data))
    return data


def fill(transport: Transport) -> None:
    """Write until nothing is taken any more."""
    for _ in range(10_000):
        transport.write(bytes(65_536))


class TestSocket:
    @pytest.fixture
    def pair(self) -> Iterator[tuple[SocketTransport, socket.socket]]:
        with socket.create_server(("127.0.0.1", 0)) as server:
            transport = SocketTransport(f"socket://127.0.0.1:{server.getsockname()[1]}")
            pen, _ = server.accept()
        yield transport, pen
        transport.close()
        pen.close()

    def test_bytes_pass_both_ways(self, pair: tuple[SocketTransport, socket.socket]) -> None:
        transport, pen = pair
        transport.write(b"\x00\x01\xff")
        assert pen.recv(10) == b"\x00\x01\xff"
        pen.sendall(b"\x00\xfe")
        assert transport.read(1.0) == b"\x00\xfe"
        assert transport.read(0) == b""

    def test_a_waiting_read_is_woken_and_wakes_add_up_to_one(
        self, pair: tuple[SocketTransport, socket.socket]
    ) -> None:
        transport, _ = pair
        for _ in range(100_000):
            transport.wake()
        assert transport.read(60) == b""

    def test_a_pen_that_takes_nothing_does_not_block_the_host(
        self, pair: tuple[SocketTransport, socket.socket]
    ) -> None:
        transport, _ = pair
        with pytest.raises(WriteBlockedError):
            fill(transport)

    def test_the_other_end_closing_is_an_error(self, pair: tuple[SocketTransport, socket.socket]) -> None:
        transport, pen = pair
        pen.close()
        with pytest.raises(TransportLostError, match="closed the connection"):
            transport.read(1.0)

    def test_nobody_listening_is_no_pen(self) -> None:
        # held and not listened on: one that was let go of may be somebody else's by now, or the caller's own
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            with pytest.raises(NoPenError, match="Nobody answers"):
                open_transport(f"socket://127.0.0.1:{held.getsockname()[1]}")

    @pytest.mark.parametrize("url", ["socket://", "socket://host", "socket://host:99999", "socket://:7000"])
    def test_an_address_that_is_none_is_explained(self, url: str) -> None:
        with pytest.raises(UsageError, match=r"socket://127\.0\.0\.1:7000"):
            open_transport(url)


class TestSim:
    def test_a_simulated_pen_answers_and_its_time_is_the_clocks(self) -> None:
        now = [0.0]
        transport = open_transport("sim:?seed=4")
        assert isinstance(transport, SimTransport)
        transport = SimTransport("sim:", transport.sim, 2.0, lambda: now[0])
        began_us = transport.sim.now_us
        transport.write(encode(messages.HELLO, 1, 0, {"schema_hash": messages.SCHEMA_HASH, "host_nonce": 9}))
        now[0] = 0.05
        frames = [frame for frame, _ in FrameReader().feed(transport.read(0))]
        assert frames[0].name == "IDENTITY"
        assert abs(transport.sim.now_us - began_us - 100_000) <= 5_000

    def test_hands_act_on_the_bench(self) -> None:
        transport = open_transport("sim:")
        assert isinstance(transport, SimTransport)
        with transport.hands() as bench:
            bench.press_trigger()
        assert transport.sim.board.plant.trigger

    def test_a_pen_without_power_is_a_lost_connection(self) -> None:
        transport = open_transport("sim:")
        assert isinstance(transport, SimTransport)
        transport.sim.kill()
        with pytest.raises(TransportLostError, match="no power"):
            transport.read(0)
        with pytest.raises(TransportLostError):
            transport.write(b"x")

    def test_a_pulled_cable_is_a_lost_connection(self) -> None:
        transport = open_transport("sim:")
        assert isinstance(transport, SimTransport)
        with transport.hands() as bench:
            bench.unplug_usb()
        with pytest.raises(TransportLostError, match="unplugged"):
            transport.read(0)

    @pytest.mark.parametrize("url", ["sim:?fault=nonsense", "sim:?scale=0", "sim:?seed=x", "sim:?colour=red"])
    def test_an_option_that_does_not_exist_is_explained(self, url: str) -> None:
        with pytest.raises(UsageError):
            open_transport(url)

    def test_a_fault_by_name_is_on_from_the_start(self) -> None:
        from pen_sim.faults import FAULTS

        name = sorted(FAULTS)[0]
        transport = open_transport(f"sim:?fault={name}")
        assert isinstance(transport, SimTransport)
        assert name in transport.sim.bench.active_faults

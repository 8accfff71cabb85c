"""The simulated pen in real time: ports, hands from outside, clean ends. Scripts play on its agenda."""

from __future__ import annotations

import json
import socket
import sys
import time

import pytest

from pen_protocol import messages
from pen_protocol.framing import Decoder
from pen_sim.faults import FAULTS
from pen_sim.hand import Hand
from pen_sim.rig import SimPen
from pen_sim.script import ScriptError, parse, schedule
from pen_sim.serve import PenServer
from tests.sim.raw_host import RawHost

PATIENCE_S = 60
HELLO = {"schema_hash": messages.SCHEMA_HASH, "host_nonce": 9}


def identity(connection: socket.socket) -> bool:
    """True when an IDENTITY comes back for a HELLO."""
    connection.sendall(RawHost(SimPen(boot=False)).frame("HELLO", 1, **HELLO))
    connection.settimeout(PATIENCE_S)
    decoder = Decoder()
    while True:
        data = connection.recv(4_096)
        if not data:
            return False
        at = 0
        while at < len(data):
            at = decoder.feed(data, at, len(data))
            if decoder.length and decoder.frame[1] == messages.IDENTITY:
                return True


def test_a_host_finds_the_pen_on_a_free_port_and_gets_its_answers() -> None:
    with PenServer(SimPen()) as server:
        assert server.addresses is not None
        assert server.addresses.port != 0
        with socket.create_connection((server.addresses.host, server.addresses.port)) as connection:
            assert identity(connection)
    assert server.failure is None


def test_a_second_host_is_turned_away_and_the_line_is_free_after_the_first() -> None:
    with PenServer(SimPen()) as server:
        assert server.addresses is not None
        address = (server.addresses.host, server.addresses.port)
        with socket.create_connection(address) as first:
            assert identity(first)
            with socket.create_connection(address) as second:
                second.settimeout(PATIENCE_S)
                assert second.recv(1) == b""
        for _ in range(100):
            with socket.create_connection(address) as third:
                try:
                    if identity(third):
                        return
                except ConnectionError:
                    pass
    pytest.fail("the line stayed taken")


def test_a_reset_hangs_up_like_a_usb_device_that_vanishes() -> None:
    with PenServer(SimPen()) as server:
        assert server.addresses is not None
        with socket.create_connection((server.addresses.host, server.addresses.port)) as connection:
            assert identity(connection)
            server.call(lambda pen: pen.reset())
            while connection.recv(4_096):
                pass


def test_the_side_channel_moves_hands_and_tells_the_truth_but_never_a_frame() -> None:
    with PenServer(SimPen()) as server:
        assert server.addresses is not None
        with Hand.at_address(server.addresses.host, server.addresses.bench_port) as hand:
            hand.do("press_trigger")
            hand.do("inject", name="droop", value=10)
            truth = hand.state()
            assert truth["trigger"] is True
            assert truth["faults"] == ["droop"]
            with pytest.raises(ScriptError, match="no action"):
                hand.do("dance")
            with pytest.raises(ScriptError, match="no fault"):
                hand.do("inject", name="gremlins")
        with socket.create_connection((server.addresses.host, server.addresses.bench_port)) as raw:
            raw.sendall(b"\x00\x01\x02garbage\n[]\n")
            lines = raw.makefile("rb")
            assert not json.loads(lines.readline())["ok"]
            assert not json.loads(lines.readline())["ok"]
        assert server.failure is None


def _passed(server: PenServer) -> float:
    """Simulated seconds per second."""
    began_us, began_s = server.call(lambda pen: pen.now_us), time.monotonic()
    while time.monotonic() - began_s < 0.3:
        server.call(lambda pen: pen.now_us)
    return (server.call(lambda pen: pen.now_us) - began_us) / 1e6 / (time.monotonic() - began_s)


def test_simulated_time_follows_the_clock_by_the_scale() -> None:
    pen = SimPen()
    server = PenServer(pen, scale=10)
    server.start()
    # a machine that does other things as well may keep the pen waiting for a while
    followed = any(5 < _passed(server) < 15 for _ in range(100))
    server.stop()
    server.stop()
    assert followed
    assert pen.now_us > 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pty")
def test_a_pty_is_a_serial_device_to_the_host() -> None:
    import serial

    server = PenServer(SimPen())
    addresses = server.start(pty=True)
    assert addresses.pty is not None
    try:
        with serial.Serial(addresses.pty, timeout=PATIENCE_S) as port:
            port.write(RawHost(SimPen(boot=False)).frame("HELLO", 1, **HELLO))
            assert port.read(20)
    finally:
        server.stop()


def test_a_taken_port_is_an_error_of_the_system_and_leaves_nothing_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = PenServer(SimPen())
        with pytest.raises(OSError):  # noqa: PT011 - which text, the system decides
            server.start(port=taken.getsockname()[1])


# --- scripts and hands ------------------------------------------------------------------------------------------------


def test_a_script_plays_its_steps_at_their_microsecond() -> None:
    pen = SimPen()
    schedule(
        pen,
        parse(
            """
            [[step]]
            at_ms = 20.5
            action = "open_estop"
            [[step]]
            at_ms = 10
            action = "inject"
            name = "supply_low"
            value = 4000
            [[step]]
            at_ms = 30
            action = "insert_cartridge"
            number = 99
            lot = "L"
            """
        ),
    )
    began_us = pen.now_us
    pen.advance_ms(15)
    assert pen.board.plant.supply_mv == 4_000
    assert pen.board.plant.estop_closed
    pen.advance_ms(30)
    assert pen.trace.of("estop")[0].t_us == began_us + 20_500
    assert pen.bench.cartridge is not None
    assert pen.bench.cartridge.number == 99


@pytest.mark.parametrize(
    "text",
    [
        "no toml [",
        '[[step]]\naction = "latch"',
        "[[step]]\nat_ms = 1",
        '[[step]]\nat_ms = 1\naction = "dance"',
        '[[step]]\nat_ms = 1\naction = "latch"\nfirmly = true',
        '[[step]]\nat_ms = 1\naction = "insert_cartridge"\nneedles = 0',
    ],
)
def test_a_wrong_script_is_refused_before_anything_happens(text: str) -> None:
    with pytest.raises(ScriptError):
        schedule(SimPen(), parse(text))


def test_a_scripted_operator_treats_in_simulated_time() -> None:
    pen = SimPen()
    host = RawHost(pen)
    host.ready()
    began_us = pen.now_us
    hand = Hand.at_pen(pen)
    hand.play("touch_skin; hold 200; wait 50; lift")
    assert pen.now_us - began_us == 250_000
    assert hand.state()["strokes_in_skin"] > 10
    assert hand.state()["trigger"] is False
    hand.change_cartridge(number=5, used=True)
    assert hand.state()["cartridge_marked"] is True
    with pytest.raises(ScriptError):
        hand.play("hold")


def test_every_fault_can_begin_and_end_on_a_resting_pen() -> None:
    pen = SimPen()
    for name in FAULTS:
        pen.bench.inject(name)
        pen.bench.clear(name)
    assert pen.bench.active_faults == {}
    pen.advance_ms(500)
    assert pen.resets == 0
    assert pen.power_losses == 0
    with pytest.raises(KeyError, match="gremlins"):
        pen.bench.inject("gremlins")


def test_every_fault_names_a_condition_or_fault_code_that_exists() -> None:
    from pen_protocol.faults import FAULT_NAMES
    from pen_protocol.states import CONDITION_NAMES

    known = {"", *CONDITION_NAMES, *FAULT_NAMES.values()}
    assert {fault.provokes for fault in FAULTS.values()} <= known

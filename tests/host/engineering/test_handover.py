"""The real firmware, simulated, is asked to make way: it does when it is at rest and refuses otherwise."""

from __future__ import annotations

import pytest

from pen_host.engineering.bundle import make_bundle
from pen_host.engineering.flash import flash
from pen_host.engineering.handover import ask_for_prompt
from pen_host.errors import NoPenError, NotAPenError, RefusedError, SchemaMismatchError, UsageError
from pen_host.link import frames
from pen_protocol import codec, framing, messages
from pen_protocol.version import PROTOCOL_VERSION
from pen_sim.rig import SimPen


class SimPort:
    """A way to a simulated pen whose time passes while it is read, and only then."""

    name = "simulated"

    def __init__(self) -> None:
        self.sim = SimPen(seed=1)
        self.sim.advance_ms(2_000)

    def read(self, timeout_s: float) -> bytes:
        for _pass in range(int(timeout_s * 200) + 1):
            self.sim.advance_ms(5)
            data = self.sim.stream.read()
            if data:
                return data
        return b""

    def write(self, data: bytes) -> None:
        self.sim.stream.write(data)

    def wake(self) -> None:
        """Nobody waits in another thread."""

    def close(self) -> None:
        """Nothing to let go of."""


class ForeignPort:
    """Something that answers every frame with one of its own."""

    name = "foreign"

    def __init__(self, version: int, product: bytes) -> None:
        self._version = version
        self._product = product
        self._reader = frames.FrameReader()
        self._answers: list[bytes] = []
        self.asked: list[str] = []

    def write(self, data: bytes) -> None:
        for frame, _body in self._reader.feed(data):
            self.asked.append(frame.name)
            self._answers.append(self._identity(frame))

    def read(self, timeout_s: float) -> bytes:
        return self._answers.pop() if self._answers else b""

    def wake(self) -> None:
        """Nobody waits in another thread."""

    def close(self) -> None:
        """Nothing to let go of."""

    def _identity(self, greeting: frames.Frame) -> bytes:
        encoder = framing.Encoder()
        values = (
            self._product,
            1,
            greeting.values.get("host_nonce", 1),
            7,
            b"SERIAL01",
            9,
            8,
            7,
            1,
            b"mpy".ljust(12, b"\0"),
        )
        codec.put_header(encoder.body, messages.IDENTITY, greeting.sequence, 0)
        length = codec.pack_payload(encoder.body, messages.IDENTITY, values)
        encoder.body[0] = self._version
        return bytes(encoder.wire[: encoder.finish(length)])


def say(port: SimPort, name: str, sequence: int, **values: int) -> None:
    port.write(frames.encode(messages.BY_NAME[name].number, sequence, 0, values))
    port.sim.advance_ms(20)


def test_a_pen_at_rest_leaves_for_its_prompt_and_says_what_it_was() -> None:
    port = SimPort()
    running = ask_for_prompt(port)
    assert running is not None
    assert running.firmware == make_bundle({}).manifest.firmware
    assert port.sim.run_until(lambda: port.sim.at_prompt, 3_000)


def test_a_reset_after_flashing_brings_the_pen_back_to_its_firmware() -> None:
    port = SimPort()
    ask_for_prompt(port)
    assert port.sim.run_until(lambda: port.sim.at_prompt, 3_000)
    port.sim.reset()
    port.sim.advance_ms(1_000)
    assert not port.sim.at_prompt
    assert ask_for_prompt(port) is not None


def test_a_pen_with_an_open_session_keeps_its_firmware() -> None:
    port = SimPort()
    say(port, "HELLO", 1, schema_hash=messages.SCHEMA_HASH, host_nonce=5)
    say(port, "OPEN_SESSION", 2, nonce=4711, operator=1, depth_cap_um=1500, unlock_reason=0)
    assert port.sim.pen.session.nonce == 4711
    with pytest.raises(RefusedError, match="nothing was written"):
        ask_for_prompt(port)
    port.sim.advance_ms(3_000)
    assert not port.sim.at_prompt
    assert port.sim.resets == 0


class LossyPort(SimPort):
    """Loses the first answer to SERVICE."""

    def __init__(self) -> None:
        super().__init__()
        self._lost = False

    def read(self, timeout_s: float) -> bytes:
        data = super().read(timeout_s)
        done = [frame for frame, _body in frames.FrameReader().feed(data) if frame.number == messages.DONE]
        if done and not self._lost:
            self._lost = True
            return b""
        return data


def test_a_lost_answer_is_no_refusal() -> None:
    """The repeated question finds the pen on its way already."""
    port = LossyPort()
    assert ask_for_prompt(port) is not None
    assert port.sim.run_until(lambda: port.sim.at_prompt, 3_000)


def test_a_pen_at_its_prompt_does_not_answer_and_may_be_flashed() -> None:
    port = SimPort()
    port.sim.power_off()
    assert ask_for_prompt(port, patience_s=0.05) is None


def test_a_firmware_with_other_message_tables_is_asked_all_the_same() -> None:
    """Flashing is the way out of that mismatch."""
    port = ForeignPort(PROTOCOL_VERSION, messages.PRODUCT)
    assert ask_for_prompt(port, patience_s=0.05) is not None
    assert port.asked[:2] == ["HELLO", "SERVICE"]


def test_a_firmware_with_another_protocol_is_named_with_the_way_out() -> None:
    port = ForeignPort(PROTOCOL_VERSION + 1, messages.PRODUCT)
    with pytest.raises(SchemaMismatchError, match=r"9\.8\.7 speaks protocol 2.*BOOTSEL"):
        ask_for_prompt(port)
    assert set(port.asked) == {"HELLO"}


def test_another_product_is_left_alone() -> None:
    port = ForeignPort(PROTOCOL_VERSION, b"TOASTER1")
    with pytest.raises(NotAPenError, match="nothing was written"):
        ask_for_prompt(port)
    assert set(port.asked) == {"HELLO"}


def test_a_simulated_pen_cannot_be_flashed() -> None:
    with pytest.raises(UsageError, match="nothing to flash"):
        flash("sim:")


def test_a_port_that_is_not_there_is_said_before_anything_else() -> None:
    with pytest.raises(NoPenError, match="no pen was reached"):
        flash("socket://127.0.0.1:1")

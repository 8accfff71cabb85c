"""The rig's protocol: both ways, any bytes, and the same table on the chip's interpreter."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil_tests.rig import image, messages, pins, programs
from hil_tests.rig.capture import Timing
from hil_tests.rig.link import RigError, RigLink, greeting
from pen_protocol.codec import header_number, header_sequence, header_session
from pen_protocol.framing import Decoder, Encoder
from tests.micropython_vm import run_micropython


def values_of(message: messages.Message) -> st.SearchStrategy[tuple]:
    return st.tuples(
        *(
            st.binary(min_size=field.size, max_size=field.size)
            if field.holds_bytes
            else st.integers(field.low, field.high)
            for field in message.fields
        )
    )


def received(wire: bytes) -> tuple[bytearray, int]:
    decoder = Decoder()
    assert decoder.feed(wire, 0, len(wire)) == len(wire)
    assert decoder.length
    return decoder.frame, decoder.length


@pytest.mark.parametrize(
    "message", [each for each in messages.TABLE if each.number != messages.EDGES], ids=lambda each: each.name
)
@given(data=st.data(), sequence=st.integers(0, 0xFFFF), run=st.integers(0, (1 << 30) - 1))
def test_every_message_comes_back_as_it_was_sent(
    message: messages.Message, data: st.DataObject, sequence: int, run: int
) -> None:
    values = data.draw(values_of(message))
    encoder = Encoder()
    length = messages.pack(encoder, message.number, sequence, run, values)
    frame, size = received(bytes(encoder.wire[:length]))
    assert (header_number(frame), header_sequence(frame), header_session(frame)) == (
        message.number,
        sequence,
        run,
    )
    assert messages.unpack(frame, size) == values


@given(st.integers(0, (1 << 30) - 1), st.integers(1, messages.EDGES_MAX), st.data())
def test_edges_carry_their_words(first: int, count: int, data: st.DataObject) -> None:
    words = data.draw(st.binary(min_size=4 * count, max_size=4 * count))
    encoder = Encoder()
    encoder.body[messages.EDGES_HEAD : messages.EDGES_HEAD + len(words)] = words
    length = messages.pack_edges(encoder, 9, first, count)
    frame, size = received(bytes(encoder.wire[:length]))
    assert messages.unpack(frame, size) == (first, count)
    assert frame[messages.EDGES_HEAD : size] == words
    assert messages.unpack(frame, size - 1) is None, "a word is missing"


@given(st.binary(max_size=120))
def test_any_frame_is_a_message_or_none(body: bytes) -> None:
    frame = bytearray(body.ljust(130, b"\0"))
    if len(body) >= 8:
        values = messages.unpack(frame, len(body))
        assert values is None or len(values) == len(messages.BY_NUMBER[frame[1]].fields)


@given(st.binary(max_size=300))
def test_any_bytes_leave_the_laptops_end_whole(data: bytes) -> None:
    link = RigLink()
    link.begin(1, Timing(125_000_000, 1), 0.0)
    link.receive(data, 0.1)
    assert link.capture is not None
    assert link.capture.words == 0


def test_values_out_of_range_are_refused_before_anything_is_sent() -> None:
    link = RigLink()
    for name, values in (
        ("HANDS", (64, 0, 0)),
        ("HANDS", (0, 2, 0)),
        ("START", (0, 1)),
        ("HANDS", (0, 0, 1 << 22)),
    ):
        with pytest.raises(ValueError, match=name):
            link.request(name, values, 0.0)


def test_a_rig_of_another_release_is_named_with_the_way_out() -> None:
    with pytest.raises(RigError, match=r"hil_tests\.rig\.install"):
        greeting((messages.PRODUCT, messages.SCHEMA_HASH ^ 1, 1, 1, 1, b"8" * 8, 1, b"x" * 12))
    with pytest.raises(RigError, match="no rig"):
        greeting((b"DERMAPEN", messages.SCHEMA_HASH, 1, 1, 1, b"8" * 8, 1, b"x" * 12))


def test_every_reason_has_its_words() -> None:
    reasons = {value for name, value in vars(messages.Reason).items() if name.isupper()}
    assert reasons == set(messages.REASON_TEXT)


def test_no_two_lines_share_a_pin_and_the_sample_is_without_a_hole() -> None:
    numbers = [entry[1] for entry in pins.LINES]
    assert len(set(numbers)) == len(numbers)
    assert sorted(numbers)[: pins.COUNT] == list(range(pins.FIRST, pins.FIRST + pins.COUNT))
    assert [pins.gpio(name) for name in pins.HANDS] == list(range(pins.FIRST, pins.FIRST + len(pins.HANDS)))
    assert pins.COUNT == programs.LINE_BITS
    assert programs.LINE_BITS + programs.TIME_BITS == 32
    assert set(numbers) <= {*range(23), 26, 27, 28}, "GPIO 23 to 25 are the Pico's own"


@given(st.integers(0, 63), st.integers(0, programs.HAND_DELAY_MAX_US), st.booleans())
def test_hand_words_stay_small_integers(levels: int, delay_us: int, amid: bool) -> None:
    word = programs.hand_word(levels, delay_us, amid)
    assert 0 <= word < 1 << 30
    assert word & 1 == amid
    assert word >> 23 == levels


def test_the_rigs_modules_mean_the_same_on_micropython(tmp_path: Path) -> None:
    """Imported from their sources on MicroPython's own VM; only the board needs the chip."""
    for module in image.MODULES:
        target = tmp_path / module.removeprefix("protocol/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(image.ROOT / module, target)
    said = run_micropython(
        "from hil_tests.rig import messages, programs\n"
        "import hil_tests.rig_firmware.rig\n"
        "print(messages.SCHEMA_HASH, programs.hand_word(63, 838860, 1))\n",
        [tmp_path],
    )
    assert said.split() == [str(messages.SCHEMA_HASH), str(programs.hand_word(63, 838_860, True))]

"""The message table is whole, fits the frame and the chip, and its hash notices every change."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_protocol import faults, framing, limits, messages, states, version
from pen_protocol.messages import BY_NAME, BY_NUMBER, TABLE, Field, Kind, Message
from tests.protocol.samples import is_bytes, width

HASHES = {"schema_hash"}
"""Fields that carry a whole CRC-32; compared as bytes or once at connect, never in a tick."""


def name_of(case: object) -> str:
    return case.name if isinstance(case, Message) else str(case)


every_message = pytest.mark.parametrize("message", TABLE, ids=name_of)


def test_numbers_and_names_are_unique() -> None:
    assert len({message.number for message in TABLE}) == len(TABLE) == len(BY_NUMBER)
    assert len({message.name for message in TABLE}) == len(TABLE) == len(BY_NAME)


@every_message
def test_a_message_is_found_by_its_constant(message: Message) -> None:
    assert getattr(messages, message.name) == message.number
    assert BY_NUMBER[message.number] is message
    assert BY_NAME[message.name] is message


def test_every_constant_has_a_message() -> None:
    kinds = {name for name in vars(Kind) if name.isupper()}
    numbered = {
        name
        for name, value in vars(messages).items()
        if name.isupper()
        and isinstance(value, int)
        and not name.startswith(("U", "I1", "EVENT_", "EVENTS_", "MAX", "SCHEMA"))
    }
    assert numbered - {"SERIAL_SIZE", "LOT_SIZE", "PROTOCOL_VERSION"} == BY_NAME.keys()
    assert kinds == {"QUERY", "COMMAND", "LINK", "ANSWER", "NOTICE"}


@every_message
def test_direction_shows_in_the_number(message: Message) -> None:
    """Below 0x40 host to pen, from 0x40 pen to host: neither side can take its own echo for the other's words."""
    from_pen = message.kind in (Kind.ANSWER, Kind.NOTICE)
    assert (message.number >= 0x40) == from_pen
    assert 0 < message.number < 0x80


@every_message
def test_a_payload_fits_the_frame(message: Message) -> None:
    assert message.size <= messages.MAX_PAYLOAD
    assert message.size == struct.calcsize(message.struct_format)
    assert framing.MIN_BODY <= framing.CRC_SIZE + 8 + message.size <= framing.MAX_BODY


@every_message
def test_offsets_follow_from_the_widths_without_gaps(message: Message) -> None:
    at = 0
    for part, offset in zip(message.fields, message.offsets, strict=True):
        assert offset == at, part.name
        at += width(part)
    assert at == message.size


@every_message
def test_every_request_has_an_answer_that_exists(message: Message) -> None:
    if message.kind in (Kind.ANSWER, Kind.NOTICE) or message.number == messages.HEARTBEAT:
        assert message.answer == 0
        return
    assert BY_NUMBER[message.answer].kind in (Kind.ANSWER, Kind.NOTICE)


def test_only_the_heartbeat_and_what_the_pen_says_are_never_answered() -> None:
    unanswered = {message.name for message in TABLE if message.number < 0x40 and not message.answer}
    assert unanswered == {"HEARTBEAT"}


def test_stop_and_all_that_looks_are_allowed_while_stopped() -> None:
    for message in TABLE:
        if message.kind == Kind.QUERY:
            assert message.stopped_ok, message.name
    assert BY_NAME["CLEAR_FAULT"].stopped_ok, "the way out"


def test_while_stopped_no_request_moves_anything() -> None:
    allowed = {message.name for message in TABLE if message.stopped_ok and message.kind == Kind.COMMAND}
    assert allowed == {"DISARM", "CLOSE_SESSION"}


def test_stop_needs_nothing() -> None:
    stop = BY_NAME["STOP"]
    assert (stop.kind, stop.answer, stop.size) == (Kind.QUERY, messages.STATUS, 1)


@every_message
def test_names_of_fields_are_unique_and_lower_case(message: Message) -> None:
    names = [part.name for part in message.fields]
    assert len(set(names)) == len(names)
    assert all(name == name.lower() and name.isidentifier() for name in names)


@every_message
def test_ranges_fit_what_the_bytes_can_say(message: Message) -> None:
    for part in message.fields:
        if is_bytes(part):
            assert (part.low, part.high) == (0, 0)
            continue
        assert part.low <= part.high, part.name
        struct.pack("<" + part.code, part.low)
        struct.pack("<" + part.code, part.high)


@every_message
def test_no_integer_is_beyond_what_micropython_holds_without_allocating(message: Message) -> None:
    for part in message.fields:
        if not is_bytes(part) and part.name not in HASHES:
            assert -limits.WORD_MAX <= part.low <= part.high <= limits.WORD_MAX, part.name


UNITS = {
    "_um": "um",
    "_mhz": "mHz",
    "_us": "us",
    "_ms": "ms",
    "_cc": "0.01 C",
    "_mv": "mV",
    "_ma": "mA",
    "_hz": "Hz",
    "_s": "s",
}


@every_message
@pytest.mark.covers("REQ-1101")
def test_the_unit_is_in_the_name(message: Message) -> None:
    for part in message.fields:
        ending = "_" + part.name.rpartition("_")[2]
        if part.unit == "days since 2020-01-01":
            assert part.name == "expiry_days"
            continue
        assert part.unit == UNITS.get(ending, ""), f"{message.name}.{part.name}"


@every_message
def test_since_is_a_version_that_has_been(message: Message) -> None:
    assert 1 <= message.since <= version.PROTOCOL_VERSION


def test_an_event_record_is_what_the_codes_say() -> None:
    assert struct.calcsize(messages.EVENT_CODES) == messages.EVENT_SIZE
    (records,) = [part for part in BY_NAME["EVENTS"].fields if part.name == "records"]
    assert width(records) == messages.EVENT_SIZE * messages.EVENTS_PER_FRAME


def test_serial_and_lot_are_as_long_everywhere() -> None:
    for message in TABLE:
        for part in message.fields:
            if part.name in ("serial", "lot"):
                assert width(part) == (messages.SERIAL_SIZE if part.name == "serial" else messages.LOT_SIZE)


def test_product_fills_its_field() -> None:
    assert len(messages.PRODUCT) == width(BY_NAME["IDENTITY"].fields[0])


# --- what never changes ----------------------------------------------------------------------------------------------
def test_hello_and_identity_have_the_layout_every_version_understands() -> None:
    """Both must be understood before versions are compared: these bytes are frozen for good."""
    hello = [(part.name, part.code) for part in BY_NAME["HELLO"].fields]
    identity = [(part.name, part.code) for part in BY_NAME["IDENTITY"].fields]
    assert (messages.HELLO, messages.IDENTITY) == (0x01, 0x40)
    assert hello == [("schema_hash", "I"), ("host_nonce", "I")]
    assert identity == [
        ("product", "8s"),
        ("schema_hash", "I"),
        ("host_nonce", "I"),
        ("boot_id", "I"),
        ("serial", "8s"),
        ("fw_major", "B"),
        ("fw_minor", "B"),
        ("fw_patch", "B"),
        ("reset_cause", "B"),
        ("runtime", "12s"),
    ]


# --- hash ------------------------------------------------------------------------------------------------------------
def test_the_hash_is_of_the_tables_as_they_are() -> None:
    assert messages.schema_hash() == messages.SCHEMA_HASH
    assert 0 <= messages.SCHEMA_HASH <= 0xFFFFFFFF


def changed(part: Field, what: str) -> None:
    value = getattr(part, what)
    setattr(part, what, value + 1 if isinstance(value, int) else value + "x")


@given(st.sampled_from(TABLE), st.sampled_from(["number", "name", "kind", "answer", "stopped_ok", "since"]))
def test_any_change_of_a_message_changes_the_hash(message: Message, what: str) -> None:
    before = getattr(message, what)
    try:
        setattr(
            message, what, not before if isinstance(before, bool) else before + ("X" if what == "name" else 1)
        )
        assert messages.schema_hash() != messages.SCHEMA_HASH
    finally:
        setattr(message, what, before)
    assert messages.schema_hash() == messages.SCHEMA_HASH


@given(
    st.sampled_from([part for message in TABLE for part in message.fields]),
    st.sampled_from(["name", "code", "unit", "low", "high"]),
)
@pytest.mark.covers("REQ-1203")
def test_any_change_of_a_field_changes_the_hash(part: Field, what: str) -> None:
    before = getattr(part, what)
    try:
        changed(part, what)
        assert messages.schema_hash() != messages.SCHEMA_HASH
    finally:
        setattr(part, what, before)


@given(st.sampled_from([message for message in TABLE if len(message.fields) > 1]), st.randoms())
def test_the_order_of_fields_counts(message: Message, chance: object) -> None:
    before = message.fields
    try:
        message.fields = before[1:] + before[:1]
        assert messages.schema_hash() != messages.SCHEMA_HASH
    finally:
        message.fields = before


@pytest.mark.parametrize(
    ("where", "name", "value"),
    [
        (limits, "DEPTH_CAP_UM", 1600),
        (limits, "HOST_LEASE_MS", 300),
        (limits, "HEARTBEAT_PERIOD_MS", 100),
        (limits, "ANOTHER_MS", 5),
        (states.Condition, "RATE_DROOP", 30),
        (states.State, "STOPPED", 7),
        (states.Flag, "HOMED", 2048),
        (states.UnlockReason, "BENCH_TEST", 4),
        (states.ServiceAction, "REBOOT", 4),
        (faults.Fault, "AXIS_STALL", 99),
        (faults.Refusal, "BUSY", 99),
        (faults.Event, "ARMED", 99),
        (faults.Event, "ANOTHER", 21),
        (messages, "EVENT_CODES", "<IIBBIII"),
        (messages, "PROTOCOL_VERSION", 2),
    ],
)
@pytest.mark.covers("REQ-1203")
def test_a_change_of_what_a_number_means_changes_the_hash(
    monkeypatch: pytest.MonkeyPatch, where: object, name: str, value: object
) -> None:
    """A host that reads fault 36 as another fault than the pen means is as wrong as one that reads other bytes."""
    monkeypatch.setattr(where, name, value, raising=False)
    assert messages.schema_hash() != messages.SCHEMA_HASH


@pytest.mark.covers("REQ-1102")
@pytest.mark.parametrize("quantity", ["depth", "rate"])
def test_requested_and_measured_are_different_fields_and_the_measured_one_has_an_age(quantity: str) -> None:
    names = [part.name for part in BY_NAME["STATUS"].fields]
    assert sum(name.startswith(f"{quantity}_requested_") for name in names) == 1
    assert sum(name.startswith(f"{quantity}_measured_") for name in names) == 1
    assert "measured_age_ms" in names

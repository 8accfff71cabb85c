"""Advice: every code a pen can send has a title and three sentences a person can act on."""

from __future__ import annotations

import pytest

from pen_host import advice
from pen_host.names import Condition, Fault, Refusal
from pen_protocol import messages

CAUSES = [*Condition, *(fault for fault in Fault if fault is not Fault.NONE)]
REFUSALS = [refusal for refusal in Refusal if refusal is not Refusal.NONE]


@pytest.mark.parametrize(
    "text", [advice.for_cause(code) for code in CAUSES] + [advice.for_refusal(r) for r in REFUSALS]
)
def test_advice_says_what_happened_what_it_means_and_what_now(text: advice.Advice) -> None:
    assert text.title[0].isupper()
    assert not text.title.endswith(".")
    for sentence in (text.happened, text.means, text.now):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert "  " not in sentence
    assert text.sentence == f"{text.happened} {text.means} {text.now}"


def test_every_code_has_its_own_advice() -> None:
    assert set(advice.CAUSES) == set(CAUSES)
    assert set(advice.REFUSALS) == set(REFUSALS)
    for texts in (advice.CAUSES.values(), advice.REFUSALS.values()):
        assert len({text.title for text in texts}) == len(texts)
        assert len({text.happened for text in texts}) == len(texts)


def test_a_code_of_newer_firmware_is_still_a_stop_with_a_way_on() -> None:
    assert "cause 99" in advice.for_cause(99).sentence
    assert "update this program" in advice.for_cause(99).now
    assert "refusal 200" in advice.for_refusal(200).sentence


@pytest.mark.parametrize(
    ("request_number", "reason", "detail", "words"),
    [
        (messages.ARM, Refusal.BLOCKED, Condition.CHARGER, "CHARGER, charger connected"),
        (messages.HOME, Refusal.STOPPED, Fault.STOP_COMMAND, "STOP_COMMAND"),
        (messages.SET_RATE, Refusal.OUT_OF_RANGE, 0, "rate_mhz is 25000 to 149000 mHz"),
        (messages.SET_RATE, Refusal.OUT_OF_RANGE, 9, "field 9"),
        (messages.SET_DEPTH, Refusal.ABOVE_CAP, 1500, "the cap is 1500 um"),
        (messages.SET_DEPTH, Refusal.OFF_STEP, 50, "steps of 50 um"),
        (messages.ARM, Refusal.BUSY, messages.HOME, "(HOME)"),
        (messages.ARM, Refusal.WRONG_STATE, 4, "state STROKING"),
        (messages.SETTINGS_WRITE, Refusal.VERSION_CONFLICT, 12, "version 12"),
        (messages.SET_DEPTH, Refusal.MOTION_FAILED, Fault.AXIS_STALL, "AXIS_STALL"),
    ],
)
def test_a_refusal_sentence_names_the_request_and_says_the_detail_in_words(
    request_number: int, reason: Refusal, detail: int, words: str
) -> None:
    sentence = advice.refusal_sentence(request_number, reason, detail)
    assert sentence.startswith(messages.BY_NUMBER[request_number].name + " was refused: ")
    assert words in sentence


@pytest.mark.parametrize("reason", range(34))
@pytest.mark.parametrize("detail", [0, 1, 29, 255, (1 << 30) - 1])
def test_no_detail_a_pen_could_send_makes_it_fail(reason: int, detail: int) -> None:
    assert advice.refusal_sentence(messages.ARM, reason, detail)
    assert advice.refusal_sentence(0x7F, reason, detail)

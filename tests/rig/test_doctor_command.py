"""`python -m hil_tests.doctor`: exit codes and what it prints."""

from __future__ import annotations

import json

import pytest

from hil_tests import doctor
from tests.rig.soft_pair import SoftPair

ARGUMENTS = ["--pen", "serial:PEN", "--rig", "serial:RIG"]


def on(pair: SoftPair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_bench", lambda _pen, _rig: pair.rig_bench())


def test_a_good_bench_ends_with_0_and_a_line_for_each_wire(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = SoftPair()
    on(pair, monkeypatch)
    assert doctor.main(ARGUMENTS) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line[:4] for line in lines} == {"OK  ", "--  "}
    assert any(line.startswith("OK  TRIGGER       GP4") for line in lines)
    assert not pair.board.bench_hand("ESTOP"), "the rig has let go of the pen"


def test_a_bad_wire_ends_with_1_and_a_sentence_what_to_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on(SoftPair(frozenset({"TRIGGER"})), monkeypatch)
    assert doctor.main([*ARGUMENTS, "--no-reset"]) == 1
    said = capsys.readouterr().out
    assert "BAD TRIGGER       GP4   the pen does not see it move: check the wire" in said
    assert said.splitlines()[-1].startswith("1 of ")


def test_json_is_one_object(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    on(SoftPair(frozenset({"SAFE"})), monkeypatch)
    assert doctor.main([*ARGUMENTS, "--no-reset", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert {one["line"] for one in said["findings"] if one["verdict"] == "bad"} == {"SAFE"}
    assert said["facts"]["rig_look_ns"] == "80"


def test_a_pen_that_does_not_answer_ends_with_3(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = SoftPair()
    pair.bench.sim.power_off()
    on(pair, monkeypatch)
    assert doctor.main(ARGUMENTS) == 3
    assert "does not answer on its port" in capsys.readouterr().out


def test_a_rig_lost_on_the_way_ends_with_3(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = SoftPair()
    on(pair, monkeypatch)
    shipped = pair.board.hands_put

    def put(word: int) -> None:
        shipped(word)
        pair.board.overrun = True

    monkeypatch.setattr(pair.board, "hands_put", put)
    assert doctor.main(ARGUMENTS) == 3
    assert "start the run anew" in capsys.readouterr().err


@pytest.mark.parametrize("as_json", [False, True])
def test_a_port_that_is_not_there_ends_with_3(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    extra = ["--json"] if as_json else []
    assert doctor.main(["--pen", "serial:/dev/no-pen", "--rig", "serial:/dev/no-rig", *extra]) == 3
    captured = capsys.readouterr()
    said = json.loads(captured.out)["error"] if as_json else captured.err
    assert "/dev/no-rig is not there" in said


@pytest.mark.parametrize("arguments", [[], ["--pen", "serial:PEN"], ["--pan", "x"]])
def test_wrong_words_end_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        doctor.main(arguments)
    assert ended.value.code == 2

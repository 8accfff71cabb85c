"""Whatever is wrong: one clear sentence, a fixed exit code, nothing moved, nothing recorded lost."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pen_host import discovery
from pen_host.errors import ExitCode
from pen_host.journal import Journal
from pen_host.plans import loader
from pen_host.transport import open_transport
from pen_protocol import messages
from pen_sim.serve import PenServer
from tests.cli.conftest import PROCESS_S, Command

ADVICE_MARKS = (".", "?")


def says_what_to_do(sentence: str) -> bool:
    """One line of whole sentences: what happened, and more than that."""
    return "\n" not in sentence and sentence.rstrip().endswith(ADVICE_MARKS) and sentence.count(". ") >= 1


def shipped(change: Callable[[str], str], place: Path) -> Path:
    """The demonstration's plan with something wrong in it."""
    text = (loader.SHIPPED / "demo_scalp.toml").read_text(encoding="utf-8")
    changed = change(text)
    assert changed != text
    path = place / "plan.toml"
    path.write_text(changed, encoding="utf-8")
    return path


# --- plans -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text + "\n[[zones\n", "not valid TOML"),
        (lambda text: text.replace('depth = "0.6 mm"', 'depth = "2.6 mm"', 1), "above the limit of 2500 um"),
        (lambda text: text.replace('depth = "0.6 mm"', 'depth = "1.6 mm"', 1), "above the limit of 1500 um"),
        (lambda text: text.replace('depth = "0.6 mm"', 'depth = "0.6 inch"', 1), "unknown unit 'inch'"),
        (lambda text: text.replace('depth = "0.6 mm"', "depth = 0.6", 1), "has no unit"),
        (lambda text: text.replace("rate_hz = 100", "rate_hz = 200", 1), "above the limit of 149000 mHz"),
        (lambda text: text.replace("hold_s = 5", "hold_s = 500", 1), "above the limit of 60 s"),
        (lambda text: text.replace("passes = 2", "pases = 2", 1), "did you mean passes?"),
        (lambda text: "", "is missing"),
    ],
)
def test_a_plan_that_does_not_hold_together_is_refused_before_a_pen_is_touched(
    pen: Command, tmp_path: Path, change: Callable[[str], str], says: str
) -> None:
    ran = pen("session", "run", shipped(change, tmp_path), "--url", "sim:")
    assert ran.code == ExitCode.USAGE
    assert says in ran.sentence
    assert "Nothing was sent to a pen" in ran.sentence
    assert not (tmp_path / "record.sqlite").exists()


def test_an_unknown_shipped_plan_lists_those_there_are(pen: Command) -> None:
    ran = pen("session", "run", "forehead", "--url", "sim:")
    assert ran.code == ExitCode.USAGE
    assert "demo_scalp" in ran.sentence


def test_a_reason_without_a_rule_is_refused(pen: Command) -> None:
    ran = pen("session", "run", "demo_scalp", "--reason", "because", "--url", "sim:")
    assert (ran.code, "RULE=why" in ran.sentence) == (ExitCode.USAGE, True)


# --- ports and pens ----------------------------------------------------------------------------------------------------

ASKS_A_PEN = [
    ["info"],
    ["status"],
    ["session", "recover"],
    ["session", "run", "demo_scalp"],
    ["clear", "FLUID"],
]


@pytest.mark.parametrize("words", [*ASKS_A_PEN, ["fw", "flash"], ["stop"]])
def test_a_wrong_port_is_named(pen: Command, words: list[str], tmp_path: Path) -> None:
    port = tmp_path / "ttyACM7"
    ran = pen(*words, "--port", port)
    assert ran.code == ExitCode.NO_DEVICE
    assert str(port) in ran.out + ran.err
    assert "is not there" in ran.out + ran.err


def test_a_socket_nobody_listens_on_is_named(pen: Command) -> None:
    ran = pen("info", "--url", "socket://127.0.0.1:1")
    assert ran.code == ExitCode.NO_DEVICE
    assert says_what_to_do(ran.sentence)


@pytest.mark.skipif(sys.platform == "win32", reason="no ptys there")
@pytest.mark.parametrize("words", [["info"], ["stop"], ["session", "run", "demo_scalp"]])
def test_a_port_that_another_program_holds_is_busy_and_says_how_to_stop_now(
    pen: Command, server: PenServer, words: list[str]
) -> None:
    assert server.addresses is not None
    assert server.addresses.pty is not None
    holder = open_transport(server.addresses.pty)
    try:
        ran = pen(*words, "--port", server.addresses.pty)
    finally:
        holder.close()
    assert ran.code == ExitCode.PORT_BUSY
    assert "release the trigger and press the pen's button" in ran.out + ran.err
    assert server.call(lambda sim: len(sim.trace.of("step"))) == 0


def test_a_pen_of_another_release_names_both_and_what_to_do(
    pen: Command, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server in this process is of another release than the command in its own."""
    ours = messages.SCHEMA_HASH
    monkeypatch.setattr(messages, "SCHEMA_HASH", 0x0BADCAFE)
    ran = pen.process("info", "--url", url)
    assert ran.code == ExitCode.PROTOCOL
    assert "0badcafe" in ran.sentence
    assert f"{ours:08x}" in ran.sentence
    assert "pen fw flash" in ran.sentence
    stopped = pen.process("stop", "--url", url)
    assert stopped.code == ExitCode.OK, "it can still be stopped"


def no_ports(monkeypatch: pytest.MonkeyPatch, *urls: str) -> None:
    monkeypatch.setattr(discovery, "candidates", lambda serial=None: [] if serial else list(urls))


@pytest.mark.parametrize("words", [*ASKS_A_PEN, ["stop"]])
def test_no_pen_is_said_with_what_to_do(
    pen: Command, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    no_ports(monkeypatch)
    ran = pen(*words)
    assert ran.code == ExitCode.NO_DEVICE
    assert says_what_to_do(ran.sentence)
    assert pen("list").code == ExitCode.OK


@pytest.mark.parametrize("words", ASKS_A_PEN)
def test_of_several_pens_none_is_guessed(
    pen: Command, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    no_ports(monkeypatch, "sim:?seed=1", "sim:?seed=2")
    ran = pen(*words)
    assert ran.code == ExitCode.SEVERAL_DEVICES
    assert "e601000000000000" in ran.sentence
    assert "e602000000000000" in ran.sentence
    assert "--serial" in ran.sentence


def test_a_serial_number_chooses_among_several(pen: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    no_ports(monkeypatch, "sim:?seed=1", "sim:?seed=2")
    assert pen("info", "--serial", "E602", "--json").json["serial"] == "e602000000000000"
    wrong = pen("info", "--serial", "e699")
    assert wrong.code == ExitCode.NO_DEVICE
    assert "e601000000000000, e602000000000000" in wrong.sentence


def test_a_port_with_another_serial_number_is_left_alone(pen: Command) -> None:
    ran = pen("info", "--url", "sim:?seed=1", "--serial", "e602")
    assert ran.code != ExitCode.OK
    assert "Nothing was sent to it" in ran.sentence


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sim:?fault=gremlins", "no fault is called gremlins; use one of"),
        ("sim:?seed=x", "is not a number"),
        ("sim:?scale=0", "above 0"),
        ("sim:?colour=red", "is no option"),
        ("socket://nowhere", "port"),
    ],
)
def test_a_url_that_makes_no_sense_is_explained(pen: Command, url: str, says: str) -> None:
    ran = pen("info", "--url", url)
    assert ran.code == ExitCode.USAGE
    assert says in ran.sentence


# --- words of the command ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ["status", "--loud"],
        ["session", "show"],
        ["sim", "serve", "--scale", "0"],
        ["demo", "--scale", "many"],
        ["stop", "--now"],
        ["fly"],
    ],
)
def test_wrong_words_end_with_the_usage_code_and_a_sentence(pen: Command, words: list[str]) -> None:
    ran = pen(*words)
    assert ran.code == ExitCode.USAGE
    assert says_what_to_do(ran.sentence)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["info", "--port", "/nowhere"], ExitCode.NO_DEVICE),
        (["info", "--url", "sim:?fault=x"], ExitCode.USAGE),
        (["session", "run", "nope"], ExitCode.USAGE),
        (["session", "list", "--journal", "/nowhere/at/all"], ExitCode.JOURNAL),
        (["stop", "--never"], ExitCode.USAGE),
        (["status", "--loud"], ExitCode.USAGE),
    ],
)
def test_with_json_an_error_is_one_object_too(pen: Command, words: list[str], code: ExitCode) -> None:
    ran = pen(*words, "--json")
    assert ran.code == code
    assert not ran.err
    error = ran.json["error"]
    assert (error["code"], error["exit"]) == (code.name, int(code))
    assert error["sentence"].endswith(".")


# --- the record --------------------------------------------------------------------------------------------------------


@pytest.fixture
def treated(tmp_path: Path, treated_once: Path) -> Path:
    """A record with a treatment in it, for this test alone."""
    path = tmp_path / "treated.sqlite"
    shutil.copy(treated_once, path)
    return path


@pytest.fixture(scope="session")
def treated_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.host.treatment_bench import Station

    place = tmp_path_factory.mktemp("treated")
    with Station(place) as station:
        station.treat()
    return place / "record.sqlite"


def alter(path: Path) -> None:
    """Somebody edits an entry behind the program's back."""
    with sqlite3.connect(path) as raw:
        names = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        kept = [
            raw.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0]
            for name in names
        ]
        for name in names:
            raw.execute(f"DROP TRIGGER {name}")
        raw.execute(
            "UPDATE entries SET payload = replace(payload, 'frontal', 'occiput') WHERE kind = 'zone_selected'"
        )
        for sql in kept:
            raw.execute(sql)
    raw.close()


def test_a_damaged_record_is_named_entry_by_entry_and_nothing_starts_with_it(
    pen: Command, treated: Path
) -> None:
    assert pen("log", "verify", "--journal", treated).code == ExitCode.OK
    alter(treated)
    ran = pen("log", "verify", "--journal", treated)
    assert ran.code == ExitCode.VERIFICATION
    assert "not intact" in ran.out
    assert "zone_selected" in ran.out
    assert "altered after it was written" in ran.out
    told = pen("log", "verify", "--journal", treated, "--json").json
    assert (told["intact"], len(told["damages"]) >= 1) == (False, True)
    run = pen("session", "run", "demo_scalp", "--url", "sim:", "--journal", treated)
    assert run.code == ExitCode.JOURNAL
    assert "damaged" in run.sentence


def test_a_file_that_is_no_record_is_refused_and_left_as_it_is(pen: Command, tmp_path: Path) -> None:
    path = tmp_path / "letter.sqlite"
    path.write_bytes(b"Dear colleague, " * 1_000)
    verified = pen("log", "verify", "--journal", path)
    assert verified.code == ExitCode.VERIFICATION
    for words in (
        ["session", "list"],
        ["session", "run", "demo_scalp", "--url", "sim:"],
    ):
        ran = pen(*words, "--journal", path)
        assert ran.code == ExitCode.JOURNAL
        assert says_what_to_do(ran.sentence)
    assert path.read_bytes() == b"Dear colleague, " * 1_000


def test_a_record_that_another_program_writes_is_refused_with_its_holder(
    pen: Command, tmp_path: Path
) -> None:
    with Journal.create_or_open(tmp_path / "record.sqlite"):
        ran = pen("session", "run", "demo_scalp", "--url", "sim:")
        assert ran.code == ExitCode.JOURNAL
        assert "held by another program (process" in ran.sentence
        assert pen("session", "list").code == ExitCode.OK, "it can still be read"
        assert pen("log", "verify").code == ExitCode.OK


def test_no_record_yet_is_said(pen: Command) -> None:
    ran = pen("session", "list")
    assert ran.code == ExitCode.JOURNAL
    assert "no such file" in ran.sentence


def test_an_unknown_session_is_said(pen: Command, treated: Path) -> None:
    ran = pen("session", "show", "s00000000", "--journal", treated)
    assert ran.code == ExitCode.USAGE
    assert "pen session list" in ran.sentence


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of a file's size there")
@pytest.mark.parametrize("size_kb", [24, 92, 120])
def test_a_full_disk_stops_the_treatment_and_what_was_written_stays(
    pen: Command, tmp_path: Path, size_kb: int
) -> None:
    """No file of this process grows beyond a size, at the beginning, amid the treatment, near its end."""
    import resource  # not on Windows

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_kb * 1024, size_kb * 1024))

    ran = pen.process("demo", "--scale", "4", "--json", "--out", tmp_path / "out", preexec_fn=limit)
    assert ran.code == ExitCode.JOURNAL, ran
    assert ran.json["error"]["code"] == "JOURNAL"
    record = tmp_path / "out" / "record.sqlite"
    if size_kb > 24:  # with less there is not even an empty record
        verified = pen("log", "verify", "--journal", record, "--json")
        assert (verified.code, verified.json["intact"]) == (ExitCode.OK, True)


def test_a_place_where_nothing_can_be_written_is_told_first(pen: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = pen("demo", "--out", tmp_path / "file" / "below")
    assert ran.code == ExitCode.USAGE
    assert "--out" in ran.sentence


def test_whoever_reads_our_output_may_leave(tmp_path: Path) -> None:
    ran = subprocess.run(
        f'{sys.executable} -c "from pen_host.cli import main; main()" sim faults | head -n 1',
        shell=True,
        capture_output=True,
        text=True,
        timeout=PROCESS_S,
        check=True,
    )
    assert "Traceback" not in ran.stderr
    assert "BrokenPipe" not in ran.stderr

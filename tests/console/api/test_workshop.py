"""The process that makes reports and exports: it ends with its console, however that ends, and one that broke is replaced."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pen_host.api.exporting import ExportAsked, ExportDesk, ExportState
from pen_host.api.people import People
from pen_host.api.problems import Code, ProblemError
from pen_host.api.workshop import NICENESS, Workshop
from pen_host.exports.export import Form
from pen_host.records import InputError
from tests.console.api.bench import environment, wait_until

pytestmark = pytest.mark.xdist_group("console-record")
KILLED = """
import os, signal
from pen_host.api.workshop import Workshop
if __name__ == "__main__":
    print(Workshop().make(os.getpid), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def complain() -> None:
    raise InputError("the form", {"count": "it is none"})


def gone(pid: int) -> bool:
    """Ended; one that nobody has waited for yet has ended as well."""
    try:
        return "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:1]
    except FileNotFoundError:
        return True


@pytest.fixture
def workshop() -> Iterator[Workshop]:
    made = Workshop()
    yield made
    made.close()


def test_it_works_behind_the_pen_tells_what_was_wrong_is_replaced_when_it_broke_and_ends_at_once(
    workshop: Workshop, tmp_path: Path
) -> None:
    first = workshop.make(os.getpid)
    assert first != os.getpid()
    assert workshop.make(os.nice, 0) == os.nice(0) + NICENESS
    with pytest.raises(ProblemError) as wrong:
        workshop.make(complain)
    assert (wrong.value.code, wrong.value.errors[0].field) == (Code.INVALID_FIELDS, "count")
    with pytest.raises(ProblemError, match="broke down"):
        workshop.make(int, "an error of the program, in the process")
    assert workshop.make(os.getpid) == first, "which goes on"
    people = People(None, cheap=True)
    anna = people.add("Anna", "7391", ())
    noted: list[str] = []
    desk = ExportDesk(tmp_path / "no-record.sqlite3", workshop, lambda *told: noted.append(told[2]))
    desk.begin(ExportAsked(form=Form.CSV), anna)
    wait_until(lambda: noted, "the end of the export")
    assert noted == ["csv, with names: not made"]
    assert desk.view().state is ExportState.FAILED
    assert "no-record.sqlite3" in desk.view().sentence
    with pytest.raises(ProblemError, match="broke down"):
        workshop.make(os._exit, 3)
    second = workshop.make(os.getpid)
    workshop.close()
    wait_until(lambda: gone(first) and gone(second), "the end of the processes")
    with pytest.raises(ProblemError, match="The console ended"):
        workshop.make(os.getpid)
    assert workshop._hands is None, "nobody would end it"


def test_no_process_is_left_when_the_console_is_killed(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", KILLED], env=environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert ran.returncode == -9, ran.stderr
    wait_until(lambda: gone(int(ran.stdout)), "the end of the process")

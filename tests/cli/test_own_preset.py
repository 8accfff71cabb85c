"""`pen plan add|change|versions`: an own preset and what became of it."""

from __future__ import annotations

from pathlib import Path

from pen_host.errors import ExitCode
from pen_host.presets.loader import SHIPPED
from tests.cli.conftest import Command

PRESET = "neck_wrinkles"


def test_an_own_preset_is_changed_in_versions_and_a_shipped_one_never(pen: Command, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    text = (SHIPPED / f"{PRESET}.toml").read_text("utf-8").replace(PRESET, "our_own")
    text = text.replace("Neck wrinkles", "Neck, ours")
    own.write_text(text, "utf-8")
    assert pen("plan", "change", own).code == ExitCode.USAGE
    assert pen("plan", "add", own, "--operator", "anna").code == ExitCode.OK
    own.write_text(text.replace("Neck, ours", "Neck, ours again"), "utf-8")
    assert pen("plan", "change", own, "--operator", "bob", "--json").json["version"] == 2
    assert pen("plan", "change", own).code == ExitCode.USAGE
    told = pen("plan", "versions", "our_own", "--json").json["versions"]
    assert [(one["version"], one["saved_by"]) for one in told] == [(2, "bob"), (1, "anna")]
    assert told[1]["preset"]["title"] == "Neck, ours"
    shipped = pen("plan", "change", SHIPPED / f"{PRESET}.toml")
    assert (shipped.code, "never changed" in shipped.err) == (ExitCode.USAGE, True)

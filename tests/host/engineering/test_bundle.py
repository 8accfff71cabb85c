"""A bundle is whole or refused; what is built is what the pen imports, and the same every time."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_host.engineering import on_device
from pen_host.engineering.build import build, device_sources
from pen_host.engineering.bundle import BOOT, MAIN, Bundle, ManifestFile, belongs, make_bundle
from pen_host.errors import VerificationError
from tests.micropython_vm import run_micropython

ROOT = Path(__file__).resolve().parents[3]
SMALL = {BOOT: b"low()", MAIN: b"run()", "pen_firmware/pen.mpy": b"M\x06\x00\x1f"}


@pytest.fixture(scope="module")
def built() -> Bundle:
    return build()


def test_a_built_bundle_holds_what_the_chip_starts_as_source_and_the_packages_compiled(built: Bundle) -> None:
    built.check()
    assert built.contents[BOOT] == (ROOT / "firmware/boot.py").read_bytes()
    assert built.contents[MAIN] == (ROOT / "firmware/main.py").read_bytes()
    modules = {path for path in built.contents if "/" in path}
    assert {"pen_firmware/board_rp2040.mpy", "pen_protocol/codec.mpy"} <= modules
    assert all(built.contents[path][:2] == b"M\x06" for path in modules), "bytecode version 6"


def test_every_module_of_the_device_and_none_of_the_hosts_is_built(built: Bundle) -> None:
    sources = {f"pen_firmware/{file.stem}.mpy" for file in (ROOT / "firmware/pen_firmware").glob("*.py")}
    sources |= {f"pen_protocol/{file.stem}.mpy" for file in (ROOT / "protocol/pen_protocol").glob("*.py")}
    assert set(built.contents) - {BOOT, MAIN} == sources


def test_no_path_of_the_building_machine_is_compiled_in(built: Bundle) -> None:
    for path, content in built.contents.items():
        assert b"/tmp" not in content, path
        assert str(ROOT).encode() not in content, path


def test_building_twice_gives_the_same_firmware(built: Bundle) -> None:
    assert build().manifest.digest == built.manifest.digest


def test_sources_are_named_as_the_pen_will_find_them() -> None:
    assert "pen_firmware/hal.mpy" in dict(device_sources())


def test_manifest_has_one_spelling_that_a_signature_can_cover() -> None:
    manifest = make_bundle(SMALL).manifest
    assert manifest.to_bytes() == make_bundle(dict(reversed(SMALL.items()))).manifest.to_bytes()
    spelled = json.loads(manifest.to_bytes())
    assert [file["path"] for file in spelled["files"]] == sorted(SMALL)
    assert dataclasses.replace(manifest, firmware="9.9.9").digest != manifest.digest


def test_a_changed_byte_is_found() -> None:
    good = make_bundle(SMALL)
    bad = Bundle(good.manifest, {**SMALL, MAIN: b"run!!"})
    with pytest.raises(VerificationError, match=r"main\.py is not what its manifest says"):
        bad.check()


@pytest.mark.parametrize("path", [BOOT, MAIN])
def test_a_bundle_without_a_first_or_last_file_is_refused(path: str) -> None:
    rest = {name: content for name, content in SMALL.items() if name != path}
    with pytest.raises(VerificationError, match=f"{path} is missing"):
        make_bundle(rest).check()


def test_a_file_that_only_one_side_has_is_found() -> None:
    good = make_bundle(SMALL)
    with pytest.raises(VerificationError, match="only in its files"):
        Bundle(good.manifest, {**SMALL, "pen_firmware/more.mpy": b""}).check()
    more = ManifestFile("pen_firmware/more.mpy", 0, "")
    manifest = dataclasses.replace(good.manifest, files=(*good.manifest.files, more))
    with pytest.raises(VerificationError, match="only in its manifest"):
        Bundle(manifest, SMALL).check()


@pytest.mark.parametrize(
    "path",
    [
        "settings_a.bin",
        "../boot.py",
        "/boot.py",
        "pen_firmware/../main.py",
        "pen_firmware//a.mpy",
        "pen_firmware",
        "lib/a.mpy",
    ],
)
def test_a_path_outside_the_firmware_is_refused(path: str) -> None:
    """A bundle must not reach the pen's settings and records."""
    assert not belongs(path)
    with pytest.raises(VerificationError, match="lies outside"):
        make_bundle({**SMALL, path: b""}).check()


# --- the code that runs on the pen's prompt ----------------------------------------------------------------------------


@given(content=st.binary(max_size=5000))
def test_digest_of_the_prompt_is_sha256(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.getbasetemp() / "content"
    file.write_bytes(content)
    assert on_device.digest(str(file)) == make_bundle({BOOT: content}).digests[BOOT]


def test_survey_lists_files_and_folders_and_leaves_out_what_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pen_firmware/sub").mkdir(parents=True)
    (tmp_path / "pen_firmware/sub/a.mpy").write_bytes(b"a")
    (tmp_path / "settings_a.bin").write_bytes(b"")
    found = {path: size for path, size, _sha256 in on_device.survey(("pen_firmware", "boot.py"))}
    assert found == {"pen_firmware": -1, "pen_firmware/sub": -1, "pen_firmware/sub/a.mpy": 1}


def test_code_of_the_prompt_runs_on_micropython() -> None:
    script = f"""
{(ROOT / "host/pen_host/engineering/on_device.py").read_text()}
os.mkdir("pen_firmware")
with open("pen_firmware/a.mpy", "wb") as file:
    file.write(bytes(range(256)) * 9)
print(sorted(survey(("pen_firmware", "boot.py"))))
"""
    digest = make_bundle({BOOT: bytes(range(256)) * 9}).digests[BOOT]
    expected = [("pen_firmware", -1, ""), ("pen_firmware/a.mpy", 2304, digest)]
    assert run_micropython(script, []).strip() == str(expected)

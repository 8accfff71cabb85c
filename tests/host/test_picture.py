"""The picture of a treatment: drawn whatever the samples are, refused when there are none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pen_host import picture
from pen_host.trace import Mark, Sample

ZONES = ("frontal", "vertex")

samples = st.builds(
    Sample,
    t_ms=st.integers(0, 3_600_000),
    zone=st.integers(-1, len(ZONES) - 1),
    state=st.sampled_from(["IDLE", "ARMED", "STROKING", "STOPPED"]),
    depth_requested_um=st.integers(0, 2_500),
    depth_measured_um=st.none() | st.integers(-60, 2_500),
    rate_requested_mhz=st.integers(0, 149_000),
    rate_measured_mhz=st.integers(0, 160_000),
    strokes=st.integers(0, 1 << 30),
    contact_strokes=st.integers(0, 1 << 30),
    coil_cc=st.integers(-1_000, 12_000),
    lease_left_ms=st.integers(0, 250),
)


def sample(t_ms: int, zone: int = 0, state: str = "STROKING", depth_um: int | None = 600) -> Sample:
    return Sample(t_ms, zone, state, 600, depth_um, 100_000, 99_990, t_ms // 10, t_ms // 10, 2_500, 200)


def shown(*taken: Sample, marks: tuple[Mark, ...] = ()) -> picture.Treatment:
    return picture.Treatment("A treatment", "session s1", ZONES, taken, marks)


@pytest.mark.parametrize(("ending", "begins"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_the_ending_of_the_name_is_the_kind_of_file(tmp_path: Path, ending: str, begins: bytes) -> None:
    marks = (Mark(150, "cartridge unlatched", trip=True), Mark(20, "cartridge 0000b9 used"))
    path = picture.draw(
        shown(
            sample(0),
            sample(100),
            sample(200, state="STOPPED", depth_um=None),
            sample(300, zone=1),
            marks=marks,
        ),
        tmp_path / f"treatment.{ending}",
    )
    assert path.read_bytes().startswith(begins)


def test_an_svg_names_zones_stops_and_both_kinds_of_values(tmp_path: Path) -> None:
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none"}):
        path = picture.draw(
            shown(sample(0), sample(100, zone=1), marks=(Mark(50, "rate droop", trip=True),)),
            tmp_path / "a.svg",
        )
    text = path.read_text(encoding="utf-8")
    for words in ("A treatment", "session s1", "frontal", "vertex", "rate droop", "requested", "measured"):
        assert words in text
    assert "depth" not in text, "the setting of the needle is not the depth in tissue"


def test_one_single_sample_is_enough_and_none_is_told(tmp_path: Path) -> None:
    assert picture.draw(shown(sample(0)), tmp_path / "one.png").stat().st_size > 1_000
    with pytest.raises(ValueError, match="nothing was measured"):
        picture.draw(shown(), tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


@settings(max_examples=10)
@given(st.lists(samples, min_size=1, max_size=20))
def test_no_samples_break_the_drawing(tmp_path_factory: pytest.TempPathFactory, taken: list[Sample]) -> None:
    path = tmp_path_factory.mktemp("drawn") / "any.png"
    assert picture.draw(shown(*sorted(taken, key=lambda one: one.t_ms)), path).exists()

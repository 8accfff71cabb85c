"""From any pen to any bundle: the right files in the end, and a safe pen after a cut at any step between."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from pen_host.engineering import changes
from pen_host.engineering.bundle import BOOT, MAIN, PACKAGES, Bundle, belongs, make_bundle
from pen_host.engineering.changes import Act, Change, Plan, staged

Files = dict[str, bytes | None]
"""A pen's file system: content by path, None for folders."""

CONTENTS = st.sampled_from([b"", b"old", b"new", b"other"])
MODULES = st.sampled_from(
    [
        f"{package}/{name}"
        for package in PACKAGES
        for name in ("__init__.mpy", "pen.mpy", "pen.py", "sub/a.mpy")
    ]
)
BUNDLES = st.builds(
    lambda boot, main, modules: make_bundle({BOOT: boot, MAIN: main, **modules}),
    CONTENTS,
    CONTENTS,
    st.dictionaries(MODULES, CONTENTS, max_size=6),
)
LITTER = st.sampled_from(
    [staged(MAIN), staged("pen_firmware/pen.mpy"), "update/half", "pen_firmware/empty/x.mpy"]
)
PENS = st.builds(
    lambda files: with_folders(dict(files)),
    st.dictionaries(
        st.one_of(MODULES, LITTER, st.sampled_from([BOOT, MAIN, "settings_a.bin"])), CONTENTS, max_size=9
    ),
)


def with_folders(files: Files) -> Files:
    for path in list(files):
        parts = path.split("/")
        files.update({"/".join(parts[:index]): None for index in range(1, len(parts))})
    return files


def held(files: Files) -> dict[str, str]:
    """What a pen's survey says: nothing of what lies beside the firmware."""
    return {
        path: changes.FOLDER if content is None else hashlib.sha256(content).hexdigest()
        for path, content in files.items()
        if path.partition("/")[0] in changes.ROOTS
    }


def perform(files: Files, bundle: Bundle, plan: Plan, count: int) -> Files:
    """The pen after the first `count` steps; every step must be one a file system accepts."""
    files = dict(files)
    for step in plan.steps[:count]:
        parent = step.path.rpartition("/")[0]
        if step.act in (Act.WRITE, Act.MOVE, Act.FOLDER):
            assert not parent or (parent in files and files[parent] is None), step
        if step.act is Act.WRITE:
            files[step.path] = bundle.contents[step.source]
        elif step.act is Act.MOVE:
            assert files.get(step.path, b"") is not None, step
            files[step.path] = files.pop(step.source)
        elif step.act is Act.FOLDER:
            assert step.path not in files, step
            files[step.path] = None
        elif step.act is Act.REMOVE:
            assert files.pop(step.path) is not None, step
        elif step.act is Act.REMOVE_FOLDER:
            assert not [path for path in files if path.startswith(f"{step.path}/")], step
            assert files.pop(step.path) is None, step
        else:
            assert firmware(files) == firmware(dict(bundle.contents)), "checked before it is in place"
            assert files[step.path] == bundle.contents[MAIN]
    return files


def firmware(files: Files) -> Files:
    """The modules of the packages."""
    return {path: content for path, content in files.items() if content is not None and in_package(path)}


def in_package(path: str) -> bool:
    return path.partition("/")[0] in PACKAGES


@given(pen=PENS, bundle=BUNDLES)
def test_in_the_end_the_pen_holds_the_bundle_and_nothing_stale(pen: Files, bundle: Bundle) -> None:
    plan = changes.plan(bundle, held(pen))
    after = perform(pen, bundle, plan, len(plan.steps))
    assert {
        path: content for path, content in after.items() if belongs(path) and content is not None
    } == bundle.contents
    assert changes.STAGING not in after
    assert after.get("settings_a.bin") == pen.get("settings_a.bin")
    folders = {path for path, content in after.items() if content is None}
    assert folders == set(with_folders(dict(bundle.contents))) - set(bundle.contents), (
        "an empty folder hides a module"
    )


@given(pen=PENS, bundle=BUNDLES, data=st.data())
def test_a_cut_at_any_step_leaves_one_whole_firmware_or_none_that_runs(
    pen: Files, bundle: Bundle, data: st.DataObject
) -> None:
    plan = changes.plan(bundle, held(pen))
    cut = perform(pen, bundle, plan, data.draw(st.integers(0, len(plan.steps))))
    if BOOT in pen:
        assert cut[BOOT] in (pen[BOOT], bundle.contents[BOOT]), "the outputs go low whatever happens"
    if MAIN not in cut:
        return
    # both whole, or both old: a pen never runs a mixture
    old = firmware(cut) == firmware(pen) and cut[MAIN] == pen.get(MAIN)
    new = firmware(cut) == firmware(dict(bundle.contents)) and cut[MAIN] == bundle.contents[MAIN]
    assert old or new
    if new and not old:
        assert cut[BOOT] == bundle.contents[BOOT]


@given(pen=PENS, bundle=BUNDLES, data=st.data())
def test_after_a_cut_the_next_run_goes_on_and_writes_nothing_twice(
    pen: Files, bundle: Bundle, data: st.DataObject
) -> None:
    plan = changes.plan(bundle, held(pen))
    count = data.draw(st.integers(0, len(plan.steps)))
    cut = perform(pen, bundle, plan, count)
    again = changes.plan(bundle, held(cut))
    after = perform(cut, bundle, again, len(again.steps))
    assert {
        path: content for path, content in after.items() if belongs(path) and content is not None
    } == bundle.contents
    done = {step.path for step in plan.steps[:count] if step.act is Act.WRITE}
    assert not done & {step.path for step in again.steps if step.act is Act.WRITE}


@given(bundle=BUNDLES)
def test_a_pen_that_holds_the_bundle_is_not_written(bundle: Bundle) -> None:
    plan = changes.plan(bundle, held(with_folders(dict(bundle.contents))))
    assert plan.steps == ()
    assert {entry.change for entry in plan.changes} == {Change.SAME}


def test_changes_name_every_file_once_and_removed_ones_last() -> None:
    bundle = make_bundle({BOOT: b"b", MAIN: b"m", "pen_firmware/a.mpy": b"1", "pen_firmware/b.mpy": b"2"})
    pen = with_folders(
        {BOOT: b"b", "pen_firmware/a.mpy": b"0", "pen_firmware/a.py": b"stale", "log.bin": b""}
    )
    plan = changes.plan(bundle, held(pen))
    assert [(entry.path, entry.change) for entry in plan.changes] == [
        (BOOT, Change.SAME),
        (MAIN, Change.ADDED),
        ("pen_firmware/a.mpy", Change.CHANGED),
        ("pen_firmware/b.mpy", Change.ADDED),
        ("pen_firmware/a.py", Change.REMOVED),
    ]


def test_a_blank_board_gets_boot_first_and_main_last() -> None:
    """From the first file on a restart drives the outputs low; before the last one nothing can run."""
    bundle = make_bundle({BOOT: b"b", MAIN: b"m", "pen_firmware/a.mpy": b"1"})
    moves = [step.path for step in changes.plan(bundle, {}).steps if step.act is Act.MOVE]
    assert moves == [BOOT, "pen_firmware/a.mpy", MAIN]


def test_a_file_where_a_package_should_be_makes_room() -> None:
    bundle = make_bundle({BOOT: b"b", MAIN: b"m", "pen_firmware/a.mpy": b"1"})
    pen: Files = {"pen_firmware": b"?", "update": b"?"}
    plan = changes.plan(bundle, held(pen))
    assert firmware(perform(pen, bundle, plan, len(plan.steps))) == {"pen_firmware/a.mpy": b"1"}


def test_room_is_counted_in_whole_blocks() -> None:
    bundle = make_bundle({BOOT: b"b" * 5000, MAIN: b"m"})
    plan = changes.plan(bundle, {})
    assert changes.bytes_needed(plan.changes, 4096) == (2 + 1 + 6) * 4096
    same = changes.plan(bundle, held(dict(bundle.contents)))
    assert changes.bytes_needed(same.changes, 4096) == 0

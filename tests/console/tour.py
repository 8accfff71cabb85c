"""Every page in every state worth looking at, in the order in which a clinician meets them."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from PIL import Image

from tests.console.desk import PIN, TRIES, Desk, wait_until
from tests.console.keeping import keeping

Look = Callable[[str, Desk], None]
"""Told the name of what is shown, and where."""
NEEDLE = {"target_low": 250, "target_high": 300, "area_mm2": 12_000}


def tour(desk: Desk, look: Look) -> None:
    """Walk through all of it.

    Args:
        desk: A browser that nobody has signed in to.
        look: Called at each stop.
    """
    desk.go("/login")
    desk.page.get_by_text("Trainee", exact=True).first.click()
    look("sign-in", desk)
    desk.sign_in()
    desk.clear_up()
    look("today", desk)
    _steps(desk, look)
    _live(desk, look)
    _after(desk, look)
    _engineer(desk, look)


def _steps(desk: Desk, look: Look) -> None:
    desk.go("/treat")
    look("step-1-patient", desk)
    desk.to_step("screening")
    desk.go("/treat")
    groups = desk.page.get_by_role("radiogroup")
    for index, reply in enumerate(("no", "yes", "no", "no", "yes", "yes")):
        groups.nth(index).locator(f"input[value={reply}]").check(force=True)
    desk.button("Go on to the plan").click()
    desk.page.get_by_text("Not answered yet.").first.wait_for()
    desk.page.evaluate("() => window.scrollTo(0, 0)")
    look("step-2-screening", desk)
    desk._do("plan", {})
    desk.go("/treat")
    look("step-3-presets", desk)
    desk.button("Choose Demonstration").click()
    desk.button("Another preset").wait_for()
    look("step-3-plan-scalp", desk)
    desk.button("Another preset").click()
    desk.page.get_by_role("button", name="Choose Facial").first.click()
    desk.button("Another preset").wait_for()
    desk.page.locator("[id='f-zones.0.depth_um']").fill("deep")
    desk.button("Go on to consent").click()
    desk.page.get_by_text("This is no number.").first.wait_for()
    desk.page.evaluate("() => window.scrollTo(0, 0)")
    look("step-3-plan-face-wrong", desk)
    desk._do("consent", NEEDLE)
    desk.go("/treat")
    look("step-4-consent", desk)
    desk._do("cartridge", {})
    desk.bench.hand("unlatch")
    desk.until_there("CARTRIDGE_UNLATCHED")
    desk.go("/treat")
    desk.page.get_by_text("Cartridge not latched").first.wait_for()
    look("step-5-cartridge", desk)
    desk.bench.hand("latch")
    desk.until_free("CARTRIDGE_UNLATCHED")
    desk._do("pen_ready", {})
    desk.bench.hand("connect_charger")
    desk.until_there("CHARGER")
    desk.go("/treat")
    desk.page.get_by_text("Charger connected").first.wait_for()
    look("step-6-pen-ready", desk)
    desk.bench.hand("disconnect_charger")
    desk.until_free("CHARGER")


def _live(desk: Desk, look: Look) -> None:
    desk.prepare()
    desk.go("/live")
    desk.page.locator("[data-decide=arm]").wait_for()
    look("live-1-place", desk)
    desk.arm()
    _shown(desk, desk.page.locator("[data-live=banner-word]", has_text="Armed").is_visible, desk.arm)
    look("live-2-armed", desk)
    desk.bench.hand("touch_skin", "press_trigger")
    if not desk.becomes("STROKING"):
        desk.again()
        desk.strokes()
    fast = "() => window.penStream.frame.rate_measured_mhz > 90000"
    _shown(desk, lambda: desk.page.evaluate(fast), desk.strokes)
    look("live-3-stroking", desk)
    desk.bench.hand("unlatch")
    desk.until_state("STOPPED")
    desk.page.locator(".lock.first").wait_for()
    look("live-4-stopped", desk)
    desk.bench.hand("release_trigger", "lift", "take_cartridge", "insert_new_cartridge")
    desk.page.locator("[data-decide=clear]:visible").wait_for()
    look("live-5-acknowledge", desk)
    desk.bench.hand("unplug_usb")
    desk.page.locator(".stopbar[data-mode=quiet] .state", has_text="lost").wait_for()
    look("live-6-connection-lost", desk)
    desk.bench.hand("plug_usb")
    # the run asks a person before it finds out that its connection is gone
    desk.page.locator("[data-decide=clear]:visible").click()
    wait_until(lambda: desk.bench.state()["pen"]["link"] == "connected", "the pen")
    wait_until(lambda: desk.bench.state()["treatment"]["step"] == "close", "the run to end", 60)


def _shown(desk: Desk, there: Callable[[], object], again: Callable[[], object]) -> None:
    """The page comes to show it; a machine too busy to keep the leases may stop the pen before: then once more."""
    for _ in range(TRIES):
        if desk.shows(there, "the page"):
            return
        desk.again()
        again()
    raise AssertionError(f"not shown in {TRIES} tries")


def _after(desk: Desk, look: Look) -> None:
    desk.go("/treat")
    desk.page.get_by_label("Endpoint seen on the skin").select_option("mild_erythema")
    desk.page.get_by_label("Applied to the skin").fill("Saline")
    desk.page.get_by_label("Minutes after the last stroke").fill("0")
    desk.page.get_by_label("After-care sheet given").check()
    desk.page.get_by_label("Your PIN signs it").fill(PIN)
    desk.button("Sign and close").click()
    desk.page.get_by_text("Press again to sign.").wait_for()
    look("step-8-close", desk)
    desk.button("Sign and close").click()
    desk.page.get_by_text("Signed and closed").wait_for()
    desk.go("/records")
    look("records", desk)
    desk.page.get_by_label("Lot", exact=True).fill("LOT-2026-001")
    desk.page.get_by_label("Lot", exact=True).press("Enter")
    desk.page.get_by_role("heading", name="Cartridges of lot LOT-2026-001").wait_for()
    look("records-lot", desk)
    desk.page.get_by_role("link", name="Show").first.click()
    desk.heading("Events")
    look("records-session", desk)
    desk.go("/records")
    desk.page.get_by_role("link", name="Patient", exact=False).first.click()
    desk.page.get_by_text("Visit", exact=True).first.wait_for()
    look("records-patient", desk)
    _patient(desk, look, desk.page.url.rpartition("/")[2])
    for name in ("cohort", "export", "stations", "keeping"):
        desk.go(f"/{name}")
        look(name, desk)
    _stock(desk, look)
    keeping(desk, look, photograph(3))
    desk.go("/bench")
    look("bench", desk)
    desk.go("/no-such-page")
    look("no-such-page", desk)


def _stock(desk: Desk, look: Look) -> None:
    desk.go("/cartridges")
    package = f"(01)09506000134352(17){datetime.now(UTC) + timedelta(days=365):%y%m%d}(10)LOT-7(21)"
    desk.page.get_by_label("Scan the package").first.focus()
    # as a scanner types: without looking, one after the other
    for serial, says in (("", "cut short"), ("S.1", "S.1 of lot"), ("", "cut short")):
        desk.page.wait_for_function(
            "() => document.activeElement.id === 'f-in-code' && !document.activeElement.value"
        )
        desk.page.keyboard.type(package + serial)
        desk.page.keyboard.press("Enter")
        desk.page.get_by_text(says).first.wait_for()
    desk.page.get_by_label("Scan the package").last.fill(f"{package}S.1")
    desk.button("Look it up").click()
    desk.button("It went into the sharps").wait_for()
    called_back = {"lot": "LOT-9", "reason": "the maker's notice", "pin": PIN}
    assert desk.bench.post("/api/stock/recall", **called_back).status == 200
    look("cartridges", desk)


def _filed(desk: Desk, look: Look, path: str) -> None:
    assert desk.bench.post(f"/api{path}/notes", text="Likes the window open.").status == 200
    desk.go(f"{path}/filing")
    desk.page.get_by_label("Needle length").fill("0,5")
    desk.button("They use this").click()
    desk.page.get_by_text("How often a week?").wait_for()
    look("patient-filing", desk)


def _patient(desk: Desk, look: Look, patient: str) -> None:
    """What is kept of a patient beside the treatments, first without anything in it where that looks different."""
    path = f"/patients/{patient}"
    desk.go(f"{path}/photographs")
    look("patient-photographs-consent", desk)
    desk.page.get_by_label("The patient has read it").check()
    desk.button("The patient agrees").click()
    desk.page.get_by_label("The photograph").wait_for()
    desk.button("Add it to the record").click()
    desk.page.get_by_text("Choose a photograph.").wait_for()
    for day, seed in (("2026-01-05", 1), ("2026-03-30", 2)):
        where = f"/api{path}/photographs?view=scalp_vertex&day={day}"
        desk.bench.send(where, photograph(seed), "image/jpeg")
    desk.go(f"{path}/photographs")
    look("patient-photographs", desk)
    _filed(desk, look, path)
    _measured(desk, path)
    desk.go(f"{path}/measures")
    desk.page.get_by_label("Hairs counted").fill("many")
    desk.button("Record the measure").click()
    desk.page.get_by_text("This is no number.").first.wait_for()
    look("patient-measures-wrong", desk)
    visit = desk.bench.get(f"/api{path}/open-skin")["visit_id"]
    # the clinic's own day, which is not always that of its clock's UTC
    told = desk.bench.get(f"/api{path}/timeline")
    (day,) = [one["details"]["day"] for one in told if one["key"] == visit]
    for kind in ("redness", "infection"):
        seen = {"kind": kind, "onset": day, "severity": "moderate"}
        assert desk.bench.post(f"/api/visits/{visit}/reactions", **seen).status == 200
    desk.go(f"{path}/aftercare")
    look("patient-aftercare", desk)


def _measured(desk: Desk, path: str) -> None:
    target = {"site": "vertex", "method": "manual", "hairs": "all", "landmark": "tattoo"}
    rated = {"rater": "Bob", "blinded": True}
    for day, count, score in (("2026-01-05", 92, 0), ("2026-02-16", 99, 1), ("2026-03-30", 117, 2)):
        area = {"area_thousandths": 1_000, "area_unit": "cm2"}
        for measured in (
            {"kind": "hair_count", "count": count, **area, **target, **rated},
            {"kind": "seven_point", "score": score, **rated},
        ):
            first = day == "2026-01-05"
            kept = desk.bench.post(f"/api{path}/outcomes", measured=measured, day=day, baseline=first)
            assert kept.status == 200, kept.text


def photograph(seed: int) -> bytes:
    """A picture that is none of anybody."""
    shade = Image.linear_gradient("L").rotate(90 * seed).resize((640, 480))
    out = io.BytesIO()
    Image.merge("RGB", (shade, shade, shade.point(lambda value: value // 2))).save(out, "JPEG")
    return out.getvalue()


def _engineer(desk: Desk, look: Look) -> None:
    desk.clear_up()
    desk.bench.post("/api/session/sign-out")
    desk.sign_in("Engineer")
    desk.go("/service")
    desk.heading("Raw frames")
    desk.button("Run the self-test").click()
    desk.page.get_by_text("found nothing wrong").wait_for()
    look("service", desk)
    desk.bench.post("/api/session/sign-out")
    desk.sign_in("Admin")
    desk.go("/service")
    desk.heading("People")
    look("service-people", desk)
    desk.go("/keeping")
    desk.button("Verify now").click()
    desk.page.get_by_text("The record is intact").wait_for()
    look("keeping-verified", desk)
    desk.page.locator("[data-lock]").click()
    desk.page.wait_for_url("**/login")
    desk.heading("The console is locked")
    look("locked", desk)

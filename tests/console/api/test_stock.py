"""The inventory at the console: taken in by scan, looked up, thrown away, called back, and who may."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.console.api.bench import Browser, ConsoleBench

PIN = "2580"
pytestmark = pytest.mark.xdist_group("console-keeping")


@pytest.fixture(scope="module")
def trainee(served: ConsoleBench) -> Browser:
    return served.browser()


IN_A_YEAR = f"{datetime.now(UTC) + timedelta(days=365):%y%m%d}"


def code(serial: str, lot: str = "LOT-7", expiry: str = IN_A_YEAR) -> str:
    return f"(01)09506000134352(17){expiry}(10){lot}(21){serial}"


def test_a_delivery_is_taken_in_and_counted_by_lot(trainee: Browser) -> None:
    for number in range(3):
        taken = trainee.post("/api/stock", code=code(f"D.{number}", "LOT-D"), needles=12)
        assert (taken.status, taken.json["state"]) == (200, "new"), taken.text
    (lot,) = [one for one in trainee.get("/api/stock").json["lots"] if one["lot"] == "LOT-D"]
    assert (lot["count"], lot["needles"], lot["expired"], lot["recalled"]) == (3, 12, False, False)


def test_one_that_was_thrown_away_is_on_the_shelf_no_more_and_stays_known(trainee: Browser) -> None:
    trainee.post("/api/stock", code=code("T.1", "LOT-T"), needles=12)
    gone = trainee.post("/api/stock/discard", code=code("T.1", "LOT-T"))
    assert (gone.status, gone.json["state"]) == (200, "discarded")
    assert [one for one in trainee.get("/api/stock").json["lots"] if one["lot"] == "LOT-T"] == []
    again = trainee.post("/api/stock/discard", code=code("T.1", "LOT-T"))
    assert (again.status, again.json["detail"].count("discarded before")) == (409, 1)
    found = trainee.get("/api/stock/cartridge?code=" + code("T.1", "LOT-T").replace("(", "%28"))
    assert found.json["state"] == "discarded"


@pytest.mark.parametrize(
    ("scan", "needles", "says"),
    [
        ("(01)0950600013", 12, "cut short"),
        (code("B.1"), 0, "needles"),
        (code("B.2", expiry="200101"), 12, "last day was 2020-01-01"),
        ("", 12, "code"),
    ],
)
def test_what_cannot_be_used_is_not_taken_in(trainee: Browser, scan: str, needles: int, says: str) -> None:
    before = trainee.get("/api/stock").json["lots"]
    refused = trainee.post("/api/stock", code=scan, needles=needles)
    assert 400 <= refused.status < 500
    assert says in refused.text
    assert trainee.get("/api/stock").json["lots"] == before


def test_a_lot_called_back_with_a_pin_is_refused_from_then_on(served: ConsoleBench, trainee: Browser) -> None:
    trainee.post("/api/stock", code=code("R.1", "LOT-R"), needles=12)
    asked = {"lot": "LOT-R", "reason": "the maker's notice"}
    unsigned = trainee.post("/api/stock/recall", **asked, pin="9999")
    assert unsigned.code == "wrong_pin"
    assert unsigned.json["detail"] == "The PIN is wrong. Nothing was signed and nothing was done."
    assert "LOT-R" not in served.service.visiting.clinic.recalls.lots()
    done = trainee.post("/api/stock/recall", **asked, pin=PIN)
    assert (done.status, done.json["recall"]["by"]["name"], done.json["warning"]) == (200, "Trainee", "")
    mistyped = trainee.post("/api/stock/recall", lot="lot_r", reason="x", pin=PIN).json["warning"]
    assert "was ever in this inventory" in mistyped
    assert "Did you mean LOT-R?" in mistyped
    view = trainee.get("/api/stock").json
    (lot,) = [one for one in view["lots"] if one["lot"] == "LOT-R"]
    assert (lot["count"], lot["recalled"]) == (1, True)
    assert [one["reason"] for one in view["recalls"]] == ["x", "the maker's notice"]
    refused = trainee.post("/api/stock", code=code("R.2", "LOT-R"), needles=12)
    assert "called back" in refused.json["detail"] + refused.text


def test_an_engineer_sees_no_inventory_and_nobody_does_unsigned(served: ConsoleBench) -> None:
    engineer = served.browser("Engineer")
    assert engineer.get("/api/stock").code == "role_may_not"
    assert engineer.post("/api/stock", code=code("E.1"), needles=12).code == "role_may_not"
    assert served.browser(None).get("/api/stock").code == "sign_in_first"

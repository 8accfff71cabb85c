"""One cartridge, several stations: whoever does not know what the others did opens nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pen_host.findings import Finding
from pen_host.presets import ZoneChoice
from pen_host.records import ConflictError
from tests.stations.conftest import ANNA, Site, Station

pytestmark = pytest.mark.xdist_group("postgres")


def found(station: Station, cartridge: str) -> list[Finding]:
    choice = [ZoneChoice(name="vertex", area_mm2=5_000)]
    plan = station.clinic.presets.to_plan("hair_fortnightly_faghihi_2021", choice)
    return station.clinic.cartridges.check(cartridge, plan)


def rules(station: Station, cartridge: str) -> list[str]:
    return [finding.rule_id for finding in found(station, cartridge)]


@pytest.mark.covers("REQ-0505")
def test_a_cartridge_is_opened_once_the_server_has_confirmed_it(site: Site) -> None:
    one = site.station("s1")
    one.replicate()
    cartridge = one.cartridge("S1")
    assert rules(one, cartridge) == ["cartridge_unconfirmed"]
    one.replicate()
    assert rules(one, cartridge) == []


def test_a_cartridge_of_another_stations_stock_is_not_opened_here(site: Site) -> None:
    one, two = site.station("s1"), site.station("s2")
    cartridge = one.cartridge("S1")
    one.replicate()
    two.replicate()
    assert rules(one, cartridge) == []
    assert rules(two, cartridge) == ["cartridge_elsewhere"]
    with pytest.raises(ConflictError, match="in the inventory already"):
        two.cartridge("S1")


def test_of_two_stations_that_scanned_one_cartridge_offline_the_first_keeps_it(site: Site) -> None:
    one, two = site.station("s1"), site.station("s2")
    one.replicate()
    two.replicate()
    cartridge = one.cartridge("S1")
    assert two.cartridge("S1") == cartridge
    one.replicate()
    (said,) = two.replicate().conflicts
    assert "station s1 changed it" in said
    assert rules(one, cartridge) == []
    assert rules(two, cartridge) == ["cartridge_elsewhere"]


def test_a_recall_entered_at_one_station_blocks_at_the_others(site: Site) -> None:
    one, two = site.station("s1"), site.station("s2")
    cartridge = one.cartridge("S1")
    one.replicate()
    two.clinic.recalls.call_back("LOT-7", "needles bent", ANNA)
    two.replicate()
    assert rules(one, cartridge) == []
    one.replicate()
    assert rules(one, cartridge) == ["cartridge_recalled"]


def test_a_station_that_has_not_heard_from_the_server_for_a_day_opens_nothing_and_says_why(
    site: Site,
) -> None:
    one = site.station("s1")
    cartridge = one.cartridge("S1")
    one.replicate()
    one.at += timedelta(hours=23)
    assert rules(one, cartridge) == []
    one.at += timedelta(hours=2)
    (finding,) = found(one, cartridge)
    assert finding.rule_id == "cartridge_registry_old"
    assert "does not know what was used or called back elsewhere" in finding.sentence
    one.patient("Bea Example")  # everything else goes on

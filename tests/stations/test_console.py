"""A console's own replication over a real server: patients and what they answered are known at every station."""

from __future__ import annotations

import threading

import pytest

from pen_host.api.replication import EVERY_S, RETRY_S, ClinicServer, Replication
from pen_host.presets import ZoneChoice
from pen_host.screening import NO, YES
from tests.stations.conftest import ANNA, Site, Station

pytestmark = pytest.mark.xdist_group("postgres")


class Once:
    """One round of a console's replication, in the test's own thread."""

    def __init__(self, station: Station) -> None:
        self.told: list[str] = []
        self.it = Replication(
            ClinicServer(station.clinic.journal), lambda: False, lambda: None, self.told.append, self._wait
        )

    def _wait(self, _wake: threading.Event, pause_s: float) -> None:
        self.pause_s = pause_s
        self.it.close()

    def round(self) -> float:
        self.it._run()
        return self.pause_s


@pytest.mark.covers("REQ-0903")
def test_a_patient_and_their_answers_are_known_at_the_other_station_and_are_theirs_alone(site: Site) -> None:
    here, there = site.station("s1"), site.station("s2")
    patient, other = here.patient("Ada Example"), here.patient("Eve Example")
    clinic = here.clinic
    plan = clinic.presets.to_plan("hair_maintenance", [ZoneChoice(name="vertex", area_mm2=5_000)])
    answers = {rule.rule_id: NO for rule in clinic.screening.questions(plan)} | {"keloid": YES}
    told = clinic.screening.record(patient.patient_id, plan, answers, (), ANNA)
    assert there.clinic.patients.find("Ada") == ()
    for station in (here, there):
        once = Once(station)
        assert once.round() == EVERY_S
        assert once.told == []
        view = once.it.view()
        assert (view.joined, view.reachable, view.waiting) == (True, True, 0)
    (found,) = there.clinic.patients.find("Ada")
    assert found.patient_id == patient.patient_id
    assert found.demographics == patient.demographics
    (known,) = there.clinic.screening.of(patient.patient_id)
    assert known.answers == told.answers
    assert [one.rule_id for one in known.forbids] == [one.rule_id for one in told.forbids] != []
    assert there.clinic.screening.of(other.patient_id) == ()


@pytest.mark.covers("REQ-1405")
def test_a_server_that_is_gone_is_a_sentence_and_what_waits_goes_when_it_is_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = site.station("s1")
    here.patient()
    url = "postgresql://x@/nowhere?host=/nonexistent"
    with monkeypatch.context() as cut:
        cut.setattr("pen_host.api.replication.server_url", lambda _journal, _vault: url)
        once = Once(here)
        assert once.round() == RETRY_S
        view = once.it.view()
        assert view.reachable is False
        assert "Go on treating" in view.sentence
        assert view.waiting > 0
    back = Once(here)
    assert back.round() == EVERY_S
    assert back.it.view().waiting == 0

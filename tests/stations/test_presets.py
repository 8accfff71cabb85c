"""The clinic's own presets at several stations of a real server: known everywhere, each version itself, none lost."""

from __future__ import annotations

import importlib
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from pen_host.journal import audit_record
from pen_host.models import Endpoint
from pen_host.presets import (
    PresetError,
    Version,
    ZoneChoice,
    digest_of,
    shipped_presets,
    to_toml,
    version_names,
)
from pen_host.records.models import Closing, Visit
from pen_host.records.own_presets import put
from pen_host.reports.course import course_summary
from pen_host.screening import NO
from pen_host.stations import ServerGoneError, ServerOlderError, conflicts, server_url, setup
from tests.host.records.test_own_presets import OF_BEFORE
from tests.stations.conftest import ANNA, Site, Station

pytestmark = pytest.mark.xdist_group("postgres")

BASE = next(one for one in shipped_presets() if one.preset_id == "hair_maintenance").model_dump(mode="json")

FOUND = {**BASE["evidence"], "result": "Found by us."}


def ours(**changes: Any) -> str:
    return to_toml({**BASE, "preset_id": "our_own", "title": "Ours", **changes})


def titles(station: Station) -> list[str]:
    return [one.preset.title for one in station.clinic.presets.own.book().versions("our_own")]


def treated(station: Station, patient_id: str) -> Visit:
    """A treatment by the clinic's own preset, up to the signature."""
    clinic = station.clinic
    preset, version = clinic.presets.chosen("our_own")
    plan = clinic.presets.to_plan("our_own", [ZoneChoice(name=preset.zones[0].name, area_mm2=5_000)])
    answers = {rule.rule_id: NO for rule in clinic.screening.questions(plan)}
    screened = clinic.screening.record(patient_id, plan, answers, (), ANNA)
    texts = clinic.consents.texts() or (
        clinic.consents.publish("microneedling", "en", "Consent", "I agree.", ANNA),
    )
    consent = clinic.consents.sign(patient_id, texts[0].text_id, "Ada", ANNA)
    visit = clinic.visits.open(
        *(patient_id, plan, screened.screening_id, consent.consent_id, ANNA),
        preset_id="our_own",
        preset_digest=version,
    )
    clinic.visits.attach(visit.visit_id, "s00000001", "PEN0000000000001", ANNA)
    return clinic.visits.close(visit.visit_id, Closing(endpoint=Endpoint.MILD_ERYTHEMA), ANNA)


def test_a_preset_made_at_one_station_is_planned_with_and_known_at_the_others(site: Site) -> None:
    here, there = site.station("s1"), site.station("s2")
    patient = here.patient().patient_id
    first = here.clinic.presets.own.add(
        ours(
            after_care=["As it was."],
            course={"sessions": 3},
            evidence={**BASE["evidence"], "result": "Found by us."},
        ),
        ANNA,
    )
    with pytest.raises(PresetError, match="no such preset"):
        there.clinic.presets.get("our_own")
    here.replicate()
    there.replicate()
    assert there.clinic.presets.own.book().versions("our_own") == (first,)
    visit = treated(there, patient)
    there.clinic.presets.own.change("our_own", ours(after_care=["As it is now."]), first.digest, ANNA)
    there.replicate()
    here.replicate()
    assert [one.number for one in here.clinic.presets.own.book().versions("our_own")] == [2, 1]
    (known,) = here.clinic.visits.of(patient)
    assert known == visit
    assert here.clinic.presets.of_visit(known).after_care == ("As it was.",)
    told = str(course_summary(here.clinic, patient)[0].blocks)
    assert "Found by us." in told
    assert "1 of 1 treatments were counted at another station" in told
    for station in (here, there):
        station.at += timedelta(days=40)
        (due,) = station.clinic.due()
        assert (due.preset_id, due.sessions) == ("our_own", 3)
        audit = audit_record(station.record, station.vault)
        assert audit.intact, audit.report.damages


def test_two_stations_that_write_one_version_without_the_server_both_keep_it_and_agree_which_is_in_force(
    site: Site,
) -> None:
    here, there = site.station("s1"), site.station("s2")
    first = here.clinic.presets.own.add(ours(), ANNA)
    here.replicate()
    there.replicate()
    there.at += timedelta(minutes=1)
    here.clinic.presets.own.change("our_own", ours(title="Of s1"), first.digest, ANNA)
    there.clinic.presets.own.change("our_own", ours(title="Of s2"), first.digest, ANNA)
    # and a preset of one name, made at both
    here.clinic.presets.own.add(ours(preset_id="both", title="Both"), ANNA)
    there.clinic.presets.own.add(ours(preset_id="both", title="Both"), ANNA)
    for station in (here, there, here):
        told = station.replicate()
        assert (told.conflicts, told.held) == ([], [])
    books = [station.clinic.presets.own.book() for station in (here, there)]
    for name in ("our_own", "both"):
        assert books[0].versions(name) == books[1].versions(name)
    assert titles(here) == titles(there) == ["Of s2", "Of s1", "Ours"]
    names = version_names(books[0].versions("our_own"))
    assert list(names.values()) == ["version 2 of station s2", "version 2 of station s1", "version 1"]
    assert [preset.title for preset in books[0].presets()] == ["Both", "Of s2"]
    newest = books[0].versions("our_own")[0]
    third = here.clinic.presets.own.change("our_own", ours(title="Settled"), newest.digest, ANNA)
    assert third.number == 3
    here.replicate()
    there.replicate()
    assert titles(there) == ["Settled", "Of s2", "Of s1", "Ours"]
    assert conflicts(server_url(here.clinic.journal, here.vault)) == ()


def test_a_replication_that_is_cut_short_loses_no_version_and_doubles_none(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = site.station("s1"), site.station("s2")
    first = here.clinic.presets.own.add(ours(), ANNA)
    here.clinic.presets.own.change("our_own", ours(title="Second"), first.digest, ANNA)

    def gone(*_: object) -> None:
        raise ServerGoneError("the cable")

    module = importlib.import_module("pen_host.stations.replicate")
    for name in ("_note", "_sent"):  # the server took them, and this station does not know
        with monkeypatch.context() as patched:
            patched.setattr(module, name, gone)
            with pytest.raises(ServerGoneError):
                here.replicate()
    here.replicate()
    there.replicate()
    assert titles(there) == ["Second", "Ours"]
    assert site.ask("SELECT count(*) FROM own_presets") == [(2,)]


def test_a_text_that_cannot_be_used_is_told_at_every_station_and_stops_no_other(site: Site) -> None:
    here, there = site.station("s1"), site.station("s2")
    here.clinic.presets.own.add(ours(preset_id="good", title="Good"), ANNA)
    beyond = ours(preset_id="newer", of_a_newer_program=1)

    def elsewhere(writing: Any) -> list[Any]:
        put(writing, Version("f" * 32, "newer", 1, beyond, digest_of(beyond), writing.at, "eve", "s1"))
        put(
            writing,
            Version("e" * 32, "torn", 1, "no [preset", digest_of("no [preset"), writing.at, "eve", "s1"),
        )
        return []

    here.clinic.store.write(elsewhere, ANNA)
    here.replicate()
    there.replicate()
    for station in (here, there):
        presets = station.clinic.presets
        assert [preset.preset_id for preset in presets.own.book().presets()] == ["good"]
        assert [one.split(",")[0] for one in presets.unusable()] == ["The preset newer", "The preset torn"]
        with pytest.raises(PresetError, match="bring this one up to date"):
            presets.get("newer")


def test_nobody_changes_a_version_on_the_server_and_readers_read_it(site: Site) -> None:
    here, there = site.station("s1"), site.station("s2")
    first = here.clinic.presets.own.add(ours(), ANNA)
    here.replicate()
    with psycopg.connect(server_url(there.clinic.journal, there.vault)) as server:
        for statement in ("UPDATE own_presets SET text = 'x'", "DELETE FROM own_presets"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                server.execute(statement)
            server.rollback()
    with psycopg.connect(site.admin) as server:
        server.execute("SET ROLE pen_reader")
        assert server.execute("SELECT text, digest FROM own_presets").fetchall() == [
            (first.text, first.digest)
        ]
        server.execute("RESET ROLE")
        server.execute("UPDATE own_presets SET text = replace(text, 'Ours', 'Mine')")
    (held,) = there.replicate().held
    assert "not as its digest says" in held
    assert there.clinic.presets.own.book().names == ()


def test_a_server_of_before_is_saved_and_brought_up_to_date_and_its_stations_go_on(site: Site) -> None:
    here, there = site.station("s1"), site.station("s2")
    patient = here.patient().patient_id
    here.replicate()
    for statement in OF_BEFORE:
        site.ask(statement)
    first = here.clinic.presets.own.add(ours(), ANNA)
    visit = treated(here, patient)
    with pytest.raises(ServerOlderError):
        here.replicate()
    saved = setup(site.admin, site.folder / "backups", here.vault)
    assert saved
    assert saved.file.is_file()
    for station in (here, there):
        assert station.replicate().held == []
    assert there.clinic.presets.own.book().versions("our_own") == (first,)
    assert there.clinic.visits.get(visit.visit_id).preset_digest == first.digest
    assert site.ask("SELECT preset_digest FROM visits") == [(first.digest,)]

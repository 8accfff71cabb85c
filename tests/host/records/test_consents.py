"""Consent: texts in versions, signatures under the newest one, withdrawn for good."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import insert

from pen_host.canonical import digest
from pen_host.journal import Draft, Kind
from pen_host.records import ConflictError, InputError, NotFoundError
from pen_host.records.keys import new_key
from pen_host.records.models import ConsentText, Relation, SignedOn
from pen_host.records.store import Writing
from pen_host.records.tables import consent_texts

from .conftest import ANNA, BOB, Bench


def publish(bench: Bench, body: str = "I agree.", language: str = "en") -> ConsentText:
    return bench.clinic.consents.publish("microneedling", language, "Consent", body, ANNA)


def came(bench: Bench, station: str, text: ConsentText) -> None:
    """As replication brings it: with its own station."""

    def change(writing: Writing) -> Sequence[Draft]:
        kept = ("name", "language", "version", "title", "body", "digest")
        values = {"id": text.text_id, **{name: getattr(text, name) for name in kept}, "station_id": station}
        more = {"at": writing.at, "by_name": "bob", "by_role": "physician"}
        writing.connection.execute(insert(consent_texts).values(**values, **more))
        return [Draft(Kind.NOTE, {"text": "came"})]

    bench.clinic.store.write(change, BOB)


def test_a_text_that_changed_is_the_next_version_and_the_old_one_stays(bench: Bench) -> None:
    first, second, german = publish(bench), publish(bench, "I do agree."), publish(bench, "Ja.", "de")
    assert [first.version, second.version, german.version] == [1, 2, 1]
    assert set(bench.clinic.consents.texts()) == {second, german}
    assert bench.reopen().consents.text(first.text_id) == first
    assert first.digest != second.digest


def test_a_text_that_says_the_same_is_no_new_version(bench: Bench) -> None:
    publish(bench)
    with pytest.raises(ConflictError, match="says the same already"):
        publish(bench, " I agree. ")


@pytest.mark.parametrize(
    ("name", "language", "title", "body"),
    [("Mixed", "en", "t", "b"), ("a", "english", "t", "b"), ("a", "en", " ", "b"), ("a", "en", "t", " ")],
)
def test_a_text_that_cannot_be_is_refused(
    bench: Bench, name: str, language: str, title: str, body: str
) -> None:
    with pytest.raises(InputError):
        bench.clinic.consents.publish(name, language, title, body, ANNA)
    assert bench.clinic.consents.texts() == ()


def test_a_signature_names_version_person_and_time(bench: Bench) -> None:
    patient, text = bench.patient().patient_id, publish(bench)
    signed = bench.clinic.consents.sign(
        patient, text.text_id, "Eve Example", BOB, relation=Relation.GUARDIAN, signed_on=SignedOn.SCREEN
    )
    assert (signed.version, signed.signed_by, signed.relation, signed.signed_on) == (
        *(1, "Eve Example"),
        *(Relation.GUARDIAN, SignedOn.SCREEN),
    )
    assert signed.witnessed_by == BOB
    assert signed.signed_at.tzinfo is not None
    entry = bench.entries(Kind.CONSENT)[-1]
    assert entry.payload["text_digest"] == text.digest
    assert entry.subject == patient
    assert bench.clinic.consents.standing(patient) == signed


def test_a_newer_text_wants_a_new_signature(bench: Bench) -> None:
    patient, old = bench.patient().patient_id, publish(bench)
    bench.clinic.consents.sign(patient, old.text_id, "Ada", ANNA)
    publish(bench, "I agree to more.")
    assert bench.clinic.consents.standing(patient) is None
    with pytest.raises(InputError, match="newer version"):
        bench.clinic.consents.sign(patient, old.text_id, "Ada", ANNA)


@pytest.mark.parametrize("words", ["I agree.", "Other words."])
def test_two_stations_that_published_the_same_version_agree_which_one_is_signed(
    bench: Bench, words: str
) -> None:
    patient, mine = bench.patient().patient_id, publish(bench)
    for station in ("a-station", "z-station"):
        theirs = mine.model_copy(
            update={
                "text_id": new_key(),
                "body": words,
                "digest": digest({"title": mine.title, "body": words}),
            }
        )
        came(bench, station, theirs)
    (newest,) = bench.clinic.consents.texts()
    signed = bench.clinic.consents.sign(patient, newest.text_id, "Ada", ANNA)
    assert bench.clinic.consents.standing(patient) == signed
    if words == mine.body:
        assert bench.clinic.consents.sign(patient, mine.text_id, "Ada", ANNA)


def test_a_consent_that_was_taken_back_stands_no_more(bench: Bench) -> None:
    patient, text = bench.patient().patient_id, publish(bench)
    signed = bench.clinic.consents.sign(patient, text.text_id, "Ada", ANNA)
    withdrawn = bench.clinic.consents.withdraw(signed.consent_id, "changed my mind", ANNA)
    assert not withdrawn.stands
    assert withdrawn.withdrawn_reason == "changed my mind"
    assert bench.clinic.consents.standing(patient) is None
    with pytest.raises(ConflictError, match="withdrawn before"):
        bench.clinic.consents.withdraw(signed.consent_id, "again", ANNA)
    assert bench.clinic.consents.of(patient) == (withdrawn,)


def test_what_is_not_there_cannot_be_signed(bench: Bench) -> None:
    with pytest.raises(NotFoundError, match="no consent text"):
        bench.clinic.consents.sign(bench.patient().patient_id, "0" * 32, "Ada", ANNA)
    with pytest.raises(NotFoundError, match="no consent "):
        bench.clinic.consents.withdraw("0" * 32, "x", ANNA)

"""Photographs whose consent was taken back: kept whole, shown nowhere, until the patient agrees again."""

from __future__ import annotations

from pathlib import Path

import pytest

from pen_host.records import ForbiddenStepError
from pen_host.reports.blocks import Heading, Prose
from pen_host.reports.course import _photos
from tests.host.told_clinic import ANNA, ToldClinic


def test_a_course_shows_no_photograph_whose_consent_was_taken_back(tmp_path: Path) -> None:
    told = ToldClinic(tmp_path)
    clinic, patient = told.clinic, told.patient_id
    given = clinic.consents.standing(patient, "photographs")
    kept = clinic.photos.of(patient)
    assert given is not None
    assert kept
    clinic.photos.must_be_shown(patient)
    clinic.consents.withdraw(given.consent_id, "asked", ANNA)
    with pytest.raises(ForbiddenStepError, match="shown to nobody"):
        clinic.photos.must_be_shown(patient)
    heading, told_of, *more = _photos(clinic, patient)
    assert isinstance(heading, Heading)
    assert isinstance(told_of, Prose)
    assert told_of.text.startswith(f"{len(kept)} are kept and not shown")
    assert more == []
    assert clinic.photos.of(patient) == kept
    assert clinic.photos.content(kept[0])
    clinic.consents.sign(patient, given.text_id, "the patient", ANNA)
    assert clinic.photos.withdrawn(patient) is None
    told.close()

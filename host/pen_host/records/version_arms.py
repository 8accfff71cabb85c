"""A preset's cohort, told per version: what somebody was treated with is what is counted. Pure.

A patient is in a version's arm when every treatment up to the measure was by that version; who had several in that time is in no
arm and is counted apart. Versions are put together only when that is asked for, and then it is said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from pen_host.records.arms import TOLERANCE_DAYS, Arm, arm
from pen_host.records.models import Outcome


@dataclass(frozen=True, slots=True)
class Treated:
    """A treatment by a preset.

    Attributes:
        patient_id: Whose.
        day: When.
        version: What its version is called; empty for a preset that comes with the program.
    """

    patient_id: str
    day: date
    version: str


@dataclass(frozen=True, slots=True)
class Cohort:
    """Everybody treated by a preset, at the end of a week.

    Attributes:
        preset_id: The preset.
        week: Weeks since the first treatment.
        arms: One for each version, each named by it; one in all where they are put together, or the preset has no versions.
        pooled: That several versions are put together, a sentence; None where they are not.
        of_several: Patients treated by several versions in that time, who are in no arm.
    """

    preset_id: str
    week: int
    arms: tuple[Arm, ...]
    pooled: str | None
    of_several: int


def cohort(
    preset_id: str,
    week: int,
    treated: Sequence[Treated],
    outcomes: Callable[[str], Sequence[Outcome]],
    *,
    together: bool = False,
) -> Cohort:
    """A preset's cohort.

    Args:
        preset_id: The preset.
        week: Weeks since each patient's first treatment.
        treated: Every treatment by it, in the order of their days.
        outcomes: A patient's measures.
        together: Puts every version into one arm.

    Raises:
        PoolError: Counts of two units, kinds of hair or sites would go into one mean.
    """
    begun: dict[str, date] = {}
    had: dict[str, set[str]] = {}
    for one in treated:
        begun.setdefault(one.patient_id, one.day)
        if one.day <= begun[one.patient_id] + timedelta(weeks=week, days=TOLERANCE_DAYS):
            had.setdefault(one.patient_id, set()).add(one.version)
    versions = list(dict.fromkeys(one.version for one in treated))
    pooled = None
    together = together and len(versions) > 1
    if together:
        pooled = (
            f"{len(versions)} versions are put together, as was asked: {', '.join(versions)}. What was changed from one to "
            "the next may be what made a difference; these numbers do not tell it apart."
        )
    of = {"": list(begun)} if together else _by_version(had, versions) or {"": []}
    arms = (
        arm(name, {patient: outcomes(patient) for patient in patients}, begun, week)
        for name, patients in of.items()
    )
    of_several = 0 if together else sum(len(names) > 1 for names in had.values())
    return Cohort(preset_id, week, tuple(arms), pooled, of_several)


def _by_version(had: dict[str, set[str]], versions: Sequence[str]) -> dict[str, list[str]]:
    """Patients who had one version alone, by it."""
    found = {
        version: [patient for patient, names in had.items() if names == {version}] for version in versions
    }
    return {version: patients for version, patients in found.items() if patients}

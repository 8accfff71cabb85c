"""Photographs: fixed views, so that two of them can be laid side by side."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from pen_host.models import Model, Text
from pen_host.records.models.people import Key, PatientId, Person

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class View(StrEnum):
    """From where a photograph is taken. Global scalp views as trials use them, the face in three, and details."""

    SCALP_VERTEX = "scalp_vertex"
    SCALP_SUPERIOR = "scalp_superior"
    SCALP_FRONTAL = "scalp_frontal"
    SCALP_TEMPORAL_LEFT = "scalp_temporal_left"
    SCALP_TEMPORAL_RIGHT = "scalp_temporal_right"
    FACE_FRONT = "face_front"
    FACE_LEFT = "face_left"
    FACE_RIGHT = "face_right"
    NECK = "neck"
    TARGET_AREA = "target_area"
    """The area in which hairs are counted."""
    DETAIL = "detail"


class Photo(Model):
    """A photograph on record.

    Attributes:
        photo_id: Its key.
        patient_id: Of whom.
        visit_id: The visit at which it was taken, if any.
        day: When it was taken.
        view: From where.
        sha256: Of the file as it is kept; it also names the file.
        width_px: Its width.
        height_px: Its height.
        note: Anything about it.
        at: When it was entered.
        by: By whom.
    """

    photo_id: Key
    patient_id: PatientId
    visit_id: Key | None
    day: date
    view: View
    sha256: Sha256
    width_px: Annotated[int, Field(ge=1)]
    height_px: Annotated[int, Field(ge=1)]
    note: Text | None
    at: datetime
    by: Person

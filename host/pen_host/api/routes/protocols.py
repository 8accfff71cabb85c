"""Presets with their sources and evidence; the clinic's own are made and changed here, the shipped ones never."""

from __future__ import annotations

from fastapi import APIRouter

from ..people import Permission
from ..protocols import ChangePreset, NewPreset, PresetView, VersionView
from ..reception import Caller
from .shared import PROBLEMS, Service, Session

router = APIRouter(prefix="/api/protocols", tags=["protocols"], responses=PROBLEMS)


@router.get("")
def presets(service: Service, session: Session) -> tuple[PresetView, ...]:
    """Every preset that can be used, shipped ones first."""
    service.need(Caller(session), Permission.RECORDS)
    return service.office.protocols.all()


# with a hyphen, which no preset has in its name
@router.get("/not-usable")
def unusable(service: Service, session: Session) -> tuple[str, ...]:
    """Presets of the clinic's own that cannot be used at this station, a sentence each."""
    service.need(Caller(session), Permission.RECORDS)
    return service.office.protocols.unusable()


@router.get("/{preset_id}")
def one(service: Service, session: Session, preset_id: str) -> PresetView:
    """One preset, with its versions where it is the clinic's own."""
    service.need(Caller(session), Permission.RECORDS)
    return service.office.protocols.one(preset_id)


@router.get("/{preset_id}/versions")
def versions(service: Service, session: Session, preset_id: str) -> tuple[VersionView, ...]:
    """Every version of an own preset, those that cannot be used at this station among them."""
    service.need(Caller(session), Permission.RECORDS)
    return service.office.protocols.versions(preset_id)


@router.get("/{preset_id}/versions/{which}")
def version(service: Service, session: Session, preset_id: str, which: str) -> PresetView:
    """An own preset as it was, by number or key: what plans that were signed then rest on."""
    service.need(Caller(session), Permission.RECORDS)
    return service.office.protocols.version(preset_id, which)


@router.post("")
def add(service: Service, session: Session, asked: NewPreset) -> PresetView:
    """A new preset of the clinic's own, judged as a file would be."""
    person = service.need(Caller(session), Permission.PRESETS)
    return service.office.protocols.add(asked.preset, person)


@router.post("/{preset_id}")
def change(service: Service, session: Session, preset_id: str, asked: ChangePreset) -> PresetView:
    """Another version of one of the clinic's own; plans that were signed keep the one before."""
    person = service.need(Caller(session), Permission.PRESETS)
    return service.office.protocols.change(preset_id, asked.preset, asked.replaces, person)

"""What several steps show."""

from __future__ import annotations

from collections.abc import Iterable

from ...api.flow_models import FindingView, TreatmentStep, TreatmentView
from ...api.people import Permission, Person, signer
from ...errors import PenError
from ..texts import Catalogue
from ..visit import Visit
from ..widgets import Tone, button, card, flash, note, row, tag

Who = Person
"""Who asks, as a call of the service is told."""
TONES = {"BLOCK": Tone.DANGER, "OVERRIDE": Tone.WARN, "INFORM": Tone.INFO}
MM = 1000
HZ = 1000
MM2_PER_CM2 = 100


def zone_name(text: Catalogue, zone: str) -> str:
    """A zone for people."""
    return text.other(f"zones.{zone}", zone.replace("_", " ").capitalize())


def finding(text: Catalogue, one: FindingView) -> None:
    """Something that speaks against the treatment, and where that comes from."""
    with note(text.other(f"rules.{one.rule_id}", one.sentence), TONES.get(one.level, Tone.WARN)):
        tag("span", text("screening.source", source=one.source), "muted small")


def so_far(visit: Visit, view: TreatmentView) -> None:
    """What was settled, each with the way back to it."""
    text = visit.text
    with card(text("steps.so_far"), "so-far"), tag("dl", None, "facts"):
        for name, told, step in _settled(text, view):
            tag("dt", name)
            with tag("dd"), row("apart"):
                tag("span", told, "said")
                if step is not None:
                    _way_back(visit, step, name)


def _settled(text: Catalogue, view: TreatmentView) -> Iterable[tuple[str, str, TreatmentStep | None]]:
    if view.patient is not None:
        yield text("steps.patient"), view.patient.label, None
    if view.answers:
        yes = sum(view.answers.values())
        yield (
            text("steps.screening"),
            text("steps.answers", n=len(view.answers), yes=yes),
            TreatmentStep.SCREENING,
        )
    if view.plan is not None:
        yield text("steps.plan"), view.plan.title, TreatmentStep.PLAN
    if view.consent is not None:
        yield (
            text("steps.consent"),
            text("steps.witnessed", name=view.consent.witnessed_by),
            TreatmentStep.CONSENT,
        )
    if view.cartridge is not None:
        told = text("steps.cartridge_told", lot=view.cartridge.lot, needles=view.cartridge.needles)
        yield text("steps.cartridge"), told, TreatmentStep.CARTRIDGE


def _way_back(visit: Visit, step: TreatmentStep, name: str) -> None:
    text = visit.text

    async def go() -> None:
        try:
            await visit.ask(Permission.TREAT, lambda who: visit.service.treatment.back(signer(who), step))
        except PenError as error:
            flash(error.sentence, Tone.DANGER)

    made = button(text("steps.change"), go, "quiet slim")
    made.props.update({"aria-label": text("steps.go_back", step=name)})

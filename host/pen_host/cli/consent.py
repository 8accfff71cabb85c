"""`pen patient consent`: what a patient signed, another signature, one taken back."""

from typing import Annotated

import typer

from .clinical import PatientId, Role, person, reading, tell_many, tell_one, writing
from .options import JournalFile, Json, Operator

group = typer.Typer(help="Consents: list, sign, withdraw.", no_args_is_help=True)


@group.command("list")
def list_consents(patient: PatientId, journal_file: JournalFile = None, json_: Json = False) -> None:
    """A patient's consents, newest first, withdrawn ones among them."""
    with reading(journal_file) as clinic:
        found = clinic.consents.of(patient)
    rows = [
        (
            *(f"{one.signed_at:%Y-%m-%d}", f"{one.name} {one.version}", one.signed_by),
            f"withdrawn {one.withdrawn_at:%Y-%m-%d}" if one.withdrawn_at else "stands",
            one.consent_id,
        )
        for one in found
    ]
    tell_many(found, "consents", ("signed", "text", "by", "state", "id"), rows, as_json=json_)


@group.command()
def sign(
    patient: PatientId,
    text: Annotated[str, typer.Option("--text", help="Name of the text, microneedling or photographs.")],
    signed_by: Annotated[str, typer.Option("--signed-by", help="Name of the person who signed.")],
    relation: Annotated[str, typer.Option(help="patient or guardian.")] = "patient",
    language: Annotated[str, typer.Option(help="Language of the text.")] = "en",
    operator: Operator = "operator",
    role: Role = "clinician",
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Record that the newest version of a text was signed on paper."""
    from ..records import InputError
    from ..records.models import Relation

    if relation not in set(Relation):
        raise InputError("the consent", {"relation": f"{relation} is none of {', '.join(Relation)}"})
    with writing(journal_file) as clinic:
        texts = {(one.name, one.language): one for one in clinic.consents.texts()}
        found = texts.get((text, language))
        if found is None:
            known = ", ".join(f"{name} ({spoken})" for name, spoken in texts) or "none"
            raise InputError(
                "the consent", {"text": f"there is no text {text} in {language}; there are {known}"}
            )
        kept = clinic.consents.sign(
            patient, found.text_id, signed_by, person(operator, role), relation=Relation(relation)
        )
    tell_one(kept, "consent", f"{kept.consent_id}  {kept.name} version {kept.version}", as_json=json_)


@group.command()
def withdraw(
    consent: Annotated[
        str, typer.Argument(metavar="CONSENT", help="As `pen patient consent list` shows it.")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why, in the patient's words.")],
    operator: Operator = "operator",
    role: Role = "clinician",
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Record that a patient took a consent back; nothing further rests on it."""
    with writing(journal_file) as clinic:
        kept = clinic.consents.withdraw(consent, reason, person(operator, role))
    tell_one(kept, "consent", f"{kept.name} of {kept.patient_id} is withdrawn.", as_json=json_)

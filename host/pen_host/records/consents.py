"""Consent: texts are published in versions, and each signature names the version it stands under."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import RowMapping, Select, select

from pen_host.canonical import digest
from pen_host.findings import Finding, Level
from pen_host.journal import Draft, Kind
from pen_host.records.errors import ConflictError, ForbiddenStepError, InputError, NotFoundError, made
from pen_host.records.keys import new_key
from pen_host.records.models import Consent, ConsentText, Person, Relation, SignedOn
from pen_host.records.patients import Patients
from pen_host.records.store import Store, Writing, new_salt, salted, writer
from pen_host.records.tables import consent_texts, consents

TREATMENT = "microneedling"
"""Name of the consent without which no visit begins."""


class Consents:
    """Consent texts and signatures.

    Args:
        store: The record.
        patients: Its patients.
    """

    def __init__(self, store: Store, patients: Patients) -> None:
        self._store = store
        self._patients = patients

    def publish(self, name: str, language: str, title: str, body: str, by: Person) -> ConsentText:
        """Publishes a text, as the next version of its name and language.

        Raises:
            InputError: A field cannot be.
            ConflictError: It says what the newest version says.
        """
        content = {"title": title.strip(), "body": body.strip()}
        draft = made(
            ConsentText,
            "the consent text",
            {
                "text_id": new_key(),
                "name": name,
                "language": language,
                "version": 1,
                **content,
                "digest": digest(content),
                "published_at": self._store.now(),
                "published_by": by,
            },
        )

        def change(writing: Writing) -> Sequence[Draft]:
            newest = writing.row(_versions(name, language))
            if newest is not None and newest["digest"] == draft.digest:
                raise ConflictError(
                    f"Version {newest['version']} of {name} ({language}) says the same already, so no new one was "
                    "published. Use that version, or change the text."
                )
            return [
                _add(writing, draft.model_copy(update={"version": newest["version"] + 1 if newest else 1}))
            ]

        self._store.write(change, by)
        return self.text(draft.text_id)

    def text(self, text_id: str) -> ConsentText:
        """One version of a text.

        Raises:
            NotFoundError: There is none.
        """
        row = self._store.row(select(consent_texts).where(consent_texts.c.id == text_id))
        if row is None:
            raise NotFoundError("consent text", text_id)
        return _text(row)

    def texts(self) -> tuple[ConsentText, ...]:
        """The newest version of every text."""
        return tuple(_newest(self._store.rows(select(consent_texts))).values())

    def sign(
        self,
        patient_id: str,
        text_id: str,
        signed_by: str,
        by: Person,
        *,
        relation: Relation = Relation.PATIENT,
        signed_on: SignedOn = SignedOn.PAPER,
    ) -> Consent:
        """Records that a patient, or their guardian, signed a text.

        Raises:
            NotFoundError: There is no such patient or text.
            InputError: A field cannot be, or the text is not the newest version.
        """
        patient = self._patients.get(patient_id)
        text = self.text(text_id)
        consent = made(
            Consent,
            "the consent",
            {
                "consent_id": new_key(),
                "patient_id": patient.patient_id,
                "text_id": text.text_id,
                "name": text.name,
                "language": text.language,
                "version": text.version,
                "signed_by": signed_by,
                "relation": relation,
                "signed_on": signed_on,
                "signed_at": self._store.now(),
                "witnessed_by": by,
            },
        )

        def change(writing: Writing) -> Sequence[Draft]:
            newest = writing.row(_versions(text.name, text.language))
            # several stations may have published the same words, each under its own key
            if newest is None or newest["digest"] != text.digest:
                raise InputError(
                    "the consent", {"text_id": "there is a newer version of this text; sign that one"}
                )
            salt = new_salt()
            writing.add(
                consents,
                id=consent.consent_id,
                patient_id=consent.patient_id,
                text_id=text.text_id,
                signed_by=consent.signed_by,
                relation=str(relation),
                signed_on=str(signed_on),
                salt=salt,
            )
            told = {
                "change": "signed",
                "id": consent.consent_id,
                "text": text.text_id,
                "version": text.version,
            }
            signer = salted(salt, {"signed_by": consent.signed_by})
            content = {**told, "text_digest": text.digest, "signer": signer, "relation": str(relation)}
            return [Draft(Kind.CONSENT, content, subject=consent.patient_id)]

        self._store.write(change, by)
        return self.get(consent.consent_id)

    def withdraw(self, consent_id: str, reason: str, by: Person) -> Consent:
        """Records that a consent was taken back; no further visit rests on it.

        Raises:
            NotFoundError: There is none.
            ConflictError: It was withdrawn before.
        """
        known = self.get(consent_id)

        def change(writing: Writing) -> Sequence[Draft]:
            free = (consents.c.id == known.consent_id) & consents.c.withdrawn_at.is_(None)
            if not writing.change(
                consents, free, withdrawn_at=writing.at, withdrawn_reason=reason.strip() or None
            ):
                raise ConflictError(
                    "This consent was withdrawn before, so nothing was changed. Nothing is to be done."
                )
            return [Draft(Kind.CONSENT, {"change": "withdrawn", "id": consent_id}, subject=known.patient_id)]

        self._store.write(change, by)
        return self.get(consent_id)

    def get(self, consent_id: str) -> Consent:
        """One consent.

        Raises:
            NotFoundError: There is none.
        """
        row = self._store.row(_signed().where(consents.c.id == consent_id))
        if row is None:
            raise NotFoundError("consent", consent_id)
        return as_consent(row)

    def of(self, patient_id: str) -> tuple[Consent, ...]:
        """Consents of a patient, newest first, withdrawn ones among them."""
        patient = self._patients.existing(patient_id)
        query = _signed().where(consents.c.patient_id == patient).order_by(consents.c.at.desc())
        return tuple(as_consent(row) for row in self._store.rows(query))

    def standing(self, patient_id: str, name: str = TREATMENT) -> Consent | None:
        """The newest consent of that name that was not withdrawn, under the words of the newest text; else None."""
        rows = self._store.rows(select(consent_texts).where(consent_texts.c.name == name))
        words = {text.digest for text in _newest(rows).values()}
        same = {row["id"] for row in rows if row["digest"] in words}
        for consent in self.of(patient_id):
            if consent.name == name and consent.stands and consent.text_id in same:
                return consent
        return None


def as_consent(row: RowMapping) -> Consent:
    """A consent from its row."""
    return Consent(
        consent_id=row["id"],
        patient_id=row["patient_id"],
        text_id=row["text_id"],
        name=row["name"],
        language=row["language"],
        version=row["version"],
        signed_by=row["signed_by"],
        relation=Relation(row["relation"]),
        signed_on=SignedOn(row["signed_on"]),
        signed_at=row["at"],
        witnessed_by=writer(row),
        withdrawn_at=row["withdrawn_at"],
        withdrawn_reason=row["withdrawn_reason"],
    )


def _signed() -> Select[tuple[object, ...]]:
    named = (consent_texts.c.name, consent_texts.c.language, consent_texts.c.version)
    return select(consents, *named).join(consent_texts, consents.c.text_id == consent_texts.c.id)


def _versions(name: str, language: str) -> Select[tuple[object, ...]]:
    """Every version of a text, the newest first."""
    mine = (consent_texts.c.name == name) & (consent_texts.c.language == language)
    return (
        select(consent_texts)
        .where(mine)
        .order_by(consent_texts.c.version.desc(), consent_texts.c.at.desc(), consent_texts.c.id.desc())
    )


def _newest(rows: Iterable[RowMapping]) -> dict[tuple[str, str], ConsentText]:
    """The newest of every text: of two stations' equal versions the later one, everywhere the same (see `_versions`)."""
    found: dict[tuple[str, str], ConsentText] = {}
    for row in sorted(rows, key=lambda one: (one["version"], one["at"], one["id"])):
        found[row["name"], row["language"]] = _text(row)
    return found


def must_stand(writing: Writing, consent_id: str) -> None:
    """Refuses, within a transaction, what rests on a consent that was taken back by now.

    Raises:
        ForbiddenStepError: It was.
    """
    stands = (consents.c.id == consent_id) & consents.c.withdrawn_at.is_(None)
    if writing.row(select(consents.c.id).where(stands)) is None:
        raise ForbiddenStepError("the visit", [not_standing()])


def not_standing() -> Finding:
    """What forbids a visit for want of a consent."""
    sentence = f"No consent ({TREATMENT}) stands under the newest text. Have it signed."
    return Finding(Level.BLOCK, "consent", sentence, "the clinical record")


def in_force(writing: Writing) -> dict[tuple[str, str], ConsentText]:
    """The newest of every text, within a transaction."""
    return _newest(writing.rows(select(consent_texts)))


def keep_in_force(writing: Writing, before: Mapping[tuple[str, str], ConsentText]) -> list[Draft]:
    """Publishes texts once more that others have come to stand before.

    What came along with a patient from elsewhere is what that patient signed, and nobody else signs it.

    Args:
        writing: The transaction.
        before: What was in force before they came.
    """
    after = in_force(writing)
    return [
        _add(writing, text.model_copy(update={"text_id": new_key(), "version": after[key].version + 1}))
        for key, text in before.items()
        if after[key].digest != text.digest
    ]


def _add(writing: Writing, text: ConsentText) -> Draft:
    writing.add(
        consent_texts,
        id=text.text_id,
        name=text.name,
        language=text.language,
        version=text.version,
        title=text.title,
        body=text.body,
        digest=text.digest,
    )
    told = {"change": "published", "text": text.text_id, "name": text.name, "language": text.language}
    return Draft(Kind.CONSENT, {**told, "version": text.version, "digest": text.digest})


def _text(row: RowMapping) -> ConsentText:
    return ConsentText(
        text_id=row["id"],
        name=row["name"],
        language=row["language"],
        version=row["version"],
        title=row["title"],
        body=row["body"],
        digest=row["digest"],
        published_at=row["at"],
        published_by=writer(row),
    )

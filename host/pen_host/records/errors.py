"""What can be wrong with what is entered into the clinical record. Nothing is stored when one of these is raised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from pen_host.clauses import clauses
from pen_host.errors import RefusedError, UsageError
from pen_host.findings import Finding
from pen_host.models import Model

Made = TypeVar("Made", bound=Model)


class InputError(UsageError):
    """What was entered cannot be stored.

    Args:
        what: What it was, for example `the patient`.
        fields: What is wrong, a clause without a full stop by field; an empty name for the whole.

    Attributes:
        fields: The same, for a form that says it at the field.
    """

    def __init__(self, what: str, fields: Mapping[str, str]) -> None:
        self.fields = dict(fields)
        told = "; ".join(f"{name}: {why}" if name else why for name, why in self.fields.items())
        super().__init__(
            f"{what[:1].upper()}{what[1:]} was not stored: {told}. Correct it and enter it again."
        )


class NotFoundError(UsageError):
    """There is no such thing in the record.

    Args:
        what: What it would be, for example `patient`.
        key: What was looked for.
    """

    def __init__(self, what: str, key: str) -> None:
        super().__init__(
            f"The record has no {what} {key[:60]}, so nothing was changed. Look for it in the list and choose again."
        )


class ConflictError(RefusedError):
    """The record holds something that excludes this; it stays as it was.

    Args:
        sentence: What, what it means, what to do.
    """


class ForbiddenStepError(RefusedError):
    """Rules of the record forbid a step.

    Args:
        what: The step, for example `the visit`.
        findings: What forbids it.

    Attributes:
        findings: The same.
    """

    def __init__(self, what: str, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        told = " ".join(finding.sentence for finding in findings)
        super().__init__(f"{what[:1].upper()}{what[1:]} is refused and nothing was changed. {told}")


def made(model: type[Made], what: str, content: Mapping[str, Any]) -> Made:
    """A model from plain values, as a form or a command gives them: days and moments as ISO text.

    Args:
        model: Which model.
        what: What to call it in the sentence.
        content: Values by field.

    Raises:
        InputError: Names every field that cannot be.
    """
    from pydantic_core import to_json

    try:
        return model.model_validate_json(to_json(dict(content)))
    except ValidationError as error:
        raise InputError(what, clauses(error.errors(include_url=False))) from error

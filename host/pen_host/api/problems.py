"""What an API call is told when it is refused: an RFC 9457 problem document with a code that stays the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from http import HTTPStatus

from pydantic import BaseModel, ConfigDict, ValidationError

from ..clauses import clause
from ..errors import ExitCode, PenError
from ..findings import Finding, Level, forbidding
from ..presets import PresetError
from ..records import ForbiddenStepError, InputError, NotFoundError

MEDIA_TYPE = "application/problem+json"
TYPE_BASE = "urn:derma-pen:problem:"


class Code(StrEnum):
    """Stable codes of problems; programs may branch on them."""

    # who may come in
    HOST_NOT_ALLOWED = "host_not_allowed"
    ORIGIN_NOT_ALLOWED = "origin_not_allowed"
    CROSS_SITE = "cross_site"
    PEER_NOT_ALLOWED = "peer_not_allowed"
    NO_CONSOLE_SESSION = "no_console_session"
    LAUNCH_TOKEN_INVALID = "launch_token_invalid"  # noqa: S105 - a code, no secret
    # what may be sent
    NOT_JSON = "not_json"
    NOT_A_PICTURE = "not_a_picture"
    NOT_A_BUNDLE = "not_a_bundle"
    BODY_TOO_LARGE = "body_too_large"
    MALFORMED = "malformed"
    INVALID_FIELDS = "invalid_fields"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    # who does it
    SIGN_IN_FIRST = "sign_in_first"
    LOCKED = "locked"
    WRONG_PIN = "wrong_pin"
    LOCKED_OUT = "locked_out"
    ROLE_MAY_NOT = "role_may_not"
    SETUP_DONE = "setup_done"
    NOT_IN_CONTROL = "not_in_control"
    # what the pen and the record say
    NO_PEN = "no_pen"
    SEVERAL_PENS = "several_pens"
    PORT_BUSY = "port_busy"
    PROTOCOL = "protocol"
    REFUSED = "refused"
    UNVERIFIED = "unverified"
    RECORD = "record"
    UNKNOWN_OUTCOME = "unknown_outcome"
    # the order of a treatment
    WRONG_STEP = "wrong_step"
    FORBIDDEN_BY_CHECKS = "forbidden_by_checks"
    NOT_WAITING = "not_waiting"
    NOT_SIMULATED = "not_simulated"
    INTERNAL = "internal"


class FieldProblem(BaseModel):
    """What is wrong with one field of what was sent."""

    model_config = ConfigDict(frozen=True)

    field: str
    """Path of the field with points, as `zones.0.depth_um`; empty for the whole."""
    message: str


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    model_config = ConfigDict(frozen=True)

    type: str
    """`urn:derma-pen:problem:<code>`."""
    title: str
    status: int
    detail: str
    """One sentence or more for a person: what happened, what it means, what to do now."""
    code: Code
    errors: tuple[FieldProblem, ...] = ()


class ProblemError(PenError):
    """A call that is refused by the console itself.

    Args:
        code: Which problem.
        status: HTTP status.
        sentence: For a person.
        errors: Fields that are wrong.
    """

    def __init__(
        self, code: Code, status: HTTPStatus, sentence: str, errors: Sequence[FieldProblem] = ()
    ) -> None:
        super().__init__(sentence)
        self.code = code
        self.status = status
        self.errors = tuple(errors)

    @property
    def document(self) -> Problem:
        """The problem document."""
        return problem(self.code, self.status, self.sentence, self.errors)


_BY_EXIT = {
    ExitCode.USAGE: (Code.MALFORMED, HTTPStatus.UNPROCESSABLE_ENTITY),
    ExitCode.NO_DEVICE: (Code.NO_PEN, HTTPStatus.SERVICE_UNAVAILABLE),
    ExitCode.SEVERAL_DEVICES: (Code.SEVERAL_PENS, HTTPStatus.CONFLICT),
    ExitCode.PORT_BUSY: (Code.PORT_BUSY, HTTPStatus.CONFLICT),
    ExitCode.PROTOCOL: (Code.PROTOCOL, HTTPStatus.CONFLICT),
    ExitCode.REFUSED: (Code.REFUSED, HTTPStatus.CONFLICT),
    ExitCode.AUTH: (Code.ROLE_MAY_NOT, HTTPStatus.FORBIDDEN),
    ExitCode.VERIFICATION: (Code.UNVERIFIED, HTTPStatus.CONFLICT),
    ExitCode.JOURNAL: (Code.RECORD, HTTPStatus.SERVICE_UNAVAILABLE),
    ExitCode.UNKNOWN: (Code.UNKNOWN_OUTCOME, HTTPStatus.GATEWAY_TIMEOUT),
}


def of_error(error: PenError) -> Problem:
    """The problem document of any error meant for a person."""
    if isinstance(error, ProblemError):
        return error.document
    if isinstance(error, InputError) or (isinstance(error, PresetError) and error.fields):
        fields = [FieldProblem(field=field, message=why) for field, why in error.fields.items()]
        return problem(Code.INVALID_FIELDS, HTTPStatus.UNPROCESSABLE_ENTITY, error.sentence, fields)
    if isinstance(error, NotFoundError):
        return problem(Code.NOT_FOUND, HTTPStatus.NOT_FOUND, error.sentence)
    if isinstance(error, ForbiddenStepError):
        return problem(
            Code.FORBIDDEN_BY_CHECKS, HTTPStatus.CONFLICT, error.sentence, finding_fields(error.findings)
        )
    code, status = _BY_EXIT.get(error.exit_code, (Code.REFUSED, HTTPStatus.CONFLICT))
    return problem(code, status, error.sentence)


def problem(code: Code, status: HTTPStatus, sentence: str, errors: Sequence[FieldProblem] = ()) -> Problem:
    """A problem document."""
    return Problem(
        type=f"{TYPE_BASE}{code}",
        title=HTTPStatus(status).phrase,
        status=int(status),
        detail=sentence,
        code=code,
        errors=tuple(errors),
    )


def finding_fields(findings: Iterable[Finding]) -> list[FieldProblem]:
    """Findings at the fields that could let them pass: a reason for what may be passed, the rule itself for what blocks."""
    return [
        FieldProblem(
            field=f"reasons.{one.rule_id}" if one.level is Level.OVERRIDE else one.rule_id,
            message=one.sentence,
        )
        for one in findings
    ]


def must_pass(findings: Sequence[Finding], reasons: Mapping[str, str]) -> None:
    """Refuse what the checks forbid.

    Raises:
        ProblemError: A finding blocks, or one that may be passed has no reason; the rules are named as fields.
    """
    still = forbidding(findings, reasons)
    if still:
        told = " ".join(one.sentence for one in still)
        raise ProblemError(
            Code.FORBIDDEN_BY_CHECKS,
            HTTPStatus.CONFLICT,
            f"The treatment may not go on. {told}",
            finding_fields(still),
        )


def invalid(where: str, error: ValidationError) -> ProblemError:
    """What pydantic found, at the fields it found it at."""
    fields = [
        FieldProblem(
            field=".".join(str(part) for part in item["loc"]) or where,
            message=clause(item),
        )
        for item in error.errors(include_url=False, include_input=False)
    ]
    told = "; ".join(f"{one.field}: {one.message}" for one in fields)
    return ProblemError(
        Code.INVALID_FIELDS,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"This cannot be taken as it is, so nothing was stored. {told}.",
        fields,
    )


def wrong_field(field: str, message: str) -> ProblemError:
    """A field that cannot be taken as it was typed. Nothing was stored."""
    return ProblemError(
        Code.INVALID_FIELDS,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"{message} Nothing was stored.",
        [FieldProblem(field=field, message=message)],
    )

"""How FastAPI tells what went wrong: always a problem document, never a trace."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from ..clauses import clause
from ..errors import PenError
from .problems import MEDIA_TYPE, Code, FieldProblem, Problem, ProblemError, of_error, problem

_CODES = {
    HTTPStatus.NOT_FOUND: Code.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED: Code.METHOD_NOT_ALLOWED,
}


def answer(found: Problem) -> Response:
    """A problem document as a response."""
    return Response(found.model_dump_json(), found.status, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Have every error of the API answered so."""

    @app.exception_handler(PenError)
    async def _pen_error(_request: Request, error: PenError) -> Response:
        return answer(of_error(error))

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: RequestValidationError) -> Response:
        return answer(_fields(error))

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> Response:
        if isinstance(error.__cause__, ProblemError):
            return answer(error.__cause__.document)
        status = HTTPStatus(error.status_code)
        return answer(
            problem(_CODES.get(status, Code.MALFORMED), status, f"{error.detail}. Nothing was done.")
        )

    @app.exception_handler(Exception)
    async def _bug(_request: Request, _error: Exception) -> Response:
        told = (
            "The console failed at this, so it is not known whether it was done: look at what the pen and the record say. "
            "If a needle is moving: release the trigger and press the pen's button."
        )
        return answer(problem(Code.INTERNAL, HTTPStatus.INTERNAL_SERVER_ERROR, told))


def _fields(error: RequestValidationError) -> Problem:
    items = error.errors()
    if any(item["type"] == "json_invalid" for item in items):
        return problem(
            Code.MALFORMED, HTTPStatus.BAD_REQUEST, "What was sent is no JSON, so nothing was done."
        )
    fields = [
        FieldProblem(
            field=".".join(str(part) for part in item["loc"] if part not in ("body", "query", "path")),
            message=clause(item),
        )
        for item in items
    ]
    told = "; ".join(f"{one.field or 'what was sent'}: {one.message}" for one in fields)
    return problem(
        Code.INVALID_FIELDS,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"This cannot be taken as it is, so nothing was stored. {told}.",
        fields,
    )

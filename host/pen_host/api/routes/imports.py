"""Our own bundles come back: sent, looked at, taken in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from ...errors import UsageError
from ..import_models import ImportView, TakeIn
from ..importing import ImportDesk
from ..people import Permission
from ..reception import Caller
from .shared import PROBLEMS, Service, Session

CHUNK = 1 << 20
"""Written in one go, by a thread: the stream of live values does not wait for the disk."""
router = APIRouter(prefix="/api/imports", tags=["imports"], responses=PROBLEMS)


@router.get("")
def how(service: Service, session: Session) -> ImportView:
    """How the newest import stands."""
    service.need(Caller(session), Permission.RECORDS)
    return service.office.imports.view()


@router.post(
    "/file",
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/fhir+json": {}, "application/zip": {}}}
    },
)
async def send(request: Request, service: Service, session: Session) -> ImportView:
    """A bundle, or a whole FHIR export as a zip file: the body is the file itself. Nothing is taken in by that."""
    person = service.need(Caller(session), Permission.TREAT)
    desk = service.office.imports
    file = await run_in_threadpool(desk.begin, person)
    await _receive(desk, request.stream(), file)
    return await run_in_threadpool(desk.arrived, file)


@router.post("/take-in")
def take_in(service: Service, session: Session, asked: TakeIn) -> ImportView:
    """Take in what is new of what was looked at; returns at once."""
    person = service.need(Caller(session), Permission.TREAT)
    return service.office.imports.take_in(asked, person)


@router.post("/drop")
def drop(service: Service, session: Session) -> ImportView:
    """Throw the file away."""
    service.need(Caller(session), Permission.TREAT)
    return service.office.imports.drop()


async def _receive(desk: ImportDesk, stream: AsyncIterator[bytes], file: Path) -> None:
    """All of it onto the disk, or nothing.

    Raises:
        UsageError: It cannot be written.
    """
    waiting, whole = bytearray(), False
    try:
        async for piece in stream:
            waiting += piece
            if len(waiting) >= CHUNK:
                await run_in_threadpool(_append, file, bytes(waiting))
                waiting.clear()
        await run_in_threadpool(_append, file, bytes(waiting))
        whole = True
    except OSError as error:
        raise UsageError(
            f"The file could not be kept ({error.strerror or error}), so nothing was taken in. Make room and send it again."
        ) from error
    finally:
        if not whole:
            # in a thread, whatever became of who asked: the event loop carries STOP and waits for no lock and no disk
            loop = asyncio.get_running_loop()
            await asyncio.shield(loop.run_in_executor(None, desk.broke_off, file))


def _append(file: Path, piece: bytes) -> None:
    with file.open("ab") as opened:
        opened.write(piece)

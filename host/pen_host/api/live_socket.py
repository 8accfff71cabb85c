"""The live websocket: frames out, acknowledgements in, STOP at any time."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import ValidationError

from .broadcast import Turn
from .control import Console
from .feed import Subscriber
from .live_messages import (
    BROWSER,
    MESSAGE_MAX,
    Ack,
    Closing,
    Greeting,
    Hello,
    Stop,
    TakeControlMessage,
    Visible,
)
from .problems import ProblemError
from .reception import Caller
from .service import ConsoleService
from .sessions import BrowserSession

router = APIRouter()
HELLO_S = 2.0
"""A browser that has not said hello by then is let go of."""
SEND_S = 2.0
"""A browser that takes nothing for this long is let go of; its lease has long run out."""
MALFORMED, FOREIGN, NO_HELLO, REPLACED, TOO_LONG = 4400, 4403, 4408, 4409, 1009


class _LetGoError(Exception):
    """The connection ends, with this code and sentence."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(slots=True)
class _Line:
    """One open connection."""

    socket: WebSocket
    service: ConsoleService
    session: BrowserSession
    console: Console | None = None
    stream: int = 0
    shown: tuple[int, object] = (-1, None)
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def caller(self) -> Caller:
        return Caller(self.session, self.console)


@router.websocket("/api/live")
async def live(socket: WebSocket) -> None:
    """See `live_messages` for what is said."""
    service: ConsoleService = socket.app.state.service
    session: BrowserSession | None = socket.scope.get("console_session")
    if session is None:
        await socket.close(FOREIGN)
        return
    await socket.accept()
    line = _Line(socket, service, session)
    try:
        await _greet(line)
        await _serve(line)
    except _LetGoError as error:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await socket.send_text(Closing(sentence=error.sentence).model_dump_json())
            await socket.close(error.code)
    except (WebSocketDisconnect, RuntimeError):
        return
    finally:
        if line.console is not None:
            service.control.leave(line.console, line.stream)


async def _greet(line: _Line) -> None:
    end_s = asyncio.get_running_loop().time() + HELLO_S
    while line.console is None:
        left_s = end_s - asyncio.get_running_loop().time()
        try:
            message = await asyncio.wait_for(_receive(line), max(0.0, left_s))
        except TimeoutError:
            raise _LetGoError(NO_HELLO, "The page did not say hello in time. Reload it.") from None
        if isinstance(message, Stop):
            line.service.stop("websocket before its hello")
        elif isinstance(message, Hello):
            try:
                line.console = line.service.control.join(line.session.key, message.console_id)
            except ProblemError as error:
                raise _LetGoError(FOREIGN, error.sentence) from error
    console = line.console
    line.stream = console.stream
    line.service.offer_control(line.caller)
    await line.socket.send_text(
        Greeting(console_id=console.console_id, label=console.label).model_dump_json()
    )


async def _serve(line: _Line) -> None:
    loop = asyncio.get_running_loop()
    subscriber = line.service.subscribe(lambda: _wake(loop, line.ready))
    sending = asyncio.create_task(_send(line, subscriber))
    hearing = asyncio.create_task(_hear(line))
    try:
        done, _ = await asyncio.wait({sending, hearing}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        line.service.unsubscribe(subscriber)
        for task in (sending, hearing):
            task.cancel()
        await asyncio.gather(sending, hearing, return_exceptions=True)


def _wake(loop: asyncio.AbstractEventLoop, ready: asyncio.Event) -> None:
    # a loop that has ended takes nothing any more, and nothing is lost with it
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(ready.set)


async def _send(line: _Line, subscriber: Subscriber[Turn]) -> None:
    while True:
        await line.ready.wait()
        line.ready.clear()
        if line.console is not None and line.console.stream != line.stream:
            raise _LetGoError(REPLACED, "This console was opened in another tab, which is shown there now.")
        while (turn := subscriber.take()) is not None:
            async with asyncio.timeout(SEND_S):
                await _show_state(line, turn.version)
                await line.socket.send_text(turn.frame.decode())


async def _show_state(line: _Line, version: int) -> None:
    """What does not change with every frame, when it has changed for this console."""
    controls = line.service.control.controls(line.console)
    if line.shown == (version, controls):
        return
    line.shown = (version, controls)
    await line.socket.send_text(line.service.state(line.caller).model_dump_json())


async def _hear(line: _Line) -> None:
    console, control = line.console, line.service.control
    assert console is not None, "nobody is heard before the hello"
    while True:
        message = await _receive(line)
        match message:
            case Ack(seq=seq):
                if console.stream == line.stream:
                    control.acknowledge(console, seq)
            case Stop():
                line.service.stop(f"{console.label}, websocket")
            case Visible(visible=visible):
                control.show(console, visible, line.stream)
            case TakeControlMessage():
                line.service.offer_control(line.caller)
            case Hello():
                raise _LetGoError(MALFORMED, "The page said hello twice. Reload it.")


async def _receive(line: _Line) -> Hello | Ack | Visible | Stop | TakeControlMessage:
    text = await line.socket.receive_text()
    if len(text) > MESSAGE_MAX:
        raise _LetGoError(TOO_LONG, "The page sent more than a page sends. Reload it.")
    try:
        return BROWSER.validate_json(text)
    except ValidationError as error:
        raise _LetGoError(
            MALFORMED, "The page sent what the console does not understand. Reload it."
        ) from error

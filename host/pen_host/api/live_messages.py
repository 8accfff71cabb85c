"""The messages of the live websocket, both ways."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from .flow_models import TreatmentView
from .models import (
    LEASE_MS,
    STALE_MS,
    STREAM_HZ,
    ControlView,
    LiveFrame,
    Model,
    Notice,
    PenView,
    SessionView,
    StopView,
)


class Greeting(Model):
    """First message of the server: who this console is."""

    type: Literal["greeting"] = "greeting"
    console_id: str
    """Keep it in `sessionStorage` and send it in the next `hello`: the same tab is the same console."""
    label: str
    """What others call this console."""
    stream_hz: int = STREAM_HZ
    stale_ms: int = STALE_MS
    lease_ms: int = LEASE_MS


class StateMessage(Model):
    """Everything that does not change twenty times a second; sent when it has changed."""

    type: Literal["state"] = "state"
    version: int
    pen: PenView
    stop: StopView
    control: ControlView
    you_control: bool
    session: SessionView
    treatment: TreatmentView
    record_failure: str | None = None
    """Why the record takes no entries: nothing can be begun, and what runs is stopped. None while it takes them."""
    notices: tuple[Notice, ...] = ()


class Closing(Model):
    """The server lets go of this connection, and why."""

    type: Literal["closing"] = "closing"
    sentence: str


ServerMessage = Greeting | StateMessage | LiveFrame | Closing


class Hello(Model):
    """First message of the browser, within two seconds of opening."""

    type: Literal["hello"]
    console_id: Annotated[str, Field(max_length=64)] | None = None
    """As the last greeting in this tab gave it."""


class Ack(Model):
    """A live frame is on the screen. Sent from the handler that painted it, never from a timer."""

    type: Literal["ack"]
    seq: Annotated[int, Field(ge=0, strict=True)]


class Visible(Model):
    """The page is hidden or shown again; hidden lets the lease go at once."""

    type: Literal["visible"]
    visible: Annotated[bool, Field(strict=True)]


class Stop(Model):
    """STOP. Needs no hello and no acknowledgement before it."""

    type: Literal["stop"]


class TakeControlMessage(Model):
    """Ask for control when nobody has it; taking over goes through the API."""

    type: Literal["control"]


BrowserMessage = Annotated[Hello | Ack | Visible | Stop | TakeControlMessage, Field(discriminator="type")]
BROWSER: TypeAdapter[Hello | Ack | Visible | Stop | TakeControlMessage] = TypeAdapter(BrowserMessage)
MESSAGE_MAX = 1_024
"""Longest message a browser sends, in bytes; a longer one ends the connection."""

"""The link to one pen, sans I/O: handshake, requests and their outcomes, heartbeat, stop lane."""

from .core import Counters, Link, Recorder
from .frames import Frame, FrameReader, decode_body, encode

__all__ = ["Counters", "Frame", "FrameReader", "Link", "Recorder", "decode_body", "encode"]

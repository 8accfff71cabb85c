"""Version of the protocol. The schema hash (see `messages.SCHEMA_HASH`) tells builds of one version apart."""

PROTOCOL_VERSION = 1
"""Raised when the frame layout or the meaning of a message changes. Frames of another one are dropped and counted."""

FIRMWARE_VERSION = (0, 1, 0)
"""Version of the firmware in this tree: major, minor, patch. Reported in IDENTITY."""

BUILD_DAY = 2517
"""Day of this build, counted from 2020-01-01. The pen has no calendar: a cartridge expired before it is never taken."""

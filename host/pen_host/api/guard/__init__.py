"""Only those who belong: what every request passes before any of the program sees it."""

from .middleware import Guard
from .policy import Policy

__all__ = ["Guard", "Policy"]

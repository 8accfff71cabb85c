"""The worker: one thread that owns the port and the clock."""

from .core import PenWorker, random_word
from .snapshot import Snapshot
from .tickets import StopReport, StopTicket, Subscription, Ticket

__all__ = ["PenWorker", "Snapshot", "StopReport", "StopTicket", "Subscription", "Ticket", "random_word"]

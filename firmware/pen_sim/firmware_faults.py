"""How the firmware itself is made to misbehave: it hangs, it is slow, it raises. Read by the rig before each pass."""

from __future__ import annotations

from dataclasses import dataclass


class InjectedError(RuntimeError):
    """The exception a fault makes the firmware meet, as any defect of its own would."""


@dataclass
class FirmwareFaults:
    """What is wrong with the firmware's run."""

    hung: bool = False
    """No pass runs any more; machines and watchdog go on."""
    slow_us: int = 0
    """Every pass takes this much longer."""
    slow_passes: int = 0
    """That many passes are slow, then none; 0: all are while `slow_us` is set."""

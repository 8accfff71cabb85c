"""The worker's snapshot and a treatment's progress as the API shows them."""

from __future__ import annotations

from pen_protocol.states import ALL_CONDITIONS, bits

from ..advice import for_cause
from ..names import Condition, Flag, cause_name
from ..pen import Status
from ..progress import Progress
from ..worker import Snapshot
from .docking import Dock
from .models import InterlockView, Link, LiveFrame, PenView, StopPhase, StopView

NEVER_MS = 0xFFFF
"""The age of a rate that was never measured. (STATUS.measured_age_ms is 16 bits wide)"""
CURED_BY_STEPS = bits(
    Condition.NOT_HOMED,
    Condition.AXIS_MOVING,
    Condition.SETPOINTS,
    Condition.CARTRIDGE_NOT_BURNED,
)
"""What the treatment's own next steps cure."""
NO_CONNECTION = "STOP NOT CONFIRMED (no pen is connected) - release the trigger and press the pen's button."


def pen_view(dock: Dock) -> PenView:
    """The pen as it is known now."""
    standing, source = dock.standing, dock.source
    docked = standing.docked
    base = PenView(
        link=standing.link,
        complaint=standing.complaint,
        simulated=source.simulated,
        url=docked.url if docked else source.url,
    )
    snapshot = docked.pen.snapshot() if docked else None
    if snapshot is None:
        return base
    identity, status = snapshot.identity, snapshot.status
    told: dict[str, object] = {"heartbeat_held_by": snapshot.heartbeat_held_by}
    if snapshot.lost is not None:
        told |= {"link": Link.LOST, "complaint": snapshot.lost}
    if identity is not None:
        told |= {
            "serial": identity.serial,
            "firmware": identity.firmware_text,
            "runtime": identity.runtime,
        }
    if status is not None:
        told |= _status(status)
    return base.model_copy(update=told)


def _status(status: Status) -> dict[str, object]:
    return {
        "state": status.state.name,
        "stopped": status.stopped,
        "cause": status.cause_text or None,
        "interlocks": interlocks(status),
        "homed": Flag.HOMED in status.flags,
        "cartridge_latched": Flag.CARTRIDGE_LATCHED in status.flags,
        "depth_cap_um": status.depth_cap_um,
        # a tenth of a volt: what flickers below it is no news
        "supply_mv": round(status.supply_mv, -2),
        "strokes_total": None if status.armed else status.strokes_total,
        "armed_left_s": status.armed_left_s if status.armed else None,
    }


def interlocks(status: Status) -> tuple[InterlockView, ...]:
    """What stopped the pen, then what blocks it, each with what to do."""
    found = [status.first_cause] if status.stopped and status.first_cause else []
    mask = status.conditions & ALL_CONDITIONS
    found += [one for one in Condition if mask >> one & 1 and one != status.first_cause]
    return tuple(_interlock(code, status) for code in found)


def _interlock(code: int, status: Status) -> InterlockView:
    told = for_cause(code)
    first = status.stopped and code == status.first_cause
    return InterlockView(
        name=cause_name(code),
        title=told.title,
        happened=told.happened,
        means=told.means,
        now=told.now,
        first_cause=first,
        cured_by_steps=not first and bool(bits(code) & CURED_BY_STEPS),
    )


def stop_view(snapshot: Snapshot | None, sent_without_pen: bool) -> StopView:
    """What became of the newest STOP."""
    if snapshot is None or snapshot.lost is not None:
        asked = sent_without_pen or (snapshot is not None and snapshot.stopping)
        return StopView(phase=StopPhase.NOT_CONFIRMED, sentence=NO_CONNECTION) if asked else StopView()
    report = snapshot.stop
    stopped = snapshot.status is not None and snapshot.status.stopped
    if report is None:
        return (
            StopView(phase=StopPhase.SENT, sentence="STOP is on its way.")
            if snapshot.stopping
            else StopView()
        )
    if report.confirmed:
        # a stop that was cleared since is no news any more
        return (
            StopView(phase=StopPhase.CONFIRMED, sentence=report.sentence, after_ms=report.after_ms)
            if stopped
            else StopView()
        )
    return StopView(phase=StopPhase.NOT_CONFIRMED, sentence=report.sentence, after_ms=report.after_ms)


def live_frame(seq: int, t_ms: int, snapshot: Snapshot | None, progress: Progress | None) -> LiveFrame:
    """One moment. What is not known is None, never zero."""
    if snapshot is None or snapshot.status is None:
        return LiveFrame(seq=seq, t_ms=t_ms)
    status, sample = snapshot.status, snapshot.telemetry
    told: dict[str, object] = {
        "depth_requested_um": status.depth_requested_um if Flag.DEPTH_SET in status.flags else None,
        "rate_requested_mhz": status.rate_requested_mhz if Flag.RATE_SET in status.flags else None,
        "rate_age_ms": None if status.measured_age_ms >= NEVER_MS else status.measured_age_ms,
    }
    newest = sample if sample is not None and snapshot.telemetry_age_ms <= status.age_ms else status
    homed = Flag.HOMED in newest.flags
    measured = status.measured_age_ms < NEVER_MS
    told |= {
        "age_ms": status.age_ms if newest is status else snapshot.telemetry_age_ms,
        "state": newest.state.name,
        "depth_measured_um": newest.depth_measured_um if homed else None,
        "rate_measured_mhz": newest.rate_measured_mhz if measured else None,
        "coil_cc": newest.coil_cc,
        "lease_left_ms": newest.lease_left_ms,
        "contact": Flag.CONTACT in newest.flags,
        "trigger": Flag.TRIGGER in newest.flags,
        "load_ma": sample.coil_ma if sample is not None else None,
    }
    if progress is not None and 0 <= progress.active < len(progress.zones):
        zone = progress.zones[progress.active]
        told |= {
            "zone": progress.active,
            "zone_strokes": zone.strokes,
            "zone_contact": zone.contact_strokes,
            "zone_dose_per_cm2": zone.dose_per_cm2,
            "zone_held_ms": zone.done_ms,
        }
    return LiveFrame.model_validate({"seq": seq, "t_ms": t_ms, **told})

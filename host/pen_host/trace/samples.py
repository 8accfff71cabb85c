"""One moment of a treatment, and a named one."""

from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment of a treatment. Requested and measured are different fields and stay so everywhere.

    Times count from the treatment's start; totals are the pen's own counters since the session was opened.
    """

    t_ms: int
    zone: int
    """Index of the zone under treatment, -1 between zones."""
    state: str
    depth_requested_um: int
    depth_measured_um: int | None
    """None while the axis is not homed: then nobody knows it."""
    rate_requested_mhz: int
    rate_measured_mhz: int
    strokes: int
    contact_strokes: int
    coil_cc: int
    lease_left_ms: int


COLUMNS = tuple(field.name for field in fields(Sample))


def as_dict(sample: Sample) -> dict[str, object]:
    """One sample by column name."""
    return asdict(sample)


@dataclass(frozen=True, slots=True)
class Mark:
    """A named moment of a treatment: a trip, a new cartridge, the close."""

    t_ms: int
    label: str
    trip: bool = False

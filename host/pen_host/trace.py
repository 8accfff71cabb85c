"""What a treatment looked like over time: samples for the live view, the picture and the record."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, astuple, dataclass, fields


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


def pack(samples: Sequence[Sample]) -> dict[str, object]:
    """Samples as one compact record: the column names once, then a row a sample."""
    return {"columns": list(COLUMNS), "rows": [list(astuple(sample)) for sample in samples]}


def unpack(chunks: Iterable[dict[str, object]]) -> list[Sample]:
    """Samples of packed records, in their order.

    Raises:
        ValueError: a record has other columns than this version knows.
    """
    samples: list[Sample] = []
    for chunk in chunks:
        columns, rows = chunk.get("columns"), chunk.get("rows")
        if columns != list(COLUMNS) or not isinstance(rows, list):
            raise ValueError(
                f"A telemetry record has the columns {columns}, this version knows {list(COLUMNS)}: "
                "the samples were kept but cannot be drawn. Use the version that wrote them."
            )
        samples.extend(Sample(*row) for row in rows)
    return samples


def as_dict(sample: Sample) -> dict[str, object]:
    """One sample by column name."""
    return asdict(sample)


@dataclass(frozen=True, slots=True)
class Mark:
    """A named moment of a treatment: a trip, a new cartridge, the close."""

    t_ms: int
    label: str
    trip: bool = False

"""What a treatment looked like over time: samples for the live view, the picture and the record."""

from .chunks import FORM, Chunk, Columns, TraceError, columns, pack, thinned, unpack
from .samples import COLUMNS, Mark, Sample, as_dict

__all__ = [
    "COLUMNS",
    "FORM",
    "Chunk",
    "Columns",
    "Mark",
    "Sample",
    "TraceError",
    "as_dict",
    "columns",
    "pack",
    "thinned",
    "unpack",
]

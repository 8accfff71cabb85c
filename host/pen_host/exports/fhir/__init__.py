"""FHIR: one walk over a patient's record, two dialects of the resources. Codes are the project's own; none is claimed."""

from pen_host.exports.fhir.bundle import patient_bundle
from pen_host.exports.fhir.common import Dialect

__all__ = ["Dialect", "patient_bundle"]

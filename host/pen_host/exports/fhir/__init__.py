"""FHIR: one walk over a patient's record, two dialects of the resources. Codes are the project's own: none was looked up to claim."""

from pen_host.exports.fhir.bundle import Dialect, patient_bundle

__all__ = ["Dialect", "patient_bundle"]

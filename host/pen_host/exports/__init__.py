"""What leaves the record: FHIR bundles, CSV, Parquet; whole or de-identified, each with a manifest of hashes. And our own bundle back in."""

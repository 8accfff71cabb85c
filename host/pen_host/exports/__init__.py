"""What leaves the record, whole or de-identified: FHIR, CSV, Parquet with a manifest of hashes. Our own bundle comes back."""

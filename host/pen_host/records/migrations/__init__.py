"""Migrations of the clinical tables."""

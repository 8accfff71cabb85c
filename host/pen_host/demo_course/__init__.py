"""A course of twelve weeks on the simulated pen, from the first visit to verified reports and exports."""

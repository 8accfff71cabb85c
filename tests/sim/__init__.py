"""Tests of the simulated pen."""

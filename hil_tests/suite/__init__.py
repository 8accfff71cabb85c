"""One suite for every pen."""

"""The firmware's PIO programs, assembled from its own source and run clock by clock."""

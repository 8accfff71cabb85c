"""A simulated pen: the real firmware on a fake board with physics; never deployed to a chip."""

"""Gates on the repository itself: types, lint, directions, pins, packaging."""

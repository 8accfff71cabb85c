"""The real host and the real firmware together, over links and through resets that nobody would wish for."""

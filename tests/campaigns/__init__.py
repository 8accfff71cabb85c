"""Long campaigns with a command of their own; the test suite runs a short stretch of each."""

"""One suite for every pen: simulated, on an emulated RP2040, on a bench."""

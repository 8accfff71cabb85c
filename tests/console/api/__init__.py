"""The console's server: guard, leases, STOP, the order of a treatment."""

"""Tests on a real MicroPython: the VM on Node, and the emulated RP2040."""

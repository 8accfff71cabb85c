"""Tests of derma-pen: unit, property, device, system and quality gates."""

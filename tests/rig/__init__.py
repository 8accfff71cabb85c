"""The rig: its PIO programs, its firmware, its protocol, and rig and pen together."""

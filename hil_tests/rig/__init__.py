"""The rig beside a real pen: a second RP2040 that plays hands and sensors and times lines. The part on the laptop.

`pins`, `messages` and `programs` are shared with the rig's own firmware and run on MicroPython as well.
"""

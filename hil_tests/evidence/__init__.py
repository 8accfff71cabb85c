"""What a run of the suite leaves behind: measured values against their limits, waveforms, who was tested, one page to read."""

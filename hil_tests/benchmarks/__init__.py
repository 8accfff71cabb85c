"""The pen beside its peers on the emulated chip: strokes, a hang, a request, steps. `python -m hil_tests.benchmarks`."""

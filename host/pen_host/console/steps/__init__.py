"""The steps of a treatment, one module each: what it shows, what it asks, what it sends."""

"""Values from contracts: tables, models and figures that are generated until a step is written.

`generate` takes a promise and a seed; every draw is the same on every machine.
Door: `generate`, `strategies`, `stub_models`.
"""

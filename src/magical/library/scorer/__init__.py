"""The scorer: the registered model with all that stands before it, from typed rows to predictions.

`scorer` is what the registry loads; `parity` and `promotion_gate` decide whether it gets the alias.
Door: `card`, `parity`, `promotion_gate`, `scorer`.
"""

"""The scorer: a registered model with the steps before it, from typed rows to predictions.

The registry loads `scorer`; `parity` and `promotion_gate` decide whether a version gets the alias.
Door: `card`, `parity`, `promotion_gate`, `row_source`, `scorer`.
"""

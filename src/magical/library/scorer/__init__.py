"""The scorer: a registered model with the steps before it, from typed rows to predictions.

The registry loads `scorer`; `parity`, `champion_comparison` and `promotion_gate` decide
whether a version gets the alias.
Door: `card`, `champion_comparison`, `held_out_rows`, `parity`, `promotion_gate`,
`row_conversion`, `scorer`, `scoring_steps`.
"""

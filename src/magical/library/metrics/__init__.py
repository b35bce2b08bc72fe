"""Metrics of predictions, as numbers with intervals and as small tables.

Pure functions of predictions and truth; no step is defined here.
Door: `diagnostics`, `metrics`, `scores`, `table_metrics`.
"""

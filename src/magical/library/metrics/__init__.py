"""Metrics of predictions, as numbers with intervals and as small tables.

Functions of predictions and truth, and the settings `Metric`; no step is defined here.
Door: `bootstrap`, `metric_settings`, `metric_values`, `metrics`, `predicted_rows`, `scores`, `table_metrics`.
"""

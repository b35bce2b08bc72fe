"""Prefect: one flow run for each run, one task for each step, and a card for each finished step.

`flow_run` is the one way to reach its server; `reconcile` ends flow runs that a killed process left open.
Door: `cards`, `flow_run`, `prefect_runner`, `reconcile`.
"""

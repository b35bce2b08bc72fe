"""Prefect: one flow run for a run, one task for a step, a card for each step that ended.

`flow_run` is the one way to reach its server; `reconcile` ends flow runs that a killed process left open.
Door: `cards`, `flow_run`, `prefect_runner`, `reconcile`.
"""

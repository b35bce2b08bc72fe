"""Sections of the report of a run, each built by its own function from a `report_context`.

A section whose evidence is lost, or that does not apply to the run, is None.
Door: `data_flow`, `model_choice`, `model_quality`, `model_use`, `report_context`, `run_history`, `verdict`.
"""

"""Sections of the report of a run, whose blocks a function each builds from a `report_context`.

A section whose evidence is lost, or that does not apply to the run, has no blocks.
Door: `data_flow`, `model_choice`, `model_quality`, `model_use`, `report_context`, `run_history`, `verdict`.
"""

"""Adapters to outside systems, one package for each; they do not import each other.

The engine reaches them through its protocols only; `project` chooses them.
Door: `dask`, `mlflow`, `prefect`.
"""

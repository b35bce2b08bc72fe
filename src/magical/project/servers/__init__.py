"""The servers of `magical ui` and of a flow that has none: MLflow and Prefect, on 127.0.0.1 only.

`hosting` starts them small and quiet; they end with the process that started them.
Door: `prefect_server`, `ui`.
"""

"""MLflow: tracking of runs and the model registry, in a database of the project or on a server.

`client` is the one way to reach MLflow; `progress_marks` notes how far a run was sent, for `magical sync`.
Door: `client`, `kept_files`, `progress_marks`, `registry`, `serving`, `tracking`.
"""

"""The engine: plans a run of a graph, executes its nodes, records its events and artifacts.

`policy` says how often and after which delay a step is retried, its timeout and workers; `execution` runs the
nodes by it. Stores, runners, listeners and registries implement `protocols`.
Door: `artifacts`, `execution`, `journal`, `plan`, `policy`, `pretend_plan`, `protocols`, `run`.
"""

"""The engine: plans a run of a graph, executes its nodes, records its events and artifacts.

Stores, runners, listeners and registries implement `protocols`; `execution` runs the nodes.
Door: `artifacts`, `execution`, `journal`, `plan`, `policy`, `pretend_plan`, `protocols`, `run`.
"""

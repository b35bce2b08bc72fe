"""The engine: from a graph to artifacts. What a run is, what it would do, what it wrote down.

`protocols` are the ports that stores, runners, listeners and registries implement; `execution` runs the
nodes.
Door: `artifacts`, `execution`, `journal`, `plan`, `policy`, `pretend_plan`, `protocols`, `run`.
"""

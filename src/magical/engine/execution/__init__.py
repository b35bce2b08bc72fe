"""The execution of one run: order of nodes, the process of each body, validation of outputs.

A scheduler passes ready nodes to a dispatcher, which passes each to an executor: in this process, in a
subprocess or on a cluster.
Door: `capture`, `dispatch`, `executor`, `local_runner`, `remote_task`, `sampling`, `scheduler`,
`subprocess_executor`.
"""

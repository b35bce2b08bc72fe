"""Run the nodes of one run: order, retries, where a body runs, and what becomes of its output.

A scheduler hands ready nodes to a dispatcher, which hands each to an executor: here, in a subprocess or
elsewhere.
Door: `capture`, `dispatch`, `executor`, `local_runner`, `remote_task`, `sampling`, `scheduler`,
`subprocess_executor`.
"""

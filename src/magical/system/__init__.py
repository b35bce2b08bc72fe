"""Operating system helpers: atomic files, locks, digests, processes, tracebacks.

This package knows no step, contract or store.
Door: `atomic_files`, `file_digests`, `file_locks`, `gc_pause`, `process_guard`, `processes`, `state_files`,
`tracebacks`.
"""

"""What is asked of the operating system: atomic files, locks, digests, processes, tracebacks.

Nothing here knows a step, a contract or a store.
Door: `atomic_files`, `file_digests`, `file_locks`, `gc_pause`, `process_guard`, `processes`, `tracebacks`.
"""

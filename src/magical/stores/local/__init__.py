"""The local store: a folder of objects named by their bytes and records named by keys.

Locks of the kernel guard it: those of a process that dies are free at once.
Door: `objects`, `store`, `sweep`.
"""

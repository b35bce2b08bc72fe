"""The local store: a folder with objects named by their bytes, and records named by keys.

Kernel locks guard it: a process that dies holds none.
Door: `objects`, `store`.
"""

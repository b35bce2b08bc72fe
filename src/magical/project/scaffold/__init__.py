"""`magical new`: write a project that runs at once, from a file with rows or from nothing.

`infer_project` decides what the workflow does with the file, `create` writes it.
Door: `create`.
"""

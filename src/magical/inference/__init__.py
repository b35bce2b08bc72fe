"""Contracts from data: the type, role and name of each column, and the class that says so.

Used by `magical new`; no step of a workflow depends on it.
Door: `codegen`, `name_vocabulary`, `column_stats`, `infer`, `role_inference`, `text_types`.
"""

"""The files that steps read: one, a folder of files, those of a pattern, or one at a URL.

Door: `compression`, `local_files`, `remote_files`.
"""

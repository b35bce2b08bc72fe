"""Batch scoring: a source in chunks, its predictions in a file, its rejects beside it, and a manifest.

`batch` scores the chunks, `output_files` writes files that get their names once all is well, and `manifest`
says what they are. None of them knows where a model is registered.
Door: `batch`, `manifest`, `output_files`.
"""

"""Stores of artifacts and records: artifacts are named by content, records by key.

`local` is a folder, `remote` any filesystem of fsspec; both share `artifact_store`, `blobs` and `codecs`.
Door: `local`, `remote`.
"""

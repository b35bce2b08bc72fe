"""Stores of artifacts and records: artifacts are named by content, records by key.

`local` is a folder, `remote` any filesystem of fsspec. `codecs` sets the formats of both (parquet, JSON).
Door: `local`, `remote`.
"""

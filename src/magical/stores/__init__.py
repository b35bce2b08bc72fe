"""Stores: where artifacts and records live, named by content and by key.

`local` is a folder, `remote` any filesystem of fsspec; `codecs` turns values into bytes for both.
Door: `local`, `remote`.
"""

"""Raw text to typed values: how a csv file is written, and how its texts become numbers and dates.

Pure functions on bytes and polars columns; `ingest` and `model_data` call them.
Door: `casting`, `csv_dialect`, `date_parsing`.
"""

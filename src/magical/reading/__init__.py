"""Raw text to typed values: how a file is written, which lines are rows, numbers and dates.

Pure functions on bytes and polars columns; `ingest` and `model_data` call them.
Door: `casting`, `csv_dialect`, `date_parsing`, `encodings`, `file_shape`, `number_reading`.
"""

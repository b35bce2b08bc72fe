"""Raw text to typed values: detect how a csv file is written, and parse its numbers and dates.

Pure functions on bytes and polars columns; `ingest` and `model_data` call them.
Door: `casting`, `csv_dialect`, `date_parsing`, `number_affixes`, `number_reading`.
"""

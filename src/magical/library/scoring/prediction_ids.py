"""Ids of predictions: 16 hexadecimal digits of the model, the row's id and the row's content."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

from magical.library.part_assignment import hash_rows

__all__ = ["make_prediction_ids"]

_DIGITS = np.array([f"{byte:02x}".encode() for byte in range(256)], dtype="S2")


def make_prediction_ids(typed: pl.DataFrame, model_digest: str) -> pl.Series:
    """Make the id of each row's prediction: equal for an equal row and model, on any machine and day.

    Args:
        typed: the rows in the types of their contract, ids included.
        model_digest: hexadecimal digits that name the model; the first 16 count.

    Example:
        >>> make_prediction_ids(pl.DataFrame({"id": [1, 2]}), "0f" * 20).to_list()
        ['bb8881a9a2285790', '267509a00806ec1f']
    """
    hashes = hash_rows(typed, typed.columns, seed=int(model_digest[:16], 16))
    digits = _DIGITS[hashes.astype(">u8").view(np.uint8)].tobytes()
    # 16 letters each, one behind the other, are an Arrow array already: no text is made one by one.
    ends = np.arange(0, len(digits) + 1, 16, dtype=np.int64)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(digits)]
    texts = pa.Array.from_buffers(pa.large_string(), typed.height, buffers)
    return pl.Series("prediction_id", texts, dtype=pl.String)

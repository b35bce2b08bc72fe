"""The table ``candidates``: the experiments that a step compared, with their scores on held-out rows."""

import json
import math

import polars as pl

from magical.contracts.model import Model
from magical.events import keep

__all__ = ["keep_candidates"]

_SCHEMA = {
    "candidate": pl.String,
    "metric": pl.String,
    "score": pl.Float64,
    "scored": pl.String,
    "rows": pl.Int64,
    "chosen": pl.Boolean,
    "params": pl.String,
    "failure": pl.String,
}


def keep_candidates(model: Model, rows: int | None = None) -> Model:
    """Keep the candidates of a model as a table, the chosen one first, and return the model.

    Trackers and readers get the scores from this table, without loading the model. A failed experiment has
    no score and a ``failure``.

    Args:
        model: with the experiment that it came from, and those that it beat.
        rows: the number of held-out rows that they are scored on; by default all of the model.

    Example:
        >>> from magical.contracts.schema import Schema
        >>> keep_candidates(Model(None, "binary", "response", Schema("Customer", ()))).candidates
        ()
    """
    if model.chosen is not None:
        rows = model.held_out.height if rows is None and model.held_out is not None else rows
        found = [
            {
                "candidate": candidate.name,
                "metric": candidate.metric,
                "score": None if math.isnan(candidate.score) else float(candidate.score),
                "scored": candidate.scored,
                "rows": rows,
                "chosen": candidate is model.chosen,
                "params": json.dumps(dict(candidate.params), default=str),
                "failure": candidate.failure or None,
            }
            for candidate in (model.chosen, *model.candidates)
        ]
        keep("candidates", pl.DataFrame(found, schema=_SCHEMA))
    return model

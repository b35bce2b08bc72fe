"""The table ``candidates``: the experiments that a step compared, with their scores on validation."""

import json

import polars as pl

from magical.contracts.model import Model
from magical.events import keep

__all__ = ["keep_candidates"]


def keep_candidates(model: Model) -> Model:
    """Keep the candidates of a model as a table, the chosen one first, and return the model.

    Trackers and readers get the scores from this table, without loading the model.

    Args:
        model: with the experiment that it came from, and those that it beat.

    Example:
        >>> from magical.contracts.schema import Schema
        >>> keep_candidates(Model(None, "binary", "response", Schema("Customer", ()))).candidates
        ()
    """
    if model.chosen is not None:
        rows = [
            {
                "candidate": candidate.name,
                "metric": candidate.metric,
                "score": float(candidate.score),
                "chosen": candidate is model.chosen,
                "params": json.dumps(dict(candidate.params), default=str),
            }
            for candidate in (model.chosen, *model.candidates)
        ]
        keep("candidates", pl.DataFrame(rows))
    return model

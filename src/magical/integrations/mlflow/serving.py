"""Rows on their way through MLflow to a model: they arrive as they were sent."""

from __future__ import annotations

import functools
import sys
from typing import Any

__all__ = ["pass_rows_unchanged"]


def pass_rows_unchanged(loader: str) -> None:
    """Let MLflow hand rows to the models of a loader as they come, and read a csv for them as texts.

    By a signature of types MLflow converts values before a model sees them (a JSON ``"no"`` becomes True
    for a ``boolean``, null False) or refuses the request; by one without types (``AnyType``) it refuses
    each csv, arrow tables, and columns that are found by an alias; without a signature it shows no columns,
    and reads ``007`` in a csv as 7. No setting makes it pass rows on, so two of its functions are wrapped
    here, for models of this loader only. Where a release has other functions, the signature holds.

    One conversion stays: pandas makes floats of whole numbers in JSON if one of the column is null. So beyond
    2**53 they are rejected then, since the float could stand for another number.

    Args:
        loader: the module that MLflow loads the models with.
    """
    pyfunc, server = (sys.modules.get(f"mlflow.pyfunc{name}") for name in ("", ".scoring_server"))
    _wrap(pyfunc, "_validate_prediction_input", functools.partial(_validate_input, loader))
    _wrap(server, "parse_csv_input", _parse_csv)  # in a server only


def _wrap(module: Any, name: str, wrapper: Any) -> None:
    """Replace a function of a module by one that is given the function, once."""
    function = getattr(module, name, None)
    if function is not None and not hasattr(function, "__magical__"):
        wrapped = functools.update_wrapper(functools.partial(wrapper, function), function)
        wrapped.__magical__ = True  # type: ignore[attr-defined]
        setattr(module, name, wrapped)


def _validate_input(
    loader: str,
    validate: Any,
    data: Any,
    params: Any,
    input_schema: Any,
    params_schema: Any,
    flavor: Any = None,
) -> Any:
    """Validate an input like MLflow, without its columns if the model is of the loader."""
    return validate(data, params, None if flavor == loader else input_schema, params_schema, flavor)


def _parse_csv(parse: Any, csv_input: Any, schema: Any = None) -> Any:
    """Parse a csv like MLflow; as texts if the columns have no types, where MLflow would refuse it."""
    from mlflow.types.schema import AnyType

    if schema is None or not any(isinstance(kind, AnyType) for kind in schema.input_types()):
        return parse(csv_input, schema)
    import pandas as pd
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import BAD_REQUEST

    try:
        # Without the filter a text such as NA stays one: what is missing depends on the column's contract.
        return pd.read_csv(csv_input, dtype=object, keep_default_na=False, na_filter=False, index_col=False)
    except ValueError as error:  # of which the parser's errors are one kind
        raise MlflowException(f"The input is no csv: {error}", error_code=BAD_REQUEST) from error

"""Which columns of a contract each feature of a fitted Pipeline comes from, and what made it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, zip_longest
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from magical.contracts.dtypes import DTYPES
from magical.contracts.promises import Pipeline
from magical.contracts.schema import Column, Schema
from magical.errors import WiringError
from magical.features import INDICATOR_PREFIX, Feature, name_outputs

__all__ = ["TracedFeature", "find_missing_columns", "tabulate_features", "trace_columns", "trace_features"]

_PRODUCT, _POWER = re.compile(" [-+/] | |_x_"), re.compile(r"(\^|_pow)\d+$|_squared$|_cubed$")
_WORD = re.compile(r"[A-Za-z_]\w*")
_SEPARATORS = "=_ (^:"  # what follows the name of a column in the name of a feature that is made from it


class TracedFeature(NamedTuple):
    """A feature, with the columns that it comes from and what made it, first to last."""

    name: str
    columns: tuple[str, ...]
    made_by: tuple[str, ...] = ()


def trace_features(
    pipeline: Pipeline, schema: Schema, features: Sequence[Feature] = ()
) -> list[TracedFeature]:
    """Trace each feature of a fitted Pipeline back to columns of the contract.

    A feature of which nothing tells its source, such as a principal component, comes from all columns that
    its transformer takes.

    Args:
        pipeline: fitted, and without an estimator.
        schema: the contract of the table that it was fitted on.
        features: those of the settings: columns that they added row by row are traced back through them.

    Returns:
        The features in order; empty if scikit-learn cannot name them.

    Example:
        >>> import pandas as pd
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.preprocessing import PolynomialFeatures
        >>> from magical.contracts.schema import Column
        >>> from magical.features import Log
        >>> table = pd.DataFrame({"age": [1.0], "log_income": [2.0]})
        >>> pipeline = make_pipeline(PolynomialFeatures(interaction_only=True, include_bias=False))
        >>> names = ("age", "income", "log_income")
        >>> schema = Schema("Customer", tuple(Column(n, "float") for n in names))
        >>> for feature in trace_features(pipeline.fit(table), schema, [Log("income")]):
        ...     print(feature.name, feature.columns, feature.made_by)
        age ('age',) ('PolynomialFeatures',)
        log_income ('income',) ('Log', 'PolynomialFeatures')
        age log_income ('age', 'income') ('Log', 'PolynomialFeatures')
    """
    origins = trace_columns(schema, features)
    inputs = getattr(pipeline, "feature_names_in_", None)
    if inputs is None:
        return []
    try:
        return _trace(pipeline, [origins.get(n, TracedFeature(n, (n,))) for n in map(str, inputs)])
    except (AttributeError, TypeError, ValueError):  # a step that has no names, or not these
        return []


def trace_columns(schema: Schema, features: Iterable[Feature]) -> dict[str, TracedFeature]:
    """Trace the columns that features added to a table row by row; columns of the contract are left out.

    Args:
        schema: the contract of the table, with these columns.
        features: in the order in which they were added.

    Example:
        >>> from magical.contracts.schema import Column
        >>> from magical.features import Log
        >>> schema = Schema("Customer", (Column("income", "float"), Column("log_income", "float")))
        >>> trace_columns(schema, [Log("income")])
        {'log_income': TracedFeature(name='log_income', columns=('income',), made_by=('Log',))}
    """
    traced: dict[str, TracedFeature] = {}
    for feature, sources in _add_again(schema, features, _find_sources):
        for name, columns in sources.items():
            parts = [traced.get(c, TracedFeature(c, (c,))) for c in columns]
            traced[name] = _merge(name, parts, type(feature).__name__)
    return {name: found for name, found in traced.items() if name in schema.by_name}


def find_missing_columns(schema: Schema, features: Iterable[Feature]) -> list[str]:
    """List the columns that features would add row by row to a table, and that it lacks.

    A feature of which a step dropped a source is passed over: its column may have been dropped on purpose.

    Example:
        >>> from magical.contracts.schema import Column
        >>> from magical.features import Log
        >>> find_missing_columns(Schema("Customer", (Column("income", "float"),)), [Log("income")])
        ['log_income']
    """
    added = [name for _, names in _add_again(schema, features, _find_added) for name in names]
    return [name for name in added if name not in schema.by_name]


def tabulate_features(traced: Iterable[TracedFeature]) -> pl.DataFrame:
    """Make the table of features that ``transform`` keeps.

    Example:
        >>> tabulate_features([TracedFeature("log_income", ("income",), ("Log", "StandardScaler"))]).row(0)
        ('log_income', 'income', 'Log, StandardScaler')
    """
    rows = [(f.name, ", ".join(f.columns), ", ".join(f.made_by)) for f in traced]
    names = ["feature", "from columns", "made by"]
    return pl.DataFrame(rows, orient="row", schema=dict.fromkeys(names, pl.String))


def _add_again(
    schema: Schema, features: Iterable[Feature], find: Callable[[Feature, Schema], Mapping[str, list[str]]]
) -> Iterator[tuple[Feature, Mapping[str, list[str]]]]:
    """Yield each feature that is computed row by row, with what ``find`` finds, by the columns that it added.

    Each was added to the table of the features before it, and a selector selected of those columns only.
    """
    rowwise = [f for f in features if not f.is_learned]
    added = {name for feature in rowwise for name in find(feature, schema)}
    known = schema.without(n for n in schema.names if n in added)
    for feature in rowwise:
        found = find(feature, known)
        yield feature, found
        known = known.with_columns(
            schema.by_name.get(n, Column(n, "any")) for n in found if n not in known.by_name
        )


def _find_added(feature: Feature, schema: Schema) -> dict[str, list[str]]:
    """Map the columns that a feature adds to those that it reads; empty if it cannot be added to a table."""
    try:
        expressions = feature.expressions(schema)
    except WiringError:
        return {}
    return {name: _list_read(e, schema) for e in expressions for name in _list_outputs(e, schema)}


def _list_outputs(expression: pl.Expr, schema: Schema) -> list[str]:
    """List the columns that an expression makes."""
    if not expression.meta.has_multiple_outputs():
        return [expression.meta.output_name()]
    # The fields of a struct, such as hash buckets, are known from types only.
    table = pl.LazyFrame(schema={c.name: DTYPES.get(c.type, pl.Null) for c in schema.columns})
    return table.select(expression).collect_schema().names()


def _list_read(expression: pl.Expr, schema: Schema) -> list[str]:
    """List the columns that an expression reads; polars does not tell those of ``pl.col("a", "b")``."""
    names = expression.meta.root_names() or _WORD.findall(str(expression))
    return [name for name in dict.fromkeys(names) if name in schema.by_name]


def _find_sources(feature: Feature, schema: Schema) -> dict[str, list[str]]:
    """Do as ``_find_added``, but also for a feature of which a step dropped the sources later."""
    if found := _find_added(feature, schema):
        return found
    words = sorted({*_WORD.findall(feature.model_dump_json())} - {*schema.names})  # its fields name them
    return _find_added(feature, schema.with_columns(Column(w, "any") for w in words))


def _merge(name: str, parts: Sequence[TracedFeature], made_by: str) -> TracedFeature:
    """Make a feature that comes from all columns of its parts."""
    columns = dict.fromkeys(chain.from_iterable(p.columns for p in parts))
    # Aligned at the last: what made only some parts came before what made all of them.
    places = zip_longest(*(reversed(p.made_by) for p in parts))
    makers = dict.fromkeys(maker for place in places for maker in reversed(place) if maker)
    return TracedFeature(name, tuple(columns), tuple(m for m in (*reversed(makers), made_by) if m))


def _trace(transformer: Any, inputs: Sequence[TracedFeature]) -> list[TracedFeature]:
    """Trace the outputs of a fitted transformer; ``inputs`` have the names that it knows."""
    if transformer is None or transformer == "passthrough":
        return list(inputs)
    if hasattr(transformer, "transformers_"):
        return _trace_blocks(transformer, inputs)
    if hasattr(transformer, "transformer_list"):
        return _trace_union(transformer, inputs)
    if hasattr(transformer, "steps"):
        for _, inner in transformer.steps:
            inputs = _trace(inner, inputs)
        return list(inputs)
    return _trace_names(transformer, inputs)


def _trace_blocks(transformer: Any, inputs: Sequence[TracedFeature]) -> list[TracedFeature]:
    """Trace the outputs of a fitted ColumnTransformer."""
    by_name = {f.name: f for f in inputs}
    names = [f.name for f in inputs]
    traced: dict[str, list[TracedFeature]] = {}
    for block, fitted, columns in transformer.transformers_:
        if not isinstance(fitted, str) or fitted != "drop":
            traced[block] = _trace(fitted, [by_name[n] for n in _list_names(columns, names)])
    places = sorted(traced, key=lambda block: transformer.output_indices_[block].start)
    return _rename(transformer, names, [f for block in places for f in traced[block]])


def _trace_union(transformer: Any, inputs: Sequence[TracedFeature]) -> list[TracedFeature]:
    """Trace the outputs of a fitted FeatureUnion."""
    parts = [_trace(inner, inputs) for _, inner in transformer.transformer_list if inner != "drop"]
    return _rename(transformer, [f.name for f in inputs], [f for part in parts for f in part])


def _rename(transformer: Any, names: list[str], outputs: list[TracedFeature]) -> list[TracedFeature]:
    """Name outputs, which are traced in order, as a transformer of transformers names them."""
    renamed = map(str, transformer.get_feature_names_out(names))
    return [f._replace(name=name) for f, name in zip(outputs, renamed, strict=True)]


def _list_names(columns: Any, names: Sequence[str]) -> list[str]:
    """List the names of a block's columns, which may be given by names, positions, a slice or a mask."""
    if isinstance(columns, str):
        return [columns]
    if not isinstance(columns, slice) and all(isinstance(c, str) for c in columns):
        return list(columns)
    chosen = np.asarray(names, dtype=object)[columns]
    return [str(n) for n in np.atleast_1d(chosen)]


def _trace_names(transformer: Any, inputs: Sequence[TracedFeature]) -> list[TracedFeature]:
    """Trace the outputs of one transformer by their names."""
    names = [f.name for f in inputs]
    outputs = [str(n) for n in transformer.get_feature_names_out(np.asarray(names, dtype=object))]
    # The last step of our Pipelines, or a FunctionTransformer without a function: they only name columns.
    is_naming = getattr(transformer, "feature_names_out", None) is name_outputs
    if is_naming or getattr(transformer, "func", outputs) is None:
        return [f._replace(name=name) for f, name in zip(inputs, outputs, strict=True)]
    if hasattr(transformer, "get_support"):  # it keeps some inputs as they are
        kept = [f for f, is_kept in zip(inputs, transformer.get_support(), strict=True) if is_kept]
        return [f._replace(name=name) for f, name in zip(kept, outputs, strict=True)]
    by_name = {f.name: f for f in inputs}
    made_by = _describe(transformer)
    return [_merge(name, _find_parts(name, by_name) or inputs, made_by) for name in outputs]


def _describe(transformer: Any) -> str:
    """Name a transformer after its class, its function, or what it wraps; empty if it changes no value."""
    inner = getattr(transformer, "encoder", None) or getattr(transformer, "transformer", None)
    function = getattr(transformer, "func", None)
    if function is np.asarray:
        return ""
    return str(getattr(function, "__name__", "")) or type(inner or transformer).__name__


def _find_parts(name: str, inputs: Mapping[str, TracedFeature]) -> list[TracedFeature]:
    """Find the inputs in the name of an output: itself, or those whose names begin it or are its words."""
    for whole in (name, name.removeprefix(INDICATOR_PREFIX)):
        if whole in inputs:
            return [inputs[whole]]
    words = [_POWER.sub("", word) for word in _PRODUCT.split(name)]
    if all(w in inputs for w in words):
        return [inputs[w] for w in dict.fromkeys(words)]
    # The longest name that begins it, for columns such as city and city_name.
    ends = (i for i in range(len(name) - 1, 0, -1) if name[i] in _SEPARATORS)
    return next(([inputs[name[:i]]] for i in ends if name[:i] in inputs), [])

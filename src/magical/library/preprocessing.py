"""The step ``transform``: plan imputation, scaling and encoding as an unfitted scikit-learn Pipeline."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import polars as pl

from magical.contracts.contract import Contract
from magical.contracts.model import LARGEST_NUMBER
from magical.contracts.promises import Frame, Pipeline, contract_of
from magical.contracts.schema import Schema
from magical.errors import BrokenPromise, join_names
from magical.events import current_sink, keep
from magical.features import Feature, LearnedFeature, PlanContext, limit_numbers, name_outputs
from magical.library.column_plan import build_pipeline, plan_blocks, plan_selection
from magical.library.feature_lineage import find_missing_columns, tabulate_features, trace_features
from magical.library.fitting import name_failures
from magical.library.left_out_columns import find_usable_columns, report_left_out
from magical.library.pipeline_inputs import find_pipeline_inputs
from magical.library.prediction_task import Task, infer_task, make_examples
from magical.library.remarks import log_warnings, warn
from magical.steps import step

if TYPE_CHECKING:
    from sklearn.model_selection import KFold, StratifiedKFold

__all__ = ["plan_pipeline", "transform"]

C = TypeVar("C", bound=Contract)

FOLDS = 5
PREVIEW_ROWS = 50
PREVIEW_FIT_ROWS = 50_000


def _check_features(train: Schema | None, features: Sequence[Feature]) -> None:
    """Check the learned features against the contract of train, while the workflow is drawn."""
    if train is not None:
        for feature in _list_learned(features):
            feature.find_columns(train)


@step(promises=_check_features)
def transform(train: Frame[C], features: tuple[Feature, ...] = ()) -> Pipeline:
    """Plan the conversion of features to numbers: imputation, scaling and encoding, to be fitted on train.

    Numbers: missing ones get the median and a column that marks them; scaled to mean 0 and variance 1. Dates:
    days since 1970, then the same. Bools: 0 or 1. Texts, and numbers of a ``Literal``, of up to 30 different
    values: one column each, rare ones together; new ones count as rare. Of more values: the target's mean of
    each, shrunken and cross-fitted (Micci-Barreca 2001). Left out and logged: columns with one value only,
    texts that hardly repeat, since a model would memorise them, and copies of another column. An infinite
    number counts as missing.

    Learned features of the settings, such as ``Impute``, ``Scale`` and ``Encode``, take the place of these
    stages for the columns that they name; of two that do so the later one, with a warning.

    Args:
        train: rows whose contract names the features: the columns without a role.
        features: the features of the settings. Learned ones are planned here; ``featurize`` adds the others,
            of which a missing one causes a warning.

    Returns:
        An unfitted Pipeline; ``tune`` fits it on train. Kept are the first transformed rows as
        ``transformed``, the columns that each feature comes from as ``features``, and the columns that are
        left out, with the reason, as ``left_out``.

    Raises:
        BrokenPromise: no feature is left, or the target cannot be predicted.
        WiringError: a learned feature names a column that is missing, of another type, or has a role. Found
            while drawing.

    Example:
        >>> from magical import Target
        >>> from magical.library import model_data
        >>> class Customer(Contract):
        ...     income: float | None
        ...     response: Target[bool]
        >>> raw = pl.DataFrame({"income": [1.0, None, 3.0], "response": [True, False, True]})
        >>> transform(model_data(raw, Customer)).named_steps["columns"].transformers[0][2]
        ['income']
    """
    schema = contract_of(train)
    _warn_missing_features(features, schema)
    _warn_infinite(train, schema)
    pipeline = plan_pipeline(train, features)
    # The preview costs a fit: make it only where a run keeps it, and on a sample of a large table.
    if current_sink.get() is not None:
        sample = train.gather_every(1 + train.height // PREVIEW_FIT_ROWS)
        fitted = _keep_preview(pipeline, sample, infer_task(train), schema)
        keep("features", tabulate_features(trace_features(fitted, schema, features)))
    return pipeline


def plan_pipeline(train: pl.DataFrame, features: Sequence[Feature] = ()) -> Pipeline:
    """Plan an unfitted Pipeline for the features of train.

    Args:
        train: rows with a contract.
        features: learned ones are planned; those that are computed row by row are passed over.

    Raises:
        BrokenPromise: no feature is left, or the target cannot be predicted.
        WiringError: a learned feature reads a column that is missing or of another type.
    """
    schema, task = contract_of(train), infer_task(train)
    learned = _list_learned(features)
    # What a selector selects is not named: an identifier among the texts is still left out.
    named = {name for f in learned if f.plan_stage not in ("impute", "scale") for name in f.columns}
    counts, left_out = find_usable_columns(train, schema, named)
    report_left_out(left_out)
    if not counts:
        unusable = f"; left out are {join_names(left_out, 4)}" if left_out else ""
        raise BrokenPromise(
            f"{schema.name} has no feature that a model could learn from{unusable}.",
            hint="declare columns without a role in its contract; what is not declared is no feature. "
            "Of texts make features, such as Text or Encode.",
        )
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import FunctionTransformer

    context = PlanContext(task.kind, train.height, _make_folds(train, task), task.classes)
    blocks = plan_blocks(counts, learned, schema, context)
    return build_pipeline(
        ("columns", ColumnTransformer([tuple(b) for b in blocks], sparse_threshold=0.0)),
        ("names", FunctionTransformer(limit_numbers, feature_names_out=name_outputs)),
        *plan_selection(learned, context),
    )


def _list_learned(features: Iterable[Feature]) -> list[LearnedFeature]:
    return [f for f in features if isinstance(f, LearnedFeature) and f.is_learned]


def _warn_missing_features(features: tuple[Feature, ...], schema: Schema) -> None:
    """Warn of features in the settings that train lacks, for example without a call of ``featurize``."""
    if missing := find_missing_columns(schema, features):
        warn(
            f"train lacks columns that the features add: {join_names(missing)}; is featurize called "
            "before the split?"
        )


def _warn_infinite(train: pl.DataFrame, schema: Schema) -> None:
    """Warn of infinite numbers, and of those whose squares are infinite, which count as missing."""
    floats = [c.name for c in schema.features if c.type == "float"]
    counts = train.select((pl.col(floats).abs() > LARGEST_NUMBER).sum()).row(0) if floats else ()
    found = [f"{n} ({count:,})" for n, count in zip(floats, counts, strict=True) if count]
    if found:
        warn(f"infinite numbers count as missing: {join_names(found)}")


def _make_folds(train: pl.DataFrame, task: Task) -> "KFold | StratifiedKFold":
    """Make the folds of the target encoder, by class where each class has enough rows."""
    from sklearn.model_selection import KFold, StratifiedKFold

    target = train.get_column(task.target).drop_nulls()
    if task.classes and target.value_counts()["count"].to_numpy().min() >= FOLDS:
        return StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    # A class with fewer rows than folds makes StratifiedKFold warn or fail.
    return KFold(max(2, min(FOLDS, len(target))), shuffle=True, random_state=0)


def _keep_preview(pipeline: Pipeline, train: pl.DataFrame, task: Task, schema: Schema) -> Pipeline:
    """Keep the first transformed rows, and return the fitted copy: the step returns the Pipeline unfitted."""
    from sklearn.base import clone

    rows = make_examples(train, task, find_pipeline_inputs(pipeline, schema))
    with log_warnings(), name_failures("the preprocessing", {}):
        fitted = clone(pipeline)
        values = np.asarray(fitted.fit_transform(rows.X, rows.y))[:PREVIEW_ROWS]
    names = map(str, fitted.get_feature_names_out())
    keep("transformed", pl.DataFrame({n: values[:, i] for i, n in enumerate(names)}))
    return fitted

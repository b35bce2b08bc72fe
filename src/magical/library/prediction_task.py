"""The prediction task: its kind, its classes in order, and examples for scikit-learn."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl

from magical.contracts.model import to_canonical_frame
from magical.contracts.promises import contract_of
from magical.contracts.schema import Column, Schema
from magical.errors import BrokenPromise, join_names

__all__ = [
    "PROBABILITY_PREFIX",
    "Examples",
    "Task",
    "TaskKind",
    "encode_classes",
    "encode_target",
    "infer_task",
    "list_possible_classes",
    "make_examples",
    "prediction_columns",
    "require_target_kind",
]

TaskKind = Literal["binary", "multiclass", "regression"]

PROBABILITY_PREFIX = "probability_"
"""The prefix of the names of the columns of probabilities; the class follows."""


_MAX_CLASSES, _MAX_SHARE = 20, 0.05
"""Whole numbers of more values, or with fewer than twenty rows a value, are amounts.

Classes and ratings that tables have as numbers lie far below: flowers have 3 values in 150 rows, digits 10 in
1,797, grades of houses 11 in 16,613. Amounts lie far above, such as 214 values in 442 rows."""


class Examples(NamedTuple):
    """Rows for an estimator.

    Attributes:
        X: the features.
        y: numbers, or class numbers in the task's order (-1 for an unknown class).
        weight: the weight of each row in a fit; None for equal weights.
        categories: the places of the columns of ``X`` that contain codes of categories: whole numbers from 0,
            and NaN for a missing or unknown value. Only a preprocessing for trees makes them.
    """

    X: Any
    y: np.ndarray[Any, Any]
    weight: np.ndarray[Any, Any] | None = None
    categories: tuple[int, ...] = ()


@dataclass(frozen=True)
class Task:
    """The kind of prediction, the target column, and its classes in order, the positive one last.

    Example:
        >>> Task("binary", "response", (False, True)).metric
        'log_loss'
    """

    kind: TaskKind
    target: str
    classes: tuple[Any, ...] = ()

    @property
    def metric(self) -> str:
        """The metric that tuning and selection minimise."""
        return "rmse" if self.kind == "regression" else "log_loss"

    def decide(self, guess: np.ndarray[Any, Any], threshold: float = 0.5) -> np.ndarray[Any, Any]:
        """Choose a class number by the probabilities of each row; numbers stay as they are.

        Example:
            >>> Task("binary", "response", (False, True)).decide(np.array([[0.4, 0.6]]), 0.7).tolist()
            [0]
        """
        if self.kind == "regression":
            return guess
        return (guess[:, 1] >= threshold).astype(int) if self.kind == "binary" else guess.argmax(axis=1)

    def tabulate(self, guess: np.ndarray[Any, Any], threshold: float = 0.5) -> pl.DataFrame:
        """Tabulate predictions as a model gives them: ``prediction``, and a probability for each class."""
        found = pl.Series("prediction", self.decide(guess, threshold))
        if self.classes:
            found = pl.Series("prediction", list(self.classes)).gather(found)
        return pl.DataFrame(
            [found, *(pl.Series(f"{PROBABILITY_PREFIX}{c}", guess[:, i]) for i, c in enumerate(self.classes))]
        )


def infer_task(table: pl.DataFrame) -> Task:
    """Infer the task from the target's type in the contract, and its classes from the rows.

    A bool, a text or a ``Literal`` gives classes: two are ``binary``, more ``multiclass``. A number without
    choices gives ``regression``. Classes come in the order of the ``Literal``, else False before True, else
    sorted; those without a row are left out.

    Raises:
        BrokenPromise: the contract has no target, its type cannot be predicted, it has one class only, or it
            is an ``int`` that may be classes as well as a number.

    Example:
        >>> from magical import Contract, Target
        >>> from magical.library import model_data
        >>> class Customer(Contract):
        ...     response: Target[bool]
        >>> infer_task(model_data(pl.DataFrame({"response": ["yes", "no"]}), Customer))
        Task(kind='binary', target='response', classes=(False, True))
    """
    schema = contract_of(table)
    if schema.target is None:
        raise BrokenPromise(
            f"{schema.name} has no target, so there is nothing to predict.",
            hint="mark one column Target[...] in its contract.",
        )
    column = schema.column(schema.target)
    values = table.get_column(column.name).drop_nulls()
    if column.is_class:
        # Take the classes from the rows: an estimator fitted without a class has no probability for it.
        seen = set((values.cast(pl.String) if column.type == "str" else values).unique())
        classes = tuple(c for c in (column.choices or sorted(seen)) if c in seen)
        if len(classes) < 2:
            raise BrokenPromise(
                f"The target has one class only: {column.name} is {next(iter(seen), None)} in all "
                f"{len(values):,} rows.",
                hint="give rows of at least two classes; look at the steps before.",
            )
        return Task("binary" if len(classes) == 2 else "multiclass", column.name, classes)
    if column.type not in ("int", "float"):
        raise BrokenPromise(
            f"The target {column.name} is {column.type_text}, which cannot be predicted.",
            hint="make it a bool, a str or a Literal (classes), or an int or a float (a number).",
        )
    require_target_kind(values, schema)
    return Task("regression", column.name)


def list_possible_classes(values: pl.Series) -> list[int]:
    """List the values of whole numbers that may be classes as well as a number; empty if they are an amount.

    They may be classes if they have two values; or up to twenty, which are fewer than 5 % of the rows.

    Example:
        >>> list_possible_classes(pl.Series([1, 2, 3] * 21)), list_possible_classes(pl.Series(range(63)))
        ([1, 2, 3], [])
    """
    known = values.drop_nulls()
    count = known.n_unique()
    if count != 2 and not (2 < count <= _MAX_CLASSES and count < _MAX_SHARE * len(known)):
        return []
    return [int(v) for v in known.unique().sort()]


def require_target_kind(values: pl.Series, schema: Schema) -> None:
    """Check that the contract decides if its target is a class or a number.

    Args:
        values: the target.

    Raises:
        BrokenPromise: it is an ``int`` of few values, and so may be either.
    """
    column = schema.column(values.name)
    classes = list_possible_classes(values) if column.type == "int" and not column.is_class else []
    if not classes:
        return
    listed = join_names(map(str, classes), 6)
    kinds = "bool" if classes == [0, 1] else f"Literal[{', '.join(map(str, classes))}]"
    number, kinds = (f"Target[{kind}{' | None' if column.nullable else ''}]" for kind in ("float", kinds))
    place = f"{schema.name}{f' ({schema.source})' if schema.source else ''}"
    raise BrokenPromise(
        f"{column.name} is Target[int] with {len(classes)} values in {len(values):,} rows: {listed}. "
        "They may be classes or a number, and nothing decides.",
        hint=f"write {column.name}: {kinds} for classes, or {number} for a number, in {place}.",
    )


def prediction_columns(
    kind: str, classes: Iterable[Any], *, choices: tuple[Any, ...] = (), nullable: bool = False
) -> tuple[Column, ...]:
    """Describe the columns of predictions: ``prediction``, and a probability for each class.

    Example:
        >>> [c.name for c in prediction_columns("bool", (False, True))]
        ['prediction', 'probability_False', 'probability_True']
    """
    names, unit = (f"{PROBABILITY_PREFIX}{c}" for c in classes), {"ge": 0, "le": 1}
    probabilities = (Column(name, "float", nullable, bounds=unit) for name in names)
    return (Column("prediction", kind, nullable, choices=choices), *probabilities)


def encode_target(values: pl.Series, task: Task) -> np.ndarray[Any, Any]:
    """Encode target values as class numbers (-1 for a class that the task lacks), or as floats.

    Example:
        >>> encode_target(pl.Series(["b", "a", "x"]), Task("binary", "t", ("a", "b"))).tolist()
        [1, 0, -1]
    """
    if task.kind == "regression":
        return values.cast(pl.Float64).to_numpy()
    return encode_classes(values, [str(c) for c in task.classes])


def encode_classes(values: pl.Series, classes: Sequence[str]) -> np.ndarray[Any, Any]:
    """Encode values as the numbers of their classes from 0, and -1 for any other value.

    Example:
        >>> encode_classes(pl.Series([True, False]), ["False", "True"]).tolist()
        [1, 0]
    """
    # Compare as texts: a table may come back with its classes as bools, Categorical or Enum.
    distinct = values.unique().to_list()
    numbers = {name: i for i, name in enumerate(classes)}
    encoded = [numbers.get(str(v), -1) for v in distinct]
    return values.replace_strict(distinct, encoded, return_dtype=pl.Int64).to_numpy()


def make_examples(table: pl.DataFrame, task: Task, inputs: Schema) -> Examples:
    """Convert the rows that have a target to examples for scikit-learn; ``inputs`` are the features."""
    rows = table.filter(pl.col(task.target).is_not_null())
    return Examples(to_canonical_frame(rows, inputs), encode_target(rows.get_column(task.target), task))

"""What is predicted: the task, the classes in their order, and examples as scikit-learn takes them."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl

from magical.contracts.model import to_canonical_frame
from magical.contracts.promises import contract_of
from magical.contracts.schema import Schema
from magical.errors import BrokenPromise
from magical.library.remarks import warn

__all__ = ["Examples", "Task", "TaskKind", "encode_target", "infer_task", "make_examples"]

TaskKind = Literal["binary", "multiclass", "regression"]


class Examples(NamedTuple):
    """Features and what is to be predicted from them, row by row.

    Attributes:
        X: the features.
        y: class numbers from 0 in the order of the task's classes (-1 for another), or numbers.
    """

    X: Any
    y: np.ndarray[Any, Any]


@dataclass(frozen=True)
class Task:
    """What is predicted.

    Attributes:
        kind: ``binary``, ``multiclass`` or ``regression``.
        target: the column.
        classes: in order; for ``binary`` the last one is the positive class. Empty for ``regression``.
    """

    kind: TaskKind
    target: str
    classes: tuple[Any, ...] = ()

    @property
    def metric(self) -> str:
        """The metric that decides, the lower the better."""
        return "rmse" if self.kind == "regression" else "log_loss"


def infer_task(table: pl.DataFrame) -> Task:
    """Read the task from the target's column in the contract, and its classes from the rows.

    A truth, a text or a ``Literal`` gives classes: two are ``binary``, more ``multiclass``. A number without
    choices gives ``regression``. Classes come in the order of the ``Literal``, else False before True, else
    sorted; those that no row has are left out.

    Raises:
        BrokenPromise: the contract has no target, or the target cannot be predicted, or has one class only.

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
    if column.type == "int" and values.n_unique() == 2:
        warn(f"{column.name} is a number, so this is a regression; for two classes write Target[bool].")
    return Task("regression", column.name)


def encode_target(values: pl.Series, task: Task) -> np.ndarray[Any, Any]:
    """Give target values as class numbers (-1 for a class the task does not know), or as floats.

    Example:
        >>> encode_target(pl.Series(["b", "a", "x"]), Task("binary", "t", ("a", "b"))).tolist()
        [1, 0, -1]
    """
    if task.kind == "regression":
        return values.cast(pl.Float64).to_numpy()
    if isinstance(task.classes[0], str):
        values = values.cast(pl.String)
    known = pl.Series(list(task.classes), dtype=values.dtype)
    return values.replace_strict(known, list(range(len(known))), default=-1, return_dtype=pl.Int64).to_numpy()


def make_examples(table: pl.DataFrame, task: Task, inputs: Schema) -> Examples:
    """Give the rows that have a target as scikit-learn takes them.

    Args:
        table: rows with the inputs and the target.
        task: what is predicted.
        inputs: the features.
    """
    rows = table.filter(pl.col(task.target).is_not_null())
    return Examples(to_canonical_frame(rows, inputs), encode_target(rows.get_column(task.target), task))

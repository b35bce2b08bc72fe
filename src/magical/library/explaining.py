"""The step ``explain``: tell which columns a model uses, and how its predictions depend on them."""

from typing import Any, NamedTuple, TypeVar

import numpy as np
import polars as pl
from pydantic import Field

from magical.brand import mark_not_real
from magical.contracts.contract import Contract
from magical.contracts.model import Model, format_number
from magical.contracts.promises import Frame, contract_of
from magical.contracts.schema import Schema
from magical.engine.protocols import StepContext, current_part, current_step
from magical.errors import BrokenPromise, MagicalError, join_names, shorten
from magical.events import current_sink, emit, keep
from magical.library.judging.importance import JudgedRows, choose_rows, measure_importance
from magical.library.judging.partial_dependence import tabulate_dependence
from magical.library.judging.replayed_rows import ReplayedRows
from magical.library.metrics.bootstrap import number_units
from magical.library.metrics.scores import Score
from magical.library.prediction_task import encode_classes
from magical.library.remarks import log_warnings, mute_events, warn
from magical.library.scorer.held_out_rows import find_typed_rows
from magical.library.scorer.scoring_steps import ScoringChain
from magical.library.thread_limits import limit_threads
from magical.refs import Link
from magical.scoring_path import derive_scoring_path
from magical.settings import Settings
from magical.steps import step
from magical.synthesis.stub_models import is_stub

__all__ = ["ExplainSettings", "Explanation", "explain"]

C = TypeVar("C", bound=Contract)

_DEPENDENCE_ROWS = 250
_LOSSES = {"regression": "squared_error"}


class ExplainSettings(Settings):
    """Settings of ``explain``, which bound its cost.

    Attributes:
        rows: the most rows to shuffle; more are drawn at random from the table.
        repeats: how often the columns that matter most are shuffled.
        dependence: the number of columns whose partial dependence is shown.

    Example:
        >>> ExplainSettings().rows
        5000
    """

    rows: int = Field(default=5_000, ge=10)
    repeats: int = Field(default=5, ge=1)
    dependence: int = Field(default=6, ge=0)


class Explanation(Contract):
    """What a model's predictions depend on, measured on the rows of one part.

    Attributes:
        part: the part that the rows are of, such as ``validation``.
        rows: the number of rows that were shuffled.
        level: ``raw`` if the columns are those of ``model_data``, ``feature`` if they are the model's own
            features; empty if nothing was measured.
        loss: ``log_loss``, or ``squared_error`` in the square of the target's unit.
        base: the loss of the rows as they are.
        outcome: the prediction that the partial dependence is of, such as ``probability of True``.
        importance: the loss gained by shuffling, with its 95 % interval over the rows, by column, the largest
            first; the columns of a group are joined by `` + ``.
        unused: the columns that do not reach the model.
        constant: the columns with one value in all of the rows, which tell nothing.
        failed: for columns that could not be measured, why.
        reason: why the columns are not raw ones, or why nothing was measured; empty otherwise.
        origin: the pretended or sampled steps upstream.

    Example:
        >>> income = Score(value=0.1234, low=0.08, high=0.17)
        >>> print(Explanation(rows=448, level="raw", base=0.2, importance={"income": income}))
        log_loss 0.2, with shuffled income 0.323; 448 validation rows
    """

    part: str = "validation"
    rows: int = 0
    level: str = ""
    loss: str = "log_loss"
    base: float = 0.0
    outcome: str = ""
    importance: dict[str, Score] = Field(default_factory=dict)
    unused: tuple[str, ...] = ()
    constant: tuple[str, ...] = ()
    failed: dict[str, str] = Field(default_factory=dict)
    reason: str = ""
    origin: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return f"<explanation: {shorten(self.summary(), 400)}>"

    @property
    def used(self) -> list[str]:
        """The columns, or groups of them, whose importance is more than chance, the largest first."""
        return [name for name, score in self.importance.items() if score.low > 0]

    def summary(self) -> str:
        """Name the three most important columns in one line, with the rows that tell it."""
        text = f"not explained: {self.reason}"
        if self.level:
            squared = self.loss == "squared_error"
            base, *losses = (
                format_number(loss**0.5 if squared else loss, 3)
                for loss in (self.base, *(self.base + self.importance[n].value for n in self.used[:3]))
            )
            names = [shorten(n, 60) for n in self.used[:3]]
            first = ", ".join(f"{name} {loss}" for loss, name in zip(losses, names, strict=True))
            text = f"{'rmse' if squared else self.loss} {base}, "
            text += f"with shuffled {first}" if first else "and no column matters"
            text += f"; {self.rows:,} {self.part} rows{'' if self.level == 'raw' else ', by features'}"
        return mark_not_real(text) if self.origin else text


@step
def explain(model: Model, table: Frame[C], how: ExplainSettings = ExplainSettings()) -> Explanation:  # noqa: B008
    """Tell which columns a model uses, and how its predictions depend on them.

    Importance is the loss that the model gains if a column is shuffled (Breiman 2001), log loss for classes
    and squared error for numbers, on rows that no fit of it has seen. The columns are the raw ones of
    ``model_data``: shuffled rows pass the steps of the project again, as new rows do when they are scored.
    Outside a run, or where rows cannot be replayed, they are the model's own features, and the result says
    why. Columns that explain one another (a correlation of 0.9, or a function of the other) are shuffled
    together: alone, each would seem to be of no use. The weight of the contract weighs the loss, and the rows
    of a group count as one in the intervals.

    Args:
        model: the model that ``select`` chose, before ``refit`` fits it on ``table`` as well.
        table: validation.
        how: the settings, which bound the cost.

    Returns:
        What the model uses. The tables ``importance`` and ``dependence``, the partial dependence of the first
        columns (Friedman 2001), are kept for the report.

    Raises:
        BrokenPromise: the model's experiment failed, the table has no target or no row with one, or it lacks
            a feature.

    Example:
        >>> from magical import Target
        >>> from magical.library import linear, model_data, train, transform
        >>> class House(Contract):
        ...     size: float
        ...     floor: float
        ...     price: Target[float]
        >>> raw = pl.DataFrame({"size": range(50), "floor": [1, 2, 3, 4, 5] * 10, "price": range(0, 100, 2)})
        >>> houses = model_data(raw, House)
        >>> explain(train(houses, houses, transform(houses), linear()), houses).used
        ['size']
    """
    context = current_step()
    part = current_part("table", "validation")
    if is_stub(model):
        return Explanation(part=part, reason="the model is pretended")
    model.check_fitted()
    rows = _choose_rows(model, table, how)
    judged = _read_judged(model, rows.table, contract_of(table))
    with log_warnings(), limit_threads(), mute_events():
        replayed, reason = _replay_rows(context, model, rows)
        found = measure_importance(replayed, judged, how.repeats)
        names = [name for group, score in found.values.items() if score.low > 0 for name in group]
        output, outcome = _choose_output(model, judged)
        few, fewer = _take_few(replayed, judged)
        dependence, failed = tabulate_dependence(few, fewer, names, output, how.dependence)
    importance = {" + ".join(g): score for g, score in found.values.items()}
    _keep_tables(importance, dependence, replayed.level)
    result = Explanation(
        part=part,
        rows=replayed.rows.height,
        level=replayed.level,
        loss=_LOSSES.get(model.task, "log_loss"),
        outcome=outcome,
        importance=importance,
        base=found.base,
        unused=found.unused,
        constant=found.constant,
        failed={" + ".join(g): why for g, why in found.failed.items()} | failed,
        reason=reason,
    )
    _report(result)
    return result


class _ChosenRows(NamedTuple):
    """Rows with a target, and their places in the table that they were drawn from."""

    table: pl.DataFrame
    given: pl.DataFrame
    places: np.ndarray[Any, Any]


def _choose_rows(model: Model, table: pl.DataFrame, how: ExplainSettings) -> _ChosenRows:
    if model.target not in table.columns:
        raise BrokenPromise(
            f"explain: the table has no {model.target}.", hint="give the part validation of split."
        )
    places = table[model.target].is_not_null().arg_true().to_numpy()
    if not len(places):
        raise BrokenPromise(
            f"explain: none of {table.height:,} rows has a {model.target}.",
            hint="give rows whose outcome is known.",
        )
    chosen = choose_rows(len(places), table.width, how.rows)
    places = places if chosen is None else places[chosen]
    return _ChosenRows(table[places], table, places)


def _read_judged(model: Model, rows: pl.DataFrame, schema: Schema) -> JudgedRows:
    target = rows[model.target]
    if model.task == "regression":
        truth = target.cast(pl.Float64).to_numpy()
    else:
        truth = encode_classes(target, [str(c) for c in model.classes])
    weights = np.ones(rows.height)
    for name in schema.names_with_role("weight"):
        weights = rows[name].cast(pl.Float64).fill_null(0).to_numpy()
    return JudgedRows(truth, weights, number_units(rows, schema))


def _replay_rows(context: StepContext | None, model: Model, rows: _ChosenRows) -> tuple[ReplayedRows, str]:
    """Return the rows with their raw columns, or with the features and the reason why."""
    wires = context.node.inputs if context else {}
    link, fit = wires.get("table"), wires.get("model")
    if context is None or not (isinstance(link, Link) and isinstance(fit, Link)):
        return ReplayedRows.from_features(model, rows.table), "outside a run there are no steps to replay"
    try:
        return _replay_raw(context, model, rows, link), ""
    except Exception as error:  # steps of the project are called in a way that they may not be ready for
        reason = error.lines[0] if isinstance(error, MagicalError) else f"{type(error).__name__}: {error}"
        return ReplayedRows.from_features(model, rows.table), shorten(reason, 200)


def _replay_raw(context: StepContext, model: Model, rows: _ChosenRows, link: Link) -> ReplayedRows:
    path = derive_scoring_path(context.graph, context.node.name)
    if path.refusal:
        raise BrokenPromise(f"a row alone cannot be scored: {path.refusal}")
    typed = find_typed_rows(context, path, link, rows.given)
    if typed is None:
        raise BrokenPromise("the rows of model_data cannot be matched with these: they have no Id.")
    return ReplayedRows.from_raw(
        model, rows.table, typed[rows.places], ScoringChain.from_path(path, lambda i: _load(context, i))
    )


def _load(context: StepContext, link: Link) -> Any:
    value: Any = context.load(link.node)
    if not link.item:
        return value
    return value[int(link.item)] if link.item.isdecimal() else getattr(value, link.item)


def _choose_output(model: Model, judged: JudgedRows) -> tuple[int, str]:
    """Choose the class whose probability is shown: the positive one of two, else the most frequent."""
    if model.task == "regression":
        return 0, model.target
    place = 1 if model.task == "binary" else int(np.bincount(judged.truth[judged.truth >= 0]).argmax())
    return place, f"probability of {shorten(model.classes[place], 60)}"


def _take_few(replayed: ReplayedRows, judged: JudgedRows) -> tuple[ReplayedRows, JudgedRows]:
    """Take the rows that the dependence is averaged over: it needs fewer than a loss does."""
    chosen = choose_rows(replayed.rows.height, 1, _DEPENDENCE_ROWS)
    if chosen is None:
        return replayed, judged
    truth, weights, units = judged
    units = None if units is None else np.unique(units[chosen], return_inverse=True)[1]
    return replayed.take(chosen), JudgedRows(truth[chosen], weights[chosen], units)


def _keep_tables(importance: dict[str, Score], dependence: pl.DataFrame, level: str) -> None:
    if current_sink.get() is None:
        return
    rows = [(name, s.value, s.low, s.high, level) for name, s in importance.items()]
    numbers = dict.fromkeys(("value", "low", "high"), pl.Float64)
    keep(
        "importance", pl.DataFrame(rows, {"columns": pl.String, **numbers, "level": pl.String}, orient="row")
    )
    keep("dependence", dependence)


def _report(result: Explanation) -> None:
    if current_sink.get() is None:
        return
    if result.reason:
        emit(f"by features, not raw columns: {result.reason}")
    for names, why in list(result.failed.items())[:3]:
        warn(f"the importance of {names} cannot be measured: {why}")
    if result.unused:
        emit(f"does not reach the model: {join_names(result.unused, 6)}")

"""Auto: an experiment of several models, in the order of their worth, as far as a budget of time allows."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec  # `importlib` itself would tie the key of the step to all modules
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field, model_validator

from magical.errors import BrokenPromise, WiringError, join_names
from magical.library.experiments import Boosting, CatBoost, Experiment, Linear, XGBoost
from magical.library.member_costs import MemberGate, Work, format_seconds

if TYPE_CHECKING:
    from magical.contracts.model import Model
    from magical.contracts.promises import Pipeline
    from magical.library.prediction_task import TaskKind
    from magical.library.tuning import TuningData

__all__ = ["Auto", "Member", "auto", "list_members"]

SMALL_ROWS = 10_000  # below it other presets are best
DEFAULT_BUDGET = 60.0
EXTRAS = {"xgboost": "XGBoost", "catboost": "CatBoost"}
CROSSED_COLUMNS = 5
SEARCH_TRIALS = 8

_KINDS: Mapping[str, type[Experiment]] = {
    "linear": Linear,
    "boosting": Boosting,
    "xgboost": XGBoost,
    "catboost": CatBoost,
}


class Member(NamedTuple):
    """One of the models of an automatic experiment.

    Attributes:
        kind: the experiment: ``linear``, ``boosting``, ``xgboost`` or ``catboost``.
        preset: its parameters; empty for a linear model.
        scale: ``log`` to fit the logarithm of the target.
        crosses: True to add sums, differences and quotients of numbers. None: if they helped before.
    """

    kind: str
    preset: str = ""
    scale: Literal["log"] | None = None
    crosses: bool | None = False

    @property
    def name(self) -> str:
        """The name of its experiment, such as ``boosting_mid_log``."""
        parts = (self.kind, self.preset, self.scale or "", "crosses" if self.crosses else "")
        return "_".join(part for part in parts if part)


_LINEAR = Member("linear")
_EXTRA_SMALL = Member("boosting", "extra_trees_small")
_MID = Member("boosting", "mid")

# The order under a budget, as measured: what is worth most for its time comes first.
_ORDER: Mapping[tuple[str, str], tuple[Member, ...]] = {
    ("classes", "small"): (
        _LINEAR,
        _EXTRA_SMALL,
        Member("xgboost", "small"),
        Member("catboost", "small"),
        Member("boosting", "small"),
        Member("boosting", "extra_trees"),
    ),
    ("classes", "large"): (
        _LINEAR,
        Member("boosting", "wide"),
        _MID,
        Member("xgboost", "mid"),
        Member("catboost", "mid"),
    ),
    ("number", "small"): (
        _LINEAR,
        _EXTRA_SMALL,
        _MID._replace(scale="log"),
        _MID,
        _EXTRA_SMALL._replace(scale="log"),
        Member("xgboost", "small", "log"),
        Member("xgboost", "small"),
        Member("catboost", "small"),
    ),
    ("number", "large"): (
        _LINEAR,
        _MID._replace(crosses=True),
        _MID,
        _MID._replace(scale="log"),
        Member("xgboost", "mid", crosses=None),
        Member("catboost", "mid", crosses=None),
    ),
}


def list_members(task: TaskKind, rows: int, *, may_log: bool, installed: Sequence[str]) -> list[Member]:
    """List the members of an automatic experiment in their order.

    Args:
        task: what is predicted.
        rows: the number of rows of train and validation.
        may_log: True if the logarithm of the target may be fitted.
        installed: the extras that can be imported, of ``xgboost`` and ``catboost``.

    Example:
        >>> [m.name for m in list_members("binary", 50_000, may_log=False, installed=["xgboost"])]
        ['linear', 'boosting_wide', 'boosting_mid', 'xgboost_mid']
    """
    size = "small" if rows < SMALL_ROWS else "large"
    order = _ORDER["number" if task == "regression" else "classes", size]
    return [
        m for m in order if (may_log or m.scale is None) and (m.kind not in EXTRAS or m.kind in installed)
    ]


class Auto(Experiment):
    """Several models, tuned by what was measured on many tables, and the weighted mean of the best of them.

    The members are fitted one after another, in the order of their worth for this task and size of table. One
    starts only if its fits, and the refits of all that may be kept, are guessed to fit into what is left of
    the budget. A member that fails is left out. XGBoost and CatBoost take part if they are installed.

    If time is left on a table of less than 10,000 rows, a short search goes around the best LightGBM member.

    With ``trials`` in the place of a budget the first so many members are fitted, whatever they take, and the
    same settings give the same model to the last bit.

    Attributes:
        budget: seconds, also as a text such as ``60s`` or ``5m``: of all fits, those of ``refit`` included.
            60 seconds if neither it nor ``trials`` is given.
        trials: the number of members at most.
        seeds: the number of fits of each member whose mean ``refit`` gives.

    Example:
        >>> Auto().budget, Auto(trials=3).budget, auto(budget="5m").budget
        (60.0, None, 300.0)
    """

    name: str = "auto"
    trials: int = Field(default=20, ge=1, le=10_000)
    seeds: int = Field(default=2, ge=1, le=20)

    @model_validator(mode="before")
    @classmethod
    def _fill_budget(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and not {"budget", "trials"} & {*values}:
            return {**values, "budget": DEFAULT_BUDGET}
        return values

    @model_validator(mode="after")
    def _refuse_search(self) -> Auto:
        if self.search:
            raise ValueError(
                "auto has members of several kinds, so it has no parameters that a search could name"
            )
        return self

    def estimator(self, task: TaskKind, params: Mapping[str, Any]) -> Any:
        """Refuse: it has no estimator of its own.

        Raises:
            WiringError: always.
        """
        raise WiringError(
            f"{self.name} is more than one estimator, so it cannot be trained once.",
            hint="call tune in the place of train.",
        )

    def tune(self, data: TuningData) -> Model:
        """Fit the members, and combine the best of them.

        Raises:
            BrokenPromise: the budget is too small for any member.
        """
        if self.preprocessing is not None:
            from magical.library.preprocessing import plan_pipeline  # late, as all that fits

            data = replace(data, preprocessing=plan_pipeline(data.train, self.preprocessing))
        return _MemberRun(self, data).run()


auto = Auto


@dataclass
class _MemberRun:
    """One run of the members of an automatic experiment on its data.

    Attributes:
        models: of the members that were fitted.
        losses: of each member that was fitted; infinite if it failed.
        rows: of the table ``members``.
    """

    settings: Auto
    data: TuningData
    models: list[Model] = field(default_factory=list)
    losses: dict[Member, float] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.gate = MemberGate(float(self.settings.budget or math.inf))

    @property
    def spent(self) -> float:
        """The seconds since the beginning; 0 without a budget, where no time counts."""
        return time.monotonic() - self.started if self.settings.budget else 0.0

    def run(self) -> Model:
        """Fit the members that the gate admits, and combine them."""
        from magical.library.ensembling import combine_models

        members = self._list_members()
        self._check_budget(members)
        for number, member in enumerate(members):
            self._report(number, len(members), member.name)
            self._try(member)
        self._search(len(members))
        is_failed = all(model.failure for model in self.models)
        best = self._build_failed() if is_failed else combine_models(self.models, self.data.metric)
        self._keep_table(best)
        return best

    def _list_members(self) -> list[Member]:
        from magical.events import emit

        data, settings = self.data, self.settings
        installed = [name for name in EXTRAS if has_package(name)]
        members = list_members(
            data.task.kind,
            len(data.y),
            may_log=settings.target is None and _is_log_worth(data),
            installed=installed,
        )
        if missing := [text for name, text in EXTRAS.items() if name not in installed]:
            emit(f"{settings.name} goes without {join_names(missing)}: not installed")
        return members[: settings.trials]

    def _check_budget(self, members: Sequence[Member]) -> None:
        """Refuse a budget that is too small for any member."""
        needed = {m: sum(self.gate.guess(m.kind, self._plan_work(m))) for m in members}
        cheapest = min(needed, key=lambda m: needed[m])
        if needed[cheapest] > self.gate.budget:
            raise BrokenPromise(
                f"{self.settings.name}: a budget of {format_seconds(self.gate.budget)} is too small for any "
                f"member on {len(self.data.y):,} rows.",
                f"  {cheapest.name} is the cheapest, and needs about {format_seconds(needed[cheapest])}.",
                hint="give a larger budget.",
            )

    def _try(self, member: Member) -> None:
        """Fit a member if the gate admits it, and note what it took."""
        if member.crosses is None:
            member = member._replace(crosses=self._helped_by_crosses())
        work = self._plan_work(member)
        guess = sum(self.gate.guess(member.kind, work))
        row = {"member": member.name, "outcome": "fitted", "guessed seconds": guess, "seconds": 0.0}
        self.rows.append(row)
        spent = self.spent if self.models else 0.0  # the budget is enough for the first, as was checked
        if refusal := self.gate.find_refusal(member.kind, work, spent):
            row["outcome"] = f"not started: {refusal}"
            return
        start = time.monotonic()
        model = self._fit(member)
        seconds = time.monotonic() - start
        self.losses[member] = self._add(model, row, seconds)
        self.gate.note(member.kind, work, seconds, self.losses[member])

    def _fit(self, member: Member) -> Model:
        from magical.library.training import Trainer

        experiment = self._make_experiment(member)
        trainer = Trainer.prepare(self._choose_data(member), experiment)
        return trainer.build_model(trainer.fit(experiment.defaults(self.data.task.kind)))

    def _add(self, model: Model, row: dict[str, Any], seconds: float) -> float:
        """Add a model to the candidates, describe it in its row, and return its loss."""
        score = model.chosen.score if model.chosen else math.nan
        row |= {"seconds": seconds, self.data.metric_name: score}
        if model.failure:
            row["outcome"] = f"failed: {model.failure}"
        self.models.append(model)
        return math.inf if model.failure else self.data.to_loss(score)

    def _search(self, done: int) -> None:
        """Spend what is left of the budget on a search around the best LightGBM member of a small table."""
        known = [m for m, loss in self.losses.items() if m.kind == "boosting" and math.isfinite(loss)]
        if not self.settings.budget or not known or len(self.data.y) >= SMALL_ROWS:
            return
        member = min(known, key=lambda m: self.losses[m])
        trial, refits = self.gate.guess(member.kind, self._plan_work(member))
        # The trial that runs when the time is over ends later.
        seconds = self.gate.find_left(self.spent) - refits - trial
        if seconds < 2 * trial:
            return
        name = f"{member.name}_searched"
        fields = {"name": name, "trials": SEARCH_TRIALS, "budget": seconds}
        experiment = self._make_experiment(member).model_copy(update=fields)
        self._report(done, done, name)
        start = time.monotonic()
        model = self._choose_data(member).search(experiment)
        row = {"member": name, "outcome": "searched", "guessed seconds": SEARCH_TRIALS * trial}
        self.rows.append(row)
        if not self._add(model, row, time.monotonic() - start) < self.losses[member]:
            self.models.pop()  # the member itself is one of its trials
            row["outcome"] = "searched: nothing better"

    def _helped_by_crosses(self) -> bool:
        """Return True if the member with crosses was better than the same one without."""
        crossed = _MID._replace(crosses=True)
        return self.losses.get(crossed, math.inf) < self.losses.get(_MID, math.inf)

    def _choose_data(self, member: Member) -> TuningData:
        if not member.crosses:
            return self.data
        return replace(self.data, preprocessing=add_crosses(self.data.preprocessing))

    def _make_experiment(self, member: Member) -> Experiment:
        own = self.settings
        fields: dict[str, Any] = {"preset": member.preset} if member.preset else {}
        return _KINDS[member.kind](
            name=member.name,
            trials=1,
            seed=own.seed,
            seeds=own.seeds if member.preset else 1,  # a linear model is the same whatever its seed
            target=member.scale or own.target,
            class_weight=own.class_weight,
            **fields,
        )

    def _plan_work(self, member: Member) -> Work:
        """Count the rows of the fits and refits of a member."""
        data, task = self.data, self.data.task
        folds = [*data.folds, data.train_fold] if data.is_folded else data.folds
        inputs = len(data.inputs)
        crosses = 3 * math.comb(min(inputs, CROSSED_COLUMNS), 2) if member.crosses else 0
        return Work(
            fits=tuple(len(fold.fit) for fold in folds),
            refits=(len(data.y),) * (self.settings.seeds if member.preset else 1),
            columns=inputs + crosses,
            models=len(task.classes) if task.kind == "multiclass" else 1,
            is_number=task.kind == "regression",
        )

    def _report(self, number: int, total: int, name: str) -> None:
        """Tell the progress: the member that begins, the best score so far, and the time that is left."""
        from magical.contracts.model import format_number
        from magical.library.remarks import progress

        parts = [name]
        scores = [m.chosen.score for m in self.models if m.chosen and not m.failure]
        if scores:
            best = min(scores, key=self.data.to_loss)
            parts.append(f"best {self.data.metric_name} {format_number(best)}")
        if self.settings.budget:
            parts.append(f"{format_seconds(max(self.gate.budget - self.spent, 0.0))} left")
        progress(number, total, ", ".join(parts))

    def _build_failed(self) -> Model:
        """Build the model of an experiment whose members all failed."""
        first = self.models[0]
        chosen = first.chosen and replace(first.chosen, name=self.settings.name)
        reasons = dict.fromkeys(model.failure for model in self.models)
        return replace(first, chosen=chosen, failure="all members failed: " + "; ".join(reasons))

    def _keep_table(self, best: Model) -> None:
        """Keep the table of the members, with the weight of each in the mean."""
        import polars as pl

        from magical.events import keep

        chosen = best.chosen
        shares: Mapping[str, Any] = {}
        if chosen and not best.failure:
            is_mean = hasattr(best.recipe, "weights")
            shares = chosen.params if is_mean else {chosen.name: 1.0}
        rows = [{**row, "weight": float(shares.get(row["member"], 0.0))} for row in self.rows]
        keep("members", pl.DataFrame(rows, infer_schema_length=None))


def has_package(name: str) -> bool:
    """Return True if a package is installed; it is not imported."""
    return find_spec(name) is not None


def _is_log_worth(data: TuningData) -> bool:
    """Return True for numbers above 0, a few of which are far above the others."""
    from magical.library.ensembling import is_skewed

    return data.task.kind == "regression" and bool(data.y.min() > 0) and is_skewed(data.y)


def add_crosses(preprocessing: Pipeline) -> Pipeline:
    """Add to a Pipeline of ``transform`` a block that crosses its numbers; another one stays as it is."""
    from sklearn.base import clone

    from magical.estimators import NumberCrosses

    columns = getattr(preprocessing, "named_steps", {}).get("columns")
    numbers = [c for name, _, c in getattr(columns, "transformers", ()) if name == "numbers"]
    if not numbers or len(numbers[0]) < 2:
        return preprocessing
    made = clone(preprocessing)
    blocks = made.named_steps["columns"].transformers
    crosses = ("crosses", NumberCrosses(CROSSED_COLUMNS), list(numbers[0]))
    made.named_steps["columns"].set_params(transformers=[*blocks, crosses])
    return made

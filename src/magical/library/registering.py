"""The step ``register``: register a model with its scoring path, and promote it if it passes the gate."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field, field_validator

from magical.contracts.dtypes import DTYPES
from magical.contracts.model import Model
from magical.contracts.schema import Column, Schema
from magical.engine.journal import git_state
from magical.engine.protocols import (
    SCORING_TAG,
    Registry,
    StepContext,
    Submission,
    Version,
    current_step,
    format_scoring,
)
from magical.errors import MagicalError, RegistryError, WiringError, did_you_mean, join_names
from magical.events import keep
from magical.graph import Graph, Node
from magical.library.evaluating import evaluate
from magical.library.explaining import Explanation
from magical.library.metrics.metric_settings import find_deciding, list_tasks
from magical.library.metrics.metrics import METRICS_BY_TASK, PRIMARY
from magical.library.metrics.scores import Scores
from magical.library.prediction_task import prediction_columns
from magical.library.remarks import mute_events
from magical.library.scorer.card import Judgement, Provenance, build_tags, find_requirements, write_card
from magical.library.scorer.champion_comparison import (
    CHAMPION_CRITERION,
    ChampionComparison,
    ComparisonRules,
    compare_with_champion,
)
from magical.library.scorer.held_out_rows import find_held_out
from magical.library.scorer.parity import ROW_CRITERION, check_row_parity, check_run_parity
from magical.library.scorer.promotion_gate import (
    Criterion,
    check_class_rows,
    check_findings,
    check_thresholds,
    find_blockers,
    tabulate_criteria,
)
from magical.library.scorer.row_conversion import state_offsets
from magical.library.scorer.scorer import Scorer
from magical.library.settled_marks import load_settled, settle_row
from magical.library.sources import Reading
from magical.masking import mask
from magical.refs import Link
from magical.scoring_path import derive_scoring_path
from magical.settings import Settings
from magical.steps import Receipt, step

__all__ = ["RegisterSettings", "register"]

LOADER_MODULE = "magical.library.scorer.scorer"
_EXAMPLE_ROWS, _BATCH_ROWS = 5, 500


class RegisterSettings(Settings):
    """Settings of ``register``: the model's name, and the conditions for the alias ``champion``.

    Attributes:
        name: the name of the registered model; by default the workflow's name.
        require: a bound for each metric that ``evaluate`` computes, those of the settings included: at least,
            or at most if a lower value is better, such as for ``log_loss`` and ``rmse``.
        metric: the metric that compares the model with the champion; by default the first of the settings,
            or else ``roc_auc`` for two classes, ``log_loss`` for more, ``rmse`` for numbers.
        margin: the gain over the champion that a better model must exceed, in the unit of the metric.
        replace_equal: True if a model that is neither better nor worse replaces the champion.
        min_compared_rows: the least number of test units, new to both, to compare with the champion on. Of
            simulated equal models, up to 4.5 % were called better on 50 units, and 5.5 % on 20.
        min_class_rows: the least number of scored rows, and of compared rows, of the rarest class. With fewer
            than 5, even a perfect model can hardly be told from chance.

    Example:
        >>> RegisterSettings(require={"roc_auc": 0.7}).min_compared_rows
        50
    """

    name: str | None = Field(default=None, min_length=1, pattern=r"^[^/:]+$")
    require: dict[str, float] = Field(default_factory=dict)
    metric: str | None = None
    margin: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    replace_equal: bool = False
    min_compared_rows: int = Field(default=50, ge=1)
    min_class_rows: int = Field(default=5, ge=0)

    @field_validator("require")
    @classmethod
    def _check_bounds(cls, require: dict[str, float]) -> dict[str, float]:
        for name, bound in require.items():
            if not math.isfinite(bound):
                raise ValueError(f"{name} must be bounded by a number")
        return require


@step(writes="world")
def register(
    model: Model,
    scores: Scores,
    how: RegisterSettings = RegisterSettings(),  # noqa: B008
    explanation: Explanation | None = None,
) -> Receipt:
    """Register a model with all that scoring needs, and make it the champion if it passes the gate.

    Every model gets a version, even if it fails the gate. The gate: the required scores reached; some scored
    rows of each class; better than the present champion on test rows that neither has seen; LEAK001 passed;
    scoring gives the numbers of the run, and the same row by row as in a batch. The audit's other rules are
    not assessed yet. A second call with the same key finds the version of the first call, and completes it.

    Args:
        model: a fitted model.
        scores: its scores on the test part.
        how: the settings: the name and the conditions for the alias.
        explanation: what the model uses, as ``explain`` tells it; it is shown on the card.

    Returns:
        A receipt with the version and its alias. The gate is kept as ``gate``.

    Raises:
        RegistryDown: the registry does not answer.
        RegistryError: the registry refuses, or a step upstream is pretended or sampled.
    """
    if origin := sorted({*model.origin, *scores.origin, *(explanation.origin if explanation else ())}):
        raise RegistryError(
            f"register: this model stands on what is not real: {join_names(origin)}.",
            hint="what is pretended or sampled is never registered.",
        )
    context = current_step()
    if context is None:
        return Receipt(False, "register: called outside a run it writes nothing.")
    if context.registry is None:
        raise RegistryError(
            "register: this project has no model registry.", hint="switch it on in [tracking]."
        )
    registry, name = context.registry(), how.name or context.graph.workflow
    champion = registry.champion(name)
    registration = _Registration(context, model, scores, how, explanation)
    registration.verify_scorer()
    # Another run may promote its model while this one is compared: compare again until the champion stays
    # the same. `put` finds its own version by the key, so a repetition makes no second one.
    while True:
        registration.compare_champion(registry, champion)
        version = registry.put(registration.build_submission(name))
        compared, champion = champion, registry.champion(name)
        if _version_number(compared) == _version_number(champion):
            break
    keep("gate", tabulate_criteria(registration.criteria))
    return _promote(registry, version, registration, champion)


def _promote(
    registry: Registry, version: Version, registration: _Registration, champion: Version | None
) -> Receipt:
    """Set the alias ``champion`` on the version if nothing blocks it, and build the receipt."""
    # Promotion is the last act: a kill before it leaves a version without an alias, and the step runs again.
    reasons, cautions = find_blockers(registration.criteria), registration.scores.cautions
    already = champion is not None and champion.number == version.number
    if not reasons and not already:
        registry.alias(version)
    text = f"{version.name} version {version.number}, "
    # Beside an alias that a doubtful score has earned; without one, the gate's reasons are enough.
    text += "; ".join(["no alias: " + "; ".join(reasons)] if reasons else ["alias champion", *cautions])
    if reasons and already:
        text += " (it stays the champion that it was)"
    details = {
        "name": version.name,
        "version": version.number,
        "alias": "" if reasons and not already else "champion",
        "uri": version.uri,
        "key": version.key,
        "cautions": cautions,
        "gate": tabulate_criteria(registration.criteria).to_dicts(),
        "comparison": registration.comparison.to_json() if registration.comparison else None,
    }
    return Receipt(True, text, details)


class _Registration:
    """One model in registration, with the criteria of the gate so far and the test rows, if found."""

    def __init__(
        self,
        context: StepContext,
        model: Model,
        scores: Scores,
        how: RegisterSettings,
        explanation: Explanation | None,
    ) -> None:
        self.context, self.model, self.scores, self.how = context, model, scores, how
        self.explanation = explanation
        path = derive_scoring_path(context.graph, context.node.name)
        reading = path.rows.reading if isinstance(path.rows.reading, Reading) else Reading()
        marks = reading.decimal or "", reading.thousands or ""
        self.path = replace(path, typed=settle_row(path.typed, load_settled(context, path.source), *marks))
        self.folder = context.scratch() / "model"
        self.comparison: ChampionComparison | None = None
        self.criteria: list[Criterion] = [
            *check_thresholds(how.require, scores),
            *check_class_rows(how.min_class_rows, scores),
            *check_findings(context.graph.findings),
        ]
        wire = context.node.inputs.get("model")
        self.test_rows = find_held_out(context, self.path, wire) if isinstance(wire, Link) else None

    def verify_scorer(self) -> None:
        """Save the scorer, load it again, and check that it gives the predictions that were evaluated."""
        scorer = Scorer.from_path(self.path, self.model, self._load_value)
        self.package = scorer.save(self.folder, key=self.context.key, root=self.context.root)
        if self.test_rows is not None:
            self.test_rows.save_units(self.folder, self.context.key)
        before = len(self.criteria)
        try:
            self._verify_predictions()
            self.scoring = format_scoring(find_blockers(self.criteria[before:]))
        finally:
            self.package.unload()  # or the copies of the project's modules would stay in this process

    def _verify_predictions(self) -> None:
        """Add the criteria that compare the loaded scorer with the run and single rows with a batch."""
        if self.path.refusal:
            reason = f"a row alone cannot be scored: {self.path.refusal}"
            self.criteria.append(Criterion(ROW_CRITERION, "scored", "refused", False, reason))
            return
        try:
            loaded = _load_scorer(self.folder)
            rows = self._sample_rows()
            with mute_events():  # the steps emitted the same events in the run
                batch = loaded.score(rows)
                row_parity = check_row_parity(loaded, rows, batch)
        except MagicalError as error:
            self.criteria.append(check_run_parity(error, self.test_rows))
            return
        self.criteria += [check_run_parity(batch, self.test_rows), row_parity]

    def compare_champion(self, registry: Registry, champion: Version | None) -> None:
        """Compare the model with the present champion, unless that is the model itself."""
        self.comparison = None
        deciding = find_deciding(self.scores.project_metrics)
        chosen = self.how.metric or (deciding.name if deciding else "")
        metric = chosen or PRIMARY.get(self.model.task, "rmse")
        if champion is not None and champion.key == self.context.key:
            criterion = Criterion(CHAMPION_CRITERION, metric, "it is the champion", True)
        elif chosen and chosen not in self.scores.metrics:
            reason = f"{chosen}, which is to decide, has no value on these rows"
            criterion = Criterion(CHAMPION_CRITERION, metric, "", False, reason)
        elif champion is None:
            criterion = Criterion(CHAMPION_CRITERION, metric, "there is no champion yet", True)
        elif (measure := self.scores.find_metric(metric)) is None:
            reason = f"{metric} is of a step of the project, and cannot be computed for the champion"
            criterion = Criterion(CHAMPION_CRITERION, metric, "", False, reason)
        else:
            rules = ComparisonRules(
                metric=measure,
                margin=self.how.margin,
                replace_equal=self.how.replace_equal,
                min_rows=self.how.min_compared_rows,
                min_class_rows=self.how.min_class_rows,
            )
            self.comparison = compare_with_champion(registry, champion, self.model, self.test_rows, rules)
            criterion = self.comparison.to_criterion(rules)
        # Replace the result of an earlier round: the champion may have changed since.
        self.criteria = [*(c for c in self.criteria if c.criterion != CHAMPION_CRITERION), criterion]

    def build_submission(self, name: str) -> Submission:
        """Build the submission to the registry: the scorer, its schemas, the card, tags and requirements."""
        for cache in self.folder.rglob("__pycache__"):  # bytecode names paths of this machine
            shutil.rmtree(cache)
        provenance, inputs = self._collect_provenance(name), self.path.typed
        judgement = Judgement(self.scores, tuple(self.criteria), self.explanation)
        example = self._sample_rows().head(_EXAMPLE_ROWS)
        card = write_card(self.model, inputs, judgement, provenance)
        (self.folder / "card.md").write_text(card, encoding="utf-8")
        if self.path.refusal:
            inputs, example = self.model.schema, example.select(self.model.features)
        return Submission(
            name=name,
            key=self.context.key,
            folder=self.folder,
            loader=LOADER_MODULE,
            code=[self.folder / "code" / self.package.name],
            inputs=inputs,
            outputs=_build_output_schema(self.model),
            example=example,
            requirements=find_requirements(self.folder),
            tags={
                **build_tags(provenance, judgement),
                **self._build_comparison_tags(),
                SCORING_TAG: self.scoring,
            },
            description=card,
            origin=self.model.origin,
        )

    def _build_comparison_tags(self) -> dict[str, str]:
        """Build the tags that ``magical models`` shows: the comparison as text, and as JSON."""
        if self.comparison is None:
            return {}
        data = json.dumps(self.comparison.to_json(), ensure_ascii=False)
        return {"magical.comparison": mask(str(self.comparison)), "magical.comparison.json": mask(data)}

    def _sample_rows(self) -> pl.DataFrame:
        """Choose typed rows to try the scorer on: of the test part, else the first rows of the source."""
        if self.test_rows is not None and self.test_rows.typed_rows is not None:
            return self.test_rows.typed_rows
        if self.path.refusal:  # a row alone cannot be scored: the example shows the model's own features
            columns = {c.name: DTYPES.get(c.type, pl.Null) for c in self.model.schema.columns}
            return self.test_rows.table if self.test_rows is not None else pl.DataFrame(schema=columns)
        table: pl.DataFrame = self._load_value(self.path.source)
        return state_offsets(table.select(self.path.typed.names).head(_BATCH_ROWS), self.path.typed)

    def _load_value(self, link: Link) -> Any:
        """Load the value of a link from this run."""
        value: Any = self.context.load(link.node)
        if not link.item:
            return value
        return value[int(link.item)] if link.item.isdecimal() else getattr(value, link.item)

    def _collect_provenance(self, name: str) -> Provenance:
        context, source = self.context, self.path.source
        key = context.keys.get(source.node, "")
        record = context.store.find_record(key) if key else None
        data = record.result.item(source.item).content if record else ""
        git = git_state(context.root)
        return Provenance(context.graph.workflow, context.run, context.key, data, git, str(source), name)


def _load_scorer(folder: Path) -> Scorer:
    """Load the scorer as a serving process will.

    Raises:
        RegistryError: the bundled copies of the project's modules cannot be imported.
    """
    try:
        return Scorer.load(folder)
    except MagicalError:
        raise
    except Exception as error:
        raise RegistryError(
            f"where it is served the project's modules cannot be imported: {type(error).__name__}: {error}",
            hint="a module must not read files beside it while it is imported.",
        ) from error


def _version_number(version: Version | None) -> str:
    return version.number if version else ""


def _build_output_schema(model: Model) -> Schema:
    kind = "float"
    if model.task != "regression":
        kind = {bool: "bool", int: "int", str: "str"}.get(type(model.classes[0]), "str")
    # A rejected row has null in all of these, and its reason.
    columns = prediction_columns(kind, model.classes, nullable=True)
    return Schema("Prediction", (*columns, Column("reason", "str", nullable=True)))


def _check_metric_names(graph: Graph, node: Node) -> None:
    """Raise a WiringError while drawing, if a metric of the gate is none that ``evaluate`` computes."""
    link, how = node.inputs.get("scores"), node.call.arguments.get("how") if node.call else None
    source = graph.by_name[link.node].call if isinstance(link, Link) else None
    # A step of the project may compute what it likes: only the scores tell, and the gate looks at them.
    if source is None or source.step is not evaluate or not isinstance(how, RegisterSettings):
        return
    schema = source.input_promises["table"].schema if "table" in source.input_promises else None
    target = schema.by_name.get(schema.target or "") if schema else None
    tasks = list_tasks(target) if target else tuple(METRICS_BY_TASK)
    names = [*(m.name for m in source.arguments["metrics"]), *(n for t in tasks for n in METRICS_BY_TASK[t])]
    known = list(dict.fromkeys(names))
    for name in filter(None, [*how.require, how.metric]):
        if name not in known:
            raise WiringError(
                f"{node.name} ({node.where}) asks for the metric {name!r}, which evaluate does not compute.",
                hint=f"{did_you_mean(name, known)} Others belong in evaluate(..., metrics=...).",
            )


register.check_graph = _check_metric_names

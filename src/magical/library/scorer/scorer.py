"""The scorer, the part of a project that is registered: it turns typed rows into predictions."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from magical.contracts.dtypes import DTYPES
from magical.contracts.model import Model
from magical.contracts.schema import Schema
from magical.contracts.validation import list_broken_rows
from magical.errors import BrokenPromise, MagicalError
from magical.integrations.mlflow.serving import pass_rows_unchanged
from magical.library.scorer.code_bundle import CodeBundle, list_modules
from magical.library.scorer.model_files import (
    load_model,
    save_model,
    schema_from_json,
    schema_to_json,
    wire_from_json,
    wire_to_json,
)
from magical.library.scorer.row_conversion import REJECT_SCHEMA, convert_rows, mask_value
from magical.library.scorer.row_source import RawRows
from magical.library.scorer.scorer_format import (
    SCORER_FILE,
    SCORER_FORMAT,
    describe_writer,
    explain_failure,
    read_scorer_file,
)
from magical.library.scorer.scoring_steps import ROW_COLUMN, ScoringChain, StepRaised, add_row_numbers
from magical.library.scorer.step_files import StepFiles, list_kinds
from magical.library.sources import Reading
from magical.refs import Link
from magical.scoring_path import ScoringPath

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ScoredRows", "Scorer"]

_CODE = "code"
_NO_ROWS = RawRows()


@dataclass(frozen=True)
class ScoredRows:
    """Rows that were scored, in the order of the input.

    Attributes:
        typed: each row in the types of the contract; values that could not be converted are null.
        predictions: ``prediction``, ``probability_CLASS`` for each class, and ``reason``, the cause why a row
            has no prediction.
        rejects: one line for each failure of a rejected row: ``row`` from 0, ``column``, ``rule``, and
            ``value`` with its letters as x and its digits as 9. A row that a step dropped is no reject.
    """

    typed: pl.DataFrame
    predictions: pl.DataFrame
    rejects: pl.DataFrame


@dataclass(frozen=True)
class Scorer:
    """Predicts typed rows, polars or pandas: one prediction for each, in order.

    Attributes:
        model: the fitted model.
        chain: the steps from typed rows to the model's features.
        refusal: the reason why a row alone cannot be scored, or empty.
        raw_rows: the source that its rows came from in the run.
    """

    model: Model
    chain: ScoringChain
    refusal: str = ""
    raw_rows: RawRows = _NO_ROWS

    @property
    def reading(self) -> Reading:
        """The ``Reading`` of the workflow, for a new source of the same kind."""
        return self.raw_rows.reading

    @property
    def row_schema(self) -> Schema:
        """The contract of a row, without the target, with the marks that the run settled."""
        return self.chain.row_schema

    @classmethod
    def from_path(cls, path: ScoringPath, model: Model, load_value: Callable[[Link], Any]) -> Scorer:
        """Make the scorer of a model; ``load_value`` loads a value of the training run."""
        chain = ScoringChain.from_path(path, load_value)
        return cls(model, chain, path.refusal, RawRows.from_path(path, chain.frozen))

    def predict(self, rows: Any) -> pl.DataFrame:
        """Predict each row: ``prediction`` and, for classes, ``probability_CLASS``; null if rejected."""
        return self.score(rows).drop("reason")

    def score(self, rows: Any) -> pl.DataFrame:
        """Predict each row; ``reason`` says why a row has no prediction.

        Args:
            rows: a table with the columns of a row; nullable ones and the target may be missing.

        Raises:
            BrokenPromise: a column is missing or of another type, or rows alone cannot be scored.
            StepError: a step failed.
        """
        return self.score_rows(rows).predictions

    def score_rows(self, rows: Any) -> ScoredRows:
        """Predict each row like ``score``; return the typed rows and the rejects as well.

        Raises:
            BrokenPromise: a column is missing or of another type, or rows alone cannot be scored.
            StepError: a step failed, and not for a few of the rows only.
        """
        if self.refusal:
            raise BrokenPromise(f"A row alone cannot be scored: {self.refusal}")
        converted = convert_rows(rows, self.chain.row_schema, self.reading.nulls)
        typed, rejects = converted.typed, converted.rejects
        broken = list_broken_rows(typed, _drop_id_roles(self.chain.row_schema))
        rejects = pl.concat([rejects, _mask_values(broken, typed, rejects)]).sort("row", maintain_order=True)
        try:
            predictions = self._predict_rows(typed, rejects)
        except StepRaised:
            rejects = self._reject_failing_rows(typed, rejects)
            predictions = self._predict_rows(typed, rejects)
        return ScoredRows(typed, predictions, rejects)

    def _reject_failing_rows(self, typed: pl.DataFrame, rejects: pl.DataFrame) -> pl.DataFrame:
        """Add the rows for which a step raises to the rejects."""
        table = add_row_numbers(typed)
        places = pl.Series(range(typed.height), dtype=pl.Int64)
        places = places.filter(~places.is_in(rejects["row"].implode()))
        failing = self.chain.list_failing_rows(table[places])
        lines = [(places[place], step, rule, None) for place, step, rule in failing]
        added = pl.DataFrame(lines, schema=REJECT_SCHEMA, orient="row")
        return pl.concat([rejects, added]).sort("row", maintain_order=True)

    def _predict_rows(self, typed: pl.DataFrame, rejects: pl.DataFrame) -> pl.DataFrame:
        """Predict the rows that are not rejected."""
        reasons = rejects.group_by("row", maintain_order=True).agg(
            pl.format("{} {}", "column", "rule").str.join("; ").alias("reason")
        )
        table = add_row_numbers(typed)
        rejected = reasons.select(table[ROW_COLUMN].gather(reasons["row"]), "reason")
        valid = table.join(rejected, on=ROW_COLUMN, how="anti", maintain_order="left")
        if valid.is_empty():  # steps may fail on an empty table
            schema = {c.name: DTYPES.get(c.type, pl.Null) for c in self.model.schema.columns}
            features = pl.DataFrame(schema={**schema, ROW_COLUMN: pl.Binary})
        else:
            features, dropped = self.chain.transform_rows(valid)
            rejected = pl.concat([rejected, dropped])
        predictions = self.model.predict(features).with_columns(features[ROW_COLUMN])
        # Steps may reorder and drop rows: join back, so that row i of the result is row i of the input.
        result = table.select(ROW_COLUMN)
        for part in (predictions, rejected):
            result = result.join(part, on=ROW_COLUMN, how="left", maintain_order="left")
        return result.drop(ROW_COLUMN)

    def save(self, folder: Path, *, key: str, root: Path) -> CodeBundle:
        """Write all that is needed to score elsewhere, the project's own modules included.

        Args:
            folder: the folder to write, replaced if it exists.
            key: the key that names the bundle of the modules.
            root: the project's folder.

        Raises:
            StoreError: the Pipeline or an argument cannot be stored.
        """
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        steps = (*self.raw_rows.chain.steps, *self.chain.steps)
        needed = [step.step.partition(":")[0] for step in steps]
        needed += [kind.partition(":")[0] for step in steps for kind in list_kinds(step.arguments)]
        needed += list_modules(self.model.pipeline)
        package = CodeBundle.write(folder / _CODE, root, key, needed)
        files = StepFiles(folder, package)
        data = {
            "format": SCORER_FORMAT,
            "written_by": describe_writer(),
            "package": package.name,
            "modules": package.modules,
            "refusal": self.refusal,
            "raw_rows": self.raw_rows.to_json(files),
            "typed": schema_to_json(self.chain.row_schema),
            "targets": self.chain.targets,
            "source": wire_to_json(self.chain.source),
            "result": wire_to_json(self.chain.result),
            "moves": [files.step_to_json(step) for step in self.chain.steps],
            "model": save_model(self.model, folder),
        }
        # After the steps: what JSON could not express was collected while they were converted.
        files.write_values(self.chain.frozen)
        (folder / SCORER_FILE).write_text(json.dumps(data, indent=1, ensure_ascii=False), encoding="utf-8")
        return package

    @classmethod
    def load(cls, folder: Path) -> Scorer:
        """Load a scorer; this imports the project's modules that were saved with it.

        Raises:
            StoreError: the folder holds no scorer, or one of a format or versions that do not fit.
        """
        data = read_scorer_file(folder)
        try:
            return cls._from_json(data, folder)
        except MagicalError:
            raise
        except Exception as error:  # a pickle, a module or an estimator of another version may raise anything
            if (explained := explain_failure(data, error)) is None:
                raise
            raise explained from None

    @classmethod
    def _from_json(cls, data: Mapping[str, Any], folder: Path) -> Scorer:
        package = CodeBundle(data["package"], tuple(data["modules"]))
        with package.make_importable(folder / _CODE):
            files = StepFiles(folder, package)
            frozen = files.read_values()  # first: the steps take their pickled arguments from here
            steps = tuple(files.step_from_json(m) for m in data["moves"])
            raw_rows = RawRows.from_json(data["raw_rows"], files, frozen)
            model = load_model(data["model"], folder, package.unpickle)
        source, result = wire_from_json(data["source"]), wire_from_json(data["result"])
        assert isinstance(source, Link)
        assert isinstance(result, Link)
        typed, targets = schema_from_json(data["typed"]), tuple(data["targets"])
        chain = ScoringChain(typed, source, steps, result, frozen, targets)
        return cls(model, chain, data["refusal"], raw_rows)


def _mask_values(broken: pl.DataFrame, typed: pl.DataFrame, rejects: pl.DataFrame) -> pl.DataFrame:
    """Add the masked value to what breaks the contract, without what follows from a failed conversion."""
    broken = broken.join(rejects, on=["row", "column"], how="anti", maintain_order="left")
    names, failed = set(typed.columns), pl.col("row").is_in(rejects["row"].implode())
    broken = broken.filter(~failed | pl.col("column").is_in(names))
    pairs = broken.select("row", "column").rows()
    values = [mask_value(typed[column][row]) if column in names else None for row, column in pairs]
    return broken.with_columns(pl.Series("value", values, dtype=pl.String)).cast(REJECT_SCHEMA)


def _drop_id_roles(schema: Schema) -> Schema:
    """Drop the role ``id``, so that two rows of one batch may have the same id."""
    columns = tuple(replace(c, role="") if c.role == "id" else c for c in schema.columns)
    return replace(schema, columns=columns)


class _Pyfunc:
    """The model that MLflow calls: pandas in, pandas out."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    def predict(self, model_input: Any, params: Any = None) -> pd.DataFrame:
        """Return ``prediction``, the probabilities, and ``reason`` where a row has no prediction."""
        import pandas as pd

        scored = self._scorer.score(model_input)
        frame = scored.to_pandas()
        for column in scored:
            if column.null_count() or column.name == "reason":  # JSON knows null, and no NaN
                frame[column.name] = pd.Series(column.to_list(), dtype=object)
        if isinstance(model_input, pd.DataFrame):
            frame.index = model_input.index
        return frame


def _load_pyfunc(path: str) -> _Pyfunc:
    """Load a scorer from its folder, for MLflow, which finds this function by its name."""
    pass_rows_unchanged(__name__)
    return _Pyfunc(Scorer.load(Path(path)))

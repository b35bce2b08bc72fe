"""The conformance suites of features: those computed row by row, and those fitted in the Pipeline."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import cloudpickle
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from magical.contracts.contract import schema_of
from magical.contracts.dtypes import dtype_kind
from magical.contracts.model import Model, to_canonical_frame
from magical.contracts.promises import Promise, attach_promise
from magical.contracts.schema import Schema
from magical.contracts.validation import find_failures
from magical.errors import WiringError
from magical.features import Feature, PlanContext, with_features
from magical.settings import import_string, to_json
from magical.synthesis.generate import GenerateOptions, generate_table
from magical.testing.suite import Conformance

__all__ = [
    "FeatureConformance",
    "FeatureSuite",
    "FittedFeature",
    "LearnedFeatureConformance",
    "fit_feature",
    "make_harsh_rows",
]

_HARSH_VALUES: dict[str, tuple[Any, ...]] = {
    "int": (0, -1, 2**53 + 1, 2**63 - 1, -(2**63)),
    "float": (0.0, -0.0, float("nan"), float("inf"), float("-inf"), 1e308, -1e308, 5e-324),
    "str": ("", " ", "NaN", "null", "0", "ünïcode 🙂", "line\nbreak\x00", "long " * 2_000),
    "date": (dt.date(1, 1, 1), dt.date(1969, 12, 31), dt.date(2000, 2, 29), dt.date(9999, 12, 31)),
    "datetime": (dt.datetime(1, 1, 1), dt.datetime(1969, 12, 31, 23, 59), dt.datetime(9999, 12, 31, 23, 59)),
    "time": (dt.time(0), dt.time(23, 59, 59, 999999)),
    "duration": (dt.timedelta(0), dt.timedelta(days=-99_999), dt.timedelta(days=99_999)),
}
_NULL_SHARE = 0.3
_TOLERANCE = 1e-9  # libraries compute the last digits differently for one row and for many


def make_harsh_rows(schema: Schema, rows: int = 40) -> pl.DataFrame:
    """Generate rows with extreme values: nulls, NaN, infinities, long texts, the first and the last date.

    They have the types, closed sets and nullability of the schema, but neither its bounds nor its rules: a
    step may not rely on those.

    Example:
        >>> from magical.contracts.schema import Column
        >>> make_harsh_rows(Schema("House", (Column("rooms", "int"),)))["rooms"].max() == 2**63 - 1
        True
    """
    table = _make_rows(schema.without_constraints(), rows, "harsh")
    random = np.random.default_rng(0)
    for column in schema.columns:
        is_open = not column.choices and column.role not in ("id", "target")
        values = _HARSH_VALUES.get(column.type, ()) if is_open else ()
        series = table.get_column(column.name)
        places = random.permutation(rows)[: len(values)]  # other rows in each column
        table = table.with_columns(
            series.scatter(places.tolist(), pl.Series(values[: len(places)], dtype=series.dtype))
        )
    return table


def _make_rows(schema: Schema, rows: int, seed: str, null_share: float = _NULL_SHARE) -> pl.DataFrame:
    """Generate rows that satisfy a schema, with many nulls, and mark them with it."""
    table = generate_table(schema, GenerateOptions(seed, rows, null_share))
    marked: pl.DataFrame = attach_promise(table, Promise("table", schema=schema))
    return marked


def _with_nullability(schema: Schema, nullable: bool) -> Schema:
    """Let all columns be null, or none; ids and targets stay as they are."""
    columns = (c if c.role in ("id", "target") else replace(c, nullable=nullable) for c in schema.columns)
    return Schema(schema.name, tuple(columns))


class FeatureSuite(Conformance):
    """The hooks of a feature's suite, and checks of its settings."""

    @pytest.fixture
    def feature(self) -> Feature:
        """Create the feature."""
        raise NotImplementedError(
            f"{type(self).__name__} must define a fixture named feature, which gives the feature"
        )

    @pytest.fixture
    def contract(self) -> Any:
        """Choose the contract of the table that the feature is added to; it has a target."""
        raise NotImplementedError(
            f"{type(self).__name__} must define a fixture named contract, whose columns the feature reads"
        )

    @pytest.fixture
    def schema(self, contract: Any) -> Schema:
        """The contract as data."""
        return contract if isinstance(contract, Schema) else schema_of(contract)

    def test_its_settings_survive_json(self, feature: Feature) -> None:
        """Feature.model_validate: reads the JSON of a feature, with its kind, to an equal feature."""
        # By name: a test that loads the project imports its modules again, and so replaces the kinds.
        read = Feature.model_validate(to_json(feature))
        assert to_json(read) == to_json(feature)
        assert import_string(type(read)) == import_string(type(feature))

    def test_a_kind_is_found_by_its_name(self, feature: Feature) -> None:
        """Feature.find_kind: the kind has a name of its own in the settings."""
        kind = Feature.find_kind(type(feature).__name__)
        assert kind is not None
        assert import_string(kind) == import_string(type(feature))

    def test_it_fits_the_contract(self, feature: Feature, schema: Schema) -> None:
        """Feature.adds: the declared columns are new and have types of a contract."""
        added = with_features(schema, [feature]).columns[len(schema.columns) :]
        assert {c.type for c in added} <= {"int", "float", "str", "bool", "date", "datetime", "duration"}
        assert not [c.name for c in added if c.role]

    def test_a_missing_column_is_found_while_drawing(self, feature: Feature, schema: Schema) -> None:
        """Feature.read: raises a WiringError, with a hint, if no column of the table can be read."""
        roles = tuple(c for c in schema.columns if c.role in ("id", "target"))
        if self.find_columns(feature, schema):  # one that selects of all columns names none
            with pytest.raises(WiringError) as caught:
                self.find_columns(feature, Schema(schema.name, roles))
            assert caught.value.hint

    def find_columns(self, feature: Feature, schema: Schema) -> Any:
        """Look up the columns of a table of this schema, as drawing does."""
        raise NotImplementedError


class FeatureConformance(FeatureSuite):
    """Checks that a feature is computed row by row, gives what it declares, and fails on no value.

    Define the fixtures ``feature`` and ``contract``.

    Example:
        >>> class TestRatio(FeatureConformance):
        ...     @pytest.fixture
        ...     def feature(self):
        ...         return Ratio(top="income", bottom="family")
        ...
        ...     @pytest.fixture
        ...     def contract(self):
        ...         return Customer
    """

    def find_columns(self, feature: Feature, schema: Schema) -> Any:
        """Declare the columns of a table of this schema."""
        return feature.adds(schema)

    @pytest.fixture
    def rows(self, schema: Schema) -> pl.DataFrame:
        """Usual rows and harsh ones."""
        return pl.concat([_make_rows(schema, 20, "usual"), make_harsh_rows(schema)])

    def compute(self, feature: Feature, schema: Schema, rows: pl.DataFrame) -> pl.DataFrame:
        """Compute the feature's columns as ``featurize`` does."""
        names = [c.name for c in feature.adds(schema)]
        return rows.with_columns(feature.expressions(schema)).select(names)

    def test_nothing_is_fitted(self, feature: Feature) -> None:
        """Feature.is_learned: false; a feature that is fitted is tested by LearnedFeatureConformance."""
        assert not feature.is_learned

    def test_it_adds_the_columns_it_declares(
        self, feature: Feature, schema: Schema, rows: pl.DataFrame
    ) -> None:
        """Feature.expressions: compute the columns that ``adds`` declares, in that order, and no others."""
        computed = rows.select(feature.expressions(schema))
        assert computed.columns == [c.name for c in feature.adds(schema)]
        assert computed.columns, "it adds no column"

    @pytest.mark.parametrize("nullable", [None, True, False], ids=["as promised", "nulls", "no nulls"])
    def test_its_values_are_what_it_declares(
        self, feature: Feature, schema: Schema, nullable: bool | None
    ) -> None:
        """Feature.adds: types, nullability, choices and bounds hold, whichever columns may be null."""
        schema = schema if nullable is None else _with_nullability(schema, nullable)
        added = feature.adds(schema)
        rows = pl.concat([_make_rows(schema, 20, "usual"), make_harsh_rows(schema)])
        computed = self.compute(feature, schema, rows)
        assert {c.name: dtype_kind(computed.schema[c.name]) for c in added} == {c.name: c.type for c in added}
        assert find_failures(computed, Schema("Declared", added)) == []

    def test_a_table_and_its_rows_agree(self, feature: Feature, schema: Schema, rows: pl.DataFrame) -> None:
        """Feature.expressions: a row alone gives what it gives in a table."""
        one_by_one = pl.concat(self.compute(feature, schema, row) for row in rows.iter_slices(1))
        assert_frame_equal(
            one_by_one, self.compute(feature, schema, rows), rel_tol=_TOLERANCE, abs_tol=_TOLERANCE
        )

    def test_the_order_of_rows_does_not_matter(
        self, feature: Feature, schema: Schema, rows: pl.DataFrame
    ) -> None:
        """Feature.expressions: shuffled rows give the same values."""
        order = np.random.default_rng(1).permutation(rows.height).tolist()
        shuffled = self.compute(feature, schema, rows[order])
        assert_frame_equal(
            shuffled, self.compute(feature, schema, rows)[order], rel_tol=_TOLERANCE, abs_tol=_TOLERANCE
        )

    def test_no_rows_have_the_same_types(self, feature: Feature, schema: Schema, rows: pl.DataFrame) -> None:
        """Feature.expressions: an empty table, one row and one row of nulls give the same types."""
        empty = pl.DataFrame(schema=rows.schema)
        nulls = pl.DataFrame([pl.Series(n, [None], dtype) for n, dtype in rows.schema.items()])
        expected = self.compute(feature, schema, rows).schema
        for few in (empty, nulls, rows.head(1)):
            computed = self.compute(feature, schema, few)
            assert (computed.schema, computed.height) == (expected, few.height)

    def test_the_target_is_not_read(self, feature: Feature, schema: Schema, rows: pl.DataFrame) -> None:
        """Feature.expressions: new rows, which have no target, give the same values."""
        assert schema.target, "the contract of the suite needs a Target, which the feature may not read"
        without = Schema(schema.name, tuple(c for c in schema.columns if c.role != "target"))
        new = self.compute(feature, without, rows.drop(schema.target))
        assert_frame_equal(new, self.compute(feature, schema, rows), rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)

    def test_other_types_of_a_column_do_not_matter(
        self, feature: Feature, schema: Schema, rows: pl.DataFrame
    ) -> None:
        """Feature.expressions: narrow numbers and categories of polars give the same values."""
        small = [pl.col(c.name).clip(-100, 100) for c in schema.columns if c.type == "int" and not c.choices]
        rows = rows.with_columns(small)
        narrow = [e.cast(pl.Int8) for e in small]
        narrow += [pl.col(c.name).cast(pl.Categorical) for c in schema.columns if c.type == "str"]
        found = self.compute(feature, schema, rows.with_columns(narrow))
        assert_frame_equal(found, self.compute(feature, schema, rows), rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)


@dataclass(frozen=True)
class FittedFeature:
    """A learned feature in the Pipeline of a model that was fitted as a project's workflow does it.

    Attributes:
        train: the rows that it was fitted on.
        model: the model; its Pipeline ends with an estimator.
    """

    train: pl.DataFrame
    model: Model

    def transform(self, rows: pl.DataFrame) -> Any:
        """Transform rows as scoring does, without the estimator."""
        X = to_canonical_frame(rows, self.model.schema)
        return np.asarray(self.model.pipeline[:-1].transform(X))


def fit_feature(feature: Feature, schema: Schema, null_share: float = _NULL_SHARE) -> FittedFeature:
    """Fit a learned feature on rows of a schema whose texts repeat, since near-unique ones are left out."""
    from magical.library import linear, train, transform

    few = _make_rows(schema, 30, "train", null_share)
    rows = few.sample(150, with_replacement=True, seed=0).with_columns(
        _make_rows(schema, 150, "ids", null_share).select(schema.ids)
    )
    rows = attach_promise(rows, Promise("table", schema=schema))
    return FittedFeature(rows, train(rows, rows, transform(rows, (feature,)), linear()))


class LearnedFeatureConformance(FeatureSuite):
    """Checks that a learned feature is fitted on train only, serves any row, and can be stored.

    Define the fixtures ``feature`` and ``contract``. The feature is fitted in the Pipeline that ``transform``
    plans for the whole contract.

    Example:
        >>> class TestClip(LearnedFeatureConformance):
        ...     @pytest.fixture
        ...     def feature(self):
        ...         return Clip(columns="income")
        ...
        ...     @pytest.fixture
        ...     def contract(self):
        ...         return Customer
    """

    def find_columns(self, feature: Any, schema: Schema) -> Any:
        """Find the columns of a table of this schema that it is fitted on."""
        return feature.find_columns(schema)

    @pytest.fixture
    def fitted(self, feature: Feature, schema: Schema) -> FittedFeature:
        """The feature, fitted."""
        return fit_feature(feature, schema)

    @pytest.fixture
    def rows(self, schema: Schema) -> pl.DataFrame:
        """New rows: usual ones, and harsh ones with values that train does not have."""
        return pl.concat([_make_rows(schema, 8, "new"), make_harsh_rows(schema, 16)])

    def test_it_is_fitted(self, feature: Any, schema: Schema) -> None:
        """LearnedFeature.is_learned: true; it adds no column to the table and reads no target."""
        assert feature.is_learned
        assert (feature.adds(schema), feature.expressions(schema)) == ((), ())
        assert schema.target not in {c.name for c in feature.find_columns(schema)}

    @pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
    def test_its_transformer_is_unfitted(self, feature: Any, schema: Schema, task: str) -> None:
        """LearnedFeature.transformer: makes a new, unfitted transformer that can be cloned, for each task."""
        from sklearn.base import clone
        from sklearn.model_selection import KFold

        columns, context = feature.find_columns(schema), PlanContext(task, 150, KFold(3))
        made = feature.transformer(columns, context)
        if made == "passthrough":
            return
        assert feature.transformer(columns, context) is not made
        fitted = [p for p in (made, *clone(made).get_params().values()) if list(_iter_fitted_attributes(p))]
        assert not fitted, f"fitted already: {fitted}"

    def test_it_is_deterministic(self, feature: Any, schema: Schema, fitted: FittedFeature) -> None:
        """LearnedFeature.transformer: two fits on the same rows agree to the last bit."""
        again = fit_feature(feature, schema)
        assert again.train.equals(fitted.train)
        np.testing.assert_array_equal(again.transform(again.train), fitted.transform(fitted.train))

    def test_a_row_alone_gives_the_same(self, fitted: FittedFeature, rows: pl.DataFrame) -> None:
        """LearnedFeature.transformer: nothing is computed from the rows that are transformed together."""
        whole = fitted.transform(rows)
        alone = np.concatenate([fitted.transform(row) for row in rows[::3].iter_slices(1)])
        np.testing.assert_allclose(alone, whole[::3], rtol=_TOLERANCE, atol=_TOLERANCE)
        np.testing.assert_allclose(
            fitted.transform(rows.reverse()), whole[::-1], rtol=_TOLERANCE, atol=_TOLERANCE
        )

    def test_new_rows_change_nothing(self, fitted: FittedFeature, rows: pl.DataFrame) -> None:
        """LearnedFeature.transformer: what was fitted on train stays as it is, whatever is transformed."""
        before = fitted.transform(fitted.train)
        fitted.transform(rows)
        np.testing.assert_array_equal(fitted.transform(fitted.train), before)

    def test_any_row_is_served(
        self, feature: Feature, schema: Schema, fitted: FittedFeature, rows: pl.DataFrame
    ) -> None:
        """LearnedFeature.transformer: unseen values, nulls, infinities and long texts give finite numbers."""
        for each in (fitted, fit_feature(feature, schema, null_share=0.0)):  # with nulls in train, and none
            assert np.isfinite(each.transform(rows)).all()
            assert each.model.predict(rows)["prediction"].null_count() == 0

    def test_each_column_has_a_name(self, fitted: FittedFeature) -> None:
        """LearnedFeature.transformer: get_feature_names_out gives each column a name of its own."""
        names = [str(n) for n in fitted.model.pipeline[:-1].get_feature_names_out()]
        assert len(names) == fitted.transform(fitted.train).shape[1]
        assert len(set(names)) == len(names)

    def test_it_can_be_stored(self, fitted: FittedFeature, rows: pl.DataFrame) -> None:
        """LearnedFeature.transformer: a fitted one survives a pickle to the last bit."""
        stored = replace(fitted, model=cloudpickle.loads(cloudpickle.dumps(fitted.model)))
        np.testing.assert_array_equal(stored.transform(rows), fitted.transform(rows))


def _iter_fitted_attributes(estimator: Any) -> Iterator[str]:
    """Yield the attributes that only a fitted estimator has, by the convention of scikit-learn."""
    names = vars(estimator) if hasattr(estimator, "get_params") and not isinstance(estimator, type) else ()
    return (n for n in names if n.endswith("_") and not n.startswith("_"))

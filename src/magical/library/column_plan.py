"""The plan of a ColumnTransformer: what is done with each column, columns of one treatment in one block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from magical.contracts.promises import Pipeline
from magical.contracts.schema import Column, Schema
from magical.errors import join_names
from magical.features import (
    Encode,
    Impute,
    LearnedFeature,
    PlanContext,
    Scale,
    Stage,
    make_one_hot,
    make_target_encoder,
    to_epoch_days,
)
from magical.library.left_out_columns import MAX_ONE_HOT, ColumnCounts
from magical.library.remarks import warn

__all__ = ["Block", "build_pipeline", "plan_blocks", "plan_selection"]

_KINDS = ("numbers", "dates", "truths", "few", "many", "encoded")  # in the order of their blocks
_CATEGORIES = ("few", "many", "encoded")


class Block(NamedTuple):
    """A block of a ColumnTransformer: its name, its unfitted transformer, and its columns."""

    name: str
    transformer: Any
    columns: list[str]


class _Treatment(NamedTuple):
    """What is done with a column: by default what its kind needs, or what features say, by their places.

    Attributes:
        kind: one of ``_KINDS``.
        is_closed: True for a closed set whose encoding may have the order of its values.
    """

    kind: str
    is_closed: bool = False
    impute: int | None = None
    encode: int | None = None
    scale: int | None = None


def build_pipeline(*steps: tuple[str, Any]) -> Pipeline:
    """Build a Pipeline of named steps.

    Example:
        >>> from sklearn.preprocessing import StandardScaler
        >>> build_pipeline(("scale", StandardScaler()))
        Pipeline(steps=[('scale', StandardScaler())])
    """
    import sklearn.pipeline

    return sklearn.pipeline.Pipeline(list(steps))


def plan_blocks(
    counts: Sequence[ColumnCounts], features: Sequence[LearnedFeature], schema: Schema, context: PlanContext
) -> list[Block]:
    """Plan the blocks of a ColumnTransformer.

    Each column has the stages of its type; a learned feature takes the place of one, and of two the later.
    Then columns with equal stages share a block, and each feature that adds columns has one of its own.

    Args:
        counts: the columns to use.
        features: learned features in order, without those of the stage ``select``.
        schema: the contract of train.
        context: what a feature may know of train.

    Raises:
        WiringError: a feature reads a column that is missing or of another type.

    Example:
        >>> income = ColumnCounts(Column("income", "float"), distinct=90, missing=0, rows=100)
        >>> schema = Schema("Customer", (income.column,))
        >>> plan_blocks([income], [Scale("income", "robust")], schema, PlanContext("binary", 100))[0].name
        'numbers_robust'
    """
    plan = _Plan(counts, features, schema, context)
    return _make_names_unique([*plan.iter_blocks()])


def plan_selection(features: Iterable[LearnedFeature], context: PlanContext) -> list[tuple[str, Any]]:
    """Plan the steps that select columns, after the ColumnTransformer."""
    made = [f.transformer([], context) for f in features if f.plan_stage == "select"]
    return [(f"select_{i}" if i > 1 else "select", t) for i, t in enumerate(made, 1)]


class _Plan:
    """The features that name each column, and what follows from them."""

    def __init__(
        self,
        counts: Sequence[ColumnCounts],
        features: Sequence[LearnedFeature],
        schema: Schema,
        context: PlanContext,
    ) -> None:
        self.counts = {c.column.name: c for c in counts}
        self.features, self.context = features, context
        # The first feature of these settings stands for others of the same: their columns share a block.
        first: dict[Any, int] = {}
        self.alike = [first.setdefault(_describe(f, i), i) for i, f in enumerate(features)]
        self.read_by = [self._find_usable(feature, schema) for feature in features]
        self.overrides: dict[str, dict[Stage, int]] = {name: {} for name in self.counts}
        replaced: dict[tuple[int, int], list[str]] = {}
        for place, (feature, names) in enumerate(zip(features, self.read_by, strict=True)):
            for name in names if feature.plan_stage not in ("add", "select") else ():
                for earlier in self._override(name, place):
                    replaced.setdefault((earlier, place), []).append(name)
        for (earlier, later), names in replaced.items():
            warn(f"{features[later]!r} takes the place of {features[earlier]!r} for {join_names(names)}.")

    def iter_blocks(self) -> Iterator[Block]:
        """Yield blocks: of columns by themselves, of transformers, of added columns, of missing values."""
        transformed = {n: o["transform"] for n, o in self.overrides.items() if "transform" in o}
        yield from self._build_branches([n for n in self.counts if n not in transformed])
        for place, feature in enumerate(self.features):
            names = self.read_by[place]
            if feature.plan_stage == "transform":
                names = [n for n in names if transformed.get(n) == place]
            if names and feature.plan_stage in ("transform", "add"):
                yield self._build_feature_block(feature, names)
        yield from self._build_indicators()

    def _find_usable(self, feature: LearnedFeature, schema: Schema) -> list[str]:
        found = [c.name for c in feature.find_columns(schema)]
        names = [n for n in found if n in self.counts]
        unused = [n for n in found if n not in self.counts and n in feature.columns]
        if found and not names:
            warn(f"{feature!r} is left out with its columns: {join_names(found)}.")
        elif unused:
            warn(f"{feature!r} names columns that are left out: {join_names(unused)}.")
        return names

    def _override(self, name: str, place: int) -> list[int]:
        """Note that a feature overrides its stage of a column; return the features that lose theirs."""
        own, stage = self.overrides[name], self.features[place].plan_stage
        lost: list[Stage] = [stage]
        if stage == "transform" and not _is_after_scaling(self.features[place]):
            lost += ["encode", "scale"]
        elif stage in ("encode", "scale") and "transform" in own:
            lost += [] if _is_after_scaling(self.features[own["transform"]]) else ["transform"]
        earlier = [own.pop(s) for s in lost if s in own]
        own[stage] = place
        return earlier

    def _find_treatment(self, name: str, only_imputed: bool) -> _Treatment:
        counts, own = self.counts[name], {s: self.alike[i] for s, i in self.overrides[name].items()}
        impute = own.get("impute")
        encode, scale = (None, None) if only_imputed else (own.get("encode"), own.get("scale"))
        if counts.column.type in ("date", "datetime"):
            return _Treatment("dates", False, impute, encode, scale)
        if encode is not None:
            how = getattr(self.features[encode], "how", "ordinal")
            is_closed = how == "ordinal" and bool(counts.column.choices)
            return _Treatment("encoded", is_closed, impute, encode, scale)
        if counts.is_category:
            kind = "few" if counts.distinct <= MAX_ONE_HOT else "many"
        else:
            kind = "truths" if counts.column.type == "bool" else "numbers"
        return _Treatment(kind, False, impute, None, scale)

    def _build_branches(self, names: Iterable[str], only_imputed: bool = False) -> list[Block]:
        """Build a block for each treatment of these columns."""
        groups: dict[_Treatment, list[str]] = {}
        for name in names:
            groups.setdefault(self._find_treatment(name, only_imputed), []).append(name)
        ordered = sorted(groups.items(), key=lambda item: _KINDS.index(item[0].kind))
        return [self._build_branch(treatment, group, only_imputed) for treatment, group in ordered]

    def _build_branch(self, treatment: _Treatment, names: list[str], only_imputed: bool) -> Block:
        columns = [self.counts[n].column for n in names]
        inputs, imputing = self._build_imputing(treatment, names)
        encoding = self._build_encoding(treatment, columns)
        if treatment.kind == "dates":  # they are numbers before they are imputed; categories afterwards
            steps = [*encoding, *imputing]
        else:
            steps = imputing if only_imputed else [*imputing, *encoding]
        if not only_imputed:
            steps = [*steps, ("scale", self._make_scaler(treatment, columns))]
        return Block(self._name_branch(treatment), _chain(steps), inputs)

    def _name_branch(self, treatment: _Treatment) -> str:
        """Name a block by the kind of its columns, or their encoding, and by what is done otherwise."""
        base = [] if treatment.kind == "encoded" else [treatment.kind]
        others = (treatment.encode, treatment.impute, treatment.scale)
        return "_".join([*base, *(self.features[i].block_name for i in others if i is not None)])

    def _build_imputing(
        self, treatment: _Treatment, names: list[str]
    ) -> tuple[list[str], list[tuple[str, Any]]]:
        """Build the steps that impute columns, and return them with all columns that these read."""
        if treatment.impute is None:
            if treatment.kind in _CATEGORIES:  # their encoders know what to do with a missing value
                return names, []
            default = Impute("*", "most_frequent" if treatment.kind == "truths" else "median")
            return names, [("impute", default.transformer([], self.context))]
        feature, inputs = self.features[treatment.impute], names
        if feature.is_joint:  # it reads all its columns, although some go another way later
            inputs = [n for n in self.read_by[treatment.impute] if self._is_imputed_by(n, treatment.impute)]
        imputer = feature.transformer([self.counts[n].column for n in inputs], self.context)
        steps = [("impute", imputer)]
        if inputs != names:
            where = {n: i for i, n in enumerate(inputs)}
            places = [where[n] for n in names]
            steps.append(("keep", _make_column_transformer([("kept", "passthrough", places)])))
        return inputs, steps

    def _is_imputed_by(self, name: str, place: int) -> bool:
        return self.overrides[name].get("impute") == place

    def _build_encoding(self, treatment: _Treatment, columns: list[Column]) -> list[tuple[str, Any]]:
        """Build the steps that turn columns into numbers."""
        if treatment.encode is not None:
            return [("encode", self.features[treatment.encode].transformer(columns, self.context))]
        match treatment.kind:
            case "dates":
                return [("days", _make_days())]
            case "few":
                return [("encode", make_one_hot(self.context))]
            case "many":
                return [("encode", make_target_encoder(self.context))]
        return []

    def _make_scaler(self, treatment: _Treatment, columns: list[Column]) -> Any:
        if treatment.scale is not None:
            return self.features[treatment.scale].transformer(columns, self.context)
        encode = self.features[treatment.encode] if treatment.encode is not None else None
        if isinstance(encode, Encode):
            return encode.make_scaler(self.context)
        is_scaled = treatment.kind in ("numbers", "dates", "many")
        return Scale("*", "standard" if is_scaled else "none").transformer(columns, self.context)

    def _build_feature_block(self, feature: LearnedFeature, names: list[str]) -> Block:
        """Build the block of a feature that makes columns of its own from imputed ones."""
        branches = self._build_branches(names, only_imputed=not _is_after_scaling(feature))
        inputs = list(dict.fromkeys(n for b in branches for n in b.columns))
        prepared: Any = branches[0].transformer
        if len(branches) > 1:
            prepared = _make_column_transformer(_make_names_unique(branches))
        columns = [self.counts[n].column for n in names]
        own = feature.transformer(columns, self.context)
        return Block(feature.block_name, _chain([("prepare", prepared), ("make", own)]), inputs)

    def _build_indicators(self) -> Iterator[Block]:
        """Build the blocks of columns that are 1 where a value is missing, for what is missing in a fit."""
        from sklearn.impute import MissingIndicator
        from sklearn.preprocessing import FunctionTransformer

        marked = [n for n in self.counts if self._is_marked(n)]
        dates = [n for n in marked if self.counts[n].column.type in ("date", "datetime")]
        others = [n for n in marked if n not in set(dates)]
        # An array first: for each row to be scored scikit-learn asks a frame for the type of each column.
        to_values = FunctionTransformer(np.asarray, feature_names_out="one-to-one")
        for name, columns, first in (("missing", others, to_values), ("missing_dates", dates, _make_days())):
            if columns:
                mark = MissingIndicator(error_on_new=False)
                yield Block(name, _chain([("values", first), ("mark", mark)]), columns)

    def _is_marked(self, name: str) -> bool:
        counts, own = self.counts[name], self.overrides[name]
        if not (counts.missing or counts.column.nullable):
            return False
        if "impute" in own:
            feature = self.features[own["impute"]]
            return not isinstance(feature, Impute) or feature.indicator
        return self._find_treatment(name, only_imputed="transform" in own).kind not in _CATEGORIES


def _describe(feature: LearnedFeature, place: int) -> tuple[Any, ...]:
    """Describe a feature without its columns; a joint one is like no other, since they belong together."""
    fields = repr([v for n, v in feature if n != "columns"])
    return (type(feature), fields, place if feature.is_joint else None)


def _is_after_scaling(feature: LearnedFeature) -> bool:
    return bool(getattr(feature, "after_scaling", False))


def _chain(steps: Sequence[tuple[str, Any]]) -> Any:
    """Chain steps in a Pipeline; one alone stands for itself."""
    steps = [s for s in steps if not isinstance(s[1], str)]  # "passthrough" does nothing
    if len(steps) > 1:
        return build_pipeline(*steps)
    return steps[0][1] if steps else "passthrough"


def _make_column_transformer(blocks: Sequence[tuple[str, Any, Any]]) -> Any:
    from sklearn.compose import ColumnTransformer

    return ColumnTransformer(list(blocks), sparse_threshold=0.0, verbose_feature_names_out=False)


def _make_days() -> Any:
    from sklearn.preprocessing import FunctionTransformer

    return FunctionTransformer(to_epoch_days, feature_names_out="one-to-one")


def _make_names_unique(blocks: Sequence[Block]) -> list[Block]:
    """Number the blocks of one name from the second on."""
    seen: dict[str, int] = {}
    named = []
    for block in blocks:
        seen[block.name] = number = seen.get(block.name, 0) + 1
        named.append(block if number == 1 else block._replace(name=f"{block.name}_{number}"))
    return named

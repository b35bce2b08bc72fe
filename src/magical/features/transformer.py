"""Transformer: a transformer of scikit-learn, of another package or of the project, by its import string."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, field_validator

from magical.contracts.schema import Column, Schema, to_snake_case
from magical.errors import WiringError, did_you_mean, safe_text
from magical.features.column_selectors import Columns
from magical.features.feature import LearnedFeature, PlanContext, Stage
from magical.settings import ClassReference, import_string

__all__ = ["Transformer"]


class Transformer(LearnedFeature):
    """Fit a transformer on columns: a class with ``fit`` and ``transform``, such as those of scikit-learn.

    It gets the columns imputed, in the place of their scaling and encoding, unless ``keep`` is true: then
    what it makes stands beside them. Texts come to it as texts, with NaN where one is missing and no `Impute`
    fills it; dates as days since 1970. What it makes must be numbers.

    Attributes:
        uses: the import string of a class, such as ``sklearn.decomposition:PCA`` or ``workflow:MyScaler``, or
            the class itself. Its code is in the keys of the steps that get it, and goes with the model.
        params: the arguments of the class.
        keep: True to keep the columns as well.
        after_scaling: True if it gets the columns encoded and scaled.

    Example:
        >>> Transformer("type:number", uses="sklearn.decomposition:PCA", params={"n_components": 3})
        Transformer(columns='type:number', uses='sklearn.decomposition:PCA', params={'n_components': 3})
    """

    stage: ClassVar[Stage] = "transform"
    types: ClassVar[tuple[str, ...]] = ("int", "float", "duration", "bool", "str", "date", "datetime")

    uses: ClassReference
    params: dict[str, Any] = Field(default={})
    keep: bool = False
    after_scaling: bool = False

    if TYPE_CHECKING:

        def __init__(
            self,
            columns: Columns | Sequence[str] | str,
            uses: str | type,
            params: dict[str, Any] | None = None,
            keep: bool = False,
            after_scaling: bool = False,
        ) -> None: ...

    @field_validator("uses", mode="before")
    @classmethod
    def _name_class(cls, uses: Any) -> Any:
        if not isinstance(uses, type):
            return uses
        if "<" in (text := import_string(uses)):  # a class inside a function
            raise ValueError(f"{text} cannot be found again by its name; write it at the top of a module")
        return text

    @property
    def plan_stage(self) -> Stage:
        """``add`` if the columns are kept."""
        return "add" if self.keep else "transform"

    @property
    def block_name(self) -> str:
        """The name of the class."""
        return to_snake_case(self.uses.rpartition(":")[2].rpartition(".")[2])

    def find_columns(self, schema: Schema) -> list[Column]:
        """Return the columns that it is fitted on, after a look at the class and its arguments.

        Raises:
            SettingsError: there is no such class.
            WiringError: it is no transformer, does not know a parameter, or the table lacks a column.
        """
        self._build()
        return super().find_columns(schema)

    def transformer(self, columns: Sequence[Column], context: PlanContext) -> Any:
        """Make the transformer; one that does not name its columns is wrapped in one that does."""
        made = self._build()
        if hasattr(made, "get_feature_names_out"):
            return made
        from magical.estimators import NamedOutputs

        return NamedOutputs(made, self.block_name)

    def _build(self) -> Any:
        """Make an object of the class.

        Raises:
            SettingsError: there is no such class.
            WiringError: it is no transformer, or does not take the parameters.
        """
        cls = self.uses.load()
        lacking = [name for name in ("fit", "transform") if not callable(getattr(cls, name, None))]
        if lacking:
            raise WiringError(
                f"{self!r} uses {self.uses}, which has no method {lacking[0]}.",
                hint="name a transformer: a class with fit and transform.",
            )
        known = inspect.signature(cls).parameters
        takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in known.values())
        unknown = [n for n in self.params if n not in known and not takes_any]
        if unknown:
            raise WiringError(
                f"{self!r}: {self.uses} has no parameter {unknown[0]}.",
                hint=did_you_mean(unknown[0], [*known]),
            )
        # JSON and TOML have no tuples, and scikit-learn takes no list in the place of one.
        tuples = {n for n, p in known.items() if isinstance(p.default, tuple)}
        params = {n: tuple(v) if n in tuples and isinstance(v, list) else v for n, v in self.params.items()}
        try:
            made = cls(**params)
            if hasattr(made, "_parameter_constraints"):  # scikit-learn checks values only in ``fit``
                made._validate_params()
        except Exception as error:
            raise WiringError(
                f"{self!r}: {self.uses} refuses its params: {safe_text(error)}",
                hint="mend params.",
            ) from error
        return made

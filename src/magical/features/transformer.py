"""Transformer: a transformer of scikit-learn, of another package or of the project, by its import string."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, field_validator

from magical.contracts.schema import Column, Schema, to_snake_case
from magical.features.class_building import build_from_class, name_class
from magical.features.column_selectors import Columns
from magical.features.feature import LearnedFeature, PlanContext, Stage
from magical.settings import ClassReference

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
        return name_class(uses)

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
        """Make an object of the class."""
        return build_from_class(repr(self), self.uses, self.params, ("fit", "transform"), "a transformer")

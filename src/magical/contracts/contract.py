"""Contracts, as authors write them: the base class, with the roles and rules of its fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magical.contracts.contract_fields import (
    TYPES,
    BaseContract,
    Group,
    Id,
    Key,
    Role,
    Target,
    Time,
    Weight,
    extract_bounds,
    rule,
    schema_of,
    source_location,
    unwrap_hint,
)

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "TYPES",
    "Contract",
    "Group",
    "Id",
    "Key",
    "Role",
    "Target",
    "Time",
    "Weight",
    "extract_bounds",
    "rule",
    "schema_of",
    "source_location",
    "unwrap_hint",
]


class Contract(BaseContract):
    """One row of a table, or one value: fields with types, bounds and roles; other columns are not checked.

    Example:
        >>> from magical import Field
        >>> class Customer(Contract):
        ...     id: Id[int]
        ...     income: float | None = Field(ge=0, description="EUR a year")
        ...     response: Target[bool]
        >>> schema_of(Customer).target
        'response'
    """

    @classmethod
    def validate(cls, table: Any) -> pl.DataFrame:  # type: ignore[override]  # pydantic deprecates its own
        """Validate a table, and mark it with this contract: plain calls of the library's steps take it.

        A column whose values are of another type is converted if no value changes, such as whole numbers that
        pandas stores as floats. For raw tables, with other names or with texts, there is ``model_data``.

        Args:
            table: a polars or pandas DataFrame with the names of the contract; further columns stay.

        Returns:
            A polars DataFrame. A table that is calculated from it has no contract: validate that again.

        Raises:
            BrokenPromise: a column is missing or of another type, or rows break the contract.

        Example:
            >>> import polars as pl
            >>> from magical import Field
            >>> class Visit(Contract):
            ...     id: Id[int]
            ...     hours: float | None = Field(ge=0)
            >>> Visit.validate(pl.DataFrame({"id": [1, 2], "hours": [1, None]})).rows()
            [(1, 1.0), (2, None)]
        """
        # Imported here: a contract needs no polars until a table is validated.
        from magical.contracts.plain_tables import validate_table

        return validate_table(table, cls)

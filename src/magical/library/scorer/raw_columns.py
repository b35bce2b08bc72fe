"""Rows as they come, of any kind of table, cut into columns without a change of any value."""

from __future__ import annotations

import datetime as dt
import decimal
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import polars as pl

from magical.contracts.tables import convert_pandas
from magical.errors import BrokenPromise, join_names, shorten

__all__ = ["MixedColumn", "RawColumns", "classify_value"]

_DTYPES: dict[str, Any] = {
    "bool": pl.Boolean,
    "int": pl.Int64,
    "float": pl.Float64,
    "str": pl.String,
    "date": pl.Date,
    "datetime": pl.Datetime("us"),
    "moment": pl.Datetime("us"),
    "time": pl.Time,
    "duration": pl.Duration("us"),
    "null": pl.Null,
}
_INT64 = range(-(2**63), 2**63)
_NULLS = ("NoneType", "NAType", "NaTType")  # of Python and pandas, by name: pandas need not be imported


class MixedColumn:
    """Python values of several types: the rows of each type as one column of that type.

    Attributes:
        values: the values, by row.
        parts: the rows, and their values as a column, for each type that polars has.
        odd: the rows whose value has no such type, such as a list.
    """

    def __init__(self, name: str, values: Sequence[Any]) -> None:
        self.values = values
        rows: dict[str, list[int]] = {}
        for row, value in enumerate(values):
            rows.setdefault(classify_value(value), []).append(row)
        self.odd = rows.pop("odd", [])
        self.parts = [(r, _make_series(name, [values[i] for i in r], kind)) for kind, r in rows.items()]


class RawColumns:
    """The columns of a table of any kind, each read only when it is asked for.

    Attributes:
        names: the names of the columns.
        height: the number of rows.
        untyped: the columns that were read so far of Python values, each of which has a type of its own.

    Example:
        >>> RawColumns([{"x": 1}, {"x": None, "y": "a"}]).read(["x"])[0].to_list()
        [1, None]
    """

    def __init__(self, rows: Any) -> None:
        """Take rows: polars, pandas, arrow, a list of dictionaries, or a dictionary of lists.

        Raises:
            BrokenPromise: the rows are no table, or two columns have one name.
        """
        self.untyped: set[str] = set()
        self._table: Any = None
        self._values: Mapping[str, Sequence[Any]] = {}
        if isinstance(rows, pl.LazyFrame):
            rows = rows.collect()
        # The module's name suffices: importing pandas to test the type would be slow.
        self._is_pandas = type(rows).__module__.split(".")[0] == "pandas" and hasattr(rows, "columns")
        if self._is_pandas:
            self._table, self.height = rows.set_axis(list(map(str, rows.columns)), axis=1), len(rows)
            self.names = self._table.columns.to_list()
        elif isinstance(rows, pl.DataFrame):
            self._table, self.names, self.height = rows, rows.columns, rows.height
        elif hasattr(rows, "__arrow_c_stream__") and hasattr(rows, "schema"):
            self.names = list(rows.schema.names)
            self._refuse_duplicates()
            self._table = _from_arrow(rows)
            self.height = self._table.height
        else:
            self._values = _transpose(rows)
            self.names = list(self._values)
            self.height = max(map(len, self._values.values()), default=0)
        self._refuse_duplicates()

    def _refuse_duplicates(self) -> None:
        if len(set(self.names)) < len(self.names):
            twice = sorted({n for n in self.names if self.names.count(n) > 1})
            raise BrokenPromise(
                f"A table of rows: two columns have one name: {join_names(twice, 4)}.",
                hint="drop or rename one of them.",
            )

    def read(self, names: Sequence[str]) -> list[pl.Series | MixedColumn]:
        """Read some columns, in the order of the names.

        Raises:
            BrokenPromise: polars has no type for a column.
        """
        if self._is_pandas:
            return self._read_pandas(names)
        if self._table is None:
            return [self._read_values(name, self._values[name]) for name in names]
        columns = [self._table.get_column(name) for name in names]
        return [self._read_values(c.name, c.to_list()) if c.dtype == pl.Object else c for c in columns]

    def _read_pandas(self, names: Sequence[str]) -> list[pl.Series | MixedColumn]:
        """Read columns of pandas; those of one plain type together, since a table may have thousands."""
        import numpy as np

        groups: dict[Any, list[str]] = {}
        for name, dtype in zip(self.names, self._table.dtypes, strict=True):
            groups.setdefault(dtype, []).append(name)
        wanted, found = set(names), dict[str, pl.Series | MixedColumn]()
        for dtype, members in groups.items():
            chosen = [n for n in members if n in wanted]
            if not chosen:
                continue
            if str(dtype) in _NUMPY_NUMBERS:
                block = pl.from_numpy(self._table[chosen].to_numpy(), schema=chosen, orient="row")
                found |= {c.name: c for c in block}
            elif dtype == np.dtype(object) or (str(dtype) in ("str", "string") and self.height <= _FEW_ROWS):
                block = self._table[chosen].to_numpy(dtype=object)
                found |= {n: self._read_values(n, block[:, i].tolist()) for i, n in enumerate(chosen)}
            else:
                found |= {
                    c.name: c for c in convert_pandas(self._table[chosen], None, label="A table of rows")
                }
        return [found[name] for name in names]

    def _read_values(self, name: str, values: Sequence[Any]) -> pl.Series | MixedColumn:
        """Make a column of Python values: of one type, if they have one."""
        self.untyped.add(name)
        kinds = _find_kinds(values)
        if len(kinds - {"null"}) > 1 or "odd" in kinds:
            return MixedColumn(name, values)
        return _make_series(name, values, next(iter(kinds - {"null"}), "null"))


_NUMPY_NUMBERS = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
_NUMPY_NUMBERS |= {"bool", "float32", "float64"}
_FEW_ROWS = 1000  # of so few rows, Python values are faster than one arrow array for each column


def classify_value(value: Any) -> str:
    """Return the type of a Python value as contracts name it; ``moment`` is one with an offset.

    Example:
        >>> [classify_value(v) for v in (True, 7, float("nan"), "a", None, [1])]
        ['bool', 'int', 'null', 'str', 'null', 'odd']
    """
    kind: Any = type(value)
    known = _classify_type(kind)
    if known == "str":
        return "str" if value.isascii() or _is_unicode(value) else "odd"
    if known == "float":
        return "null" if math.isnan(value) else "float"
    if known in _LIMITS:
        return known if _LIMITS[known](value) else "odd"
    if known == "datetime" and getattr(value, "nanosecond", None):
        return "odd"  # of pandas: a contract has none
    if known == "datetime" and value.tzinfo is not None:
        return "moment" if 1 < value.year < dt.MAXYEAR else "odd"  # in UTC it may be in the next year
    return "odd" if known == "time" and value.tzinfo is not None else known


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, as JSON may write it
        return False
    return True


# What polars can hold, whatever the other values of the column are.
_LIMITS: dict[str, Callable[[Any], bool]] = {
    "int": lambda value: int(value) in _INT64,
    "decimal": lambda value: value.is_finite() and abs(value) < 10**19 and value.as_tuple().exponent >= -18,
    "duration": lambda value: abs(value) < dt.timedelta(days=10**8) and not getattr(value, "nanoseconds", 0),
}


@cache
def _classify_type(kind: Any) -> str:
    if kind.__name__ in _NULLS:
        return "null"
    if kind.__module__ == "numpy":
        import numpy as np

        code = np.dtype(kind).kind if issubclass(kind, np.generic) else ""
        return {"b": "bool", "i": "int", "u": "int", "f": "float", "U": "str"}.get(code, "odd")
    # A bool is an int to Python, and a datetime a date.
    pairs = (
        (bool, "bool"),
        (int, "int"),
        (float, "float"),
        (str, "str"),
        (decimal.Decimal, "decimal"),
        (dt.datetime, "datetime"),
        (dt.date, "date"),
        (dt.time, "time"),
        (dt.timedelta, "duration"),
    )
    return next((name for base, name in pairs if issubclass(kind, base)), "odd")


def _from_arrow(rows: Any) -> pl.DataFrame:
    try:
        return pl.DataFrame(rows)
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        raise BrokenPromise(
            f"A table of rows has a column of a type that polars has not: {shorten(error, 120)}",
            hint="leave it out, or cast it to text.",
        ) from error


def _transpose(rows: Any) -> Mapping[str, Sequence[Any]]:
    """Cut dictionaries into columns; raise a BrokenPromise for what is no table."""
    if isinstance(rows, Mapping):
        columns = {str(name): values for name, values in rows.items()}
        if columns and not any(map(_is_column, columns.values())):
            return {name: [value] for name, value in columns.items()}  # one row
        lengths = {name: len(values) for name, values in columns.items() if _is_column(values)}
        if len(lengths) < len(columns) or len(set(lengths.values())) > 1:
            shown = (f"{name} {lengths.get(name, 'no list')}" for name in columns)
            raise BrokenPromise(
                f"A table of rows: its columns differ in length: {join_names(shown, 4)}.",
                hint="give lists of one length.",
            )
        return {name: list(values) for name, values in columns.items()}
    if isinstance(rows, Sequence) and all(isinstance(row, Mapping) for row in rows):
        names = dict.fromkeys(name for row in rows for name in row)
        return {str(name): [row.get(name) for row in rows] for name in names}
    raise BrokenPromise(
        f"A table of rows was expected, not {type(rows).__name__} ({shorten(rows, 40)}).",
        hint="give a DataFrame of polars or pandas, an arrow table, or a list of dictionaries.",
    )


def _is_column(values: Any) -> bool:
    return hasattr(values, "__len__") and not isinstance(values, (str, bytes, Mapping))


def _find_kinds(values: Iterable[Any]) -> set[str]:
    kinds = set()
    types = set(map(type, values))
    for kind in types:
        if kind is bool:  # its values need no look
            kinds.add("bool")
        elif kind.__name__ in _NULLS:
            kinds.add("null")
        else:
            kinds |= {classify_value(v) for v in values if type(v) is kind}
    return kinds


def _make_series(name: str, values: Sequence[Any], kind: str) -> pl.Series:
    """Make a column of values of one kind, and of those that are missing."""
    if kind == "null":
        return pl.Series(name, [None] * len(values), dtype=pl.Null)
    if kind in ("datetime", "moment", "duration", "float"):  # these have a missing value of their own type
        values = [None if classify_value(v) == "null" else v for v in values]
    elif set(map(type, values)) - {str, bool, int}:
        values = [None if type(v).__name__ in _NULLS or isinstance(v, float) else v for v in values]  # NaN
    if kind == "moment":
        utc = [v and v.astimezone(dt.UTC).replace(tzinfo=None) for v in values]
        return pl.Series(name, utc, dtype=_DTYPES[kind]).dt.replace_time_zone("UTC")
    return pl.Series(name, values, dtype=_DTYPES.get(kind))  # a decimal has the digits that it needs

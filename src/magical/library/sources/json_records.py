"""JSON files: an array of records, or a record a line, as a table with the types that JSON has."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, NoReturn

import polars as pl

from magical.errors import InputError, join_names, shorten
from magical.library.sources.raw_table import RawTable

__all__ = ["read_json"]

_BLANK = re.compile(r"[ \t\r\n]*")
_INT64 = 2**63
_EXACT_IN_FLOAT = 2**53
_NOUNS = {
    "object": "an object",
    "list": "a list",
    "text": "a text",
    "number": "a number",
    "bool": "a truth value",
}


class _Numeral(str):
    """A number, as it is written, with more digits than 64 bits hold."""

    __slots__ = ()


class _RepeatedKey(ValueError):
    """A record has a key twice."""


def read_json(data: bytes, name: str) -> RawTable:
    r"""Read the bytes of a JSON file: an array of records, or a record a line.

    Nested objects and lists stay as they are: structs and lists of polars. A field whose numbers have more
    digits than 64 bits hold is text, and so is one with texts and numbers; a remark says so.

    Args:
        data: all bytes of the file.
        name: the name of the file, for messages.

    Raises:
        InputError: the data is no such JSON, a record has a key twice, or the values of a field do not fit
            together; the message has the line.

    Example:
        >>> read_json(b'{"id": 7, "tags": ["a"]}\n{"id": 8}\n', "a.jsonl").table.rows()
        [(7, ['a']), (8, None)]
    """
    text = _decode(data, name)
    if not text.strip():
        raise InputError(f"{name} is empty.", hint="give a file with at least one record.")
    records = _Records(text, name)
    try:
        columns = [records.column(column) for column in records.names]
    except UnicodeEncodeError:  # a text of polars may have no half characters
        records.refuse_half_character()
    return RawTable(pl.DataFrame(columns), tuple(records.remarks), {"format": records.format})


class _Records:
    """The records of a file, with the place of each for messages."""

    def __init__(self, text: str, name: str) -> None:
        self.name, self.remarks, self._text = name, list[str](), text
        self._nan_count = 0
        self._decoder = json.JSONDecoder(
            object_pairs_hook=_read_object,
            parse_float=_read_float,
            parse_int=_read_int,
            parse_constant=self._read_constant,
        )
        is_array = text.lstrip().startswith("[")
        self.format = "array of records" if is_array else "a record a line"
        self._offsets: list[int] = []
        self.values: list[dict[str, Any]] = []
        for offset, value in self._scan_array() if is_array else self._scan_lines():
            if not isinstance(value, dict):
                self._fail(offset, f"{shorten(json.dumps(value), 40)} is no record, such as {{...}}")
            self._offsets.append(offset)
            self.values.append(value)
        if not is_array and len(self.values) == 1 and self._is_document(self.values[0]):
            self._refuse_object(self.values[0])
        self.names: dict[str, None] = {}
        keys = None
        for record in self.values:
            if record.keys() != keys:  # nearly all records have the keys of the one before
                keys = record.keys()
                self.names |= dict.fromkeys(record)
        if self._nan_count:
            self.remarks.append(
                f"{name}: {self._nan_count:,} values NaN, which JSON lacks, are read as null."
            )

    def column(self, name: str) -> pl.Series:
        """Return the values of a field in all records."""
        values: list[Any] = [record.get(name) for record in self.values]
        if _find_kinds(values) <= {"null", "text", "number", "bool", "numeral"} and self._is_text(
            name, values
        ):
            return pl.Series(name, [None if v is None else _write(v) for v in values], pl.String())
        dtype = self._infer(name, values, range(len(values)))
        if dtype.is_nested():  # polars makes no float of an integer inside a list
            values = [_convert(value, dtype) for value in values]
        return pl.Series(name, values, dtype, strict=False)  # an integer among floats is a float

    def _is_text(self, name: str, values: Sequence[Any]) -> bool:
        """Return True, and remark it, if a field with other values than texts must be read as texts."""
        kinds = _find_kinds(values) - {"null"}
        long: list[Any] = [v for v in values if type(v) is _Numeral]
        if {int, float} <= set(map(type, values)):  # then all become floats
            long += [v for v in values if type(v) is int and abs(v) > _EXACT_IN_FLOAT]
        if "text" in kinds and len(kinds) > 1:
            text, other = _first(values, str), next(v for v in values if v is not None and type(v) is not str)
            self.remarks.append(
                f"{self.name}: {name} has texts and other values, such as {json.dumps(text)} "
                f"({self._place(values.index(text))}) and {_write(other)}; it is read as text."
            )
        elif long and kinds <= {"number", "numeral"}:
            self.remarks.append(
                f"{self.name}: {name} has numbers with more digits than 64 bits hold, such as {long[0]}; "
                "it is read as text."
            )
        else:
            return False
        return True

    def _infer(self, name: str, values: Sequence[Any], rows: Sequence[int]) -> pl.DataType:
        """Infer the type of values that must be of one kind; ``rows`` are the records that they are of."""
        kinds = _find_kinds(values) - {"null"}
        if len(kinds) > 1 or "numeral" in kinds:
            self._refuse_mixed(name, values, rows)
        match next(iter(kinds), "text"):
            case "object":
                there = [(v, row) for v, row in zip(values, rows, strict=True) if v is not None]
                fields = dict.fromkeys(key for v, _ in there for key in v)
                inner = [row for _, row in there]
                return pl.Struct(
                    {
                        key: self._infer(f"{name}.{key}", [v.get(key) for v, _ in there], inner)
                        for key in fields
                    }
                )
            case "list":
                pairs = [(x, row) for v, row in zip(values, rows, strict=True) for x in v or ()]
                items, inner = [x for x, _ in pairs], [row for _, row in pairs]
                return pl.List(self._infer(f"{name}[]", items, inner))
            case "bool":
                return pl.Boolean()
            case "number":
                return pl.Float64() if float in set(map(type, values)) else pl.Int64()
        return pl.String()

    def _refuse_mixed(self, name: str, values: Sequence[Any], rows: Sequence[int]) -> NoReturn:
        first: dict[str, tuple[Any, int]] = {}
        for value, row in zip(values, rows, strict=True):
            first.setdefault(_kind(value), (value, row))
        if "numeral" in first:
            value, row = first["numeral"]
            self._fail(self._offsets[row], f"{name} has {value}, which has more digits than 64 bits hold")
        shown = [
            f"{_NOUNS[kind]} ({self._place(row)}: {shorten(_write(value), 30)})"
            for kind, (value, row) in first.items()
            if kind != "null"
        ]
        raise InputError(
            f"{self.name}: {name} is of several kinds: {join_names(shown, 3)}.",
            hint="write one kind of value in a field; the rest may be null.",
        )

    def refuse_half_character(self) -> NoReturn:
        """Raise the error for a text that ends in the middle of a character, as an escape of JSON can."""
        for offset, record in zip(self._offsets, self.values, strict=True):
            try:
                json.dumps(record, ensure_ascii=False).encode()
            except UnicodeEncodeError:
                self._fail(offset, "a text has half a character")
        raise AssertionError("no record has half a character")

    def _scan_lines(self) -> Iterator[tuple[int, Any]]:
        """Yield records with a line end after each; a record may also go over several lines."""
        at = _skip_blanks(self._text, 0)
        while at < len(self._text):
            value, end = self._decode_at(at)
            yield at, value
            at = _skip_blanks(self._text, end)
            if at < len(self._text) and "\n" not in self._text[end:at]:
                self._fail(end, "there is more after the record")

    def _scan_array(self) -> Iterator[tuple[int, Any]]:
        at = _skip_blanks(self._text, _skip_blanks(self._text, 0) + 1)
        while self._text[at : at + 1] != "]":
            value, end = self._decode_at(at)
            yield at, value
            end = _skip_blanks(self._text, end)
            if self._text[end : end + 1] not in (",", "]") or not self._text[end:]:
                self._fail(end, "a comma or ] is missing after a record")
            at = _skip_blanks(self._text, end + 1) if self._text[end] == "," else end
            if self._text[end] == "," and self._text[at : at + 1] == "]":
                self._fail(end, "no record comes after the last comma")
        if (end := _skip_blanks(self._text, at + 1)) < len(self._text):
            self._fail(end, "there is more after the array")

    def _decode_at(self, offset: int) -> tuple[Any, int]:
        try:
            return self._decoder.raw_decode(self._text, _skip_blanks(self._text, offset))
        except json.JSONDecodeError as error:
            if error.pos >= len(self._text.rstrip()):
                self._fail(error.pos, "the file ends in the middle of a record")
            self._fail(error.pos, f"it is not valid JSON: {error.msg}")
        except _RepeatedKey as error:
            self._fail(offset, f"a record has the key {str(error)!r} twice")
        except RecursionError:
            self._fail(offset, "a record is nested too deeply")
        except ValueError as error:
            self._fail(offset, str(error))

    def _is_document(self, value: dict[str, Any]) -> bool:
        """Return True if the only record of a file is over several lines, or has all records in it."""
        return "\n" in self._text.strip() or any(isinstance(v, (dict, list)) for v in value.values())

    def _refuse_object(self, value: Any) -> NoReturn:
        """Refuse a file that is one object, which may have the records in it."""
        lists = [k for k, v in value.items() if isinstance(v, list) and v and isinstance(v[0], dict)]
        raise InputError(
            f"{self.name} is one JSON object, not an array of records.",
            hint=f"write the list {lists[0]!r} in it as a file of its own."
            if lists
            else "write [{...}, {...}] or a record a line (pandas: to_json(orient='records')).",
        )

    def _fail(self, offset: int, what: str) -> NoReturn:
        line = self._text.count("\n", 0, offset) + 1
        raise InputError(f"{self.name}: line {line}: {what}.", hint="mend the file there, or write it again.")

    def _place(self, row: int) -> str:
        return f"line {self._text.count(chr(10), 0, self._offsets[row]) + 1}"

    def _read_constant(self, text: str) -> None:
        if text != "NaN":
            raise ValueError(f"{text} is no number of JSON")
        self._nan_count += 1


def _decode(data: bytes, name: str) -> str:
    encoding = json.detect_encoding(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name} is no JSON: byte {error.start:,} is not {encoding.upper()}.",
            hint="write it as UTF-8, as JSON must be.",
        ) from None


def _skip_blanks(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _RepeatedKey(next(name for name in names if names.count(name) > 1))
    return found


def _read_int(text: str) -> int | _Numeral:
    if len(text) < 19:
        return int(text)
    return int(text) if len(text) <= 20 and -_INT64 <= int(text) < _INT64 else _Numeral(text)


def _read_float(text: str) -> float | _Numeral:
    number = float(text)
    if repr(number) == text or (len(text) <= 16 and "e" not in text and "E" not in text):
        return number  # fifteen digits are always kept
    if math.isinf(number) or Decimal(repr(number)) != Decimal(text):
        return _Numeral(text)
    return number


def _kind(value: Any) -> str:
    return _KINDS[type(value)]


_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "bool",
    int: "number",
    float: "number",
    str: "text",
    _Numeral: "numeral",
    dict: "object",
    list: "list",
}


def _find_kinds(values: Sequence[Any]) -> set[str]:
    return {_KINDS[cls] for cls in set(map(type, values))}


def _convert(value: Any, dtype: Any) -> Any:
    if isinstance(dtype, pl.Struct) and value is not None:
        return {field.name: _convert(value.get(field.name), field.dtype) for field in dtype.fields}
    if isinstance(dtype, pl.List) and value is not None:
        return [_convert(item, dtype.inner) for item in value]
    return float(value) if isinstance(dtype, pl.Float64) and value is not None else value


def _first(values: Sequence[Any], cls: type) -> Any:
    return next(v for v in values if type(v) is cls)


def _write(value: Any) -> str:
    return str(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

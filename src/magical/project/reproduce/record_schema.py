"""The schema of an exported record, by which a file is validated before it is used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from magical.errors import UsageError, shorten

__all__ = ["FORMAT", "read_record"]

FORMAT = 1
"""The version of the format; a change makes records of earlier releases unreadable."""

_MAX_DEPTH = 100  # code that uses a record recurses into settings and values
_LOCAL_SETTINGS = ("policy", "tracking")  # they belong to the machine of the record, not to this one


class _OpenModel(BaseModel):
    """A strict model that allows further fields, which later releases may add."""

    model_config = ConfigDict(extra="allow", strict=True)


class _FloatChecksum(_OpenModel):
    holes: str
    sums: list[float]
    weighted: list[float]
    sizes: list[float]
    rounding: float
    logs: list[float] = []

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if not len(self.sums) == len(self.weighted) == len(self.sizes) == len(self.logs or self.sums):
            raise ValueError("its lists are not of one length")
        return self


class _Column(_OpenModel):
    type: str
    digest: str
    nulls: int
    nans: int = 0
    floats: _FloatChecksum | None = None


class _Table(_OpenModel):
    rows: int
    columns: dict[str, _Column]


class _Result(_OpenModel):
    kind: str
    content: str
    items: dict[str, _Result] = {}
    rows: int = 0
    columns: dict[str, _Column] = {}
    predicts: _Table | None = None
    floats: _FloatChecksum | None = None
    unknown: str = ""

    @model_validator(mode="after")
    def _check_complete(self) -> Self:
        """Check that the result has the fields that its kind needs."""
        needed = {"group": ["items"], "table": ["rows", "columns"], "value": ["json"]}.get(self.kind, [])
        given = self.model_fields_set | {*(self.model_extra or {})}
        if self.kind in ("model", "object") and not self.unknown:
            needed = ["on", "predicts"] if self.kind == "model" else ["bytes", "type"]
        if self.kind == "value" and "json" not in given:
            needed = ["shape", "floats"]
        if missing := [name for name in needed if name not in given]:
            raise ValueError(f"{missing[0]} is missing")
        return self


class _Step(_OpenModel):
    state: str
    key: Annotated[str, Field(pattern=r"^[0-9a-f]*$")] = ""
    content: str = ""
    reason: str = ""
    parts: dict[str, str] | None = None
    result: _Result | None = None


class _Git(_OpenModel):
    commit: str = ""
    dirty: bool = False


class _Record(_OpenModel):
    format: int
    run: str
    workflow: str
    step: str = ""
    settings: dict[str, Any]
    steps: dict[str, _Step]
    profile: Annotated[str, Field(pattern=r"^[^/\\\x00]*$")] = ""
    sample: Annotated[int, Field(ge=0)] = 0
    pretend: Literal["", "sources", "all"] = ""
    rows: Annotated[int, Field(ge=0)] | None = None
    git: _Git | None = None
    versions: dict[str, str] | None = None
    locks: dict[str, str] = {}


def read_record(path: Path) -> dict[str, Any]:
    """Read a record from a file and validate it.

    Raises:
        UsageError: the file is no record, has another format, or lacks something.
    """
    hint = "write one: magical runs RUN --json > record.json"
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "it is not JSON"
        raise UsageError(f"{path.name} is no record of a run: {reason}.", hint=hint) from None
    if not isinstance(found, dict) or not {"run", "settings"} <= found.keys() or _too_deep(found):
        raise UsageError(f"{path.name} is no record of a run.", hint=hint)
    if found.get("format", FORMAT) != FORMAT:
        raise UsageError(
            f"{path.name} is a record of format {shorten(found['format'], 20)}; this magical reads {FORMAT}.",
            hint="reproduce it with the release that wrote it, or write it again.",
        )
    # `found` is returned, not the model: defaults of the model would hide which fields are missing.
    try:
        _Record.model_validate(found)
    except ValidationError as error:
        # `from None`: the text of pydantic's error shows values, which may be secret.
        raise UsageError(f"{path.name} is no whole record: {_describe_error(error)}.", hint=hint) from None
    return {**found, "settings": {n: v for n, v in found["settings"].items() if n not in _LOCAL_SETTINGS}}


def _describe_error(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = shorten(".".join(map(str, first["loc"])), 80)
    if first["type"] == "missing":
        return f"{place} is missing"
    if first["type"] == "string_pattern_mismatch":
        return f"{place} has characters that are not allowed"
    words = first["msg"].replace("Input should be", "must be").replace("Value error, ", "").rstrip(".")
    words = words.partition(" or instance of ")[0]
    return f"{place} {words}" if words.startswith("must") else f"{place}: {words}"


def _too_deep(value: Any) -> bool:
    """Return True if a value is nested deeper than the limit."""
    # Level by level: recursion could overflow the stack.
    level = [value]
    for _ in range(_MAX_DEPTH):
        inner = [list(x.values()) if isinstance(x, Mapping) else x for x in level]
        level = [y for x in inner if isinstance(x, list) for y in x]
        if not level:
            return False
    return True

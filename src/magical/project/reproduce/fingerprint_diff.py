"""Comparison of two fingerprints of a result, naming what differs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from magical.errors import join_names, shorten
from magical.project.reproduce.fingerprints import extract_floats
from magical.project.reproduce.float_checksum import TOLERANCE, compare_checksums, compare_floats

__all__ = ["DIFFERS", "NEARLY", "SAME", "UNKNOWN", "Agreement", "compare_fingerprints"]

SAME, NEARLY, DIFFERS, UNKNOWN = "same", "nearly", "differs", "not compared"

_TOLERANCE = TOLERANCE * (1 + 1e-6)  # a difference of exactly 1e-9 may be computed as slightly more
_OTHER_GAPS = "is missing or infinite in other rows"
_Pair = tuple[Any, Any]
_Pairs = Callable[[str], "_Pair | None"]


@dataclass(frozen=True)
class Agreement:
    """The outcome of comparing two results.

    Attributes:
        level: ``same`` (to the last bit), ``nearly`` (floats to a relative 1e-9), ``differs``, or
            ``not compared``.
        details: a few words for each difference.
        max_difference: the largest relative difference of two floats, where known.
    """

    level: str
    details: tuple[str, ...] = ()
    max_difference: float | None = None


def compare_fingerprints(
    old: Mapping[str, Any], new: Mapping[str, Any], pairs: _Pairs = lambda item: None
) -> Agreement:
    """Compare two fingerprints of the result of a step.

    Args:
        old: the fingerprint from the earlier run.
        new: the fingerprint from the later run.
        pairs: loads the old and the new table of a member of the result; returns None if one is lost.

    Example:
        >>> fingerprint = {"kind": "none", "content": "none"}
        >>> compare_fingerprints(fingerprint, fingerprint).level
        'same'
    """
    return _merge(list(_compare_items(old, new, pairs, "")))


def _compare_items(
    old: Mapping[str, Any], new: Mapping[str, Any], pairs: _Pairs, item: str
) -> Iterator[Agreement]:
    """Compare a result member by member; ``item`` is the dotted path of the member, empty for the whole."""
    kinds = old.get("kind"), new.get("kind")
    may_be_models = {*kinds} <= {"model", "object"}  # an object that cannot be read may have been a model
    if may_be_models and (old.get("unknown") or new.get("unknown") or kinds[0] == kinds[1]):
        yield _compare_objects(old, new, pairs, item)
    elif kinds[0] != kinds[1]:
        yield Agreement(DIFFERS, (f"{_prefix(item)}it was a {kinds[0]}, and is a {kinds[1]} now",))
    elif old["kind"] == "group":
        if list(old["items"]) != list(new["items"]):
            text = f"{_prefix(item)}{len(old['items'])} items then, {len(new['items'])} now"
            yield Agreement(DIFFERS, (text,))
            return
        for name, member in old["items"].items():
            yield from _compare_items(member, new["items"][name], pairs, _join_path(item, name))
    elif old["content"] == new["content"]:
        yield Agreement(SAME)
    elif "columns" in old and "columns" in new:
        yield _compare_tables(old, new, pairs(item), item)
    elif old["kind"] == "value" and {*old} & {*new} & {"json", "shape"}:
        yield _compare_values(old, new, item)
    else:
        yield Agreement(DIFFERS, (f"{_prefix(item)}other content",))


def _merge(found: list[Agreement]) -> Agreement:
    """Merge outcomes: the worst level, the details at that level, and the largest difference."""
    levels = [a.level for a in found]
    level = next((x for x in (DIFFERS, UNKNOWN, NEARLY) if x in levels), SAME)
    details = tuple(text for a in found if a.level == level for text in a.details)
    differences = (a.max_difference for a in found if a.max_difference is not None)
    return Agreement(level, details, max(differences, default=None))


def _compare_objects(old: Mapping[str, Any], new: Mapping[str, Any], pairs: _Pairs, item: str) -> Agreement:
    """Compare models by their predictions, and other objects by the digests of their pickles."""
    if reason := old.get("unknown") or new.get("unknown"):
        return Agreement(UNKNOWN, (f"{_prefix(item)}{reason}",))
    if old["kind"] == "model":
        if old["on"] != new["on"]:
            text = f"{_prefix(item)}it predicted {old['on']} then, and {new['on']} now"
            return Agreement(UNKNOWN, (text,))
        found = _compare_tables(old["predicts"], new["predicts"], pairs(item), item)
        if found.level == SAME:
            return found
        text = "; ".join(found.details)
        return Agreement(found.level, (f"its predictions for {old['on']}: {text}",), found.max_difference)
    if old["bytes"] and old["bytes"] == new["bytes"]:
        return Agreement(SAME)
    return Agreement(UNKNOWN, (f"{_prefix(item)}a {new['type']} has no content that could be compared",))


def _compare_tables(
    old: Mapping[str, Any], new: Mapping[str, Any], pair: _Pair | None, item: str
) -> Agreement:
    """Compare rows and columns of two tables; ``pair`` has both tables, if they can be loaded."""
    was, now, prefix = old["columns"], new["columns"], _prefix(item)
    if old["rows"] != new["rows"]:
        return Agreement(DIFFERS, (f"{prefix}{old['rows']:,} rows then, {new['rows']:,} now",))
    gone, added = [n for n in was if n not in now], [n for n in now if n not in was]
    texts = [f"{prefix}{join_names(gone, 4)} {'is' if len(gone) == 1 else 'are'} gone"] if gone else []
    texts += [f"{prefix}{join_names(added, 4)} {'is' if len(added) == 1 else 'are'} new"] if added else []
    texts += ["the columns are in another order"] if not texts and list(was) != list(now) else []
    found = [Agreement(DIFFERS, tuple(texts))] if texts else []
    for name in was:
        if name in now and was[name] != now[name]:
            both = (pair[0].get_column(name), pair[1].get_column(name)) if pair else None
            found.append(_compare_columns(f"{prefix}{name}", was[name], now[name], both))
    return _merge(found)


def _compare_columns(
    name: str, old: Mapping[str, Any], new: Mapping[str, Any], pair: _Pair | None
) -> Agreement:
    """Compare two columns by their digests and checksums; ``pair`` has both, if they can be loaded."""
    if old["type"] != new["type"]:
        return Agreement(DIFFERS, (f"{name} was {old['type']}, and is {new['type']} now",))
    if old["digest"] == new["digest"]:
        return Agreement(SAME)
    if "floats" not in old or "floats" not in new:
        return Agreement(DIFFERS, (f"{name} has other values{_count_differences(pair)}",))
    if old["nulls"] != new["nulls"] or old["nans"] != new["nans"]:
        missing = old["nulls"] + old["nans"], new["nulls"] + new["nans"]
        return Agreement(DIFFERS, (f"{name} missed {missing[0]:,} values, and misses {missing[1]:,} now",))
    if "rest" in old and "rest" in new and old["rest"] != new["rest"]:
        # In a plain column of floats the rest is the nulls; in a list or a struct it has values, too.
        is_nested = "(" in old["type"]
        text = f"has other values{_count_differences(pair)}" if is_nested else _OTHER_GAPS
        return Agreement(DIFFERS, (f"{name} {text}",))
    if pair is not None:
        old_floats, new_floats = map(extract_floats, pair)
        count, difference = compare_floats(old_floats, new_floats)
        how = f"in {count:,} of {len(old_floats):,} values, by up to"
        return _describe_difference(name, difference, how)
    return _describe_difference(name, compare_checksums(old["floats"], new["floats"]), "by its sums, about")


def _describe_difference(name: str, difference: float | None, how: str) -> Agreement:
    """Describe a relative difference of floats; None if they are missing or infinite in other rows."""
    if difference is None:
        return Agreement(DIFFERS, (f"{name} {_OTHER_GAPS}",))
    text = (
        f"{name} differs {how} {difference:.1g} relative"
        if difference
        else f"{name} differs in signs of zeros or in rounding"
    )
    return Agreement(NEARLY if difference <= _TOLERANCE else DIFFERS, (text,), difference)


def _count_differences(pair: _Pair | None) -> str:
    if pair is None:
        return ""
    same = pair[0].eq_missing(pair[1])
    return f" in {int((~same).sum()):,} of {len(same):,} rows"


def _compare_values(old: Mapping[str, Any], new: Mapping[str, Any], item: str) -> Agreement:
    if "json" in old and "json" in new:
        return _merge(list(_compare_json(old["json"], new["json"], item)))
    if old.get("shape") != new.get("shape"):
        return Agreement(DIFFERS, (f"{_prefix(item)}other content",))
    name, difference = _join_path(item, "its numbers"), compare_checksums(old["floats"], new["floats"])
    return _describe_difference(name, difference, "by their sums, about")


def _compare_json(old: Any, new: Any, path: str) -> Iterator[Agreement]:
    """Compare two JSON values, floats to 1e-9, and yield an outcome for each difference."""
    if isinstance(old, Mapping) and isinstance(new, Mapping) and old.keys() == new.keys():
        for key in old:
            yield from _compare_json(old[key], new[key], _join_path(path, key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for i, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _compare_json(one, other, _join_path(path, i))
    elif isinstance(old, float) and isinstance(new, float):
        if not (old == new or (math.isnan(old) and math.isnan(new))):
            _, difference = compare_floats(np.array([old]), np.array([new]))
            text = f"{path or 'it'} was {old!r}, and is {new!r} now"
            is_near = difference is not None and difference <= _TOLERANCE
            yield Agreement(NEARLY if is_near else DIFFERS, (text,), difference)
    # 1 and 1.0 and True are equal in Python, and not in JSON.
    elif old != new or type(old) is not type(new):
        text = f"{path or 'it'} was {shorten(old, 40)}, and is {shorten(new, 40)} now"
        yield Agreement(DIFFERS, (text,))


def _join_path(path: str, name: object) -> str:
    return f"{path}.{name}" if path else str(name)


def _prefix(item: str) -> str:
    return f"{item}: " if item else ""

"""A reference stands for a result while a workflow is drawn; every other use of it is refused."""
# ruff: noqa: PLW0108, PLC3002, RUF005, RUF059

import copy
import json
import logging
import math
import operator
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.contracts.promises import Promise, promise_of
from magical.errors import TouchedRef
from magical.refs import Link, Ref, Wire, find_links, map_links
from projects import is_well_worded


def walk_async(ref: Ref) -> None:
    async def walk() -> None:
        async for _ in ref:  # type: ignore[attr-defined]
            pass

    walk().send(None)


def is_awaited(ref: Ref) -> None:
    async def wait() -> None:
        await ref  # type: ignore[misc]

    wait().send(None)


def has_a_block(ref: Ref) -> None:
    with ref:  # type: ignore[attr-defined]
        pass


def is_matched(ref: Ref) -> None:
    match ref:
        case pl.DataFrame():
            pass


def is_set(ref: Ref) -> None:
    ref["x"] = 1  # type: ignore[index]


def is_emptied(ref: Ref) -> None:
    del ref["x"]  # type: ignore[attr-defined]


def is_added_to(ref: Any) -> None:
    ref += 1


WAYS: dict[str, Callable[[Any], Any]] = {
    "attribute": lambda r: r.height,
    "method": lambda r: r.filter(pl.col("x") > 0),
    "hasattr": lambda r: hasattr(r, "columns"),
    "set an attribute": lambda r: setattr(r, "x", 1),
    "delete an attribute": lambda r: delattr(r, "x"),
    "item": lambda r: r["x"],
    "slice": lambda r: r[:3],
    "set an item": is_set,
    "delete an item": is_emptied,
    "in": lambda r: "x" in r,
    "for": lambda r: list(r),
    "unpack": lambda r: (lambda a, b: a)(*r),
    "keywords": lambda r: dict(**r),
    "zip": lambda r: list(zip(r, r, strict=True)),
    "enumerate": lambda r: list(enumerate(r)),
    "sorted": sorted,
    "reversed": reversed,
    "sum": sum,
    "max": max,
    "any": any,
    "next": next,
    "iter": iter,
    "async for": walk_async,
    "await": is_awaited,
    "bool": bool,
    "if": lambda r: 1 if r else 0,
    "not": operator.not_,
    "and": lambda r: r and 1,
    "len": len,
    "==": lambda r: r == 1,
    "== from the left": lambda r: 1 == r,
    "!=": lambda r: r != 1,
    "<": lambda r: r < 1,
    "< from the left": lambda r: 1 < r,
    "<=": lambda r: r <= 1,
    ">": lambda r: r > 1,
    ">=": lambda r: r >= 1,
    "hash": hash,
    "a set": lambda r: {r},
    "a key": lambda r: {r: 1},
    "+": lambda r: r + 1,
    "+ from the left": lambda r: 1 + r,
    "+=": is_added_to,
    "a list +": lambda r: [1] + r,
    "-": lambda r: r - 1,
    "*": lambda r: 2 * r,
    "/": lambda r: 1 / r,
    "//": lambda r: r // 2,
    "%": lambda r: r % 2,
    "**": lambda r: r**2,
    "@": lambda r: r @ r,
    "divmod": lambda r: divmod(r, 2),
    "&": lambda r: r & 1,
    "|": lambda r: r | 1,
    "^": lambda r: r ^ 1,
    "<<": lambda r: r << 1,
    ">>": lambda r: r >> 1,
    "unary minus": operator.neg,
    "unary plus": operator.pos,
    "~": operator.invert,
    "abs": abs,
    "round": round,
    "math.sqrt": math.sqrt,
    "math.floor": math.floor,
    "math.ceil": math.ceil,
    "math.trunc": math.trunc,
    "int": int,
    "float": float,
    "complex": complex,
    "range": range,
    "index": lambda r: [1, 2][r],
    "str": str,
    "print": print,
    "f-string": lambda r: f"{r}",
    "format": lambda r: f"{r:>10}",
    "%s": lambda r: "%s" % r,  # noqa: UP031
    "bytes": bytes,
    "json": json.dumps,
    "call": lambda r: r(),
    "with": has_a_block,
    "open": open,
    "Path": Path,
    "os.fspath": os.fspath,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": pickle.dumps,
    "isinstance": lambda r: isinstance(r, pl.DataFrame),
    "match": is_matched,
    "np.asarray": np.asarray,
    "np.mean": np.mean,
    "np.log": np.log,
    "np.concatenate": lambda r: np.concatenate([r, r]),
    "array +": lambda r: np.arange(3) + r,
    "pd.concat": lambda r: pd.concat([r, r]),
    "pd.DataFrame": pd.DataFrame,
    "pd.Series": pd.Series,
    "pd.merge": lambda r: pd.merge(r, r),
    "pd.isna": pd.isna,
    "pl.concat": lambda r: pl.concat([r, r]),
    "pl.concat of one": lambda r: pl.concat([r]),
    "pl.DataFrame": pl.DataFrame,
    "pl.from_pandas": pl.from_pandas,
    "pl.lit": pl.lit,
    "pl.Series": pl.Series,
    "series +": lambda r: pl.Series([1]) + r,
    "expression": lambda r: pl.col("x") + r,
    "series of pandas +": lambda r: pd.Series([1]) + r,
}


@pytest.fixture
def ref() -> Ref:
    return Ref(Link("clean#0"), Promise("table"), "workflow.py:3")


@pytest.mark.parametrize("way", WAYS)
def test_a_result_fails_well_on_every_way_of_touching_it(ref: Ref, way: str) -> None:
    with pytest.raises(TouchedRef, match="The result of clean was") as caught:
        WAYS[way](ref)
    assert "Hint: move this line into a step" in str(caught.value)
    assert is_well_worded(str(caught.value))


@pytest.mark.parametrize("way", ["height", "for", "f-string"])
def test_the_line_of_the_author_is_named(ref: Ref, way: str) -> None:
    with pytest.raises(TouchedRef, match=r"test_refs.py:\d+"):
        WAYS[{"height": "attribute"}.get(way, way)](ref)


def test_what_may_be_done_with_a_result(ref: Ref) -> None:
    assert repr(ref) == "<result of clean#0>"
    assert ref is ref
    assert [ref, ref][0] is ref
    logging.getLogger("x").debug("%s", ref)  # nobody listens


def test_parts_and_tuples_unpack() -> None:
    parts = Ref(Link("split#1"), Promise("parts"), "")
    train, validation, test = parts  # type: ignore[misc]
    assert [repr(r) for r in (train, validation, test)] == [
        f"<result of split#1.{n}>" for n in ("train", "validation", "test")
    ]
    assert repr(parts.test) == "<result of split#1.test>"
    first, second = Ref(Link("pair#1"), promise_of(tuple[int, str]), "")  # type: ignore[misc]
    assert repr(second) == "<result of pair#1.1>"
    with pytest.raises(ValueError, match="not enough values"):
        _a, _b, _c, _d = parts  # type: ignore[misc]


def test_what_a_split_or_a_tuple_has_not_is_refused() -> None:
    parts = Ref(Link("split#1"), Promise("parts"), "")
    with pytest.raises(TouchedRef, match=r"The result of split was asked for \.tests"):
        _ = parts.tests
    with pytest.raises(ValueError, match="too many values to unpack"):
        first, second = parts  # type: ignore[misc]
    pair = Ref(Link("pair#1"), promise_of(tuple[int, str]), "")
    with pytest.raises(TouchedRef, match=r"The result of pair was asked for \.train"):
        _ = pair.train
    with pytest.raises(TouchedRef, match="The result of pair was measured"):
        len(next(iter(pair)))


# --- wires ------------------------------------------------------------------------------------------------------


links = st.builds(Link, st.sampled_from("ab"), st.sampled_from(["", "train", "0"]))
wires: st.SearchStrategy[Wire] = st.recursive(
    st.none() | links, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=6
)


def test_a_link_reads_as_its_node_and_item() -> None:
    assert (str(Link("clean")), str(Link("split", "train")), str(Link("pair", "0"))) == (
        "clean",
        "split.train",
        "pair.0",
    )


@given(wires)
def test_replaced_by_themselves_links_leave_the_wire_as_it_was(wire: Wire) -> None:
    seen: list[Link] = []

    def note(link: Link) -> Link:
        seen.append(link)
        return link

    assert map_links(wire, note) == wire
    assert seen == list(find_links(wire))


def test_the_shape_of_a_wire_stays() -> None:
    wire = (Link("a"), (None, ()), (Link("b", "0"),))
    assert map_links(wire, str) == ("a", (None, ()), ("b.0",))
    assert list(find_links(wire)) == [Link("a"), Link("b", "0")]
    assert (map_links(None, str), list(find_links(None))) == (None, [])

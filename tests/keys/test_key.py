"""The parts of a node's key, and the key that they and its inputs make."""

import datetime as dt
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import magical.masking
from magical import Contract, Field, Frame, Id, InputPath, Model, Receipt, rule, step, wish, workflow
from magical.engine.pretend_plan import Pretence
from magical.errors import InputError, WiringError
from magical.graph import Graph
from magical.keys.key import KEY_FORMAT, NodeIdentity, compute_node_key, identify_nodes

FACTOR = 2


class Row(Contract):
    """A row."""

    id: Id[int]
    x: int = Field(ge=0, description="how much")


class Odd(Row):
    @rule
    def odd(cls) -> pl.Expr:
        return pl.col("x") % 2 == 1


@step
def rows(source: InputPath, n: int = 3) -> Frame[Row]:
    return pl.read_csv(source)


@step
def scaled(table: Frame[Row], by: Any = 1, more: Frame[Row] | None = None) -> Frame[Row]:
    return table.with_columns(x=pl.col("x") * FACTOR * by)


@step
def strict(table: Frame[Odd]) -> int:
    return table.height


@step
def dreamt(table: Frame[Row]) -> Frame[Row]:
    return wish(Frame[Row])


@step
def number(n: Any) -> int:
    return 1


@step
def fit(table: Frame[Row]) -> Model:
    raise NotImplementedError("only drawn")


@step(writes="world")
def kept(model: Model) -> Receipt:
    raise NotImplementedError("only drawn")


def flow_of_models() -> Any:
    return kept(fit(scaled(rows(InputPath("x.csv")))))


def flow_of_rows() -> Any:
    return strict(scaled(rows(InputPath("x.csv", Path("/p")))))


def identities(function: Any) -> dict[str, NodeIdentity]:
    return identify_nodes(workflow(function).draw())


def one(value: Any) -> NodeIdentity:
    def flow() -> Any:
        return number(value)

    return identities(flow)["number"]


def code_label(identity: NodeIdentity) -> str:
    (label,) = [label for label in identity.parts if label.startswith("code:") and label.endswith(".scaled")]
    return label


def digest(path: Path) -> str:
    return f"content of {path.name}"


# --- identities -----------------------------------------------------------------------------------------------


def test_all_that_decides_a_result_is_a_part() -> None:
    found = identities(flow_of_rows)
    raw, middle = found["rows"], found["scaled"]
    assert raw.parts["format"] == KEY_FORMAT
    assert raw.parts["python"] == f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert raw.parts["argument:n"] == "3"
    assert raw.argument_files == {"argument:source": ("/p/x.csv",)}
    assert json.loads(raw.parts["gives"])["schema"]["contract"] == "Row"
    assert raw.parts["package:polars"] == pl.__version__
    assert "argument:table" not in middle.parts
    assert "takes:table" in middle.parts
    assert not raw.calls_wish


def test_code_is_named_with_its_place() -> None:
    found = identities(flow_of_rows)["scaled"]
    file, _, line = found.where[code_label(found)].rpartition(":")
    assert (Path(file).name, line) == (Path(__file__).name, str(scaled.function.__code__.co_firstlineno + 1))
    assert any(label.endswith(".FACTOR") for label in found.parts)
    assert not any(label.endswith(".FACTOR") for label in identities(flow_of_rows)["rows"].parts)


def test_a_rule_counts_where_it_is_validated_and_a_bound_of_an_input_does_not() -> None:
    found = identities(flow_of_rows)
    assert any(label.endswith("odd") for label in found["strict"].parts)
    assert not any(label.endswith("odd") for label in found["scaled"].parts)
    assert '"ge"' in found["rows"].parts["gives"]
    assert '"ge"' not in found["scaled"].parts["takes:table"]


def test_a_parameter_without_its_result_is_an_argument() -> None:
    found = identities(flow_of_rows)["scaled"]
    assert found.parts["argument:more"] == "null"
    assert "takes:more" not in found.parts


def test_a_step_that_pretends_a_piece_is_marked() -> None:
    def flow() -> Any:
        return dreamt(rows(InputPath("x.csv")))

    found = identities(flow)
    assert (found["dreamt"].calls_wish, found["rows"].calls_wish) == (True, False)


@pytest.mark.parametrize(
    ("value", "other"), [(1, 1.0), (1, True), ("a", "b"), ([1], (1,)), (dt.date(2024, 1, 31), "2024-01-31")]
)
def test_another_argument_makes_another_identity(value: Any, other: Any) -> None:
    assert one(value) == one(value)
    assert one(value).parts != one(other).parts


def test_an_argument_that_no_key_can_hold_is_said() -> None:
    with pytest.raises(WiringError, match=r"number \(.*test_key.py:\d+\) gets n: a value of type") as caught:
        one(object())
    assert "make it the result of a step" in caught.value.hint


def test_a_graph_that_was_read_has_no_code() -> None:
    graph = workflow(flow_of_rows).draw()
    with pytest.raises(WiringError, match="rows has no code here: the graph was read, not drawn"):
        identify_nodes(Graph.from_json(graph.to_json()))


def test_passwords_in_uris_are_masked_and_registered_secrets_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    before = one("tiger")
    monkeypatch.setattr(magical.masking, "_hidden", {})
    monkeypatch.setattr(magical.masking, "_pattern", None)
    magical.masking.register_secret("tiger")
    assert one("tiger") == before  # else a key would depend on what a process has revealed
    assert "hunter2" not in str(one("postgresql://me:hunter2@host/db").parts)


def test_of_a_pretended_node_its_promise_counts_and_not_its_code() -> None:
    graph = Pretence("sources", 7)(workflow(flow_of_rows).draw())
    found = identify_nodes(graph)
    assert found["rows"].parts["pretended"] == "7 rows for rows"
    assert {label for label in found["rows"].parts if ":" not in label} == {
        *("format", "pretended", "gives", "examples")
    }
    assert not any("argument" in label or label.endswith(".rows") for label in found["rows"].parts)
    assert found["scaled"] == identities(flow_of_rows)["scaled"]


def test_the_scoring_path_counts_for_a_step_that_registers(monkeypatch: pytest.MonkeyPatch) -> None:
    found = identities(flow_of_models)
    scoring = {label: text for label, text in found["kept"].parts.items() if label.startswith("scoring:")}
    assert "scoring:scaled" in scoring
    assert found["kept"].where["scoring:scaled"] == workflow(flow_of_models).draw().by_name["scaled"].where
    assert not any(label.startswith("scoring:") for label in found["fit"].parts)
    monkeypatch.setitem(globals(), "FACTOR", 3)
    again = identities(flow_of_models)["kept"].parts
    assert {label for label in again if again[label] != found["kept"].parts[label]} == {"scoring:scaled"}


@step
def read(source: str, reading: str) -> Frame:
    return pl.DataFrame()


@step
def typed(raw: Frame, contract: type[Row]) -> Frame[Row]:
    return raw


def test_how_the_rows_are_read_counts_for_a_step_that_registers() -> None:
    def flow(source: str, reading: str) -> dict[str, str]:
        def drawn() -> Any:
            return kept(fit(scaled(typed(read(source, reading), Row))))

        return dict(identities(drawn)["kept"].parts)

    before = flow("x.csv", "points")
    assert flow("y.csv", "points") == before  # other rows are other inputs, if they differ
    changed = flow("x.csv", "commas")
    assert {label for label in changed if changed[label] != before[label]} == {"scoring:read"}
    assert "scoring:typed" in before  # its contract has the aliases and marks of a row


def test_what_is_not_real_has_no_scoring_path() -> None:
    graph = Pretence("sources", 7)(workflow(flow_of_models).draw())
    assert not any(label.startswith("scoring:") for label in identify_nodes(graph)["kept"].parts)


def test_an_identity_survives_json() -> None:
    for identity in identities(flow_of_rows).values():
        assert NodeIdentity.from_json(json.loads(json.dumps(identity.to_json()))) == identity


texts = st.dictionaries(st.text(), st.text(), max_size=3)


@given(
    st.builds(
        NodeIdentity,
        texts,
        texts,
        st.dictionaries(st.text(), st.lists(st.text()).map(tuple), max_size=2),
        st.booleans(),
    )
)
def test_any_identity_survives_json(identity: NodeIdentity) -> None:
    assert NodeIdentity.from_json(json.loads(json.dumps(identity.to_json()))) == identity


# --- keys -----------------------------------------------------------------------------------------------------

PLAIN = NodeIdentity({"argument:n": "1", "code:f": "abc"})


@given(texts)
def test_the_order_of_parts_and_inputs_does_not_count(parts: dict[str, str]) -> None:
    back = dict(reversed(parts.items()))
    assert compute_node_key(NodeIdentity(parts), {}, digest) == compute_node_key(
        NodeIdentity(back), {}, digest
    )
    key, all_parts = compute_node_key(PLAIN, parts, digest)
    assert compute_node_key(PLAIN, back, digest) == (key, all_parts)
    assert (len(key), len(all_parts)) == (40, 2 + len(parts))


@given(texts, texts)
def test_other_parts_make_another_key(parts: dict[str, str], others: dict[str, str]) -> None:
    keys = {compute_node_key(NodeIdentity(p), {}, digest)[0] for p in (parts, others)}
    assert len(keys) == (1 if parts == others else 2)


def test_inputs_and_origins_are_parts() -> None:
    _, parts = compute_node_key(PLAIN, {"table": "c1"}, digest, {"origin": "sample of 50"})
    assert parts == {**PLAIN.parts, "input:table": "c1", "origin": "sample of 50"}
    keys = [
        compute_node_key(PLAIN, inputs, digest, origin)[0]
        for inputs in ({}, {"table": "c1"}, {"table": "c2"}, {"other": "c1"})
        for origin in (None, {"origin": "sample"})
    ]
    assert len(set(keys)) == len(keys)
    assert compute_node_key(PLAIN, {}, digest, {})[0] == keys[0]


def test_where_the_code_stands_does_not_count() -> None:
    moved = replace(PLAIN, where={"code:f": "other.py:9"})
    assert compute_node_key(moved, {}, digest) == compute_node_key(PLAIN, {}, digest)


def test_files_count_by_content_and_name_but_not_by_folder() -> None:
    def key(*paths: str) -> str:
        identity = NodeIdentity({"argument:s": "[]"}, argument_files={"argument:s": paths})
        return compute_node_key(identity, {}, lambda path: path.stem[0])[0]

    assert key("/a/x.csv") == key("/b/x.csv")
    assert key("/a/x.csv") != key("/a/x2.csv")
    assert key("/a/x.csv") != key("/a/x.CSV")
    assert key('/a/x.csv" x:"y') != key("/a/x.csv", "/a/y")
    assert key("/a/x.csv") != key("/a/y.csv")
    assert key("/a/x.csv") != key("/a/x.parquet")
    assert key("/a/x.csv", "/a/y.csv") != key("/a/y.csv", "/a/x.csv")


@pytest.mark.parametrize(
    ("is_there", "hint"), [(True, "look."), (False, "look. Without it: magical pretend")]
)
def test_a_file_that_cannot_be_read_is_said_with_its_setting(
    tmp_path: Path, is_there: bool, hint: str
) -> None:
    path = tmp_path / "x.csv"
    if is_there:
        path.touch()

    def fail(path: Path) -> str:
        raise InputError(f"{path.name} cannot be read.", "more", hint="look.")

    identity = NodeIdentity({"argument:source": ""}, argument_files={"argument:source": (str(path),)})
    with pytest.raises(InputError) as caught:
        compute_node_key(identity, {}, fail)
    assert caught.value.lines == ("x.csv cannot be read, given as source.",)
    assert caught.value.hint == hint

"""Artifacts and records: what they refer to, and their form in JSON."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magical.engine.artifacts import Artifact, Record
from magical.masking import register_secret

texts = st.text(max_size=4)
leaves = st.builds(Artifact, texts, texts, texts, texts)
artifacts = st.recursive(
    leaves,
    lambda a: st.builds(Artifact, texts, texts, texts, texts, st.dictionaries(texts, a, max_size=3)),
    max_leaves=4,
)
records = st.builds(
    Record,
    key=texts,
    node=texts,
    step=texts,
    parts=st.dictionaries(texts, texts, max_size=3),
    result=artifacts,
    kept=st.dictionaries(texts, leaves, max_size=2),
    seconds=st.floats(0, 1e6),
    run=texts,
    origin=st.lists(texts, max_size=2).map(tuple),
    registry=texts,
    outputs=st.dictionaries(texts, texts, max_size=2),
)


@settings(max_examples=50)
@given(artifacts)
def test_an_artifact_comes_back_from_json(artifact: Artifact) -> None:
    assert Artifact.from_json(json.loads(json.dumps(artifact.to_json()))) == artifact


@settings(max_examples=50)
@given(records)
def test_a_record_comes_back_from_json(record: Record) -> None:
    assert Record.from_json(json.loads(json.dumps(record.to_json()))) == record


def test_empty_fields_are_left_out() -> None:
    assert Artifact("none", "").to_json() == {"kind": "none", "content": ""}
    assert not {"registry", "outputs"} & set(Record("k", "n", "m:n", {}, Artifact("none", "")).to_json())
    assert Record("k", "n", "m:n", {}, Artifact("none", ""), registry="r").to_json()["registry"] == "r"


def test_blobs_are_listed_in_order_with_those_of_members_and_kept_values() -> None:
    inner = Artifact("group", "g", items={"0": Artifact("value", "a", "b2"), "1": Artifact("none", "")})
    group = Artifact("group", "h", "b1", items={"x": inner, "y": Artifact("value", "c", "b3")})
    assert group.blobs() == ["b1", "b2", "b3"]
    assert Artifact("none", "").blobs() == []
    record = Record("k", "n", "m:n", {}, group, {"kept": Artifact("value", "d", "b2")})
    assert record.blobs() == ["b1", "b2", "b3", "b2"]


def test_a_member_is_found_by_name_and_without_one_it_is_the_artifact() -> None:
    member = Artifact("table", "t", "b1")
    group = Artifact("group", "g", items={"train": member})
    assert group.item("train") is member
    assert group.item("") is group
    with pytest.raises(KeyError, match="test"):
        group.item("test")


def test_a_secret_in_a_summary_is_not_written() -> None:
    register_secret("open sesame 123")
    shown = Artifact("value", "c", summary="'open sesame 123'").to_json()["summary"]
    assert "sesame" not in shown
    assert "***" in shown


@pytest.mark.parametrize("missing", ["key", "node", "parts", "result", "kept"])
def test_a_record_without_a_field_that_it_needs_is_an_error(missing: str) -> None:
    data: dict[str, Any] = Record("k", "n", "m:n", {}, Artifact("none", "")).to_json()
    del data[missing]
    with pytest.raises((KeyError, TypeError), match=missing):
        Record.from_json(data)


def test_a_record_of_an_older_release_has_no_origin() -> None:
    data = Record("k", "n", "m:n", {}, Artifact("none", ""), origin=("raw",)).to_json()
    del data["origin"]
    assert Record.from_json(data).origin == ()

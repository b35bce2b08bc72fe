"""The half that all stores share: values, sizes, scratch folders, and records read from their fields."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magical.contracts.promises import promise_of
from magical.engine.artifacts import Artifact, Record
from magical.errors import StoreError
from magical.stores.artifact_store import ArtifactStore, fields_digest, parse_record
from magical.stores.local.objects import LocalObjects
from magical.system.state_files import DAMAGE_ERRORS

KEY, BLOB = "ab" * 20, "cd" * 20 + ".json"


class Plain(ArtifactStore):
    """A store whose records are in memory, and which notes when sweeps are blocked."""

    def __init__(self, folder: Path) -> None:
        self.objects = LocalObjects(folder / "objects")
        self.scratch_root = folder / "scratch"
        self.untrusted = set()
        self.records: dict[str, Record] = {}
        self.gate: list[str] = []

    def read_record(self, key: str) -> Record | None:
        return self.records.get(key)

    @contextmanager
    def block_sweeps(self) -> Iterator[None]:
        self.gate.append("closed")
        yield
        self.gate.append("open")


@pytest.fixture
def store(tmp_path: Path) -> Plain:
    return Plain(tmp_path / "store")


def record(blob: str = BLOB, key: str = KEY) -> Record:
    return Record(key, "n", "m:n", {"code": "1"}, Artifact("value", "c", blob))


def fields(record: Record) -> dict[str, Any]:
    """The fields of a record as they come back from its file."""
    data = record.to_json()
    return json.loads(json.dumps({"digest": fields_digest(data), **data}))


def test_a_value_comes_back_and_sweeps_are_blocked_while_it_is_saved(store: Plain) -> None:
    artifact = store.save({"a": [1, None]}, promise_of(dict), KEY)
    assert store.gate == ["closed", "open"]
    assert store.load(artifact, promise_of(dict)) == {"a": [1, None]}
    assert store.gate == ["closed", "open"], "reading needs no gate"


def test_a_size_counts_result_and_kept_values_and_a_shared_object_once(store: Plain) -> None:
    one, other = store.objects.put(b"12345", ".json"), store.objects.put(b"123", ".json")
    result = Artifact("group", "g", items={n: Artifact("value", "c", one) for n in "01"})
    store.records[KEY] = Record(KEY, "n", "m:n", {}, result, {"kept": Artifact("value", "d", other)})
    assert store.size(KEY) == 8
    store.objects.path(other).unlink()
    assert store.size(KEY) == 5
    assert store.size("none of that key") == 0


def test_scratch_folders_keep_what_is_in_them_until_they_are_cleared(store: Plain) -> None:
    (store.scratch(KEY) / "half").write_text("x")
    assert (store.scratch(KEY) / "half").read_text() == "x"
    other = store.scratch("other")
    store.clear_scratch(KEY)
    store.clear_scratch("never made")
    assert [*store.scratch_root.iterdir()] == [other]


def test_a_scratch_folder_that_cannot_be_made_is_said(store: Plain) -> None:
    store.scratch_root.parent.mkdir()
    store.scratch_root.write_text("a file in the way")
    with pytest.raises(StoreError, match="cannot be written") as caught:
        store.scratch(KEY)
    assert caught.value.hint


texts = st.text(max_size=5)


@settings(max_examples=30)
@given(st.dictionaries(texts, texts), texts, st.floats(allow_nan=False), st.lists(texts))
def test_a_record_comes_back_from_its_file(
    parts: dict[str, str], node: str, seconds: float, origin: list[str]
) -> None:
    kept = {node: Artifact("value", node, BLOB)}
    given = Record(KEY, node, "m:n", parts, Artifact("none", ""), kept, seconds, "run", tuple(origin), "id")
    assert parse_record(KEY, fields(given)) == given


@pytest.mark.parametrize("name", ["node", "seconds", "key", "registry"])
def test_a_field_that_changed_or_was_added_makes_it_none(name: str) -> None:
    assert parse_record(KEY, {**fields(record()), name: "another"}) is None


def test_a_record_of_another_key_is_none() -> None:
    assert parse_record(KEY, fields(record(key="cd" * 20))) is None


@pytest.mark.parametrize("blob", ["../x", "/etc/passwd", "ab", BLOB.upper()])
def test_a_record_that_names_no_blob_is_none_though_its_digest_is_right(blob: str) -> None:
    assert parse_record(KEY, fields(record(blob))) is None
    hidden = Record(KEY, "n", "m:n", {}, Artifact("none", ""), {"kept": Artifact("value", "c", blob)})
    assert parse_record(KEY, fields(hidden)) is None


@pytest.mark.parametrize("wrong", [{}, [], None, 3, "text", {"digest": None, "x": {1}}])
def test_what_is_no_record_raises_an_error_that_callers_know(wrong: Any) -> None:
    with pytest.raises(DAMAGE_ERRORS):
        parse_record(KEY, wrong)


def test_fields_of_another_release_raise_an_error_that_callers_know() -> None:
    data = {**record().to_json(), "of_tomorrow": 1}
    with pytest.raises(DAMAGE_ERRORS):
        parse_record(KEY, {"digest": fields_digest(data), **data})

"""What a store gives back: records and values, as they were."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from magical.contracts.promises import Frame, Parts, promise_of
from magical.engine.artifacts import Record
from magical.engine.protocols import Store
from magical.errors import StoreError
from magical.testing.conformance import Conformance

__all__ = ["KEY", "OTHER", "TABLE", "KeptStore"]

TABLE = pl.DataFrame({"id": [1, 2, 3], "name": ["a", None, "c"]})
KEY = "ab" * 20
OTHER = "cd" * 20


class KeptStore(Conformance):
    """The hooks of a store's suite, and the checks of what it gives back."""

    @pytest.fixture
    def store(self) -> Store:
        """Give an empty store."""
        raise NotImplementedError(f"{type(self).__name__} must make an empty one: a fixture named store")

    def objects(self, store: Any) -> Sequence[Path]:
        """Give the files of all stored objects, without those of records."""
        raise NotImplementedError(f"{type(self).__name__} must say where its objects are: objects(store)")

    def records(self, store: Any) -> Sequence[Path]:
        """Give the files of all records."""
        raise NotImplementedError(f"{type(self).__name__} must say where its records are: records(store)")

    def reopened(self, store: Any) -> Any:
        """Give the same store, as a new process opens it."""
        raise NotImplementedError(f"{type(self).__name__} must say how it is opened again: reopened(store)")

    def kept(self, store: Any, value: Any = TABLE, hint: Any = Frame, key: str = KEY) -> Record:
        """Save a value and a record of it."""
        artifact = store.save(value, promise_of(hint), key)
        record = Record(key, "clean", "workflow:clean", {"argument:n": "1"}, artifact, {}, 0.5, "run")
        store.put_record(record)
        return record

    def test_an_unknown_key_has_no_record(self, store: Store) -> None:
        """Store.record: none for a key that has not been computed."""
        assert store.record(KEY) is None

    def test_a_record_is_given_back_as_it_was(self, store: Store) -> None:
        """Store.put_record: the record is given back as it was, to another process too."""
        record = self.kept(store)
        assert store.record(KEY) == record
        assert self.reopened(store).record(KEY) == record

    def test_a_record_says_what_it_stands_on(self, store: Store) -> None:
        """Store.put_record: what is pretended stays branded: a record keeps its origin."""
        artifact = store.save(TABLE, promise_of(Frame), KEY)
        store.put_record(Record(KEY, "n", "m:n", {}, artifact, origin=("clean", "household")))
        record = self.reopened(store).record(KEY)
        assert record is not None
        assert record.origin == ("clean", "household")

    def test_a_later_record_takes_the_place_of_an_earlier_one(self, store: Store) -> None:
        """Store.put_record: a later record takes the place of an earlier one."""
        self.kept(store)
        later = self.kept(store, TABLE.reverse())
        assert store.record(KEY) == later

    def test_a_dropped_record_is_gone(self, store: Store) -> None:
        """Store.drop_record: the key counts as computed no more; dropping it again does nothing."""
        self.kept(store)
        store.drop_record(KEY)
        store.drop_record(KEY)
        assert store.record(KEY) is None

    def test_a_record_that_took_the_place_of_another_is_not_dropped_for_it(self, store: Store) -> None:
        """Store.drop_record: with ``only``, another record that stands there by now stays."""
        earlier = self.kept(store)
        later = self.kept(store, TABLE.reverse())
        store.drop_record(KEY, earlier)
        assert store.record(KEY) == later
        store.drop_record(KEY, later)
        assert store.record(KEY) is None

    def test_a_value_alone_does_not_count_as_computed(self, store: Store) -> None:
        """Store.save: a value without a record does not count as computed."""
        store.save(TABLE, promise_of(Frame), KEY)
        assert store.record(KEY) is None

    def test_a_table_is_given_back_as_it_was(self, store: Store) -> None:
        """Store.load: gives a table back with its rows, nulls and types."""
        record = self.kept(store)
        read = self.reopened(store).load(record.result, promise_of(Frame))
        assert read.equals(TABLE)
        assert read.schema == TABLE.schema

    @pytest.mark.parametrize("value", [7, 0.1, "text", True, [1, 2], {"a": 1}], ids=repr)
    def test_a_value_is_given_back_as_it_was(self, store: Store, value: Any) -> None:
        """Store.load: gives a plain value back."""
        record = self.kept(store, value, type(value))
        read = self.reopened(store).load(record.result, promise_of(type(value)))
        assert (read, type(read)) == (value, type(value))

    def test_the_parts_of_a_split_can_be_given_one_by_one(self, store: Store) -> None:
        """Store.load: gives the parts of a split one by one, or all with their assignment."""
        parts = Parts(TABLE[:1], TABLE[1:2], TABLE[2:], TABLE.with_columns(part=pl.lit("train")))
        promise = promise_of(Parts)
        artifact = store.save(parts, promise, KEY)
        for name, rows in (("train", TABLE[:1]), ("validation", TABLE[1:2]), ("test", TABLE[2:])):
            assert store.load(artifact.item(name), promise.member(name)).equals(rows)
        assert store.load(artifact, promise).assignment.equals(parts.assignment)

    def test_the_members_of_a_list_come_back_in_order(self, store: Store) -> None:
        """Store.load: gives all members of a list back, in order."""
        tables = [TABLE[n : n + 1] for n in (2, 0, 1)] * 4
        promise = promise_of(list[Frame])
        read = store.load(store.save(tables, promise, KEY), promise)
        assert len(read) == len(tables)
        assert all(mine.equals(table) for mine, table in zip(read, tables, strict=True))

    def test_content_names_what_is_in_a_value(self, store: Store) -> None:
        """Store.save: equal values have one content name, others have others."""
        same = self.kept(store, TABLE.clone()).result
        assert self.kept(store, key=OTHER).result.content == same.content
        assert self.kept(store, TABLE.reverse()).result.content != same.content

    def test_equal_values_are_kept_once(self, store: Store) -> None:
        """Store.save: puts if absent: what is there already is not written again."""
        self.kept(store)
        before = {p: p.stat().st_mtime_ns for p in self.objects(store)}
        self.kept(store, key=OTHER)
        assert {p: p.stat().st_mtime_ns for p in self.objects(store)} == before

    def test_a_later_value_leaves_the_earlier_one(self, store: Store) -> None:
        """Store.save: puts if absent: a later value of the same key overwrites no earlier one."""
        earlier = self.kept(store).result
        self.kept(store, TABLE.reverse())
        assert store.load(earlier, promise_of(Frame)).equals(TABLE)

    def test_what_has_no_form_is_refused(self, store: Store) -> None:
        """Store.save: refuses what cannot be kept, with a StoreError."""
        for value, hint in ((threading.Lock(), object), (threading.Lock(), threading.Thread)):
            with pytest.raises(StoreError, match="cannot be"):
                store.save(value, promise_of(hint), KEY)

    def test_nothing_half_written_is_left(self, store: Store) -> None:
        """Store.save: leaves nothing half-written behind."""
        self.kept(store)
        names = [p.name for p in [*self.objects(store), *self.records(store)]]
        assert not [n for n in names if n.startswith(".")]

    def test_a_scratch_folder_stays_until_it_is_cleared(self, store: Store) -> None:
        """Store.scratch: gives a folder of the key's own that stays until it is cleared."""
        (store.scratch(KEY) / "study.db").write_text("half")
        assert (self.reopened(store).scratch(KEY) / "study.db").read_text() == "half"
        assert store.scratch(OTHER) != store.scratch(KEY)
        store.clear_scratch(KEY)
        store.clear_scratch(KEY)
        assert not list(store.scratch(KEY).iterdir())

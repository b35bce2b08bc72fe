"""What every store must do. Inherit, and give a ``store`` and the ``objects`` it keeps."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from magical.contracts.promises import Frame, Parts, promise_of
from magical.engine.artifacts import Artifact, Record
from magical.engine.ports import Store
from magical.errors import DamagedArtifact, StoreError

TABLE = pl.DataFrame({"id": [1, 2, 3], "name": ["a", None, "c"]})
KEY = "ab" * 20


class StoreConformance:
    """Put if absent, atomic, verified when read."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        """An empty store."""
        raise NotImplementedError

    def objects(self, store: Any) -> Sequence[Path]:
        """The files of all stored objects, without those of records."""
        raise NotImplementedError

    def records(self, store: Any) -> Sequence[Path]:
        """The files of all records."""
        raise NotImplementedError

    def reopened(self, store: Any) -> Any:
        """The same store, as a new process opens it."""
        raise NotImplementedError

    def kept(self, store: Any, value: Any = TABLE, hint: Any = Frame, key: str = KEY) -> Record:
        """Save a value and a record of it."""
        artifact = store.save(value, promise_of(hint), key)
        record = Record(key, "clean", "workflow:clean", {"argument:n": "1"}, artifact, {}, 0.5, "run")
        store.put_record(record)
        return record

    def test_an_unknown_key_has_no_record(self, store: Store) -> None:
        assert store.record(KEY) is None

    def test_a_record_is_given_back_as_it_was(self, store: Store) -> None:
        record = self.kept(store)
        assert store.record(KEY) == record
        assert self.reopened(store).record(KEY) == record

    def test_a_later_record_takes_the_place_of_an_earlier_one(self, store: Store) -> None:
        self.kept(store)
        later = self.kept(store, TABLE.reverse())
        assert store.record(KEY) == later

    def test_a_dropped_record_is_gone(self, store: Store) -> None:
        self.kept(store)
        store.drop_record(KEY)
        store.drop_record(KEY)
        assert store.record(KEY) is None

    def test_a_value_alone_does_not_count_as_computed(self, store: Store) -> None:
        store.save(TABLE, promise_of(Frame), KEY)
        assert store.record(KEY) is None

    def test_a_table_is_given_back_as_it_was(self, store: Store) -> None:
        record = self.kept(store)
        read = self.reopened(store).load(record.result, promise_of(Frame))
        assert read.equals(TABLE)
        assert read.schema == TABLE.schema

    def test_the_parts_of_a_split_can_be_given_one_by_one(self, store: Store) -> None:
        parts = Parts(TABLE[:1], TABLE[1:2], TABLE[2:], TABLE.with_columns(part=pl.lit("train")))
        promise = promise_of(Parts)
        artifact = store.save(parts, promise, KEY)
        assert store.load(artifact.item("test"), promise.member("test")).equals(TABLE[2:])
        assert store.load(artifact, promise).assignment.equals(parts.assignment)

    def test_content_names_what_is_in_a_value(self, store: Store) -> None:
        same = self.kept(store, TABLE.clone()).result
        assert self.kept(store, key="cd" * 20).result.content == same.content
        assert self.kept(store, TABLE.reverse()).result.content != same.content

    def test_equal_values_are_kept_once(self, store: Store) -> None:
        self.kept(store)
        before = {p: p.stat().st_mtime_ns for p in self.objects(store)}
        self.kept(store, key="cd" * 20)
        assert {p: p.stat().st_mtime_ns for p in self.objects(store)} == before

    @pytest.mark.parametrize("how", ["flip", "truncate", "empty", "lengthen"])
    @pytest.mark.parametrize("value", ["table", "value", "object"])
    def test_a_damaged_object_is_never_given(self, store: Store, how: str, value: str) -> None:
        given, hint = {"table": (TABLE, Frame), "value": ([1, 2], list[int]), "object": (range(3), range)}[
            value
        ]
        artifact = self.kept(store, given, hint).result
        for path in self.objects(store):
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            changed = {
                "flip": data,
                "truncate": data[:-1],
                "empty": b"",
                "lengthen": path.read_bytes() + b" ",
            }
            path.write_bytes(changed[how])
        with pytest.raises(DamagedArtifact) as caught:
            self.reopened(store).load(artifact, promise_of(hint))
        assert caught.value.blob in artifact.blobs()

    def test_a_lost_object_is_said_and_its_record_counts_no_more(self, store: Store) -> None:
        artifact = self.kept(store).result
        for path in self.objects(store):
            path.unlink()
        with pytest.raises(DamagedArtifact, match="gone"):
            self.reopened(store).load(artifact, promise_of(Frame))
        assert self.reopened(store).record(KEY) is None

    def test_a_lost_kept_object_counts_like_the_result(self, store: Store) -> None:
        extra = store.save({"rejected": 3}, promise_of(dict[str, int]), f"{KEY}-x")
        result = store.save(TABLE, promise_of(Frame), KEY)
        store.put_record(Record(KEY, "n", "m:n", {}, result, {"x": extra}))
        assert store.record(KEY) is not None
        for path in self.objects(store):
            if path.suffix == ".json":
                path.unlink()
        assert store.record(KEY) is None

    def test_saving_again_mends_a_damaged_object(self, store: Store) -> None:
        self.kept(store)
        for path in self.objects(store):
            path.write_bytes(b"x" * path.stat().st_size)
        artifact = self.kept(store).result
        assert store.load(artifact, promise_of(Frame)).equals(TABLE)

    def test_a_damaged_record_does_not_count(self, store: Store) -> None:
        record = self.kept(store)
        (path,) = self.records(store)
        whole = path.read_bytes()
        for at in range(len(whole)):
            for changed in (whole[:at], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]):
                path.write_bytes(changed)
                assert self.reopened(store).record(KEY) in (None, record), changed
        path.write_bytes(whole)
        assert self.reopened(store).record(KEY) == record

    def test_a_record_of_another_key_is_not_given(self, store: Store) -> None:
        self.kept(store)
        other = Record("cd" * 20, "n", "m:n", {}, Artifact("none", "none"))
        store.put_record(other)
        first, second = self.records(store)
        first.write_bytes(second.read_bytes())
        assert [store.record(KEY), store.record("cd" * 20)].count(None) == 1

    def test_what_has_no_form_is_refused(self, store: Store) -> None:
        for value, hint in ((threading.Lock(), object), (threading.Lock(), threading.Thread)):
            with pytest.raises(StoreError, match="cannot be"):
                store.save(value, promise_of(hint), KEY)

    def test_nothing_half_written_is_left(self, store: Store) -> None:
        self.kept(store)
        names = [p.name for p in [*self.objects(store), *self.records(store)]]
        assert not [n for n in names if n.startswith(".")]

    def test_several_threads_may_save_at_once(self, store: Store) -> None:
        failed: list[BaseException] = []

        def work(number: int) -> None:
            try:
                for i in range(5):
                    value = TABLE if i % 2 else TABLE.with_columns(n=number)
                    artifact = self.kept(store, value, key=f"{number:02}{i:02}" * 10).result
                    assert store.load(artifact, promise_of(Frame)).equals(value)
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed

    def test_a_scratch_folder_stays_until_it_is_cleared(self, store: Store) -> None:
        (store.scratch(KEY) / "study.db").write_text("half")
        assert (self.reopened(store).scratch(KEY) / "study.db").read_text() == "half"
        assert store.scratch("cd" * 20) != store.scratch(KEY)
        store.clear_scratch(KEY)
        store.clear_scratch(KEY)
        assert not list(store.scratch(KEY).iterdir())

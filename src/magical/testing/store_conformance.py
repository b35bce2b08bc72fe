"""The conformance suite of stores: round trips, damage, concurrent use, sweeps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from magical.contracts.promises import Frame, Parts, promise_of
from magical.engine.artifacts import Artifact, Record
from magical.engine.protocols import Store
from magical.errors import DamagedArtifact, StoreError
from magical.testing.suite import Conformance

__all__ = [
    "KEY",
    "OTHER_KEY",
    "TABLE",
    "ConcurrencySuite",
    "DamageSuite",
    "RoundTripSuite",
    "StoreConformance",
    "SweepSuite",
]

TABLE = pl.DataFrame({"id": [1, 2, 3], "name": ["a", None, "c"]})

# Two keys of the form that the engine makes: 40 hexadecimal digits.
KEY, OTHER_KEY = "ab" * 20, "cd" * 20


class RoundTripSuite(Conformance):
    """The hooks of a store's suite, and checks that records and values come back unchanged."""

    @pytest.fixture
    def store(self) -> Store:
        """Create an empty store."""
        raise NotImplementedError(
            f"{type(self).__name__} must define a fixture named store, which gives an empty store"
        )

    def objects(self, store: Any) -> Sequence[Path]:
        """List the files of all stored objects, without those of records."""
        raise NotImplementedError(f"{type(self).__name__} must say where its objects are: objects(store)")

    def records(self, store: Any) -> Sequence[Path]:
        """List the files of all records."""
        raise NotImplementedError(f"{type(self).__name__} must say where its records are: records(store)")

    def reopened(self, store: Any) -> Any:
        """Open the same store as a new process would."""
        raise NotImplementedError(f"{type(self).__name__} must say how it is opened again: reopened(store)")

    def save_with_record(self, store: Any, value: Any = TABLE, hint: Any = Frame, key: str = KEY) -> Record:
        """Save a value and a record of it."""
        artifact = store.save(value, promise_of(hint), key)
        record = Record(key, "clean", "workflow:clean", {"argument:n": "1"}, artifact, {}, 0.5, "run")
        store.put_record(record)
        return record

    def test_an_unknown_key_has_no_record(self, store: Store) -> None:
        """Store.find_record: none for a key that has not been computed."""
        assert store.find_record(KEY) is None

    def test_a_record_is_given_back_as_it_was(self, store: Store) -> None:
        """Store.put_record: the record is given back as it was, to another process too."""
        record = self.save_with_record(store)
        assert store.find_record(KEY) == record
        assert self.reopened(store).find_record(KEY) == record

    def test_a_record_says_what_it_stands_on(self, store: Store) -> None:
        """Store.put_record: what is pretended stays branded: a record keeps its origin."""
        artifact = store.save(TABLE, promise_of(Frame), KEY)
        store.put_record(Record(KEY, "n", "m:n", {}, artifact, origin=("clean", "household")))
        record = self.reopened(store).find_record(KEY)
        assert record is not None
        assert record.origin == ("clean", "household")

    def test_a_later_record_takes_the_place_of_an_earlier_one(self, store: Store) -> None:
        """Store.put_record: a later record takes the place of an earlier one."""
        self.save_with_record(store)
        later = self.save_with_record(store, TABLE.reverse())
        assert store.find_record(KEY) == later

    def test_a_dropped_record_is_gone(self, store: Store) -> None:
        """Store.drop_record: the key no longer counts as computed; dropping it again does nothing."""
        self.save_with_record(store)
        store.drop_record(KEY)
        store.drop_record(KEY)
        assert store.find_record(KEY) is None

    def test_drop_record_keeps_a_later_record(self, store: Store) -> None:
        """Store.drop_record: does nothing if the key has another record than ``expected``."""
        earlier = self.save_with_record(store)
        later = self.save_with_record(store, TABLE.reverse())
        store.drop_record(KEY, earlier)
        assert store.find_record(KEY) == later
        store.drop_record(KEY, later)
        assert store.find_record(KEY) is None

    def test_a_value_alone_does_not_count_as_computed(self, store: Store) -> None:
        """Store.save: a value without a record does not count as computed."""
        store.save(TABLE, promise_of(Frame), KEY)
        assert store.find_record(KEY) is None

    def test_a_table_is_given_back_as_it_was(self, store: Store) -> None:
        """Store.load: gives a table back with its rows, nulls and types."""
        record = self.save_with_record(store)
        read = self.reopened(store).load(record.result, promise_of(Frame))
        assert read.equals(TABLE)
        assert read.schema == TABLE.schema

    @pytest.mark.parametrize("value", [7, 0.1, "text", True, [1, 2], {"a": 1}], ids=repr)
    def test_a_value_is_given_back_as_it_was(self, store: Store, value: Any) -> None:
        """Store.load: gives a plain value back."""
        record = self.save_with_record(store, value, type(value))
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
        same = self.save_with_record(store, TABLE.clone()).result
        assert self.save_with_record(store, key=OTHER_KEY).result.content == same.content
        assert self.save_with_record(store, TABLE.reverse()).result.content != same.content

    def test_equal_values_are_kept_once(self, store: Store) -> None:
        """Store.save: puts if absent: what is there already is not written again."""
        self.save_with_record(store)
        before = {p: p.stat().st_mtime_ns for p in self.objects(store)}
        self.save_with_record(store, key=OTHER_KEY)
        assert {p: p.stat().st_mtime_ns for p in self.objects(store)} == before

    def test_a_later_value_leaves_the_earlier_one(self, store: Store) -> None:
        """Store.save: puts if absent: a later value of the same key overwrites no earlier one."""
        earlier = self.save_with_record(store).result
        self.save_with_record(store, TABLE.reverse())
        assert store.load(earlier, promise_of(Frame)).equals(TABLE)

    def test_an_unstorable_value_is_refused(self, store: Store) -> None:
        """Store.save: refuses what cannot be kept, with a StoreError."""
        for value, hint in ((threading.Lock(), object), (threading.Lock(), threading.Thread)):
            with pytest.raises(StoreError, match="cannot be"):
                store.save(value, promise_of(hint), KEY)

    def test_nothing_half_written_is_left(self, store: Store) -> None:
        """Store.save: leaves nothing half-written behind."""
        self.save_with_record(store)
        names = [p.name for p in [*self.objects(store), *self.records(store)]]
        assert not [n for n in names if n.startswith(".")]

    def test_a_scratch_folder_stays_until_it_is_cleared(self, store: Store) -> None:
        """Store.scratch: gives a folder of the key's own that stays until it is cleared."""
        (store.scratch(KEY) / "study.db").write_text("half")
        assert (self.reopened(store).scratch(KEY) / "study.db").read_text() == "half"
        assert store.scratch(OTHER_KEY) != store.scratch(KEY)
        store.clear_scratch(KEY)
        store.clear_scratch(KEY)
        assert not list(store.scratch(KEY).iterdir())

    def test_a_stored_value_is_a_file_on_this_machine(self, store: Store) -> None:
        """Store.file: gives a file on this machine with the bytes of the value, the same each time."""
        artifact = self.save_with_record(store, {"rejected": 3}, dict[str, int]).result
        path = store.file(artifact)
        data = path.read_bytes()
        assert b"rejected" in data
        assert self.reopened(store).file(artifact).read_bytes() == data


class DamageSuite(RoundTripSuite):
    """Checks that damage a store's files; a slow store sets a larger ``stride`` between damaged bytes."""

    # Damage each byte by default: a seal that does not cover one would accept a forged record.
    stride = 1

    @pytest.mark.parametrize("how", ["flip", "truncate", "empty", "lengthen"])
    @pytest.mark.parametrize("value", ["table", "value", "object"])
    def test_a_damaged_object_is_never_given(self, store: Store, how: str, value: str) -> None:
        """Store.load: raises DamagedArtifact, with the object's name, if an object's bytes have changed."""
        values = {"table": (TABLE, Frame), "value": ([1, 2], list[int]), "object": (range(3), range)}
        given, hint = values[value]
        artifact = self.save_with_record(store, given, hint).result
        for path in self.objects(store):
            # One kind of damage at a time: a length check alone misses a flipped bit, and a digest of a
            # prefix misses an added byte.
            whole = path.read_bytes()
            flipped = bytearray(whole)
            flipped[len(whole) // 2] ^= 1
            changed = {"flip": bytes(flipped), "truncate": whole[:-1], "empty": b"", "lengthen": whole + b" "}
            path.write_bytes(changed[how])
        with pytest.raises(DamagedArtifact) as caught:
            self.reopened(store).load(artifact, promise_of(hint))
        assert caught.value.blob in artifact.blobs()

    def test_a_lost_object_is_said_and_its_record_counts_no_more(self, store: Store) -> None:
        """Store.find_record: none where the object is gone; loading it raises DamagedArtifact."""
        artifact = self.save_with_record(store).result
        for path in self.objects(store):
            path.unlink()
        with pytest.raises(DamagedArtifact, match="gone"):
            self.reopened(store).load(artifact, promise_of(Frame))
        assert self.reopened(store).find_record(KEY) is None

    def test_a_lost_kept_object_counts_like_the_result(self, store: Store) -> None:
        """Store.find_record: none where something is gone that was kept beside the result."""
        result = store.save(TABLE, promise_of(Frame), KEY)
        before = set(self.objects(store))
        extra = store.save({"rejected": 3}, promise_of(dict[str, int]), f"{KEY}-x")
        store.put_record(Record(KEY, "n", "m:n", {}, result, {"x": extra}))
        assert store.find_record(KEY) is not None
        for path in set(self.objects(store)) - before:
            path.unlink()
        assert store.find_record(KEY) is None

    def test_saving_again_mends_a_damaged_object(self, store: Store) -> None:
        """Store.save: replaces a damaged object."""
        self.save_with_record(store)
        for path in self.objects(store):
            # Of the same size, so that "put if absent" by name and size alone would keep the damage.
            path.write_bytes(b"x" * path.stat().st_size)
        artifact = self.save_with_record(store).result
        assert store.load(artifact, promise_of(Frame)).equals(TABLE)

    def test_a_damaged_record_does_not_count(self, store: Store) -> None:
        """Store.find_record: a record with one changed bit, or cut anywhere, is none, or still the same."""
        record = self.save_with_record(store)
        (path,) = self.records(store)
        whole = path.read_bytes()
        for at in range(0, len(whole), self.stride):
            for changed in (whole[:at], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]):
                path.write_bytes(changed)
                assert self.reopened(store).find_record(KEY) in (None, record), changed
        path.write_bytes(whole)
        assert self.reopened(store).find_record(KEY) == record

    def test_a_record_of_another_key_is_not_given(self, store: Store) -> None:
        """Store.find_record: a record under another key's name is none."""
        self.save_with_record(store)
        store.put_record(Record(OTHER_KEY, "n", "m:n", {}, Artifact("none", "none")))
        first, second = self.records(store)
        # The copied record is intact: only the key inside shows that it belongs elsewhere.
        first.write_bytes(second.read_bytes())
        assert [store.find_record(KEY), store.find_record(OTHER_KEY)].count(None) == 1


class ConcurrencySuite(RoundTripSuite):
    """Checks with several users of one store; a slow store sets fewer ``rounds``."""

    rounds = 8

    def run_concurrently(self, work: Callable[[int], None], threads: int = 4) -> None:
        """Call ``work`` with the number of each of several threads at once; raise the first exception."""
        # Without the barrier, short work would be over before the next thread begins.
        gate = threading.Barrier(threads)

        def body(number: int) -> None:
            gate.wait()
            work(number)

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(body, range(threads)))

    def test_several_threads_may_save_at_once(self, store: Store) -> None:
        """Store.save: several threads may save at once."""

        def work(number: int) -> None:
            for i in range(5):
                value = TABLE if i % 2 else TABLE.with_columns(n=number)
                artifact = self.save_with_record(store, value, key=f"{number:02}{i:02}" * 10).result
                assert store.load(artifact, promise_of(Frame)).equals(value)

        self.run_concurrently(work)

    def test_several_may_put_the_same_at_once(self, store: Store) -> None:
        """Store.put_record: several may put the same at once, and it is stored once."""

        def work(number: int) -> None:
            mine = self.reopened(store)  # no locks or caches of this object are shared, as between processes
            for i in range(8):
                record = self.save_with_record(mine, TABLE.with_columns(i=i), key=f"{i:02}" * 20)
                assert mine.find_record(record.key).result == record.result
                assert mine.load(record.result, promise_of(Frame)).equals(TABLE.with_columns(i=i))

        self.run_concurrently(work)
        assert len(self.objects(store)) == len(self.records(store)) == 8

    def test_several_may_put_sweep_and_read_at_once(self, store: Store) -> None:
        """Store.pin_run: what a run has put stays while others sweep."""

        def work(number: int) -> None:
            mine = self.reopened(store)
            with mine.pin_run(f"run-{number}"):
                for i in range(self.rounds):
                    key = f"{number}{i}" * 20
                    # An object is reachable only once its record names it: no sweep may come between.
                    with mine.block_sweeps():
                        self.save_with_record(mine, TABLE.with_columns(i=i), key=key)
                    mine.sweep([])  # keeps nothing but what a run has pinned
                    mine.sweep([], verify=True)
                    record = mine.find_record(key)
                    assert record is not None
                    assert mine.load(record.result, promise_of(Frame)).equals(TABLE.with_columns(i=i))

        self.run_concurrently(work)
        store.sweep([])  # all pins are gone with their runs
        assert not [*self.objects(store), *self.records(store)]

    def test_one_at_a_time_holds_a_key(self, store: Store) -> None:
        """Store.lock: only one holds a key at a time."""
        inside: list[int] = []

        def work(number: int) -> None:
            mine = self.reopened(store) if number % 2 else store  # through one object and through two
            for _ in range(5):
                with mine.lock(KEY):
                    inside.append(number)
                    assert len(inside) == 1
                    inside.clear()

        self.run_concurrently(work)

    def test_other_keys_can_be_held_meanwhile(self, store: Store) -> None:
        """Store.lock: a held key does not block another key."""

        def nobody() -> None:
            raise AssertionError("the other key had to wait")

        with store.lock(KEY, nobody), store.lock(OTHER_KEY, nobody):
            pass

    def test_who_waits_is_called_and_may_leave(self, store: Store) -> None:
        """Store.lock: ``on_wait`` is called while another holds the key, and may raise to leave."""

        class Enough(Exception): ...

        calls: list[int] = []

        def on_wait() -> None:
            calls.append(1)
            if len(calls) == 3:
                raise Enough

        with store.lock(KEY):
            with pytest.raises(Enough), self.reopened(store).lock(KEY, on_wait):
                raise AssertionError("two hold it")
            with pytest.raises(ZeroDivisionError), store.lock(OTHER_KEY):
                _ = 1 / 0  # a body that raises must free its key
        with store.lock(KEY, on_wait), store.lock(OTHER_KEY, on_wait):
            assert len(calls) == 3


class SweepSuite(RoundTripSuite):
    """Checks of sweeps and of the pins that protect results from them."""

    def test_a_sweep_removes_what_is_not_alive(self, store: Store) -> None:
        """Store.sweep: removes what no live key needs, and counts it."""
        dead = self.save_with_record(store, TABLE.reverse(), key=OTHER_KEY)
        alive = self.save_with_record(store)
        (store.scratch(dead.key) / "half").write_text("123")
        (store.scratch(KEY) / "half").write_text("123")
        took = sum(p.stat().st_size for p in self.objects(store))
        swept = store.sweep([KEY])
        assert (swept.records, swept.objects, swept.kept_records, swept.kept_objects) == (1, 1, 1, 1)
        assert swept.leftovers == 1
        assert swept.bytes > took - sum(p.stat().st_size for p in self.objects(store)) > 0
        assert store.find_record(dead.key) is None
        assert store.find_record(KEY) == alive
        assert store.load(alive.result, promise_of(Frame)).equals(TABLE)
        assert list(store.scratch(KEY).iterdir())
        assert not list(store.scratch(dead.key).iterdir())

    def test_an_object_of_two_records_stays_for_the_one(self, store: Store) -> None:
        """Store.sweep: an object that two records name stays while one of them is alive."""
        self.save_with_record(store, key=OTHER_KEY)
        alive = self.save_with_record(store)
        swept = store.sweep([KEY])
        assert (swept.records, swept.objects) == (1, 0)
        assert store.load(alive.result, promise_of(Frame)).equals(TABLE)

    def test_what_was_kept_beside_a_result_stays_with_it(self, store: Store) -> None:
        """Store.size: counts the result and what was kept beside it; a sweep keeps or removes both."""
        result = store.save(TABLE, promise_of(Frame), KEY)
        extra = store.save({"rejected": 3}, promise_of(dict[str, int]), f"{KEY}-x")
        store.put_record(Record(KEY, "n", "m:n", {}, result, {"x": extra}))
        assert store.sweep([KEY]).objects == 0
        assert store.load(extra, promise_of(dict[str, int])) == {"rejected": 3}
        assert store.size(KEY) == sum(p.stat().st_size for p in self.objects(store))
        assert store.sweep([]).objects == 2
        assert store.size(KEY) == 0

    def test_a_dry_sweep_says_the_same_and_removes_nothing(self, store: Store) -> None:
        """Store.sweep: with ``dry``, the same counts, and nothing is removed."""
        self.save_with_record(store, TABLE.reverse(), key=OTHER_KEY)
        self.save_with_record(store)
        store.scratch(OTHER_KEY)
        dry = store.sweep([KEY], dry=True)
        assert len(self.objects(store)) == len(self.records(store)) == 2
        assert store.sweep([KEY]) == dry
        assert store.sweep([KEY]).bytes == 0

    def test_what_is_alive_may_be_asked_when_nobody_writes(self, store: Store) -> None:
        """Store.sweep: ``alive`` may be a function that returns the keys."""
        # The store calls it when nobody writes, so that no key is added between the list and the sweep.
        self.save_with_record(store)
        assert store.sweep(lambda: {KEY}).kept_records == 1
        assert store.sweep(set).records == 1

    def test_a_note_keeps_nothing_from_the_sweep_of_its_own_project(self, store: Store) -> None:
        """Store.note_use: what a project has noted holds off the sweeps of other projects only."""
        record = self.save_with_record(store)
        store.note_use([KEY])
        assert store.find_record(KEY) == record
        assert store.sweep([], keep_others=True).records == 1

    def test_an_empty_store_is_swept(self, store: Store) -> None:
        """Store.sweep: an empty store is no error."""
        assert store.sweep([KEY], verify=True).records == 0

    @pytest.mark.parametrize("how", [b"", b"xx", b"x" * 10_000])
    def test_a_sweep_that_verifies_finds_each_damaged_object(self, store: Store, how: bytes) -> None:
        """Store.sweep: with ``verify``, removes damaged objects that would stay, and names them."""
        self.save_with_record(store, TABLE.reverse(), key=OTHER_KEY)
        others = set(self.objects(store))
        whole = self.save_with_record(store)
        (damaged,) = others
        damaged.write_bytes(how)
        assert store.sweep([KEY, OTHER_KEY]).damaged == []  # reading every object is asked for, not the rule
        dry = store.sweep([KEY, OTHER_KEY], dry=True, verify=True)
        assert (len(dry.damaged), damaged.exists()) == (1, True)
        swept = store.sweep([KEY, OTHER_KEY], verify=True)
        assert swept.damaged == dry.damaged
        assert not damaged.exists()
        assert self.reopened(store).find_record(OTHER_KEY) is None
        assert self.reopened(store).find_record(KEY) == whole

    @pytest.mark.parametrize("how", ["put", "looked up", "asked for"])
    def test_what_a_run_uses_is_not_swept(self, store: Store, how: str) -> None:
        """Store.pin_run: what a run has put, looked up or asked for stays until the run ends."""
        if how == "looked up":
            self.save_with_record(store)
        with store.pin_run("run"):
            if how == "put":
                self.save_with_record(store)
            elif how == "looked up":
                assert store.find_record(KEY)
            else:
                assert store.find_record(KEY) is None
            # A key without a record is pinned too: the run will compute it, and its scratch folder must stay.
            (store.scratch(KEY) / "half").write_text("x")
            self.reopened(store).sweep([])
            assert (store.find_record(KEY) is None) == (how == "asked for")
            assert list(store.scratch(KEY).iterdir())
        swept = store.sweep([])
        assert (swept.records, swept.objects) == ((0, 0) if how == "asked for" else (1, 1))
        assert not list(store.scratch(KEY).iterdir())

    def test_a_looked_up_result_stays_when_another_run_replaces_it(self, store: Store) -> None:
        """Store.pin_run: a result that a run has looked up stays when another run replaces the record."""
        self.save_with_record(store)
        with store.pin_run("run"):
            record = store.find_record(KEY)
            assert record is not None
            self.save_with_record(self.reopened(store), TABLE.reverse())
            self.reopened(store).sweep([])
            assert store.load(record.result, promise_of(Frame)).equals(TABLE)


class StoreConformance(DamageSuite, ConcurrencySuite, SweepSuite):
    """Checks that a store does what `magical.engine.protocols.Store` promises: atomic, verified when read.

    Define the fixture ``store`` (an empty one), ``objects`` and ``records`` (its files, which the checks
    damage; on a bucket, objects like `pathlib.Path`), and ``reopened`` (the same store in a new process).

    Example:
        >>> class TestOurStore(StoreConformance):
        ...     @pytest.fixture
        ...     def store(self, tmp_path):
        ...         return OurStore(tmp_path)
        ...
        ...     def objects(self, store):
        ...         return list(store.folder.glob("objects/*"))
        ...
        ...     def records(self, store):
        ...         return list(store.folder.glob("records/*"))
        ...
        ...     def reopened(self, store):
        ...         return OurStore(store.folder)
    """

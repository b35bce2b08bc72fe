"""What a sweep of a store removes, what it leaves, and what it says of both."""

from __future__ import annotations

import pytest

from magical.contracts.promises import Frame, promise_of
from magical.engine.artifacts import Record
from magical.engine.protocols import Store
from magical.testing.stores_kept import KEY, OTHER, TABLE, KeptStore

__all__ = ["SweptStore"]


class SweptStore(KeptStore):
    """The checks that sweep a store."""

    def test_a_sweep_removes_what_is_not_alive(self, store: Store) -> None:
        """Store.sweep: removes what no key that is alive needs, and says what and how much."""
        dead = self.kept(store, TABLE.reverse(), key=OTHER)
        alive = self.kept(store)
        (store.scratch(dead.key) / "half").write_text("123")
        (store.scratch(KEY) / "half").write_text("123")
        took = sum(p.stat().st_size for p in self.objects(store))
        swept = store.sweep([KEY])
        assert (swept.records, swept.objects, swept.kept_records, swept.kept_objects) == (1, 1, 1, 1)
        assert swept.leftovers == 1
        assert swept.bytes > took - sum(p.stat().st_size for p in self.objects(store)) > 0
        assert store.record(dead.key) is None
        assert store.record(KEY) == alive
        assert store.load(alive.result, promise_of(Frame)).equals(TABLE)
        assert list(store.scratch(KEY).iterdir())
        assert not list(store.scratch(dead.key).iterdir())

    def test_an_object_of_two_records_stays_for_the_one(self, store: Store) -> None:
        """Store.sweep: an object that two records name stays for the one that is alive."""
        self.kept(store, key=OTHER)
        alive = self.kept(store)
        swept = store.sweep([KEY])
        assert (swept.records, swept.objects) == (1, 0)
        assert store.load(alive.result, promise_of(Frame)).equals(TABLE)

    def test_what_was_kept_beside_a_result_stays_with_it(self, store: Store) -> None:
        """Store.size: counts the result and what was kept beside it, which a sweep leaves together."""
        result = store.save(TABLE, promise_of(Frame), KEY)
        extra = store.save({"rejected": 3}, promise_of(dict[str, int]), f"{KEY}-x")
        store.put_record(Record(KEY, "n", "m:n", {}, result, {"x": extra}))
        assert store.sweep([KEY]).objects == 0
        assert store.load(extra, promise_of(dict[str, int])) == {"rejected": 3}
        assert store.size(KEY) == sum(p.stat().st_size for p in self.objects(store))
        assert store.sweep([]).objects == 2
        assert store.size(KEY) == 0

    def test_a_dry_sweep_says_the_same_and_removes_nothing(self, store: Store) -> None:
        """Store.sweep: dry, it says the same and removes nothing."""
        self.kept(store, TABLE.reverse(), key=OTHER)
        self.kept(store)
        store.scratch(OTHER)
        dry = store.sweep([KEY], dry=True)
        assert len(self.objects(store)) == len(self.records(store)) == 2
        assert store.sweep([KEY]) == dry
        assert store.sweep([KEY]).bytes == 0

    def test_what_is_alive_may_be_asked_when_nobody_writes(self, store: Store) -> None:
        """Store.sweep: what is alive may be a function that gives the keys."""
        self.kept(store)
        assert store.sweep(lambda: {KEY}).kept_records == 1
        assert store.sweep(set).records == 1

    def test_an_empty_store_is_swept(self, store: Store) -> None:
        """Store.sweep: an empty store can be swept."""
        assert store.sweep([KEY], verify=True).records == 0

    @pytest.mark.parametrize("how", [b"", b"xx", b"x" * 10_000])
    def test_a_sweep_that_verifies_finds_each_damaged_object(self, store: Store, how: bytes) -> None:
        """Store.sweep: with ``verify``, it removes the damaged objects that would stay, and names them."""
        self.kept(store, TABLE.reverse(), key=OTHER)
        others = set(self.objects(store))
        whole = self.kept(store)
        (damaged,) = others
        damaged.write_bytes(how)
        assert store.sweep([KEY, OTHER]).damaged == []
        dry = store.sweep([KEY, OTHER], dry=True, verify=True)
        assert (len(dry.damaged), damaged.exists()) == (1, True)
        swept = store.sweep([KEY, OTHER], verify=True)
        assert swept.damaged == dry.damaged
        assert not damaged.exists()
        assert self.reopened(store).record(OTHER) is None
        assert self.reopened(store).record(KEY) == whole

    @pytest.mark.parametrize("how", ["put", "looked up", "asked for"])
    def test_what_a_run_uses_is_not_swept(self, store: Store, how: str) -> None:
        """Store.in_use: what a run has put, looked up or asked for stays until the run ends."""
        if how == "looked up":
            self.kept(store)
        with store.in_use("run"):
            if how == "put":
                self.kept(store)
            elif how == "looked up":
                assert store.record(KEY)
            else:
                assert store.record(KEY) is None
            (store.scratch(KEY) / "half").write_text("x")
            self.reopened(store).sweep([])
            assert (store.record(KEY) is None) == (how == "asked for")
            assert list(store.scratch(KEY).iterdir())
        swept = store.sweep([])
        assert (swept.records, swept.objects) == ((0, 0) if how == "asked for" else (1, 1))
        assert not list(store.scratch(KEY).iterdir())

    def test_what_a_run_has_looked_up_stays_also_when_another_puts_it_anew(self, store: Store) -> None:
        """Store.in_use: what a run has looked up stays, also when another puts the key anew."""
        self.kept(store)
        with store.in_use("run"):
            record = store.record(KEY)
            assert record is not None
            self.kept(self.reopened(store), TABLE.reverse())
            self.reopened(store).sweep([])
            assert store.load(record.result, promise_of(Frame)).equals(TABLE)

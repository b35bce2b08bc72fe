"""What a store does for several at once: threads, processes, runs."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from magical.contracts.promises import Frame, promise_of
from magical.engine.protocols import Store
from magical.testing.stores_kept import KEY, OTHER, TABLE, KeptStore

__all__ = ["SharedStore"]


class SharedStore(KeptStore):
    """The checks in which several use one store.

    Attributes:
        rounds: how often each does the same; fewer are enough for a store that is slow.
    """

    rounds = 8

    def at_once(self, work: Callable[[int], None], threads: int = 4) -> None:
        """Do something in several threads that begin together."""
        failed: list[BaseException] = []
        gate = threading.Barrier(threads)

        def body(number: int) -> None:
            try:
                gate.wait()
                work(number)
            except BaseException as error:
                failed.append(error)

        all_of_them = [threading.Thread(target=body, args=(n,)) for n in range(threads)]
        for thread in all_of_them:
            thread.start()
        for thread in all_of_them:
            thread.join()
        assert not failed, failed

    def test_several_threads_may_save_at_once(self, store: Store) -> None:
        """Store.save: several threads may save at once."""

        def work(number: int) -> None:
            for i in range(5):
                value = TABLE if i % 2 else TABLE.with_columns(n=number)
                artifact = self.kept(store, value, key=f"{number:02}{i:02}" * 10).result
                assert store.load(artifact, promise_of(Frame)).equals(value)

        self.at_once(work)

    def test_several_may_put_the_same_at_once(self, store: Store) -> None:
        """Store.put_record: several may put the same at once, and it is there once."""

        def work(number: int) -> None:
            mine = self.reopened(store)
            for i in range(8):
                record = self.kept(mine, TABLE.with_columns(i=i), key=f"{i:02}" * 20)
                assert mine.record(record.key).result == record.result
                assert mine.load(record.result, promise_of(Frame)).equals(TABLE.with_columns(i=i))

        self.at_once(work)
        assert len(self.objects(store)) == len(self.records(store)) == 8

    def test_several_may_put_sweep_and_read_at_once(self, store: Store) -> None:
        """Store.in_use: what a run has put stays while others sweep."""

        def work(number: int) -> None:
            mine = self.reopened(store)
            with mine.in_use(f"run-{number}"):
                for i in range(self.rounds):
                    key = f"{number}{i}" * 20
                    with mine.writing():
                        self.kept(mine, TABLE.with_columns(i=i), key=key)
                    mine.sweep([])
                    mine.sweep([], verify=True)
                    record = mine.record(key)
                    assert record is not None
                    assert mine.load(record.result, promise_of(Frame)).equals(TABLE.with_columns(i=i))

        self.at_once(work)
        store.sweep([])
        assert not [*self.objects(store), *self.records(store)]

    def test_one_at_a_time_holds_a_key(self, store: Store) -> None:
        """Store.lock: one at a time holds a key."""
        inside: list[int] = []

        def work(number: int) -> None:
            mine = self.reopened(store) if number % 2 else store
            for _ in range(5):
                with mine.lock(KEY):
                    inside.append(number)
                    assert len(inside) == 1
                    inside.clear()

        self.at_once(work)

    def test_other_keys_can_be_held_meanwhile(self, store: Store) -> None:
        """Store.lock: who holds one key keeps nobody from another."""

        def nobody() -> None:
            raise AssertionError("it had to wait")

        with store.lock(KEY, nobody), store.lock(OTHER, nobody):
            pass

    def test_who_waits_is_called_and_may_leave(self, store: Store) -> None:
        """Store.lock: ``waits`` is called while another holds the key, and may raise to leave."""

        class Enough(Exception): ...

        calls: list[int] = []

        def waits() -> None:
            calls.append(1)
            if len(calls) == 3:
                raise Enough

        with store.lock(KEY):
            with pytest.raises(Enough), self.reopened(store).lock(KEY, waits):
                raise AssertionError("two hold it")
            with pytest.raises(ZeroDivisionError), store.lock(OTHER):
                _ = 1 / 0
        with store.lock(KEY, waits), store.lock(OTHER, waits):
            assert len(calls) == 3

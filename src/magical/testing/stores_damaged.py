"""What a store says of what was damaged or lost: never a wrong value."""

from __future__ import annotations

import pytest

from magical.contracts.promises import Frame, promise_of
from magical.engine.artifacts import Artifact, Record
from magical.engine.protocols import Store
from magical.errors import DamagedArtifact
from magical.testing.stores_kept import KEY, OTHER, TABLE, KeptStore

__all__ = ["DamagedStore"]


class DamagedStore(KeptStore):
    """The checks that damage a store's files.

    Attributes:
        stride: a record is damaged at each so many bytes; fewer places are enough for a store that is slow.
    """

    stride = 1

    @pytest.mark.parametrize("how", ["flip", "truncate", "empty", "lengthen"])
    @pytest.mark.parametrize("value", ["table", "value", "object"])
    def test_a_damaged_object_is_never_given(self, store: Store, how: str, value: str) -> None:
        """Store.load: what is not what was stored is never given: DamagedArtifact, with the object's name."""
        values = {"table": (TABLE, Frame), "value": ([1, 2], list[int]), "object": (range(3), range)}
        given, hint = values[value]
        artifact = self.kept(store, given, hint).result
        for path in self.objects(store):
            whole = path.read_bytes()
            flipped = bytearray(whole)
            flipped[len(whole) // 2] ^= 1
            changed = {"flip": bytes(flipped), "truncate": whole[:-1], "empty": b"", "lengthen": whole + b" "}
            path.write_bytes(changed[how])
        with pytest.raises(DamagedArtifact) as caught:
            self.reopened(store).load(artifact, promise_of(hint))
        assert caught.value.blob in artifact.blobs()

    def test_a_lost_object_is_said_and_its_record_counts_no_more(self, store: Store) -> None:
        """Store.record: none where the object is gone; loading it raises DamagedArtifact."""
        artifact = self.kept(store).result
        for path in self.objects(store):
            path.unlink()
        with pytest.raises(DamagedArtifact, match="gone"):
            self.reopened(store).load(artifact, promise_of(Frame))
        assert self.reopened(store).record(KEY) is None

    def test_a_lost_kept_object_counts_like_the_result(self, store: Store) -> None:
        """Store.record: none where something is gone that was kept beside the result."""
        result = store.save(TABLE, promise_of(Frame), KEY)
        before = set(self.objects(store))
        extra = store.save({"rejected": 3}, promise_of(dict[str, int]), f"{KEY}-x")
        store.put_record(Record(KEY, "n", "m:n", {}, result, {"x": extra}))
        assert store.record(KEY) is not None
        for path in set(self.objects(store)) - before:
            path.unlink()
        assert store.record(KEY) is None

    def test_saving_again_mends_a_damaged_object(self, store: Store) -> None:
        """Store.save: writes a damaged object anew."""
        self.kept(store)
        for path in self.objects(store):
            path.write_bytes(b"x" * path.stat().st_size)
        artifact = self.kept(store).result
        assert store.load(artifact, promise_of(Frame)).equals(TABLE)

    def test_a_damaged_record_does_not_count(self, store: Store) -> None:
        """Store.record: a record with one changed bit, or cut anywhere, is none; never another one."""
        record = self.kept(store)
        (path,) = self.records(store)
        whole = path.read_bytes()
        for at in range(0, len(whole), self.stride):
            for changed in (whole[:at], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]):
                path.write_bytes(changed)
                assert self.reopened(store).record(KEY) in (None, record), changed
        path.write_bytes(whole)
        assert self.reopened(store).record(KEY) == record

    def test_a_record_of_another_key_is_not_given(self, store: Store) -> None:
        """Store.record: a record that lies in the place of another key's is none."""
        self.kept(store)
        store.put_record(Record(OTHER, "n", "m:n", {}, Artifact("none", "none")))
        first, second = self.records(store)
        first.write_bytes(second.read_bytes())
        assert [store.record(KEY), store.record(OTHER)].count(None) == 1

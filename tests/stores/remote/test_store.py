"""The store on a filesystem of fsspec: the conformance suite in memory, in a folder and on S3."""

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import polars as pl
import pytest

from magical.contracts.promises import Frame, promise_of
from magical.errors import DamagedArtifact
from magical.stores.remote.leases import LeaseTiming
from magical.stores.remote.store import RemoteStore
from magical.testing import StoreConformance
from magical.testing.store_conformance import KEY, TABLE
from remote_stores import BUCKET, File, files, served

QUICK = LeaseTiming(renew_interval=0.1, expire_after=4.0, poll_interval=0.05)


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The URL of a bucket on a server of its own."""
    with served():
        yield f"s3://{BUCKET}"


class Remote(StoreConformance):
    def objects(self, store: RemoteStore) -> Sequence[File]:
        return files(store, "objects")

    def records(self, store: RemoteStore) -> Sequence[File]:
        return files(store, "records")

    def reopened(self, store: RemoteStore) -> RemoteStore:
        return RemoteStore(store.url, store.local, store.timing)

    def test_it_can_be_handed_to_another_process(self, store: RemoteStore) -> None:
        with store.pin_run("run"):
            record = self.save_with_record(store)
            other = pickle.loads(pickle.dumps(store))
        assert (other.url, other.local, other.timing) == (store.url, store.local, store.timing)
        assert other.find_record(KEY) == record

    def test_what_holds_code_is_taken_from_others(self, store: RemoteStore) -> None:
        record = self.save_with_record(store, range(3), range)
        other = self.reopened(store)
        assert other.find_record(KEY) == record
        assert other.load(record.result, promise_of(range)) == range(3)
        assert not other.untrusted

    def test_a_damaged_object_is_deleted_when_it_is_read(self, store: RemoteStore) -> None:
        artifact = self.save_with_record(store).result
        (file,) = self.objects(store)
        file.write_bytes(b"x" * file.stat().st_size)
        with pytest.raises(DamagedArtifact, match="damaged"):
            self.reopened(store).load(artifact, promise_of(Frame))
        assert not file.exists()

    def test_a_lazy_table_comes_by_the_cache_and_is_verified(
        self, store: RemoteStore, tmp_path: Path
    ) -> None:
        artifact = self.save_with_record(store, TABLE.lazy(), pl.LazyFrame).result
        promise = replace(promise_of(Frame), kind="lazy")
        elsewhere = RemoteStore(store.url, tmp_path / "elsewhere", store.timing)
        assert elsewhere.load(artifact, promise).collect().equals(TABLE)
        elsewhere.objects.cache.path(artifact.blob).write_bytes(b"damaged here")
        assert elsewhere.load(artifact, promise).collect().equals(TABLE)
        (file,) = self.objects(store)
        file.write_bytes(b"x" * file.stat().st_size)
        assert elsewhere.load(artifact, promise).collect().equals(TABLE), "the copy is whole"
        with pytest.raises(DamagedArtifact):
            RemoteStore(store.url, tmp_path / "third", store.timing).load(artifact, promise)
        assert not list((tmp_path / "third").rglob("*.parquet"))


class TestInMemory(Remote):
    @pytest.fixture
    def store(self, tmp_path: Path) -> RemoteStore:
        return RemoteStore(f"memory://{uuid4().hex}", tmp_path / "cache", QUICK)


class TestInAFolder(Remote):
    @pytest.fixture
    def store(self, tmp_path: Path) -> RemoteStore:
        return RemoteStore(f"file://{tmp_path}/store", tmp_path / "cache", QUICK)

    def test_runs_leave_nothing_behind(self, store: RemoteStore, tmp_path: Path) -> None:
        """And no empty folder each."""
        with store.pin_run("run"), store.lock(KEY):
            store.find_record(KEY)
        left = [p.name for p in (tmp_path / "store").rglob("*")]
        assert sorted(left) == ["format", "locks", "pins"]


@pytest.mark.slow_except("test_a_record_is_given_back_as_it_was", "test_several_may_put_the_same_at_once")
class TestOnS3(Remote):
    rounds = 3
    stride = 7

    @pytest.fixture
    def store(self, tmp_path: Path, bucket: str) -> RemoteStore:
        return RemoteStore(f"{bucket}/{uuid4().hex}/campaign", tmp_path / "cache", QUICK)

    @pytest.mark.slow
    def test_several_may_put_sweep_and_read_at_once(self, store: RemoteStore) -> None:
        super().test_several_may_put_sweep_and_read_at_once(store)

    @pytest.mark.slow
    def test_a_damaged_record_does_not_count(self, store: RemoteStore) -> None:
        super().test_a_damaged_record_does_not_count(store)

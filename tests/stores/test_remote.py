"""The store on a filesystem of fsspec: the conformance suite in memory, in a folder and on S3."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import pytest

from magical.stores.leases import Timing
from magical.stores.remote import RemoteStore
from magical.testing import StoreConformance
from remote_stores import BUCKET, File, files, served

QUICK = Timing(beat=0.1, patience=4.0, poll=0.05)


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


class TestInMemory(Remote):
    @pytest.fixture
    def store(self, tmp_path: Path) -> RemoteStore:
        return RemoteStore(f"memory://{uuid4().hex}", tmp_path / "cache", QUICK)


class TestInAFolder(Remote):
    @pytest.fixture
    def store(self, tmp_path: Path) -> RemoteStore:
        return RemoteStore(f"file://{tmp_path}/store", tmp_path / "cache", QUICK)


class TestOnS3(Remote):
    @pytest.fixture
    def store(self, tmp_path: Path, bucket: str) -> RemoteStore:
        return RemoteStore(f"{bucket}/{uuid4().hex}/campaign", tmp_path / "cache", QUICK)

    @pytest.mark.slow
    def test_several_may_put_sweep_and_read_at_once(self, store: RemoteStore) -> None:
        super().test_several_may_put_sweep_and_read_at_once(store)

    @pytest.mark.slow
    def test_a_damaged_record_does_not_count(self, store: RemoteStore) -> None:
        super().test_a_damaged_record_does_not_count(store)

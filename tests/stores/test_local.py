"""The local store: the conformance suite, and what a folder can suffer."""

import os
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from magical.contracts.promises import Frame, promise_of
from magical.errors import StoreError
from magical.stores.local import LocalStore
from stores.conformance import StoreConformance


class TestLocalStore(StoreConformance):
    @pytest.fixture
    def store(self, tmp_path: Path) -> LocalStore:
        return LocalStore(tmp_path / "store")

    def objects(self, store: LocalStore) -> Sequence[Path]:
        return [p for p in (store.folder / "objects").rglob("*") if p.is_file()]

    def records(self, store: LocalStore) -> Sequence[Path]:
        return [p for p in (store.folder / "records").rglob("*") if p.is_file()]

    def reopened(self, store: LocalStore) -> LocalStore:
        return LocalStore(store.folder)

    def test_looking_makes_no_folder(self, store: LocalStore) -> None:
        assert store.record("ab" * 20) is None
        assert not store.folder.exists()

    def test_what_a_kill_left_is_passed_over(self, store: LocalStore) -> None:
        record = self.kept(store)
        for folder in [*(store.folder / "objects").iterdir(), *(store.folder / "records").iterdir()]:
            (folder / ".part-abc").write_bytes(b"half")
        assert store.record(record.key) == record
        assert self.kept(store) == record

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_a_read_only_folder_is_said(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        with pytest.raises(StoreError, match="cannot be written"):
            LocalStore(tmp_path / "store").save(1, promise_of(int), "ab" * 20)

    def test_a_folder_that_is_a_file_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "store").write_text("")
        with pytest.raises(StoreError, match="cannot be written") as caught:
            LocalStore(tmp_path / "store").save(1, promise_of(int), "ab" * 20)
        assert caught.value.hint

    def test_python_objects_in_a_table_are_refused(self, store: LocalStore) -> None:
        table = pl.DataFrame({"x": [object()]}, schema={"x": pl.Object})
        with pytest.raises(StoreError, match="The column x holds Python objects"):
            store.save(table, promise_of(Frame), "ab" * 20)

"""The local store: the conformance suite, and what a folder can suffer."""

import os
import pickle
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from magical.contracts.promises import Frame, promise_of
from magical.engine.artifacts import Record
from magical.errors import StoreError
from magical.stores.local.store import LocalStore
from magical.testing import StoreConformance
from magical.testing.store_conformance import KEY, TABLE


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
        assert store.find_record("ab" * 20) is None
        assert not store.folder.exists()

    def test_what_a_kill_left_is_passed_over(self, store: LocalStore) -> None:
        record = self.save_with_record(store)
        for folder in [*(store.folder / "objects").iterdir(), *(store.folder / "records").iterdir()]:
            (folder / ".part-abc").write_bytes(b"half")
        assert store.find_record(record.key) == record
        assert self.save_with_record(store) == record

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

    # --- what kills leave -------------------------------------------------------------------------------------

    def test_a_killed_run_pins_nothing(self, store: LocalStore) -> None:
        self.save_with_record(store)
        script = (
            "import sys\nfrom pathlib import Path\nfrom magical.stores.local.store import LocalStore\n"
            f"store = LocalStore(Path({str(store.folder)!r}))\n"
            f"use, lock = store.pin_run('run'), store.lock({KEY!r})\nuse.__enter__()\nlock.__enter__()\n"
            f"store.find_record({KEY!r})\nstore.scratch({KEY!r})\nprint('in use', flush=True)\nsys.stdin.read()\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout
            assert process.stdout.readline() == b"in use\n"
            assert store.sweep([]).records == 0
            assert len(list((store.folder / "pins").iterdir())) == 1
            process.kill()
            process.wait()
        left = [f"{p.parent.name}/{p.name[:4]}" for p in store.folder.glob("*/*") if p.parent.name in LEFT]
        assert sorted(left) == ["locks/abab", "pins/run-", "scratch/abab"]
        assert store.sweep([KEY]).leftovers == 1, "pins that nobody holds"
        swept = store.sweep([])
        assert (swept.records, swept.leftovers) == (1, 2)
        assert not [p for p in store.folder.glob("*/*") if p.parent.name in LEFT]

    def test_half_written_files_are_swept(self, store: LocalStore) -> None:
        record = self.save_with_record(store)
        for folder in [*(store.folder / "objects").iterdir(), *(store.folder / "records").iterdir()]:
            (folder / ".part-abc").write_bytes(b"half")
        (store.folder / "objects" / ".part-abc").write_bytes(b"half of a file that was too large for memory")
        assert store.sweep([KEY], dry=True).leftovers == 3
        assert store.sweep([KEY], verify=True).damaged == []
        assert not [p for p in store.folder.rglob("*") if p.name.startswith(".part-")]
        assert store.find_record(KEY) == record

    def test_a_damaged_record_is_swept(self, store: LocalStore) -> None:
        self.save_with_record(store)
        (path,) = self.records(store)
        path.write_bytes(path.read_bytes()[:-3])
        assert store.sweep([KEY]).records == 1

    def test_locks_leave_no_files(self, store: LocalStore) -> None:
        with store.pin_run("run"), store.lock(KEY):
            pass
        assert not [p for p in store.folder.glob("*/*") if p.is_file()]

    def test_a_lock_file_that_was_left_can_be_taken(self, store: LocalStore) -> None:
        (store.folder / "locks").mkdir(parents=True)
        (store.folder / "locks" / KEY).write_text("")
        with store.lock(KEY):
            pass

    def test_a_store_that_is_deleted_while_it_is_in_use_is_made_again(self, store: LocalStore) -> None:
        self.save_with_record(store)
        with store.pin_run("run"), store.lock(KEY):
            store.find_record(KEY)
            shutil.rmtree(store.folder)
            assert store.find_record(KEY) is None
            record = self.save_with_record(store)
            self.reopened(store).sweep([])
            assert store.find_record(KEY) == record
            assert self.reopened(store).find_record(KEY) == record

    def test_a_store_can_be_handed_to_another_process(self, store: LocalStore) -> None:
        with store.pin_run("run"):
            record = self.save_with_record(store)
            other = pickle.loads(pickle.dumps(store))
            assert other.folder == store.folder
        assert other.find_record(KEY) == record

    def test_many_threads_pin_at_once(self, store: LocalStore) -> None:
        with store.pin_run("run"):
            self.run_concurrently(
                lambda n: [store.find_record(f"{n}{i}" * 20) for i in range(50)][:0], threads=6
            )
            (pins,) = (store.folder / "pins").iterdir()
            assert len(set(pins.read_text().split())) == 300

    # --- trust ------------------------------------------------------------------------------------------------

    def copied(self, store: LocalStore) -> LocalStore:
        """The same files at another place."""
        return LocalStore(Path(shutil.copytree(store.folder, store.folder.parent / "copy")))

    def test_what_holds_code_is_not_taken_from_a_copied_store(self, store: LocalStore) -> None:
        record = self.save_with_record(store, range(3), range)
        assert store.find_record(KEY) == record
        assert self.reopened(store).find_record(KEY) == record
        copy = self.copied(store)
        assert copy.find_record(KEY) is None
        assert copy.untrusted == {KEY}
        assert copy.size(KEY) > 0

    @pytest.mark.parametrize("value", ["table", "value", "none"])
    def test_what_holds_no_code_is_taken(self, store: LocalStore, value: str) -> None:
        given, hint = {"table": (TABLE, Frame), "value": ([1], list[int]), "none": (None, None)}[value]
        record = self.save_with_record(store, given, hint)
        copy = self.copied(store)
        assert copy.find_record(KEY) == record
        assert not copy.untrusted

    @pytest.mark.parametrize("where", ["kept", "in a tuple"])
    def test_code_may_hide_inside(self, store: LocalStore, where: str) -> None:
        if where == "kept":
            hidden = store.save(range(3), promise_of(range), f"{KEY}-x")
            result = store.save(TABLE, promise_of(Frame), KEY)
            store.put_record(Record(KEY, "n", "m:n", {}, result, {"x": hidden}))
        else:
            self.save_with_record(store, (TABLE, (1, range(3))), tuple[Frame, tuple[int, range]])
        assert store.find_record(KEY) is not None
        assert self.copied(store).find_record(KEY) is None

    def test_a_record_merged_from_another_store_is_foreign(self, store: LocalStore, tmp_path: Path) -> None:
        other = LocalStore(tmp_path / "other")
        self.save_with_record(store)
        self.save_with_record(other, range(3), range, key="cd" * 20)
        shutil.copytree(
            other.folder, store.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("owner")
        )
        assert store.find_record(KEY) is not None
        assert store.find_record("cd" * 20) is None
        assert LocalStore(store.folder, trust=True).find_record("cd" * 20) is not None

    def test_a_record_without_a_signature_is_foreign(self, store: LocalStore) -> None:
        """Such as one of the format before."""
        self.save_with_record(store, range(3), range)
        (path,) = self.records(store)
        text = path.read_text()
        start = text.index('"signature"')
        path.write_text(text[:start] + text[text.index('"key"') :])
        assert store.find_record(KEY) is None
        assert store.untrusted == {KEY}

    def test_what_is_trusted_once_is_its_own_from_then_on(self, store: LocalStore) -> None:
        record = self.save_with_record(store, range(3), range)
        copy = self.copied(store)
        trusting = LocalStore(copy.folder, trust=True)
        assert trusting.find_record(KEY) == record
        assert trusting.load(record.result, promise_of(range)) == range(3)
        assert copy.find_record(KEY) == record

    def test_a_store_that_is_moved_stays_its_own(self, store: LocalStore, tmp_path: Path) -> None:
        record = self.save_with_record(store, range(3), range)
        (tmp_path / "elsewhere").mkdir()
        store.folder.rename(tmp_path / "elsewhere" / "store")
        assert LocalStore(tmp_path / "elsewhere" / "store").find_record(KEY) == record

    @pytest.mark.parametrize("secret", [None, b"", b"short", b"x" * 64])
    def test_without_its_secret_a_store_is_foreign_and_goes_on(
        self, store: LocalStore, secret: bytes
    ) -> None:
        self.save_with_record(store, range(3), range)
        owner = store.folder / "owner"
        assert owner.stat().st_mode & 0o777 == 0o600
        owner.unlink() if secret is None else owner.write_bytes(secret)
        again = self.reopened(store)
        assert again.find_record(KEY) is None
        record = self.save_with_record(again, range(3), range)
        assert again.find_record(KEY) == record
        assert self.reopened(store).find_record(KEY) == record

    def test_another_user_s_store_is_foreign(
        self, store: LocalStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from magical.stores.local import signature

        self.save_with_record(store, range(3), range)
        assert store.find_record(KEY) is not None
        monkeypatch.setattr(signature, "_machine_id", lambda: "another machine or user")
        assert store.find_record(KEY) is None

    def test_several_that_open_a_new_store_agree_on_its_secret(self, store: LocalStore) -> None:
        self.run_concurrently(
            lambda n: self.save_with_record(self.reopened(store), range(n), range, key=f"{n}a" * 20) and None,
            8,
        )
        again = self.reopened(store)
        assert all(again.find_record(f"{n}a" * 20) for n in range(8))
        assert threading.active_count() < 50


LEFT = ("locks", "pins", "scratch")


@pytest.mark.parametrize("name", ["..//{path}", "../../{name}", "ab", ""])
def test_a_record_that_names_a_file_elsewhere_is_none(tmp_path: Path, name: str) -> None:
    other = tmp_path / "mine.txt"
    other.write_text("keep me")
    store = LocalStore(tmp_path / "store")
    saved = store.save(TABLE, promise_of(Frame), KEY)
    wrong = replace(saved, blob=name.format(path=other, name=other.name) or "..//")
    store.put_record(Record(KEY, "clean", "workflow:clean", {}, wrong))
    assert store.find_record(KEY) is None
    assert other.read_text() == "keep me"

"""Signatures of records: of this store, at this place, by this user; and which records may run code."""

import shutil
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from magical.engine.artifacts import Artifact, Record
from magical.errors import StoreError
from magical.stores.local import signature
from magical.stores.local.signature import RecordSigner, may_run_code


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "store").mkdir()
    return tmp_path / "store"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(text=st.text(), other=st.text())
def test_a_signature_is_good_for_its_text_only(folder: Path, text: str, other: str) -> None:
    signed = RecordSigner(folder).sign(text)
    assert RecordSigner(folder).is_own(signed, text)
    assert RecordSigner(folder).is_own(signed, other) is (text == other)


@pytest.mark.parametrize("signed", [None, 3, "", "é" * 40, "0" * 40, ["x"], b"x"])
def test_what_is_no_signature_is_not_its_own(folder: Path, signed: object) -> None:
    RecordSigner(folder).sign("text")
    assert RecordSigner(folder).is_own(signed, "text") is False


def test_before_anything_is_signed_nothing_is_its_own(folder: Path) -> None:
    assert RecordSigner(folder).is_own("0" * 40, "text") is False
    assert list(folder.iterdir()) == [], "looking writes no secret"


def test_only_the_user_may_read_the_secret(folder: Path) -> None:
    RecordSigner(folder).sign("text")
    (file,) = folder.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_bytes()) == 64


def test_a_copy_is_foreign_and_a_moved_folder_is_not(folder: Path, tmp_path: Path) -> None:
    signed = RecordSigner(folder).sign("text")
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    assert not RecordSigner(copy).is_own(signed, "text")
    moved = folder.rename(tmp_path / "moved")
    assert RecordSigner(moved).is_own(signed, "text")


@pytest.mark.parametrize("secret", [None, b"", b"cut short", b"x" * 64])
def test_with_another_secret_what_was_signed_before_is_foreign(folder: Path, secret: bytes | None) -> None:
    signed = RecordSigner(folder).sign("text")
    owner = folder / "owner"
    owner.unlink() if secret is None else owner.write_bytes(secret)
    assert not RecordSigner(folder).is_own(signed, "text")
    again = RecordSigner(folder).sign("text")
    assert again != signed
    assert RecordSigner(folder).is_own(again, "text")


def test_a_secret_that_cannot_be_written_is_said(folder: Path) -> None:
    (folder / "owner").mkdir()
    with pytest.raises(StoreError, match="cannot be written"):
        RecordSigner(folder).sign("text")


def test_those_that_sign_first_at_the_same_time_agree(folder: Path) -> None:
    signed: list[str] = []
    barrier = threading.Barrier(8)

    def sign() -> None:
        barrier.wait()
        signed.append(RecordSigner(folder).sign("text"))

    threads = [threading.Thread(target=sign) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(signed) == 8
    assert set(signed) == {RecordSigner(folder).sign("text")}


def test_another_machine_or_user_is_foreign(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signed = RecordSigner(folder).sign("text")
    monkeypatch.setattr(signature, "_machine_id", lambda: "another")
    assert not RecordSigner(folder).is_own(signed, "text")


SAFE = Artifact("group", "g", items={"0": Artifact("table", "t"), "1": Artifact("none", "")})
CODE = Artifact("object", "o")


@pytest.mark.parametrize(
    ("result", "kept", "wanted"),
    [
        (SAFE, {}, False),
        (Artifact("value", "v"), {"x": SAFE}, False),
        (CODE, {}, True),
        (Artifact("group", "g", items={"0": SAFE, "1": Artifact("group", "h", items={"0": CODE})}), {}, True),
        (SAFE, {"x": CODE}, True),
        (Artifact("of tomorrow", "t"), {}, True),
        (Artifact("", ""), {}, True),
    ],
)
def test_code_is_found_wherever_it_hides(result: Artifact, kept: dict[str, Artifact], wanted: bool) -> None:
    assert may_run_code(Record("k", "n", "m:n", {}, result, kept)) is wanted

"""A disk that fails: full, read-only or deleted under a run. It is said in a few lines, and nothing is lost."""

import contextlib
import errno
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from magical.errors import StoreError
from magical.stores.local.store import LocalStore
from magical.system.file_digests import SMALL_FILE_BYTES, FileDigests
from projects import ALL, Answer, Small, flow, is_well_worded, one

BIG = """
@step
def start(n: int) -> int:
    return n


@step
def big(n: int) -> Frame:
    return pl.DataFrame({"x": range(n * 1000)}).with_columns(y=pl.col("x").hash(7))


@step
def last(table: Frame) -> int:
    return table.height


class S(Settings):
    n: int = 400


@workflow
def flow(s: S) -> int:
    return last(big(start(s.n)))
"""


def limited(small: Small, limit: int, *words: str) -> Answer:
    """Run the command in a process that can write files up to a size only: the kernel refuses the rest."""

    def limit_it() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = [sys.executable, "-m", "magical.cli", *words, "--project", str(small.root)]
    done = subprocess.run(
        command, capture_output=True, text=True, preexec_fn=limit_it, timeout=60, check=False
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def said(answer: Answer) -> str:
    """The error, which must be short, with its hint, and without a traceback."""
    assert answer.code == 1, answer
    text = answer.out + answer.err
    assert "Traceback" not in text
    lines = text.splitlines()
    (hint,) = [i for i, line in enumerate(lines) if line.startswith("Hint: ")]
    first = next(i for i, line in enumerate(lines) if "cannot be" in line)
    message = "\n".join(lines[first : hint + 1])
    assert is_well_worded(message), message
    return message


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own, where that may be had."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)]
    if os.geteuid() or not shutil.which("mount") or subprocess.call(mount, stderr=subprocess.DEVNULL):
        pytest.skip("nothing may be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def remount(disk: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Take all the space there is."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 16, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)
    return ballast


# --- full ---------------------------------------------------------------------------------------------------------


def test_a_disk_that_is_full_from_the_start(disk: Path) -> None:
    small = flow(disk / "p")
    ballast = fill(disk)
    answer = small.process("run")
    message = said(Answer(answer.returncode, answer.stdout, answer.stderr))
    assert "No space left on device" in message
    assert "Hint: free some space (magical gc" in message
    ballast.unlink()
    assert small.ran() == ALL
    assert small.ran() == []


def test_a_disk_that_gets_full_keeps_what_was_finished(disk: Path) -> None:
    small = one(disk / "p", BIG)
    answer = small.process("run")
    message = said(Answer(answer.returncode, answer.stdout, answer.stderr))
    assert message.startswith("big (workflow.py:")
    assert "No space left on device" in message
    assert not list(small.root.rglob(".part-*"))
    (run,) = small.load().runs()
    assert (run.state, run.executed, list(run.failed)) == ("failed", ["start"], ["big"])
    remount(disk, "size=30m")
    assert small.ran() == ["big", "last"]


@pytest.mark.slow
def test_garbage_can_be_collected_on_a_full_disk(disk: Path) -> None:
    small = one(disk / "p", BIG)
    for n in (50, 60, 70):
        small.run(n=n)
    small.run(n=1)
    fill(disk)
    answer = small.process("gc", "--keep", "1")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("removed 9 results, ")
    small.run(n=2)


@pytest.mark.slow_except("0")
@pytest.mark.parametrize("limit", [0, 1, 100, 400, 700, 1000, 2000, 5000])
def test_wherever_the_disk_refuses_a_run_ends_with_a_word_and_the_next_completes(
    tmp_path: Path, limit: int
) -> None:
    small = one(tmp_path, BIG)
    message = said(limited(small, limit, "run", "n=10"))
    assert "File too large" in message
    assert not list(tmp_path.rglob(".part-*"))
    again = limited(small, 1 << 30, "run", "n=10")
    assert again.code == 0, again
    assert small.run(n=10).result == 10_000


def test_what_is_fresh_needs_no_disk(small: Small) -> None:
    small.run()
    shutil.rmtree(small.root / ".magical/drawn")
    for verb in ("run", "plan", "show", "runs"):
        answer = limited(small, 0, verb)
        assert answer.code == 0, answer
    assert small.ran() == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_a_disk_that_does_not_sync_keeps_nothing_half(
    small: Small, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    whole = os.fsync

    def fails(handle: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fails)
    answer = small.command("run")
    message = said(answer)
    assert os.strerror(number) in message
    hint = {errno.ENOSPC: "free some space", errno.EDQUOT: "free some space", errno.EROFS: "writable"}
    assert hint.get(number, "space and permissions") in message
    monkeypatch.setattr(os, "fsync", whole)
    assert small.ran() == ALL


def test_a_disk_without_locks_is_said(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(handle: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", fails)
    assert "that knows file locks" in said(small.command("run"))
    monkeypatch.undo()
    assert small.ran() == ALL


@pytest.mark.parametrize("kind", ["records", "objects"])
def test_what_may_not_be_read_is_not_taken_for_garbage(
    small: Small, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    small.run()
    before = small.files()
    whole = os.open

    def fails(path: Any, *how: Any, **more: Any) -> Any:
        if f"/{kind}/" in str(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return whole(path, *how, **more)

    monkeypatch.setattr(os, "open", fails)
    assert "Permission denied" in said(small.command("gc", "--verify", "--keep", "9"))
    monkeypatch.undo()
    assert small.files().keys() >= before.keys()
    assert small.ran() == []


def test_scratch_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "scratch").write_text("")
    with pytest.raises(StoreError, match="cannot be written") as caught:
        LocalStore(tmp_path).scratch("ab" * 20)
    assert is_well_worded(str(caught.value))


# --- read-only ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_read_only_project_can_be_looked_at_but_not_run(disk: Path) -> None:
    small = flow(disk / "p")
    small.run()
    remount(disk, "ro")
    for verb in ("run", "plan", "show", "runs", "why clean", "inspect clean", "plan max_id=5"):
        answer = small.process(*verb.split())
        assert answer.returncode == 0, (verb, answer.stderr)
    for verb in ("run max_id=5", "gc"):
        answer = small.process(*verb.split())
        message = said(Answer(answer.returncode, answer.stdout, answer.stderr))
        assert "Read-only file system" in message
        assert "Hint: make its folder writable" in message
    remount(disk, "rw")
    assert small.run(max_id=5).executed == ["clean", "split", "size"]


def test_a_new_project_in_a_read_only_folder(disk: Path) -> None:
    small = flow(disk / "p")
    remount(disk, "ro")
    answer = small.process("run")
    assert "Read-only file system" in said(Answer(answer.returncode, answer.stdout, answer.stderr))
    assert small.process("gc").stdout == "removed 0 results, 0 objects, 0 B; kept 0 results, 0 B.\n"


@pytest.mark.parametrize(
    "name", ["", "store", "runs", "store/pins", "store/locks", "store/objects", "store/lock"]
)
def test_what_stands_in_the_way_is_said(small: Small, name: str) -> None:
    home = small.root / ".magical"
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir() if name == "store/lock" else path.write_text("")
    said(small.command("run"))
    path.rmdir() if path.is_dir() else path.unlink()
    assert small.ran() == ALL


# --- deleted ------------------------------------------------------------------------------------------------------

DELETING = """
import shutil
import pathlib

HOME = pathlib.Path(__file__).parent / ".magical"


@step
def first(n: int) -> Frame:
    return pl.DataFrame({"x": range(n)})


@step
def deleting(table: Frame) -> int:
    for name in ("NAME",):
        shutil.rmtree(HOME / name)
    (scratch() / "half").write_text("x")
    emit("gone")
    return table.height


@step
def third(table: Frame, n: int) -> int:
    return table.height + n


@step
def other(n: int) -> list[int]:
    return [n, n]


@workflow
def flow() -> Any:
    table = first(3)
    n = deleting(table)
    return third(table, n), other(n)
"""


@pytest.mark.parametrize(
    "name", [".", "store", "store/objects", "store/records", "store/locks", "store/pins", "runs"]
)
@pytest.mark.parametrize("workers", [1, 3])
def test_what_a_body_deletes_is_made_again(tmp_path: Path, name: str, workers: int) -> None:
    small = one(tmp_path, DELETING.replace("NAME", name))
    answer = small.command("run", f"policy.workers={workers}")
    assert answer.code == 0, answer
    assert "Traceback" not in answer.err
    assert len(small.load().runs()) == 1
    small.edit("workflow.py", f'    for name in ("{name}",):\n        shutil.rmtree(HOME / name)\n', "")
    run = small.run()
    assert run.result == [6, [3, 3]]
    assert small.ran() == []


# --- the journal --------------------------------------------------------------------------------------------------


def test_a_run_goes_on_if_its_journal_cannot_be_written(tmp_path: Path) -> None:
    text = DELETING.replace(
        "        shutil.rmtree(HOME / name)\n",
        "        for run in (HOME / 'runs').iterdir():\n            shutil.rmtree(run)\n            run.write_text('')\n",
    )
    small = one(tmp_path, text)
    answer = small.command("run")
    assert answer.code == 0, answer
    (line,) = [line for line in answer.err.splitlines() if line.startswith("!")]
    assert "The run goes on, but its journal is not whole: " in line
    assert "Not a directory" in line
    assert small.ran() == []


def test_the_lines_after_a_gap_are_whole(tmp_path: Path) -> None:
    """A line that a full disk cut short does not swallow the next one."""
    small = one(tmp_path, BIG)
    journal = small.load().journal
    from magical.events import LogLine, RunFinished, RunStarted

    run = journal.create_run()
    assert journal.write(run, RunStarted(run=run, workflow="flow", settings={}, nodes=[])) == ""
    path = journal.folder / run / "journal.jsonl"
    size = path.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, hard))
        assert "not whole" in journal.write(run, LogLine(step="a", text="lost"))
        assert journal.write(run, LogLine(step="b", text="lost, and said once")) == ""
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.stat().st_size > size
    assert journal.write(run, RunFinished(run=run, state="done", seconds=1, executed=0)) == ""
    assert [e["event"] for e in journal.events(run)] == ["RunStarted", "RunFinished"]


def test_digests_that_cannot_be_remembered_are_made_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from magical.system import file_digests

    monkeypatch.setattr(file_digests, "RACY", -1.0)
    (tmp_path / "home").write_text("a file")
    (tmp_path / "big").write_bytes(b"x" * (SMALL_FILE_BYTES + 1))
    digests = FileDigests(tmp_path / "home" / "files.json")
    assert digests.digest(tmp_path / "big") == digests.digest(tmp_path / "big")

"""Projects with a remote store: runs, edits, damage, sweeps, and stores that are refused."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from magical.errors import MagicalError, SettingsError, StoreError
from magical.project.backends import open_store
from magical.stores.local.store import LocalStore
from magical.stores.remote.store import RemoteStore
from projects import ALL, NO_TRACKING, Small, flow, is_well_worded, one, python
from remote_stores import BUCKET, files, reading_variables, served


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with served():
        yield f"s3://{BUCKET}"


@pytest.fixture(params=["file", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return f"file://{tmp_path}/shared"
    return f"{request.getfixturevalue('bucket')}/{uuid4().hex}"


def at(small: Small, url: str, more: str = "") -> Small:
    """Set the store of a project."""
    small.write("settings.toml", f'[policy]\nstore = "{url}"\n{more}\n{NO_TRACKING}')
    return small


def store_in(small: Small) -> RemoteStore:
    store = small.load().store
    assert isinstance(store, RemoteStore)
    return store


@pytest.mark.slow_except("file")
def test_a_project_runs_on_it_and_is_fresh_for_others(tmp_path: Path, url: str) -> None:
    small = at(flow(tmp_path / "small"), url)
    assert small.ran() == ALL
    assert small.ran() == []
    assert not (small.root / ".magical" / "store").exists()
    mate = at(flow(tmp_path / "clone"), url)
    assert mate.ran() == [], "what one of them made is there for the other"
    assert mate.run().result == small.run().result == 38
    small.edit("deep.py", "FACTOR = 2", "FACTOR = 3")
    assert small.ran() == ["clean", "split", "size"]
    assert mate.ran() == []


def test_a_damaged_object_is_made_again(tmp_path: Path, url: str) -> None:
    small = at(flow(tmp_path / "small"), url)
    small.run()
    store = store_in(small)
    key = small.load().plan()["clean"].key
    record = store.find_record(key)
    assert record is not None
    name = store.storage.path(f"objects/{record.result.blob[:2]}/{record.result.blob[2:]}")
    store.storage.filesystem.pipe_file(name, b"x" * store.size(key))
    small.edit("workflow.py", "n = customers.height", "n = customers.height + 0")
    answer = small.command("run")
    assert answer.code == 0, answer.err
    assert [e["step"] for e in small.events() if e["event"] == "StepFinished"][-2:] == ["clean", "split"]
    assert (
        small.load()
        .store.load(record.result, small.load().context().draw().runnable_graph.node("clean").call.promise)
        .height
        == 40
    )


@pytest.mark.slow_except("file")
def test_gc_removes_what_no_run_needs(tmp_path: Path, url: str) -> None:
    small = at(flow(tmp_path / "small"), url)
    small.run()
    small.edit("deep.py", "FACTOR = 2", "FACTOR = 3")
    small.run()
    store = store_in(small)
    assert len(files(store, "records")) == 8
    assert small.command("gc", "--keep", "0", "--dry-run", "--json").json["records"] == 3
    answer = small.command("gc", "--keep", "0", "--verify", "--json").json
    assert (answer["records"], answer["kept_records"], answer["damaged"]) == (3, 5, [])
    assert small.ran() == []


@pytest.mark.slow
def test_gc_keeps_what_another_project_needs(tmp_path: Path, url: str) -> None:
    small, mate = (at(flow(tmp_path / name), url) for name in ("small", "clone"))
    small.run()
    small.edit("deep.py", "FACTOR = 2", "FACTOR = 3")
    small.run()
    assert mate.ran() == [], "it uses what the other one made, and runs nothing"
    answer = small.command("gc", "--keep", "0")
    assert answer.code == 0, answer.err
    assert answer.out.startswith("removed 0 results")
    assert "It keeps what 1 other project used last: clone-" in answer.out
    assert mate.ran() == []
    mate.edit("deep.py", "FACTOR = 2", "FACTOR = 4")
    assert mate.ran() == ["clean", "split", "size"]
    small.command("gc", "--keep", "0")
    assert mate.ran() == []
    dry = small.command("gc", "--keep", "0", "--only-this-project", "--dry-run", "--json").json
    assert (dry["records"], dry["projects"]) == (6, [])
    assert small.load().gc(0, only_this_project=True).records == 6
    assert small.ran() == []
    assert mate.ran() == ["clean", "split", "size"]


@pytest.mark.slow
def test_a_step_with_a_timeout_and_a_lazy_one_work(tmp_path: Path, url: str) -> None:
    top = """
    from magical import Lazy

    class Row(Contract):
        x: int
    """
    body = """
    @step
    def rows() -> Lazy[Row]:
        return pl.LazyFrame({"x": list(range(100))})

    @step
    def total(rows: Lazy[Row]) -> int:
        return rows.select(pl.col("x").sum()).collect().item()

    @workflow
    def flow() -> int:
        return total(rows())
    """
    small = at(one(tmp_path / "lazy", body, top=top), url, "timeout = 60")
    assert small.run().result == 4950
    assert small.ran() == []
    (kept,) = (small.root / ".magical" / "cache" / "objects").rglob("*.parquet")
    kept.write_bytes(b"what was damaged on this machine")
    small.edit("workflow.py", '"x").sum()', '"x").sum() + 1')
    assert small.run().result == 4951
    kept.unlink()
    small.edit("workflow.py", '"x").sum() + 1', '"x").sum() + 2')
    assert small.run().result == 4952


def test_a_run_with_nothing_to_do_imports_nothing_heavy(tmp_path: Path) -> None:
    small = at(flow(tmp_path / "small"), f"file://{tmp_path}/shared")
    assert small.process("run").returncode == 0
    code = (
        f"import sys\nsys.argv = ['magical', 'run', '--project', {str(small.root)!r}]\n"
        "from magical.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('heavy:', {'polars', 'numpy', 'cloudpickle', 's3fs'} & set(sys.modules))"
    )
    answer = python("-c", code)
    assert "nothing had to run" in answer.stdout, answer
    assert "heavy: set()" in answer.stdout
    local = flow(tmp_path / "local")
    assert local.process("run").returncode == 0
    answer = python("-c", code.replace("'polars'", "'fsspec'").replace(str(small.root), str(local.root)))
    assert "heavy: set()" in answer.stdout


@pytest.mark.slow_except("file")
def test_two_commands_at_once_on_one_store_lose_nothing(tmp_path: Path, url: str) -> None:
    projects = [at(flow(tmp_path / f"clone{n}"), url) for n in range(2)]
    command = [sys.executable, "-m", "magical.cli", "run", "--json", "--project"]
    runs = [subprocess.Popen([*command, str(p.root)], stdout=subprocess.PIPE) for p in projects]
    said = [run.communicate(timeout=120)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    finished = [e["step"] for p in projects for e in p.events() if e["event"] == "StepFinished"]
    assert sorted(finished) == sorted(ALL), "each step ran once, in the one or the other"
    assert not [f for folder in ("locks", "pins", "gate") for f in files(store_in(projects[0]), folder)]


# --- what is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["", "elsewhere"])
def test_the_line_names_no_store(small: Small, tmp_path: Path, profile: str) -> None:
    small.write("profiles/elsewhere.toml", f'[policy]\nstore = "file://{tmp_path}/shared"\n')
    options = ["--profile", profile] if profile else []
    answer = small.command("run", f"policy.store=file://{tmp_path}/other", *options)
    assert answer.code == 2
    assert "policy.store is the project's" in answer.err
    assert is_well_worded(answer.err.strip())
    with pytest.raises(SettingsError, match=r"policy\.store is the project's"):
        small.load(profile).run(policy={"store": "s3://bucket"})
    assert not (small.root / ".magical" / "runs").exists()
    assert small.command("run", *options).code == 0
    assert (tmp_path / "shared").exists() == bool(profile)


def test_an_empty_one_is_the_projects_own(tmp_path: Path) -> None:
    assert isinstance(open_store("", tmp_path), LocalStore)


@pytest.mark.parametrize(
    ("url", "said", "hint"),
    [
        ("shared/store", "is no URL", "file:///mnt"),
        ("simplecache::s3://bucket/x", "is no URL", "s3://bucket"),
        ("memory://x", "in one process", "file:///tmp"),
        ("file://shared", "not a whole path", "file:///mnt"),
        ("s3://", "no place", "s3://bucket"),
        ("sea://bucket", "not known", "fsspec"),
        ("gs://bucket/x", "a package that is not here", "pip install gcsfs"),
        ("az://me:tiger@bucket/x", "a package that is not here", "pip install adlfs"),
    ],
)
def test_what_is_no_store_is_said(small: Small, url: str, said: str, hint: str) -> None:
    answer = at(small, url).command("run")
    assert answer.code in (1, 2)
    assert said in answer.err
    assert hint in answer.err
    assert "tiger" not in answer.err
    assert is_well_worded(answer.err.strip())


def refused(small: Small) -> str:
    with pytest.raises(StoreError) as caught:
        small.run()
    assert is_well_worded(str(caught.value))
    assert "StepStarted" not in [e["event"] for e in small.events()]
    return str(caught.value)


def test_a_missing_bucket_is_said_before_anything_runs(small: Small, bucket: str) -> None:
    text = refused(at(small, "s3://nowhere/campaign"))
    assert "s3://nowhere/campaign cannot be used: The specified bucket does not exist" in text
    assert "Hint: make the bucket" in text


def test_missing_credentials_are_said(
    small: Small, bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with reading_variables():
        text = refused(at(small, f"{bucket}/without"))
    assert "credentials" in text
    assert "docs/stores.md" in text


def test_a_server_that_does_not_answer_is_said(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "something")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with reading_variables():
        text = refused(at(small, f"s3://silent-{uuid4().hex}/x"))
    assert "Could not connect" in text
    assert "is the network up" in text


def test_what_needs_no_store_is_shown_when_it_is_silent(small: Small, tmp_path: Path) -> None:
    at(small, f"file://{tmp_path}/shared").run()
    (tmp_path / "shared").rename(tmp_path / "away")
    (tmp_path / "shared").write_text("a file, so that nothing below it can be read")
    answer = small.command("show")
    assert answer.code == 0, answer.err
    assert "clean" in answer.out
    assert "So it is not known which steps are fresh." in answer.out + answer.err
    answer = small.command("runs", "last")
    assert answer.code == 0, answer.err
    assert "clean" in answer.out
    assert answer.err.count("So it is not known what the results take.") == 1
    assert is_well_worded(answer.err.strip())
    assert small.command("runs", "--json").json[0]["state"] == "done"


def test_a_folder_that_cannot_be_written_is_said(small: Small, tmp_path: Path) -> None:
    (tmp_path / "shared").write_text("a file")
    with pytest.raises(MagicalError) as caught:
        at(small, f"file://{tmp_path}/shared").run()
    assert is_well_worded(str(caught.value))


@pytest.mark.slow_except("file")
def test_a_killed_run_goes_on_at_once_on_the_same_machine(tmp_path: Path, url: str) -> None:
    body = """
    import os, pathlib, signal

    @step
    def rows() -> int:
        return 1

    @step
    def total(rows: int) -> int:
        mark = pathlib.Path(__file__).with_name("once")
        if not mark.exists():
            mark.write_text("")
            os.kill(os.getpid(), signal.SIGKILL)
        return rows + 1

    @workflow
    def flow() -> int:
        return total(rows())
    """
    small = at(one(tmp_path / "killed", body), url)
    assert small.process("run").returncode == -signal.SIGKILL
    assert small.states() == {"rows": "fresh", "total": "to run"}
    began = time.monotonic()
    assert small.ran() == ["total"]
    assert time.monotonic() - began < 30, "a lease that nobody of this machine renews is not waited for"
    small.command("gc")
    assert not [f for folder in ("locks", "pins", "gate") for f in files(store_in(small), folder)]

"""A change of the registry: models are registered in the new one, too, once, and nothing else runs."""

import json
import os
import shutil
from pathlib import Path

import pytest

import magical
from library.served import REGISTERED, write
from magical.engine.policy import TrackingSettings
from magical.errors import ProjectError
from magical.project.backends import ProjectRegistryIdentity, database_uri
from projects import Small, one, python

STEPS = ["source", "typed_rows", "distinct", "aged", "cut", "fit", "predict", "evaluate", "register"]
CHAMPION = [("1", ["champion"])]
FRESH = "nothing had to run; all 9 steps are fresh"


def registering(root: Path, settings: str = "") -> Small:
    """A project that ends in register, and asks no source again."""
    write(root, workflow=REGISTERED.replace('@step(reads="world")', "@step"))
    small = Small(root)
    small.write("settings.toml", settings)
    return small


def to(small: Small, uri: str, more: str = "") -> None:
    """Set a project's registry."""
    small.write("settings.toml", f'{more}\n[tracking]\nuri = "{uri}"\n')


def versions(small: Small, *words: str) -> list[tuple[str, list[str]]]:
    return [(v["version"], v["aliases"]) for v in small.command("models", "--json", *words).json]


def ran(small: Small, *words: str) -> list[str]:
    answer = small.command("run", "--json", *words)
    assert answer.code == 0, answer
    executed: list[str] = answer.json["executed"]
    return executed


# --- another address ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_another_registry_gets_the_model_once_and_so_does_the_first(tmp_path: Path) -> None:
    small = registering(tmp_path / "p")
    a, b = (f"sqlite:///{tmp_path}/{name}.db" for name in "ab")
    to(small, a)
    assert ran(small) == STEPS
    keys = {name: plan.key for name, plan in small.load().plan().items()}
    to(small, b)
    assert {name: plan.key for name, plan in small.load().plan().items()} == keys, "tracking is in no key"
    why = f"its receipt is of another registry: {a}"
    assert f"▶ register    to run  {why}" in small.command("plan").out
    assert small.why("register") == f"register: {why}."
    assert "8 fresh, 1 stale" in small.command("show").out
    assert small.command("sync").out == "nothing to send\n", "it was not missed: it was never asked for"
    assert versions(small) == []
    assert ran(small) == ["register"]
    assert versions(small) == CHAMPION
    last = small.load().journal.names()[0]
    why = f"register: it is fresh; it ran last in {last}, since its receipt was of another registry: {a}."
    assert small.why("register") == why
    for uri in (a, b, a):
        to(small, uri)
        assert FRESH in small.command("run").out
        assert versions(small) == CHAMPION
    assert small.command("sync").out == "nothing to send\n"
    answer = small.command("reproduce", "last")
    assert answer.code == 0, answer
    assert "register" in answer.out
    swept = small.command("gc", "--keep", "0", "--json").json
    assert (swept["records"], swept["kept_records"]) == (1, 9), "the plan needs none of the other registry"
    assert FRESH in small.command("run").out
    to(small, b)
    assert ran(small) == ["register"], "gc has removed the receipt, not the model"
    assert versions(small) == CHAMPION
    small.command("gc", "--keep", "0")
    assert FRESH in small.command("run").out


@pytest.mark.slow
def test_it_may_be_named_on_the_line_and_run_in_a_process_of_its_own(tmp_path: Path) -> None:
    small = registering(tmp_path / "p", "[policy.steps.register]\ntimeout = 100\n")
    a = f"tracking.registry_uri=sqlite:///{tmp_path}/a.db"
    assert ran(small) == STEPS
    assert ran(small, a) == ["register"]
    for words in ((), (a,)):
        assert FRESH in small.command("run", *words).out
        assert small.load().gc().records == 0
    shown = python("-X", "importtime", "-m", "magical.cli", "run", "--project", str(small.root), a)
    assert FRESH in shown.stdout
    imported = {line.split("|")[-1].strip().split(".")[0] for line in shown.stderr.splitlines()}
    assert not imported & {"polars", "mlflow", "sklearn", "sqlite3", "workflow"}


# --- the project's own --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_folders_on_one_store_have_each_their_own(tmp_path: Path) -> None:
    shared = f'[policy]\nstore = "file://{tmp_path}/shared"\n'
    mine, theirs = (registering(tmp_path / name, shared) for name in ("mine", "theirs"))
    assert ran(mine) == STEPS
    why = "its receipt is of another registry: the own one of another project folder"
    assert theirs.why("register") == f"register: {why}."
    assert why in theirs.command("plan").out
    assert ran(theirs) == ["register"]
    for small in (mine, theirs):
        assert versions(small) == CHAMPION
        assert FRESH in small.command("run").out
    assert theirs.load().gc(keep=0).records == 0, "of mine only what theirs does not need is garbage"
    assert FRESH in theirs.command("run").out
    together = f"sqlite:///{tmp_path}/team.db"
    to(mine, together, shared)
    to(theirs, together, shared)
    assert ran(mine) == ["register"]
    assert FRESH in theirs.command("run").out, "what one registered is there for the other"
    assert versions(theirs) == CHAMPION


@pytest.mark.slow
def test_a_folder_that_was_moved_or_copied_keeps_its_own(tmp_path: Path) -> None:
    small = registering(tmp_path / "p")
    small.run()
    small.root.rename(tmp_path / "moved")
    moved = Small(tmp_path / "moved")
    assert FRESH in moved.command("run").out
    assert versions(moved) == CHAMPION
    copy = Small(shutil.copytree(moved.root, tmp_path / "copy"))
    assert {p.state for p in magical.load(copy.root, trust=True).plan().values()} == {"fresh"}
    to(moved, f"sqlite:///{moved.root}/.magical/mlflow.db")
    assert FRESH in moved.command("run").out, "named by its address it is the same"
    (moved.root / ".magical" / "mlflow.db").unlink()
    moved.write("settings.toml", "")
    why = "its receipt is of another registry: the project's own, whose database is gone"
    assert moved.why("register") == f"register: {why}."
    done = moved.process("run", "--json")  # this process still has the old database open
    assert json.loads(done.stdout)["executed"] == ["register"], done.stderr
    assert len(json.loads(moved.process("models", "--json").stdout)) == 1
    assert FRESH in moved.command("run").out


# --- what has nothing to do with a registry -----------------------------------------------------------------------


def test_a_step_that_publishes_without_a_registry_does_so_once(tmp_path: Path) -> None:
    body = f"""
    from magical import Receipt

    @step(writes="world")
    def publish(n: int) -> Receipt:
        with open({str(tmp_path / "told")!r}, "a") as file:
            file.write("once ")
        return Receipt(True, "published")

    @workflow
    def flow() -> Receipt:
        return publish(3)
    """
    small = one(tmp_path / "p", body)
    shared = f'[policy]\nstore = "file://{tmp_path}/shared"'
    uris = ("", f"sqlite:///{tmp_path}/a.db", "http://127.0.0.1:9")
    for uri in uris:
        to(small, uri, shared)
        small.write("settings.toml", (small.root / "settings.toml").read_text() + "enabled = false\n")
        small.run()
    mate = Small(shutil.copytree(small.root, tmp_path / "mate", ignore=shutil.ignore_patterns(".magical")))
    assert mate.ran() == []
    assert (tmp_path / "told").read_text() == "once "
    assert not (small.root / ".magical" / "mlflow.id").exists()


# --- how a registry is named --------------------------------------------------------------------------------------


def registered(home: Path, uri: str = "", **more: str) -> ProjectRegistryIdentity:
    home.mkdir(parents=True, exist_ok=True)
    return ProjectRegistryIdentity(home, TrackingSettings(uri=uri, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("http://mlflow:5000/", "http://mlflow:5000"),
        ("https://me:tiger@host/mlflow", "https://me:***@host/mlflow"),
        ("postgresql://me:tiger@db/models", "postgresql://me:***@db/models"),
        ("sqlite:////somewhere/../somewhere/else.db", "sqlite:////somewhere/else.db"),
    ],
)
def test_a_server_or_database_is_its_address_without_the_password(
    tmp_path: Path, uri: str, name: str
) -> None:
    one, other = registered(tmp_path, uri), registered(tmp_path / "b", uri.replace("tiger", "lion"))
    assert one.find_id() == one.ensure_id() == one.describe(name) == other.find_id() == name
    assert json.dumps(list(map(str, tmp_path.rglob("*.id")))) == "[]", "nothing is written for it"


def test_a_relative_database_is_where_the_command_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert registered(tmp_path / "p", "sqlite:///a.db").find_id() == f"sqlite:///{os.path.realpath('a.db')}"


def test_the_registry_counts_where_it_is_not_where_runs_are_tracked(tmp_path: Path) -> None:
    assert registered(tmp_path, "http://runs", registry_uri="http://models").find_id() == "http://models"


def test_the_projects_own_gets_an_id_with_the_first_receipt(tmp_path: Path) -> None:
    own = registered(tmp_path)
    assert own.find_id() == ""
    assert list(tmp_path.iterdir()) == [], "who only asks writes nothing"
    name = own.ensure_id()
    assert own.find_id() == "", "without its database there is no registry"
    Path(database_uri(tmp_path, tmp_path).removeprefix("sqlite:///")).touch()
    assert name != own.ensure_id() == own.find_id(), "one that was deleted is not the one that comes after it"
    database_uri(tmp_path, tmp_path)
    assert own.ensure_id() == registered(tmp_path).find_id()
    assert registered(tmp_path / "other").ensure_id() != own.find_id()
    assert own.describe(own.find_id()) == "the project's own"
    assert own.describe("") == own.describe(name) == "the own one of another project folder"


@pytest.mark.parametrize("left", [b"", b"\n", b"\xff"])
def test_an_id_that_a_kill_left_half_written_is_made_again(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "mlflow.db").touch()
    (tmp_path / "mlflow.id").write_bytes(left)
    own = registered(tmp_path)
    assert own.find_id() == ""
    assert own.ensure_id() == own.find_id() != ""


def test_a_folder_that_no_address_can_hold_is_said(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="cannot be addressed there"):
        database_uri(tmp_path, tmp_path / "50%")

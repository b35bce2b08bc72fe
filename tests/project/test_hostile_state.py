"""What somebody or a broken disk left below ``.magical``: no command crashes, hangs, or touches what is outside."""

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from hostile_files import KINDS, STRANGE, move_out, no_hang, spoil
from projects import ALL, Answer, Small

COMMANDS = (
    ("plan",),
    ("why", "clean"),
    ("runs",),
    ("runs", "last"),
    ("show",),
    ("inspect", "clean"),
    ("sync",),
    ("gc", "--dry-run", "--verify"),
    ("run",),
    ("gc", "--keep", "0", "--verify"),
)


def is_fine(answer: Answer) -> bool:
    """Return True if a command ended well, or with a short error."""
    text = answer.out + answer.err
    return answer.code == 0 or (answer.code in (1, 2) and "Hint: " in text and "Traceback" not in text)


def own_files(small: Small) -> list[Path]:
    """List the files of the project's state, one of each folder of objects and records."""
    home = small.root / ".magical"
    found = sorted(p for p in home.rglob("*") if p.is_file() and p.name != "mlflow.db")
    return list({p.parent if "store" in p.parts else p: p for p in found}.values())


@pytest.fixture
def ran(small: Small) -> Small:
    small.run()
    (small.root / ".magical" / "files.json").write_text("{}")
    run = next((small.root / ".magical" / "runs").iterdir())
    for name in ("tracking.json", "prefect.json"):
        (run / name).write_text("{}")
    return small


@pytest.mark.slow_except("deep", "folder", "pipe", "text")
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_state_is_made_again_or_said_in_short(ran: Small, kind: str) -> None:
    for path in own_files(ran):
        if path.exists():  # the last command may have swept it
            spoil(path, kind)
    for words in COMMANDS:
        with no_hang():
            answer = ran.command(*words)
        assert is_fine(answer), (words, answer)


@pytest.mark.slow_except("deep", "folder")
@pytest.mark.parametrize("kind", ["deep", "number", *STRANGE])
def test_gc_mends_what_is_in_the_place_of_results(ran: Small, kind: str) -> None:
    store = ran.root / ".magical" / "store"
    for folder in ("records", "objects"):
        for path in (store / folder).glob("*/*"):
            spoil(path, kind)
    with no_hang():
        answer = ran.command("gc", "--verify")
        assert answer.code == 0, answer
        assert ran.ran() == ALL
        assert ran.ran() == []


@pytest.mark.parametrize(
    "name", ["store", "store/records", "store/objects", "runs", "drawn", "aside", "store/pins"]
)
@pytest.mark.parametrize(
    "kind",
    ["text", pytest.param("pipe", marks=pytest.mark.slow), pytest.param("socket", marks=pytest.mark.slow)],
)
def test_a_file_in_the_place_of_a_folder_is_said(ran: Small, name: str, kind: str) -> None:
    folder = ran.root / ".magical" / name
    folder.mkdir(exist_ok=True)
    spoil(folder, kind)
    ran.edit("deep.py", "FACTOR = 2", "FACTOR = 3")
    for words in COMMANDS:
        with no_hang():
            answer = ran.command(*words)
        assert is_fine(answer), (words, answer)


@pytest.mark.parametrize(
    "name", ["journal.jsonl", "tracking.json", "prefect.json", "files.json", "/store/", "/drawn/"]
)
def test_what_may_not_be_read_is_said_and_kept(
    ran: Small, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before, whole = ran.files().keys(), os.open

    def refuse(path: Any, *words: Any, **more: Any) -> int:
        if name in str(path) and ".magical" in str(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return whole(path, *words, **more)

    # Root may read everything, and the tests may run as root.
    monkeypatch.setattr(os, "open", refuse)
    for words in (*COMMANDS[:-2], ("gc", "--keep", "0", "--verify")):
        answer = ran.command(*words)
        assert is_fine(answer), (words, answer)
    monkeypatch.undo()
    assert ran.files().keys() >= before
    assert ran.ran() == []


def test_a_journal_with_lines_of_other_types_is_read(ran: Small) -> None:
    (journal,) = (ran.root / ".magical" / "runs").glob("*/journal.jsonl")
    lines = [
        '{"event": "RunFinished", "state": [], "seconds": 1}',
        '{"event": "RunFinished", "state": "done", "seconds": 1e999}',
        '{"event": "RunStarted", "at": 1e300, "workflow": "w", "settings": {}}',
        '{"event": "RunStarted", "at": 1, "workflow": {}, "settings": 3}',
        '{"event": "StepFinished", "step": {}, "key": "k"}',
        '{"event": "StepFinished", "step": "clean", "key": {"a": []}}',
        '{"event": "StepFailed", "step": "clean", "message": 7}',
        '{"event": ["StepFailed"]}',
        "[" * 100_000,
        "[]",
        "1",
    ]
    before = ran.load().runs()
    journal.write_text(journal.read_text() + "\n".join(lines))
    assert ran.load().runs() == before
    assert ran.command("runs", "--json").code == 0
    assert ran.command("runs").code == 0
    (journal.parent / "tracking.json").write_text('{"state": "missed"}')
    assert is_fine(ran.command("sync"))


# --- links --------------------------------------------------------------------------------------------------------


def tree(folder: Path) -> dict[str, bytes]:
    """Return the content of each file below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


FOLDERS = [
    "store",
    "store/objects",
    "store/records",
    "store/scratch",
    "store/pins",
    "store/locks",
    "runs",
    "drawn",
    "aside",
]


@pytest.mark.parametrize("name", FOLDERS)
def test_nothing_is_deleted_where_a_linked_folder_leads(ran: Small, tmp_path: Path, name: str) -> None:
    folder = ran.root / ".magical" / name
    folder.mkdir(exist_ok=True)
    (folder / "mine").mkdir()
    for path in (folder / "mine.json", folder / "mine" / "deep.json"):
        path.write_text("what somebody needs")
    outside = move_out(folder, tmp_path / "outside")
    before = tree(outside)
    for words in COMMANDS:
        answer = ran.command(*words)
        assert is_fine(answer), (words, answer)
    assert tree(outside) == before, "nothing was deleted, changed or added there"
    folder.unlink()
    assert ran.command("run").code == 0


@pytest.mark.parametrize("kind", ["records", "objects"])
def test_a_linked_folder_of_two_letters_is_said_and_gc_removes_the_link(
    ran: Small, tmp_path: Path, kind: str
) -> None:
    folders = list((ran.root / ".magical" / "store" / kind).iterdir())
    for folder in folders:
        move_out(folder, tmp_path / "outside")
    before = tree(tmp_path / "outside")
    answer = ran.command("run")
    assert answer.code == 1
    assert "is a symbolic link" in answer.out
    assert is_fine(answer)
    assert ran.command("gc", "--keep", "0").code == 0
    assert not [f for f in folders if f.is_symlink()]
    assert ran.ran() == ALL
    assert tree(tmp_path / "outside") == before


@pytest.mark.parametrize("kind", ["records", "objects"])
def test_a_linked_file_is_made_again(ran: Small, tmp_path: Path, kind: str) -> None:
    for path in (ran.root / ".magical" / "store" / kind).glob("*/*"):
        move_out(path, tmp_path / "outside" / path.parent.name)
    before = tree(tmp_path / "outside")
    assert ran.ran()[0] == "raw", "and with it what follows, unless the same object was made again by then"
    assert ran.ran() == []
    ran.command("gc", "--keep", "0", "--verify")
    assert tree(tmp_path / "outside") == before


def test_scratch_is_swept_without_what_its_links_lead_to(ran: Small, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "mine").write_text("x")
    scratch = ran.root / ".magical" / "store" / "scratch"
    (scratch / "dead").mkdir(parents=True)
    (scratch / "dead" / "data").symlink_to(tmp_path / "outside")
    (scratch / "linked").symlink_to(tmp_path / "outside")
    assert ran.load().gc().leftovers == 2
    assert list(scratch.iterdir()) == []
    assert (tmp_path / "outside" / "mine").read_text() == "x"


def test_the_folder_itself_may_be_a_link(small: Small, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (small.root / ".magical").symlink_to(tmp_path / "disk")
    assert small.ran() == ALL
    assert small.ran() == []
    small.edit("deep.py", "FACTOR = 2", "FACTOR = 3")
    small.run()
    assert small.load().gc(keep=0).records == 3
    assert small.ran() == []
    assert (tmp_path / "disk" / "store" / "records").is_dir()


def test_hard_links_are_files(ran: Small, tmp_path: Path) -> None:
    for path in (ran.root / ".magical").rglob("*"):
        if path.is_file():
            place = tmp_path / "outside" / path.relative_to(ran.root)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, place)
    before = {k: v for k, v in tree(tmp_path / "outside").items() if "/store/" in k}
    assert ran.ran() == []
    ran.edit("deep.py", "FACTOR = 2", "FACTOR = 3")
    ran.run()
    ran.load().gc(keep=0)
    assert {k: v for k, v in tree(tmp_path / "outside").items() if k in before} == before


# --- a shared folder ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["records", "objects", "pins", "locks", "gate"])
def test_nothing_is_deleted_where_a_link_of_a_shared_folder_leads(
    small: Small, tmp_path: Path, name: str
) -> None:
    shared = tmp_path / "shared"
    small.write("settings.toml", f'[policy]\nstore = "file://{shared}"\n[tracking]\nenabled = false\n')
    small.run()
    folder = shared / name
    (folder / "ab").mkdir(parents=True, exist_ok=True)
    (folder / "ab" / "mine").write_text("x")
    outside = move_out(folder, tmp_path / "outside")
    before = tree(outside)
    for words in (("run",), ("gc", "--keep", "0")):
        with no_hang():
            assert is_fine(small.command(*words))
    assert tree(outside) == before


@pytest.mark.parametrize("name", ["link", "link/below"])
def test_a_shared_folder_may_be_a_link_or_lie_below_one(small: Small, tmp_path: Path, name: str) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    url = f"file://{tmp_path / name}"
    small.write("settings.toml", f'[policy]\nstore = "{url}"\n[tracking]\nenabled = false\n')
    assert small.ran() == ALL
    assert small.ran() == []
    small.edit("deep.py", "FACTOR = 2", "FACTOR = 3")
    small.run()
    assert small.load().gc(keep=0).records == 3


@pytest.mark.slow_except("deep", "pipe")
@pytest.mark.parametrize("kind", [k for k in KINDS if k != "folder"])
def test_a_damaged_shared_folder_is_made_again(small: Small, tmp_path: Path, kind: str) -> None:
    shared = tmp_path / "shared"
    small.write("settings.toml", f'[policy]\nstore = "file://{shared}"\n[tracking]\nenabled = false\n')
    small.run()
    for path in [*(shared / "records").glob("*/*"), *(shared / "projects").glob("*/*")]:
        spoil(path, kind)
    with no_hang():
        answer = small.command("gc", "--verify")
        assert answer.code == 0, answer
        assert small.ran() == ALL
    shutil.rmtree(shared)

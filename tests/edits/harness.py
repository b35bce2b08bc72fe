"""The table of edits: a small project, an edit of it or of the world around it, and what must happen then."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from projects import NO_TRACKING

Content = str | bytes
Edit = tuple[str, str, str] | tuple[str, Content | None]
"""A file, and the old and new text in it; or a file and its new content, None to delete it."""

FORK_SERVER = Path(__file__).with_name("fork_server.py")


@dataclass(frozen=True)
class Case:
    """A project and an edit.

    Attributes:
        files: their texts; a name that begins with ``../`` lies beside the project.
        edits: of the files.
        before: the environment of the runs before the edit.
        after: the environment of those after it.
        path: folders that are on ``sys.path``, relative to the project.
        cosmetic: nothing may run again.
        each: the price of this project is that something runs in each run.
        outputs: files that the project writes; their contents count as results.
        heals: the edit spoils what a run wrote, and the next run must write the same again.
    """

    files: Mapping[str, Content]
    edits: Sequence[Edit] = ()
    before: Mapping[str, str] = field(default_factory=dict)
    after: Mapping[str, str] = field(default_factory=dict)
    path: Sequence[str] = ()
    cosmetic: bool = False
    each: bool = False
    outputs: Sequence[str] = ()
    heals: bool = False


@dataclass(frozen=True)
class Answer:
    """What a run did.

    Attributes:
        executed: the steps that ran.
        values: the results of all steps, as texts; empty if nothing ran.
        errors: the messages of the steps that failed.
        keys: of the steps, if they were asked for.
        failed: the message of an error that stopped the whole run.
        pid: of the process.
    """

    executed: Sequence[str] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    failed: str = ""
    traceback: str = ""
    pid: int = 0
    threads: int = 1
    written: Sequence[str] = ()

    @property
    def outcome(self) -> tuple[Any, ...]:
        """What must be the same in a run from nothing: results, and which steps fail."""
        return self.values, self.written, sorted(self.errors), bool(self.failed)


class ForkServer:
    """A process that runs each project in a fork of itself."""

    def __init__(self, seed: str = "0") -> None:
        environment = {**os.environ, "PYTHONHASHSEED": seed, "DO_NOT_TRACK": "true"}
        environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(FORK_SERVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def run(
        self, root: Path, environment: Mapping[str, str], path: Sequence[str], *, keys: bool = False
    ) -> Answer:
        """Run a project in a new process."""
        folders = [str((root / p).resolve()) for p in path]
        request = {"root": str(root), "environment": dict(environment), "path": folders, "keys": keys}
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return Answer(**json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@dataclass(frozen=True)
class Place:
    """A case that is written to disk, and runs there."""

    case: Case
    server: ForkServer
    root: Path

    def run(self, *, edited: bool = False, keys: bool = False) -> Answer:
        """Run the project in a new process."""
        environment = self.case.after if edited else self.case.before
        answer = self.server.run(self.root, environment, self.case.path, keys=keys)
        files = [self.root / name for name in self.case.outputs]
        return replace(answer, written=[f.read_text() if f.is_file() else "" for f in files])

    def run_from_nothing(self) -> Answer:
        """Run the edited project in an empty store."""
        (self.root / ".magical").rename(self.root.parent / "kept")
        for name in self.case.outputs:
            (self.root / name).unlink(missing_ok=True)
        return self.run(edited=True)

    def edit(self) -> None:
        """Edit the files."""
        for file, *change in self.case.edits:
            path = self.root / file
            if len(change) == 2:
                text, (old, new) = path.read_text(), change
                assert isinstance(old, str)
                assert isinstance(new, str)
                assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file}"
                path.write_text(text.replace(old, new))
            elif change[0] is None:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            else:
                write(self.root, file, change[0])


@contextlib.contextmanager
def placed(case: Case, server: ForkServer, folder: str = "project") -> Iterator[Place]:
    """Write the files of a case into a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="magical-edits-") as name:
        root = Path(name).resolve() / folder
        root.mkdir()
        for file, content in {"settings.toml": NO_TRACKING, **case.files}.items():
            write(root, file, content)
        yield Place(case, server, root)


def write(root: Path, file: str, content: Content) -> None:
    """Write one file of a case; a name that ends in ``/`` is a folder."""
    path = root / file
    if file.endswith("/"):
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def check(case: Case, server: ForkServer) -> None:
    """Run a case cold, unchanged, and edited; compare with a run of the edited project from nothing."""
    with placed(case, server) as place:
        cold = place.run()
        assert not cold.failed, f"COLD RUN FAILS: {cold.failed}\n{cold.traceback}"
        assert not cold.errors, f"COLD RUN FAILS: {cold.errors}"
        unchanged = place.run()
        assert not unchanged.failed, f"UNCHANGED RUN FAILS: {unchanged.failed}"
        if not case.each:
            assert not unchanged.executed, f"RUNS EACH TIME: {unchanged.executed}"
        place.edit()
        edited = place.run(edited=True)
        if case.cosmetic:
            assert not edited.failed, f"EDITED RUN FAILS: {edited.failed}"
            assert not edited.executed, f"NEEDLESS: {edited.executed}"
            return
        fresh = place.run_from_nothing()
        assert (fresh.outcome == cold.outcome) == case.heals, f"THE CASE SHOWS NOTHING: {cold.values}"
        seen = (
            edited if edited.values or edited.errors or edited.failed else replace(edited, values=cold.values)
        )
        assert seen.outcome == fresh.outcome, (
            f"STALE: {dict(seen.values)} {seen.written or ''} {edited.errors or edited.failed or ''}, "
            f"from nothing {dict(fresh.values)} {fresh.written or ''} {fresh.errors or fresh.failed or ''}"
        )


HEAD = "from magical import Settings, InputPath, OutputPath, step, workflow\n"


def one(call: str, top: str = "", gives: str = "int") -> str:
    """Write a workflow of one step, whose body is one expression."""
    end = f"@step\ndef one(n: int) -> {gives}:\n    return {call}\n\n\n@workflow\ndef flow() -> {gives}:\n    return one(1)\n"
    return f"{HEAD}{textwrap.dedent(top)}\n\n{end}"


def changes(
    call: str,
    top: str,
    old: str,
    new: str,
    *,
    gives: str = "int",
    more: Mapping[str, Content] | None = None,
    **how: Any,
) -> Case:
    """A workflow of one step, and an edit of its own file."""
    return Case({"workflow.py": one(call, top, gives), **(more or {})}, [("workflow.py", old, new)], **how)


def outside(
    call: str,
    top: str,
    files: Mapping[str, Content],
    *edits: Edit,
    gives: str = "int",
    **how: Any,
) -> Case:
    """A workflow of one step, other files, and edits of these."""
    return Case({"workflow.py": one(call, top, gives), **files}, edits, **how)

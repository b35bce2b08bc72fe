"""The project in Python: the verbs as methods."""

import shutil
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import magical
from magical.errors import DamagedArtifact, SettingsError, UsageError
from projects import ALL, Small, flow, one


def test_the_verbs(small: Small) -> None:
    project = small.load()
    assert repr(project) == "<project small>"
    assert [n.name for n in project.graph().nodes] == ALL
    assert {p.state for p in project.plan().values()} == {"to run", "waits"}
    assert project.run().result == 38
    assert {p.state for p in project.plan().values()} == {"fresh"}
    assert [r.executed for r in project.runs()] == [ALL]
    assert "it is fresh" in str(project.why("clean"))


def test_a_project_shows_itself(small: Small) -> None:
    project = small.load()
    assert ">clean</text>" in project._repr_html_()
    run = project.run()
    assert "<td>size</td><td>ran</td><td>38</td>" in run._repr_html_()
    assert "<td>size</td><td>fresh</td>" in project.run()._repr_html_()


def test_pages_escape_what_comes_from_data(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        """
        @step
        def told() -> str:
            return "<script>alert(1)</script>"

        @workflow
        def flow() -> str:
            return told()
        """,
    )
    assert "<script>" not in small.run()._repr_html_()


def test_planning_writes_nothing_but_the_drawing(small: Small) -> None:
    small.load().plan()
    assert {p.split("/")[0] for p in small.files()} == {"drawn"}


def test_settings_are_given_by_name(small: Small) -> None:
    assert small.run(max_id=11).result == 8
    assert small.load().plan(max_id=12)["clean"].state == "to run"
    with pytest.raises(SettingsError, match="did you mean 'max_id'"):
        small.run(maxid=11)


def test_one_opened_project_sees_every_edit(small: Small) -> None:
    project = small.load()
    assert project.run().result == 38
    small.edit("workflow.py", "return table.height", "return table.height + 1")
    assert project.run().result == 39
    small.write("settings.toml", "max_id = 11\n[tracking]\nenabled = false\n")
    assert project.run().result == 9


def test_results_by_the_name_of_the_step_or_its_data(small: Small) -> None:
    run = small.run()
    assert run["customers"].equals(run["clean"])
    assert run["test"].equals(run["split"].test)
    with pytest.raises(UsageError, match="There is no step 'clena'"):
        run["clena"]


def test_a_result_that_was_left_out_is_said(small: Small) -> None:
    small.edit("workflow.py", "    return size(train)\n", "    size(train)\n    return train\n")
    run = small.run()
    with pytest.raises(UsageError, match="size gave nothing in this run"):
        run["size"]
    assert run.result.height == 38


def test_a_damaged_result_is_said_and_made_again(small: Small) -> None:
    run = small.run()
    for path in (small.root / ".magical/store/objects").rglob("*.json"):
        path.write_bytes(b"99")
    with pytest.raises(DamagedArtifact):
        _ = run.result
    again = small.run()
    assert again.executed == ["size"]
    assert again.result == 38


def test_load_is_public(small: Small) -> None:
    assert isinstance(magical.load(small.root), type(small.load()))


def test_an_unknown_name_of_the_package() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nope'"):
        magical.nope  # type: ignore[attr-defined]
    for name in magical.__all__:
        assert getattr(magical, name) is not None
    assert set(magical.__all__) <= set(dir(magical))


def test_a_failure_inside_of_a_library_names_the_line_of_the_author(tmp_path: Path) -> None:
    small = flow(tmp_path)
    small.edit("helpers.py", "return inner(e) * FACTOR", "import json\n    return json.loads('{')")
    error = small.fails()["clean"]
    assert "raised JSONDecodeError (helpers.py:6: return json.loads('{'))" in str(error)


def test_threads_that_open_one_project_at_once_find_the_same_keys(tmp_path: Path) -> None:
    """The modules of one are dropped while another reads their code."""
    small = flow(tmp_path)
    right = small.load().context().draw().drawn.identities["clean"].parts
    drawn: list[Any] = []

    def draw() -> None:
        drawn.append(small.load().context().draw().drawn.identities["clean"].parts)

    before = sys.getswitchinterval()
    try:
        sys.setswitchinterval(1e-5)
        for _ in range(10):
            shutil.rmtree(small.root / ".magical", ignore_errors=True)
            threads = [threading.Thread(target=draw) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        sys.setswitchinterval(before)
    assert drawn == [right] * 40


def test_a_project_may_add_to_the_path_of_imports(tmp_path: Path) -> None:
    small = flow(tmp_path / "p")
    library = tmp_path / "lib"
    library.mkdir()
    (library / "beside_it.py").write_text("FACTOR = 3\n")
    small.edit(
        "deep.py",
        "FACTOR = 2\n",
        f"import sys\nsys.path.insert(0, {str(library)!r})\nfrom beside_it import FACTOR\n",
    )
    try:
        assert small.run()["clean"]["x"].max() == 18
        assert small.run().executed == []
        done = small.process("run")
        assert (done.returncode, "nothing had to run" in done.stdout) == (0, True), done.stderr
        (library / "beside_it.py").write_text(
            "FACTOR = 5  # of another size, or Python takes its old bytecode\n"
        )
        assert "done" in small.process("run").stdout
    finally:
        sys.path.remove(str(library))


def test_a_result_whose_journal_is_gone_can_be_inspected(small: Small) -> None:
    small.run()
    for journal in (small.root / ".magical" / "runs").glob("*/journal.jsonl"):
        journal.unlink()
    answer = small.command("inspect", "size")
    assert answer.code == 0, answer.err

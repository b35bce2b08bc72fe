"""Bodies that use what all threads of a process share give the same with one worker and with two."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import sklearn.utils  # noqa: F401  # its import sets variables

import projects
from magical.engine.execution import process_state
from magical.engine.execution.process_state import isolate, step_aside
from magical.project.replay import replay_step
from projects import Small, is_well_worded, one

TOP = """
import contextlib
import os
import random
import subprocess
import threading
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

HERE = Path(__file__).parent
ARRIVED = {"left": threading.Event(), "right": threading.Event()}


def meet(me, other):
    with (HERE / f"{me}.calls").open("a") as file:
        file.write("x")
    ARRIVED[me].set()
    ARRIVED[other].wait(timeout=0.3)  # in vain if the other one runs later


def hidden(owner, name, *args):
    return getattr(owner, name)(*args)
"""

BODIES = """
@step(reads="world")
def left(n: int) -> str:
    {first}
    meet("left", "right")
    return str({then})

@step(reads="world")
def right(n: int) -> str:
    {first}
    meet("right", "left")
    return str({then})

@step
def both(a: str, b: str) -> str:
    return a + " " + b

@workflow
def flow() -> str:
    {calls}
    return both(a, b)
"""

KINDS = {
    "random": ("random.seed(n)", "random.random()"),
    "random-unseeded": ("random.random()", "random.random()"),
    "numpy": ("np.random.seed(n)", "np.random.rand()"),
    "numpy-unseeded": ("np.random.rand()", "np.random.rand()"),
    "pandas": ("table = pd.DataFrame({'x': range(99)})", "table.sample(5)['x'].tolist()"),
    "sklearn": ("generator = check_random_state(None)", "generator.rand()"),
    "polars": ("pl.set_random_seed(n)", "pl.Series(range(99)).sample(9).to_list()"),
    "polars-unseeded": ("numbers = pl.Series(range(99))", "numbers.sample(9).to_list()"),
    "chdir": ("os.chdir(HERE / str(n))", "Path('who').read_text()"),
    "environ": ("os.environ['WHO'] = str(n)", "os.environ['WHO']"),
    "putenv": ("os.putenv('WHO', str(n))", "subprocess.getoutput('echo $WHO')"),
    "hidden-random": ("hidden(random, 'seed', n)", "hidden(random, 'random')"),
    "hidden-numpy": ("hidden(np.random, 'seed', n)", "hidden(np.random, 'rand')"),
    "hidden-chdir": ("hidden(os, 'chdir', HERE / str(n))", "Path('who').read_text()"),
    "hidden-environ": ("hidden(os.environ, 'update', {'WHO': str(n)})", "os.environ['WHO']"),
}

ORDERS = ["a = left(1); b = right(2)", "b = right(2); a = left(1)"]


@pytest.fixture(autouse=True)
def without_clients_of_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests of this process may have left threads of Prefect or Dask."""
    monkeypatch.setattr(process_state, "_draws_in_background", lambda: False)


def pair(root: Path, first: str, then: str, calls: str = ORDERS[0]) -> Small:
    """Write a project of two steps that run at the same time if there are two workers."""
    small = one(root, BODIES.format(first=first, then=then, calls=calls), top=TOP)
    for name in "12":
        small.write(f"{name}/who", name)
    return small


def session() -> Any:
    name, keys, *rest = np.random.get_state()
    has_threads = {"prefect", "distributed"} & set(sys.modules)  # left by other tests, they may draw
    return [
        None if has_threads else hash(random.getstate()),
        name,
        hash(keys.tobytes()),
        rest,
        os.getcwd(),
        sorted(os.environ.items()),
    ]


def run(small: Small, workers: int = 2) -> Any:
    """Run it, check that this process is as before, and return the result."""
    before = session()
    result = small.run(policy={"workers": workers}).result
    assert session() == before
    return result


def calls(small: Small) -> dict[str, int]:
    return {p.stem: len(p.read_text()) for p in sorted(small.root.glob("*.calls"))}


def notices(small: Small) -> list[str]:
    return [f"{e['step']}: {e['text']}" for e in small.events() if e["event"] == "LogLine"]


FEW = ("random", "hidden-chdir")


@pytest.mark.slow_except("few")
@pytest.mark.parametrize(
    "kinds", [FEW, tuple(kind for kind in KINDS if kind not in FEW)], ids=["few", "others"]
)
def test_the_number_and_order_of_workers_change_no_result(tmp_path: Path, kinds: tuple[str, ...]) -> None:
    # A process of its own: a thread that another test left may draw from `random` while a body waits.
    command = [sys.executable, __file__, str(tmp_path), *kinds]
    environment = os.environ | {"PYTHONPATH": str(Path(projects.__file__).parent)}
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [kind for kind, _ in results] == [*kinds]
    for kind, found in results:
        assert len(found) == 4
        assert len(set(found)) == 1, (kind, found)


def print_results(root: Path, kinds: Sequence[str]) -> None:
    """Run each kind of pair with one worker and with two, in both orders, and print a line for it."""
    for kind in kinds:
        ways = [(workers, order) for workers in (1, 2) for order in ORDERS]
        pairs = [pair(root / kind / f"{n}", *KINDS[kind], order) for n, (_, order) in enumerate(ways)]
        results = [repr(run(small, workers)) for small, (workers, _) in zip(pairs, ways, strict=True)]
        print(json.dumps([kind, results]))


def test_a_directory_changed_for_a_block_is_seen_by_no_other_body(tmp_path: Path) -> None:
    first = "mover = contextlib.chdir(HERE / str(n)); mover.__enter__()"
    then = "(Path('who').read_text(), mover.__exit__())"
    assert run(pair(tmp_path, first, then)) == "('1', None) ('2', None)"


def test_a_step_whose_code_shows_it_runs_once_and_is_named_once(tmp_path: Path) -> None:
    small = pair(tmp_path, *KINDS["numpy"])
    run(small)
    assert calls(small) == {"left": 1, "right": 1}
    said = sorted(notices(small))
    assert [line.partition(":")[0] for line in said] == ["left", "right"]
    assert "np.random.seed(n) (workflow.py:" in said[0]
    assert "Hint: np.random.default_rng(seed)" in said[0]


def test_a_step_that_is_only_observed_is_repeated_once_then_runs_alone_from_the_start(tmp_path: Path) -> None:
    small = pair(tmp_path, *KINDS["hidden-numpy"])
    assert run(small)
    assert calls(small) == {"left": 2, "right": 2}
    assert len(notices(small)) == 2
    assert run(small)
    assert calls(small) == {"left": 3, "right": 3}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_library_that_draws_a_name_is_named_only_when_seen_again(tmp_path: Path, workers: int) -> None:
    # MLflow names a run by itself. The step runs alone from the second run on, and is not repeated.
    small = pair(tmp_path, "if n == 1: _generate_random_name()", "n")
    added = "import threading\nfrom mlflow.utils.name_utils import _generate_random_name\n"
    small.edit("workflow.py", "import threading\n", added)
    assert run(small, workers) == "1 2"
    assert notices(small) == []
    before = calls(small)
    assert run(small, workers) == "1 2"
    assert calls(small) == {name: count + 1 for name, count in before.items()}
    (notice,) = notices(small)
    assert notice.startswith("left: runs alone, with a seed from its name: a library that it calls draws")
    assert is_well_worded(notice.replace(" Hint:", "\nHint:"))


def test_an_innocent_body_is_repeated_but_neither_named_nor_remembered(tmp_path: Path) -> None:
    small = pair(tmp_path, "if n == 1: hidden(np.random, 'seed', n)", "n")
    assert run(small) == "1 2"
    assert calls(small) == {"left": 2, "right": 2}
    assert [line.partition(":")[0] for line in notices(small)] == ["left"]
    assert run(small) == "1 2"
    assert calls(small) == {"left": 3, "right": 3}


def test_a_step_is_forgotten_once_it_leaves_the_state_alone(tmp_path: Path) -> None:
    small = pair(tmp_path, *KINDS["hidden-environ"])
    run(small)
    text = (small.root / "workflow.py").read_text()
    small.write(
        "workflow.py", text.replace(KINDS["hidden-environ"][0], "pass").replace("environ['WHO']", "name")
    )
    run(small)
    small.write("workflow.py", (small.root / "workflow.py").read_text().replace("os.name", "os.sep"))
    before = len(notices(small))
    run(small)
    assert len(notices(small)) == before


def test_bodies_that_use_no_such_state_run_at_the_same_time(tmp_path: Path) -> None:
    small = pair(tmp_path, "start = ARRIVED", "start['left'].is_set() and start['right'].is_set()")
    source = (small.root / "workflow.py").read_text()
    small.write("workflow.py", source.replace("timeout=0.3", "timeout=30"))  # both come, however late
    assert run(small) == "True True"
    assert calls(small) == {"left": 1, "right": 1}
    assert notices(small) == []


def test_a_repeated_body_gets_its_inputs_as_they_were(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        BODIES.format(first="hidden(np.random, 'seed', n)", then="n", calls="a, b = grow(some()), right(2)")
        + """
@step(reads="world")
def some() -> list[int]:
    return [1]

@step
def grow(xs: list[int]) -> str:
    xs.append(2)
    keep("grown", len(xs))
    hidden(np.random, "seed", 1)
    meet("left", "right")
    return str(xs)
""",
        top=TOP,
    )
    assert run(small) == "[1, 2] 2"
    assert calls(small) == {"left": 2, "right": 2}


def test_a_step_that_writes_to_the_world_is_never_repeated(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        BODIES.format(first="hidden(np.random, 'seed', n)", then="n", calls="a, b = '', right(2); publish(1)")
        + """
from magical import Receipt

@step(writes="world")
def publish(n: int) -> Receipt:
    hidden(np.random, "seed", n)
    meet("left", "right")
    return Receipt(True, "published")
""",
        top=TOP,
    )
    assert run(small) == " 2"
    assert calls(small) == {"left": 1, "right": 2}
    assert "publish" in {line.partition(":")[0] for line in notices(small)}


def test_an_error_met_in_a_changed_directory_is_not_the_steps_own(tmp_path: Path) -> None:
    first = "if n == 1: hidden(os, 'chdir', HERE / '1')"
    small = pair(
        tmp_path, first, "(Path(os.getcwd()).name, Path('pyproject.toml').exists(), Path('who').exists())"
    )
    here = Path.cwd().name
    assert run(small).endswith(str((here, Path("pyproject.toml").exists(), False)))


@pytest.mark.slow_except("pass")
@pytest.mark.parametrize("first", ["np.random.seed(n)", "hidden(np.random, 'seed', n)", "pass"])
def test_a_run_inside_a_body_does_not_wait_for_that_body(tmp_path: Path, first: str) -> None:
    inner = pair(tmp_path / "inner", *KINDS["numpy"])
    then = f"(magical.load({str(inner.root)!r}).run(policy={{'workers': 2}}).result, np.random.rand())"
    outer = pair(tmp_path / "outer", first, then)
    outer.edit("workflow.py", "import contextlib", "import contextlib\nimport magical")
    expected = run(pair(tmp_path / "plain", *KINDS["numpy"]))
    text = run(outer)
    assert text.count(expected) == 2
    if first == "np.random.seed(n)":
        draws = [np.random.RandomState(n).rand() for n in (1, 2)]
        assert all(str(draw) in text for draw in draws)


@pytest.mark.slow
def test_a_body_in_a_process_of_its_own_draws_the_same(tmp_path: Path) -> None:
    small = pair(tmp_path / "a", *KINDS["numpy-unseeded"])
    own = small.run(policy={"workers": 2, "steps": {"left": {"timeout": 60}}}).result
    assert own == run(pair(tmp_path / "b", *KINDS["numpy-unseeded"]))


def test_a_replay_draws_the_same(tmp_path: Path) -> None:
    small = pair(tmp_path, *KINDS["hidden-numpy"])
    left, _ = run(small).split()
    assert replay_step(small.load(), "last", "left")() == left


def test_two_nodes_of_one_step_draw_different_numbers(tmp_path: Path) -> None:
    body = """
import random

@step
def draw(n: int) -> float:
    return random.random()

@step
def count(xs: list[float]) -> int:
    return len(set(xs))

@workflow
def flow() -> int:
    return count([draw(n) for n in range(5)])
"""
    small = one(tmp_path, body)
    assert run(small) == 5
    assert len(notices(small)) == 1
    assert is_well_worded(notices(small)[0].replace(" Hint:", "\nHint:"))


# --- the guard by itself ------------------------------------------------------------------------------------------


def test_a_generator_goes_on_where_it_was() -> None:
    random.seed(3)
    np.random.seed(3)
    np.random.standard_normal()  # the second of a pair is kept for the next call
    pl.set_random_seed(3)
    expected = random.Random(3).random(), np.random.RandomState(3).standard_normal(2)[1]
    with isolate("draw", alone=True) as stay:
        random.random()
        np.random.standard_normal()
    assert stay.changes == {"random", "numpy.random"}
    assert (random.random(), np.random.standard_normal()) == expected


def test_a_variable_of_an_imported_package_is_no_change(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "odd_package_of_a_test.py").write_text(
        "import os\nos.environ.setdefault('ODD_PACKAGE', '1')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with isolate("load", alone=True) as stay:
        import odd_package_of_a_test  # type: ignore[import-not-found]  # noqa: F401
    assert stay.changes == set()
    assert os.environ.pop("ODD_PACKAGE") == "1"


def test_a_body_that_steps_aside_finds_its_own_state_again() -> None:
    with isolate("outer", alone=True) as outer:
        random.seed(8)
        os.environ["WHO"] = "outer"
        with step_aside():
            assert "WHO" not in os.environ
            with isolate("inner", alone=True) as inner:
                random.seed(9)
        assert os.environ["WHO"] == "outer"
        assert random.random() == random.Random(8).random()
    assert inner.changes == {"random"}
    assert outer.changes == {"random", "os.environ"}


if __name__ == "__main__":
    print_results(Path(sys.argv[1]), sys.argv[2:])

"""wish(): a generated piece of a written step."""

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from magical import Contract, Field, Frame, Id, Lazy, Model, Target, wish
from magical.contracts.promises import contract_of
from magical.errors import ContractError, WiringError
from projects import NO_TRACKING, Small, is_well_worded

FLOW = """\
import polars as pl

import weather
from magical import Contract, Field, Frame, Id, step, workflow


class Order(Contract):
    id: Id[int]


class Weather(Contract):
    id: Id[int]
    rain: float = Field(ge=0, le=100)


@step
def orders() -> Frame[Order]:
    return pl.DataFrame({"id": [3, 1, 4]})


@step
def wet(orders: Frame[Order]) -> Frame[Weather]:
    return WISH


@step
def mean(weather: Frame[Weather]) -> float:
    return weather["rain"].mean()


@workflow
def flow() -> float:
    return mean(wet(orders()))
"""
HELPER = "from magical import wish\n\n\ndef of(contract, like):\n    return wish(contract, like=like)\n"
WAYS = {
    "a name": ("from magical import wish\n", "wish(Weather, like=orders)"),
    "a module": ("import magical\n", "magical.wish(Weather, like=orders)"),
    "its home": ("from magical.wishes import wish as please\n", "please(Weather, like=orders)"),
    "a helper": ("", "weather.of(Weather, orders)"),
}


class Order(Contract):
    id: Id[int]
    answer: Target[bool]


class Weather(Contract):
    id: Id[int]
    rain: float = Field(ge=0, le=100)


def project(root: Path, first: str, call: str) -> Small:
    small = Small(root)
    small.write("workflow.py", first + FLOW.replace("WISH", call))
    small.write("weather.py", HELPER)
    small.write("settings.toml", NO_TRACKING)
    return small


@pytest.mark.parametrize("way", WAYS)
def test_the_step_and_what_follows_are_branded_before_anything_runs(tmp_path: Path, way: str) -> None:
    small = project(tmp_path, *WAYS[way])
    assert {n: p.origin for n, p in small.load().plan().items()} == {
        "orders": (),
        "wet": ("wet",),
        "mean": ("wet",),
    }
    run = small.run()
    assert [run.origin(n) for n in ("orders", "wet", "mean")] == [(), ("wet",), ("wet",)]
    assert run["wet"]["id"].to_list() == [3, 1, 4]
    assert small.ran() == []
    answer = small.command("run")
    assert "mean: not real: " in answer.out
    assert "Pretended: wet (a wish in workflow.py:" in answer.out
    assert "Next: fulfil the wish in workflow.py:" in answer.out


def test_a_fulfilled_wish_makes_all_of_it_real(tmp_path: Path) -> None:
    small = project(tmp_path, *WAYS["a name"])
    pretended = small.run().result
    small.edit("workflow.py", "wish(Weather, like=orders)", "orders.with_columns(rain=pl.lit(50.0))")
    run = small.run()
    assert run.executed == ["wet", "mean"]
    assert run.origin("mean") == ()
    assert run.result == 50.0 != pretended


def test_a_hidden_wish_is_refused(tmp_path: Path) -> None:
    call = '__import__("importlib").import_module("magi" + "cal").wish(Weather, like=orders)'
    errors = project(tmp_path, "", call).fails()
    assert isinstance(errors["wet"], WiringError)
    assert "calls wish() in a way that its source does not show" in str(errors["wet"])
    assert is_well_worded(str(errors["wet"]))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("class Order(", "RATE = wish(float)\n\n\nclass Order("),
        ("return mean(wet(orders()))", "return mean(wet(orders()), wish(float))"),
        ("weather: Frame[Weather])", "weather: Frame[Weather], by: float = wish(float))"),
        ("class Order(", "RATE = weather.of(float, None)\n\n\nclass Order("),
    ],
    ids=["a module", "a workflow", "a default", "a helper, at the top of a module"],
)
def test_a_wish_outside_of_the_steps_is_refused(tmp_path: Path, old: str, new: str) -> None:
    first, _ = WAYS["a name"]
    small = project(tmp_path, first, "orders.with_columns(rain=RATE)" if "RATE" in new else "orders")
    small.edit("workflow.py", old, new)
    with pytest.raises(WiringError, match="would pass as real") as caught:
        small.run()
    assert is_well_worded(str(caught.value))
    assert re.search(r"(workflow|weather)\.py:\d+", str(caught.value))


def test_outside_a_run_it_says_that_it_is_made_up(capsys: pytest.CaptureFixture[str]) -> None:
    made = wish(Weather, rows=5)
    assert made.height == 5
    assert contract_of(made).name == "Weather"
    assert capsys.readouterr().err == "wish: Frame[Weather] is pretended; it is not real.\n"
    assert wish(Weather, rows=5).equals(made)


def test_of_several_tables_each_counts() -> None:
    orders, others = pl.DataFrame({"id": [7, 9], "rain": [1.0, 2.0]}), pl.DataFrame({"other": [1]})
    for like in ([orders], [others, orders], (orders, others)):
        assert wish(Weather, like=like).rows() == [(7, 1.0), (9, 2.0)]


def test_other_promises() -> None:
    orders = pl.DataFrame({"id": range(40), "answer": [True, False] * 20})
    assert wish(Weather, like=orders)["id"].to_list() == list(range(40))
    assert isinstance(wish(Lazy[Weather]), pl.LazyFrame)
    assert isinstance(wish(float), float)
    typed: Any = wish(Frame[Order], like=orders)
    assert wish(Model, like=typed).target == "answer"
    assert len(wish(list[int])) > 0


def test_what_cannot_be_wished() -> None:
    with pytest.raises(ContractError) as caught:
        wish(Frame)
    assert is_well_worded(str(caught.value))


THREADS = """\
import concurrent.futures
import multiprocessing
import subprocess
import sys
import threading

import magical

def rain(_=0):
    return getattr(magical, "wi" + "sh")(float)


def of_a_thread():
    future = concurrent.futures.Future()

    def work():
        try:
            future.set_result(rain())
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=work).start()
    return future.result()


def of_a_pool(cls, **options):
    with cls(1, **options) as pool:
        return pool.submit(rain).result()


def of_processes(way):
    return of_a_pool(concurrent.futures.ProcessPoolExecutor, mp_context=multiprocessing.get_context(way))


def of_a_command():
    code = "from ways import rain; print(rain())"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if ended.returncode:
        raise RuntimeError(ended.stderr.splitlines()[-2])
    return float(ended.stdout)
"""
FOREIGN = {
    "a thread": "ways.of_a_thread()",
    "a pool of threads": "ways.of_a_pool(ways.concurrent.futures.ThreadPoolExecutor)",
    "a forked process": "ways.of_processes('fork')",
    "a spawned process": "ways.of_processes('spawn')",
    "another command": "ways.of_a_command()",
}
FOREIGN_FLOW = """\
import ways
from magical import step, wish, workflow


@step
def wet() -> float:
    return WAY


@workflow
def flow() -> float:
    return wet()
"""


def foreign(root: Path, body: str, monkeypatch: pytest.MonkeyPatch) -> Small:
    small = Small(root)
    small.write("workflow.py", FOREIGN_FLOW.replace("WAY", body))
    small.write("ways.py", THREADS)
    small.write("settings.toml", NO_TRACKING)
    monkeypatch.setenv("PYTHONPATH", str(root))
    monkeypatch.syspath_prepend(root)
    return small


@pytest.mark.parametrize("way", FOREIGN)
def test_a_thread_or_a_process_of_a_real_step_cannot_wish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    errors = foreign(tmp_path, FOREIGN[way], monkeypatch).fails()
    assert "would pass as real" in str(errors["wet"])


@pytest.mark.parametrize("way", FOREIGN)
def test_a_thread_or_a_process_of_a_step_that_pretends_may_wish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    run = foreign(tmp_path, f"wish(float) + {FOREIGN[way]}", monkeypatch).run()
    assert run.origin("wet") == ("wet",)
    assert isinstance(run.result, float)


def test_a_thread_of_a_real_step_in_a_process_of_its_own_cannot_wish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = foreign(tmp_path, FOREIGN["a thread"], monkeypatch)
    small.write("settings.toml", NO_TRACKING + "[policy.steps.wet]\ntimeout = 60\n")
    assert "would pass as real" in str(small.fails()["wet"])


INNER = """\
from magical import step, workflow


@step
def guess() -> float: ...


@workflow
def inner() -> float:
    return guess()
"""


@pytest.mark.parametrize("calls_wish", [False, True])
def test_the_body_of_a_real_step_cannot_run_what_is_pretended(tmp_path: Path, calls_wish: bool) -> None:
    inner = Small(tmp_path / "inner")
    inner.write("workflow.py", INNER)
    inner.write("settings.toml", NO_TRACKING)
    inner.run()  # what is in the cache is not real either
    outer = Small(tmp_path / "outer")
    body = f"magical.load({str(inner.root)!r}).run().result" + " + wish(float)" * calls_wish
    outer.write("workflow.py", FOREIGN_FLOW.replace("WAY", body).replace("import ways", "import magical"))
    outer.write("settings.toml", NO_TRACKING)
    if calls_wish:
        assert outer.run().origin("wet") == ("wet",)
    else:
        error = outer.fails()["wet"]
        assert isinstance(error, WiringError)
        assert "wet runs inner, where guess is not real" in str(error)
        assert is_well_worded(str(error))

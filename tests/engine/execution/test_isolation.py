"""Arguments and inputs are the body's own: a body that changes them changes nobody else's."""

from pathlib import Path

import pytest

from magical.errors import StepError
from magical.project.replay import replay_step
from projects import is_well_worded, one

ARGUMENTS = """
class Part(Settings):
    sizes: list[int] = [1, 2]
    names: dict[str, list[int]] = {"a": [1]}

class S(Settings):
    part: Part = Part()
    words: set[str] = {"w"}

SHARED = [1, 2]

@step
def spoil(part: Part, words: set[str], shared: list[int], literal: list[dict[str, int]], by: list[int] = []) -> str:
    seen = f"{part} {words} {shared} {literal} {by}"
    part.sizes.append(3)
    part.names["a"].append(2)
    part.names["b"] = []
    object.__setattr__(part, "names", None)
    words.add("x")
    shared.clear()
    literal[0]["x"] = 9
    by.append(1)
    return seen

@step
def joined(one: str, two: str, part: Part) -> list[str]:
    return [one, two, str(part)]

@workflow
def flow(s: S) -> list[str]:
    literal = [{"x": 1}]
    one = spoil(s.part, s.words, SHARED, literal)
    two = spoil(s.part, s.words, SHARED, literal)
    return joined(one, two, s.part)
"""

SEEN = "sizes=[1, 2] names={'a': [1]}"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_body_that_changes_its_arguments_changes_them_for_nobody_else(tmp_path: Path, workers: int) -> None:
    small = one(tmp_path, ARGUMENTS)
    project = small.load()
    # The second of two calls would be the same one to a cache: another setting tells them apart.
    for words in ({"w"}, {"v"}):
        first, second, part = project.run(words=words, policy={"workers": workers}).result
        assert first == second == f"{SEEN} {words} [1, 2] [{{'x': 1}}] []"
        assert part == SEEN
    assert small.ran(words={"v"}) == []
    assert "it ran last in" in small.why("spoil[1]", words={"v"})


INPUTS = """
class S(Settings):
    seed: int = 1

@step
def tables(seed: int) -> tuple[Frame, tuple[Frame, int]]:
    return pl.DataFrame({"x": [seed, 2]}), (pl.DataFrame({"x": [3, 4]}), 5)

@step
def table(seed: int) -> Frame:
    return pl.DataFrame({"x": [seed, 2, 3]})

@step
def parts(table: Frame) -> Parts:
    return partition(table, ["train", "test", "validation"])

@step
def numbers(seed: int) -> dict[str, list[int]]:
    return {"a": [seed]}

@step
def members(seed: int) -> list[Frame]:
    return [pl.DataFrame({"x": [seed]}), pl.DataFrame({"x": [2]})]

@step
def array(seed: int) -> np.ndarray:
    return np.array([seed, 2])

def change(table: pl.DataFrame) -> str:
    seen = f"{table.columns} {table['x'].to_list()}"
    table[0, "x"] = 50
    table.insert_column(0, pl.Series("z", range(table.height)))
    table.extend(table.clone())
    return seen

@step
def spoil(pair: tuple, table: Frame, parts: Parts, numbers: dict[str, list[int]], more: list, a: np.ndarray) -> str:
    seen = [change(t) for t in (pair[0], pair[1][0], table, *parts, *more)]
    seen += [parts.assignment.columns, str(numbers), a.tolist()]
    parts.assignment.drop_in_place("part")
    object.__setattr__(parts, "train", None)
    numbers["a"].append(2)
    numbers["b"] = []
    more.clear()
    a[0] = 7
    return str(seen)

@step
def other(pair: tuple, table: Frame, parts: Parts, numbers: dict[str, list[int]], more: list, a: np.ndarray) -> str:
    return SPOIL(pair, table, parts, numbers, more, a)

SPOIL = spoil.function

@workflow
def flow(s: S) -> list[str]:
    t = table(s.seed)
    given = tables(s.seed), t, parts(t), numbers(s.seed), members(s.seed), array(s.seed)
    one = spoil(*given)
    return [one, other(*given)]
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_body_that_changes_its_inputs_changes_them_for_nobody_else(tmp_path: Path, workers: int) -> None:
    small = one(tmp_path, INPUTS, top="import numpy as np\n")
    first, second = small.run(policy={"workers": workers}).result
    assert first == second
    small.edit("workflow.py", "return str(seen)", 'return "" + str(seen)')
    assert sorted(small.ran()) == ["other", "spoil"], "now the inputs come from the store"
    assert small.run().result == [first, first]


FITTED = """
from sklearn.dummy import DummyRegressor
from sklearn.pipeline import make_pipeline
from magical import Model

class Row(Contract):
    x: float

class S(Settings):
    seed: int = 1

@step
def fitted(seed: int) -> Model:
    pipeline = make_pipeline(DummyRegressor()).fit([[seed], [1]], [float(seed), 2.0])
    return Model(pipeline, "regression", "y", schema_of(Row))

@step
def spoil(model: Model) -> float:
    seen = model.pipeline[-1].constant_.item()
    model.pipeline[-1].constant_ += 1
    return seen

@step
def after(model: Model, spoilt: float) -> float:
    return model.pipeline[-1].constant_.item()

@workflow
def flow(s: S) -> Any:
    model = fitted(s.seed)
    one = spoil(model)
    return one, after(model, one)
"""


def test_a_fitted_model_is_the_bodys_own_too(tmp_path: Path) -> None:
    small = one(tmp_path, FITTED, top="from magical.contracts.contract import schema_of\n")
    assert small.run().result == [1.5, 1.5]


RETRIED = """
TRIES = []

@step
def spoil(words: list[str], table: dict[str, int]) -> str:
    seen = f"{words} {table}"
    words.append("x")
    table["b"] = 2
    TRIES.append(1)
    if len(TRIES) < 3:
        raise ValueError("not yet")
    return seen

@workflow
def flow() -> str:
    return spoil(["w"], {"a": 1})
"""


def test_a_retry_and_a_replay_see_what_the_first_call_saw(tmp_path: Path) -> None:
    small = one(tmp_path, RETRIED)
    wanted = "['w'] {'a': 1}"
    assert small.run(policy={"retries": 2, "backoff": 0.01}).result == wanted
    replayed = replay_step(small.load(), "last", "spoil")
    for _ in range(2):
        with pytest.raises(Exception, match="not yet"):
            replayed()
    assert replayed() == wanted
    assert replayed.arguments == {"words": ["w"], "table": {"a": 1}}


UNCOPYABLE = """
import threading
from types import MappingProxyType

from pydantic import BaseModel, PrivateAttr

class Guarded(BaseModel):
    xs: list[int] = [1]
    _lock: Any = PrivateAttr(default_factory=threading.Lock)
    _seen: list[int] = PrivateAttr(default_factory=list)

class Stubborn(BaseModel):
    xs: list[int] = [1]

    def __deepcopy__(self, memo):
        raise TypeError("a Stubborn stays where it is")

class S(Settings):
    plain: Guarded = Field(default_factory=Guarded)

OPTIONS = MappingProxyType({"a": [1]})

@step
def grow(value: Any, before: int = 0) -> int:
    part = value["a"] if isinstance(value, (dict, MappingProxyType)) else value
    (part if isinstance(part, list) else part.xs).append(2)
    if isinstance(part, Guarded):
        part._seen.append(1)
        assert part._lock and len(part._seen) == 1
    return len(part if isinstance(part, list) else part.xs)

@step
def both(a: int, b: int) -> list[int]:
    return [a, b]

@workflow
def flow(s: S) -> list[int]:
    first = grow({value})
    return both(first, grow({value}, first))
"""


@pytest.mark.parametrize("value", ["s.plain", "{'a': s.plain}", "OPTIONS"])
def test_a_value_with_a_part_that_cannot_be_copied_is_the_bodys_own(tmp_path: Path, value: str) -> None:
    assert one(tmp_path, UNCOPYABLE.replace("{value}", value)).run().result == [2, 2]


def test_a_default_that_cannot_be_copied_is_a_default_like_any_other(tmp_path: Path) -> None:
    small = one(tmp_path, UNCOPYABLE.replace("{value}", "s.plain"))
    small.edit("workflow.py", "Field(default_factory=Guarded)", "Guarded()")
    assert small.run().result == [2, 2]
    assert small.run(plain={"xs": [1, 2]}).result == [3, 3]


def test_a_value_that_cannot_be_copied_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StepError) as error:
        one(tmp_path, UNCOPYABLE.replace("{value}", "Stubborn()")).run()
    assert is_well_worded(str(error.value))
    assert "needs a copy of value" in str(error.value)
    assert "its Stubborn cannot be copied: a Stubborn stays where it is" in str(error.value)


PANDAS = """
from magical.pandas import Frame as PandasFrame

class S(Settings):
    rows: int = 3

@step
def table(rows: int) -> PandasFrame:
    return pd.DataFrame({"x": [float(i) for i in range(rows)]})

@step
def spoil(table: PandasFrame, name: str) -> list[float]:
    seen = table["x"].tolist()
    table.loc[0, "x"] = 50.0
    table["z"] = 1
    table.pop("x")
    return seen

@workflow
def flow(s: S) -> Any:
    t = table(s.rows)
    return spoil(t, "one"), spoil(t, "two")
"""


def test_a_body_that_changes_a_pandas_frame_changes_it_for_nobody_else(tmp_path: Path) -> None:
    assert one(tmp_path, PANDAS, top="import pandas as pd\n").run().result == [[0.0, 1.0, 2.0]] * 2

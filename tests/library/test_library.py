"""The package: names are imported when used, and each step pays for itself only."""

import importlib.util
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import magical
from magical import library
from magical.steps import Step

STEPS = [
    "ingest",
    "model_data",
    "featurize",
    "split",
    "transform",
    "train",
    "tune",
    "select",
    "predict",
    "evaluate",
]


@pytest.mark.parametrize("name", library.__all__)
def test_every_public_name_is_there_and_has_a_docstring(name: str) -> None:
    thing = getattr(library, name)
    assert inspect.getdoc(thing)
    assert not inspect.ismodule(thing)


def test_no_module_hides_a_step_of_its_name() -> None:
    for name in library.__all__:
        assert importlib.util.find_spec(f"magical.library.{name}") is None


@pytest.mark.parametrize("name", STEPS)
def test_steps_are_steps(name: str) -> None:
    assert isinstance(getattr(library, name), Step)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'injest'"):
        library.injest
    assert set(library.__all__) <= set(dir(library))


@pytest.mark.parametrize(
    ("names", "absent"),
    [
        ("ingest, model_data, featurize, split", "sklearn skrub optuna lightgbm"),
        ("linear, boosting, Experiment, Scores, SplitSettings", "sklearn skrub optuna lightgbm"),
        ("transform, train, select, predict, evaluate", "skrub optuna lightgbm"),
        ("tune", "skrub lightgbm"),
    ],
)
def test_nothing_is_imported_that_is_not_used(names: str, absent: str) -> None:
    found = f"[m for m in {absent.split()} if m in sys.modules]"
    code = f"from magical.library import {names}\nimport sys\nprint({found})"
    source = str(Path(magical.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": source}
    )
    assert done.stdout.strip() == "[]"

"""A scorer of another release or of other versions is refused in clear words, in each door."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from library.served import play, write
from magical.errors import StoreError
from magical.library.scorer import scorer as door
from magical.library.scorer.scorer import Scorer
from projects import is_well_worded

KEY = "f0" * 6


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "scorer"
    root = write(tmp_path_factory.mktemp("project"), extra="helpers.Shift(), ")  # of the project: a pickle
    play(root).scorer().save(folder, key=KEY, root=root)
    return folder


def change(saved: Path, folder: Path, **changes: Any) -> Path:
    """Copy the folder, and change its JSON."""
    shutil.copytree(saved, folder)
    data = json.loads((saved / "scorer.json").read_text())
    (folder / "scorer.json").write_text(json.dumps({**data, **changes}))
    return folder


def test_a_version_says_who_wrote_it(saved: Path) -> None:
    written = json.loads((saved / "scorer.json").read_text())["written_by"]
    assert {"magical", "python", "scikit-learn", "polars"} <= set(written)


REFUSED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "newer": (
        {"format": 9, "written_by": {"magical": "7.1"}},
        ["was registered by magical 7.1 in the form 9", "here is ", "pip install --upgrade magical-thinking"],
    ),
    "newer, of an unknown writer": ({"format": 9, "written_by": {}}, ["another release of magical"]),
    "older": ({"format": 1}, ["in the form 1", "register it again: magical run"]),
    "no form": ({"format": None}, ["holds no scorer", "was it registered by magical?"]),
}


@pytest.mark.parametrize(
    "load", [Scorer.load, lambda path: door._load_pyfunc(str(path))], ids=["scorer", "pyfunc"]
)
@pytest.mark.parametrize("case", REFUSED)
def test_another_form_is_refused_in_clear_words(
    case: str, load: Callable[[Path], Any], saved: Path, tmp_path: Path
) -> None:
    changes, texts = REFUSED[case]
    with pytest.raises(StoreError) as error:
        load(change(saved, tmp_path / "scorer", **changes))
    assert [t for t in texts if t not in str(error.value)] == []
    assert is_well_worded(str(error.value))
    assert error.value.__cause__ is None


@pytest.mark.parametrize("text", ["", "[]", "{", "7"])
def test_what_is_no_scorer_is_said_to_be_none(text: str, saved: Path, tmp_path: Path) -> None:
    folder = change(saved, tmp_path / "scorer")
    (folder / "scorer.json").write_text(text)
    with pytest.raises(StoreError, match="holds no scorer"):
        Scorer.load(folder)


def test_a_pipeline_of_other_versions_that_cannot_be_loaded_is_explained(saved: Path, tmp_path: Path) -> None:
    written = json.loads((saved / "scorer.json").read_text())["written_by"]
    folder = change(saved, tmp_path / "scorer", written_by={**written, "scikit-learn": "9.9"})
    next(folder.glob("pipeline.*")).write_bytes(b"of another form")
    with pytest.raises(StoreError) as error:
        Scorer.load(folder)
    first, second, hint = str(error.value).splitlines()
    assert first.startswith("This model cannot be loaded here: ")
    assert second.startswith("It was registered with scikit-learn 9.9, here ")
    assert hint == "Hint: pip install scikit-learn==9.9"


def test_damage_is_no_matter_of_versions(saved: Path, tmp_path: Path) -> None:
    folder = change(saved, tmp_path / "scorer")
    next(folder.glob("pipeline.*")).write_bytes(b"of another form")
    with pytest.raises(StoreError, match=r"cannot be loaded here(.|\n)*Hint: its files are damaged"):
        Scorer.load(folder)

"""References to functions: resolved late, texts in JSON, and clear about what is not there."""

import copy
import pickle
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from magical.errors import SettingsError
from magical.settings import ClassReference, FunctionReference, Settings, to_json


class Uses(Settings):
    function: FunctionReference = FunctionReference("not_yet_there:anything")


def double(x: int) -> int:
    return 2 * x


def test_a_reference_is_a_text_until_it_is_loaded() -> None:
    uses = Uses()
    assert to_json(uses) == {"function": "not_yet_there:anything"}
    assert Uses.model_validate(to_json(uses)) == uses
    assert isinstance(Uses.model_validate(to_json(uses)).function, FunctionReference)
    assert Uses.model_json_schema()["properties"]["function"]["type"] == "string"
    found = FunctionReference(f"{__name__}:double")
    for same in (found, copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert same.load()(2) == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("not_yet_there:anything", "cannot be imported: No module named 'not_yet_there'"),
        (f"{__name__}:duoble", "There is no function"),
        ("math:pi", "math:pi is no function"),
    ],
)
def test_what_is_not_there_is_said(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        FunctionReference(text).load()
    assert caught.value.hint


def test_only_functions_of_the_module_itself_are_listed() -> None:
    with pytest.raises(SettingsError) as caught:
        FunctionReference(f"{__name__}:far_away").load()
    assert "double" in caught.value.hint
    assert "to_json" not in caught.value.hint


def test_a_near_name_is_suggested() -> None:
    with pytest.raises(SettingsError) as caught:
        FunctionReference(f"{__name__}:duoble").load()
    assert "did you mean 'double'?" in caught.value.hint


def test_a_module_that_breaks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "breaks_at_import.py").write_text("import not_installed_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    with pytest.raises(SettingsError, match="No module named 'not_installed_at_all'"):
        FunctionReference("breaks_at_import:anything").load()


@pytest.mark.parametrize("text", ["profit", "workflow:", ":profit", "a b:c", "a:b-c", "a/b:c"])
def test_what_is_no_import_string(text: str) -> None:
    with pytest.raises(ValidationError, match="no import string; write module:function"):
        Uses.model_validate({"function": text})


@pytest.mark.parametrize(
    ("text", "words"), [("1 / 0", "ZeroDivisionError: "), ("def cost(a) return", "SyntaxError: ")]
)
def test_a_module_that_fails_is_said_with_the_reason(
    text: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fails_at_import.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    with pytest.raises(SettingsError, match=f"fails_at_import:anything cannot be imported: {words}"):
        FunctionReference("fails_at_import:anything").load()


def test_a_class_is_referred_to_as_a_function_is() -> None:
    assert ClassReference(f"{__name__}:Uses").load() is Uses
    for text, words in (
        (f"{__name__}:Use", "There is no class"),
        (f"{__name__}:double", "double is no class"),
        ("not_yet_there:Anything", "The class not_yet_there:Anything cannot be imported"),
    ):
        with pytest.raises(SettingsError, match=words) as caught:
            ClassReference(text).load()
        assert caught.value.hint
    with pytest.raises(SettingsError) as caught:
        ClassReference("sklearn.decomposition:PCAA").load()
    assert "did you mean 'PCA'?" in caught.value.hint, "though another module defines it"

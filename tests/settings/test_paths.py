"""Paths in settings: where a relative one starts, and which ones an argument holds."""

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from layered_settings import FILE, load
from magical import InputPath, OutputPath, Settings
from magical.cli.verb import parse_overrides
from magical.errors import SettingsError
from magical.masking import mask
from magical.settings import CommandLineText, to_json
from magical.settings.layer_names import format_layer
from magical.settings.layers import COMMAND_LINE
from magical.settings.paths import find_paths


def test_a_path_in_a_class_or_file_starts_from_the_project(tmp_path: Path) -> None:
    assert load(root=tmp_path).source == tmp_path / "data/x.csv"
    assert load((FILE, {"source": "y.csv"}), root=tmp_path).source == tmp_path / "y.csv"
    assert load((FILE, {"source": "../y.csv"}), root=tmp_path).source == tmp_path / "../y.csv"
    assert load((FILE, {"target": "y.csv"}), root=tmp_path).target == tmp_path / "y.csv"


def test_a_path_on_the_line_starts_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    values = parse_overrides(["source=y.csv"])
    assert isinstance(values["source"], CommandLineText)
    assert load((COMMAND_LINE, values), root=Path("/elsewhere")).source == tmp_path / "y.csv"
    assert (
        load((COMMAND_LINE, parse_overrides(['source="y.csv"'])), root=Path("/elsewhere")).source
        == tmp_path / "y.csv"
    )


def test_an_absolute_path_and_one_of_home_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for text in ("/a/b.csv", "~/b.csv"):
        for layer in ((FILE, {"source": text}), (COMMAND_LINE, parse_overrides([f"source={text}"]))):
            got = load(layer, root=Path("/elsewhere")).source
            assert got == (Path("/a/b.csv") if text[0] == "/" else tmp_path / "b.csv")


def test_a_path_is_a_path() -> None:
    path = InputPath("data/x.csv", Path("/p"))
    assert isinstance(path, Path)
    assert (path.name, path.suffix, str(path.parent)) == ("x.csv", ".csv", "/p/data")
    assert repr(path) == "InputPath('data/x.csv')"
    assert to_json(path) == "data/x.csv"
    assert (
        type(path.with_suffix(".parquet")) is not InputPath
        or path.with_suffix(".parquet").name == "x.parquet"
    )
    assert {path: 1}[InputPath("data/x.csv", Path("/p"))] == 1


@pytest.mark.parametrize("cls", [InputPath, OutputPath])
@pytest.mark.parametrize("base", [None, Path("/p")])
def test_a_path_survives_pickle(cls: type[InputPath], base: Path | None) -> None:
    path = cls("data/x.csv", base)
    again = pickle.loads(pickle.dumps(path))
    assert (type(again), again, again.text, again.base) == (cls, path, "data/x.csv", base)


def test_parents_and_children_are_plain_paths_that_settings_take() -> None:
    path = InputPath("data/x.csv", Path("/p"))
    made = (path.parent, path / "y", path.with_suffix(".parquet"), path.with_name("y"), path.resolve())
    for other in (*made, *path.parents, path.joinpath("y"), path.relative_to("/p"), "/q" / path):
        assert TypeAdapter(InputPath).validate_python(other) == other
        assert not isinstance(other, InputPath)
    assert type(InputPath("x.csv").absolute()) is type(Path())


@given(st.text("ab/. -ü", min_size=1))
def test_a_path_keeps_its_text_and_points_where_pathlib_would(text: str) -> None:
    path = InputPath(text, Path("/p"))
    assert (path.text, Path(path), InputPath(text)) == (text, Path("/p") / text, Path(text))


def test_a_field_of_paths_reads_texts_and_paths_and_nothing_else() -> None:
    adapter = TypeAdapter(InputPath)
    root = {"root": Path("/p")}
    assert adapter.validate_python("x.csv", context=root) == Path("/p/x.csv")
    assert adapter.validate_python(Path("x.csv"), context=root).text == "x.csv"
    assert adapter.validate_python("x.csv").base is None
    based = InputPath("x.csv", Path("/q"))
    assert adapter.validate_python(based, context=root) is based
    assert adapter.validate_python(InputPath("x.csv"), context=root) == Path("/p/x.csv")
    for other in (3, None, ["x.csv"], b"x.csv"):
        with pytest.raises(ValidationError, match=f"a path is a text, not {type(other).__name__}"):
            adapter.validate_python(other)


def test_an_input_is_no_output() -> None:
    made = TypeAdapter(OutputPath).validate_python(InputPath("x.csv"))
    assert (type(made), made.text) == (OutputPath, "x.csv")


class Sources(Settings):
    main: InputPath = InputPath("a.csv")
    others: tuple[InputPath, ...] = (InputPath("b.csv"),)
    name: str = "c.csv"


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (InputPath("a.csv"), ["a.csv"]),
        (OutputPath("a.csv"), ["a.csv"]),
        (Sources(), ["a.csv", "b.csv"]),
        ({"x": [Sources(), (InputPath("d.csv"),)]}, ["a.csv", "b.csv", "d.csv"]),
        (frozenset({InputPath("a.csv")}), ["a.csv"]),
        (["a.csv", Path("a.csv"), None, 3], []),
        ({InputPath("a.csv"): 1}, []),
    ],
)
def test_paths_are_found_in_arguments(value: Any, texts: list[str]) -> None:
    assert [path.text for path in find_paths(value)] == texts


def test_a_layer_in_a_message() -> None:
    assert [format_layer(layer) for layer in (COMMAND_LINE, FILE, "")] == [
        " (on the command line)",
        " (in settings.toml)",
        "",
    ]


@pytest.mark.parametrize(
    "url", ["s3://bucket/a//x.csv", "https://example.org/x.csv?year=2024", "memory://x/*.csv"]
)
def test_a_url_stays_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.chdir(tmp_path)
    path = InputPath(url, Path("/p"))
    again = pickle.loads(pickle.dumps(path))
    on_the_line = load((COMMAND_LINE, parse_overrides([f"source={url}"])), root=tmp_path).source
    in_the_file = load((FILE, {"source": url}), root=tmp_path).source
    for found in (path, again, on_the_line, in_the_file):
        assert (str(found), os.fspath(found), found.text, found.base) == (url, url, url, None)
        assert (found.is_url, found.location, to_json(found)) == (True, url, url)
        assert found == path
    assert path != InputPath("s3://bucket/other.csv")


def test_a_url_with_a_password_is_refused_and_masked(tmp_path: Path) -> None:
    for make in (InputPath, lambda t: load((FILE, {"source": t}), root=tmp_path)):
        with pytest.raises(SettingsError, match="has a password or a token in it") as error:
            make("https://me:hunter3333@example.org/x.csv")
        assert "hunter3333" not in str(error.value)
    assert mask("hunter3333") == "***"


@pytest.mark.parametrize("name", ["X-Amz-Signature", "sig", "token", "access_token", "api_key", "Password"])
def test_a_url_with_a_token_in_its_query_is_refused_and_masked(name: str) -> None:
    with pytest.raises(SettingsError, match="has a password or a token in it") as error:
        InputPath(f"https://example.org/x.csv?year=2024&{name}=hunter4444&page=2")
    assert "hunter4444" not in str(error.value)
    assert "year=2024" in str(error.value)
    assert mask("hunter4444") == "***"
    assert str(InputPath("https://example.org/x.csv?max_tokens=7")).endswith("=7")


def test_an_output_is_on_this_machine() -> None:
    with pytest.raises(SettingsError, match="An OutputPath is a file of this machine"):
        OutputPath("s3://bucket/x.csv")

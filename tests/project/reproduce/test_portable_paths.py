"""Paths in a record: real ones become relative to the project, texts that look like one stay."""

from pathlib import Path
from typing import Any

import pytest

from magical import InputPath, OutputPath, Secret, Settings
from magical.project.reproduce.portable_paths import (
    make_portable,
    portable_parts,
    portable_settings,
    without_paths,
)


class Source(Settings):
    path: InputPath = InputPath("a.csv")
    text: str = ""


class Whole(Settings):
    source: InputPath = InputPath("x.csv")
    target: OutputPath = OutputPath("out.csv")
    password: Secret = Secret("env:PASSWORD")
    uri: str = ""
    sources: tuple[Source, ...] = ()
    by_name: dict[str, InputPath] = {}  # noqa: RUF012


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"source": "/app/data/x.csv"}, {"source": "data/x.csv"}),
        ({"source": "/app"}, {"source": "."}),
        ({"source": "/srv/*.csv"}, {"source": "../srv/*.csv"}),
        ({"source": "data/x.csv"}, {"source": "data/x.csv"}),
        ({"target": "/srv/not/yet/there.csv"}, {"target": "../srv/not/yet/there.csv"}),
        ({"password": "file:/app/secret"}, {"password": "file:secret"}),
        ({"password": "file:/run/secrets/db"}, {"password": "file:/run/secrets/db"}),
        ({"uri": "/app/data"}, {"uri": "/app/data"}),
        ({"uri": "s3://app/data/x.csv"}, {"uri": "s3://app/data/x.csv"}),
        ({"uri": "read /app now"}, {"uri": "read /app now"}),
        ({"sources": [{"path": "/app/a", "text": "/app/a"}]}, {"sources": [{"path": "a", "text": "/app/a"}]}),
        ({"by_name": {"one": "/app/a"}}, {"by_name": {"one": "a"}}),
        ({"gone": "/app/a"}, {"gone": "/app/a"}),
    ],
)
def test_of_settings_the_paths_are_made_relative(given: dict[str, Any], expected: dict[str, Any]) -> None:
    typed = Whole.model_validate({k: v for k, v in given.items() if k != "gone"})
    assert portable_settings(given, typed, Path("/app")) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("/app/data/x.csv", "data/x.csv"),
        ("s3://app/data/x.csv", "s3://app/data/x.csv"),
        ("read /app now", "read /app now"),
        ("/apps/x.csv", "/apps/x.csv"),
        (["file:/app/secret", 3], ["file:secret", 3]),
    ],
)
def test_without_a_class_only_what_begins_at_the_project_is(given: Any, expected: Any) -> None:
    assert make_portable(given, Path("/app")) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"/app/data/x.csv"', '"data/x.csv"'),
        ('"s3://app/data/x.csv"', '"s3://app/data/x.csv"'),
        ('{"!secret": "file:/app/secret"}', '{"!secret": "file:secret"}'),
        ('"→/app/out.csv"', '"→out.csv"'),
        ('"→/srv/out.csv"', '"→../srv/out.csv"'),
        ('"→out.csv"', '"→out.csv"'),
        ('{"!path": "/app"}', '{"!path": "."}'),
    ],
)
def test_arguments_in_a_key(text: str, expected: str) -> None:
    assert portable_parts({"argument:x": text}, Path("/app")) == {"argument:x": expected}


def test_messages() -> None:
    text = "in /app/clean.py, /app/../x and /app: no /srv/data/x.csv; s3://app/x stays, /apps too"
    assert without_paths(text, Path("/app")) == (
        "in clean.py, ../x and the project: no …/x.csv; s3://app/x stays, /apps too"
    )

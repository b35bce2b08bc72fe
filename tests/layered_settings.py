"""Settings of every form, and their values from some layers."""

from pathlib import Path
from typing import Any, Literal

from pydantic import PositiveInt

from magical import Field, InputPath, OutputPath, Settings
from magical.cli.verb import parse_overrides
from magical.settings import TaggedSettings
from magical.settings.layers import COMMAND_LINE, Layer, load_settings


class Budget(Settings):
    trials: int = Field(default=10, ge=1, le=100)
    minutes: float | None = None


class Experiment(TaggedSettings):
    name: str = ""


class Linear(Experiment):
    name: str = "linear"
    penalty: Literal["l1", "l2"] = "l2"


class Boosting(Experiment):
    name: str = "boosting"
    depth: PositiveInt = 6
    budget: Budget = Budget()


class Deep(Settings):
    budget: Budget = Budget(trials=20)
    more: dict[str, Budget] = {"a": Budget()}  # noqa: RUF012


class Whole(Settings):
    source: InputPath = InputPath("data/x.csv")
    target: OutputPath = OutputPath("out.csv")
    max_age: PositiveInt = 90
    rate: float = 0.5
    name: str = "n"
    flag: bool = False
    maybe: int | None = None
    columns: tuple[str, ...] = ("a", "b")
    budget: Budget = Budget()
    deep: Deep = Deep()
    experiments: tuple[Experiment, ...] = (Linear(), Boosting())
    one: Experiment = Linear()
    twins: tuple[Budget, ...] = (Budget(), Budget(trials=3))


FILE, PROFILE = "settings.toml", "profiles/quick.toml"


def load(*layers: tuple[str, dict[str, Any]], root: Path | None = None) -> Whole:
    settings = load_settings(Whole, [Layer(n, v) for n, v in layers], root).settings
    assert isinstance(settings, Whole)
    return settings


def line(*words: str) -> Whole:
    return load((COMMAND_LINE, parse_overrides(words)))

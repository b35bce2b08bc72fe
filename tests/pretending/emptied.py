"""The campaign example with any of its steps emptied: its own lose their bodies, the library's their import."""

import ast
import re
import shutil
from collections.abc import Collection
from pathlib import Path

from projects import NO_TRACKING, Small

CAMPAIGN = Path(__file__).parents[2] / "examples" / "campaign"

LIBRARY = {
    "ingest": "@step\ndef ingest(source: InputPath) -> Frame: ...\n",
    "model_data": "@step\ndef model_data(raw: Frame, contract: type[C]) -> Frame[C]: ...\n",
    "featurize": (
        "from magical.library.featurizing import _extend_schema\n\n\n"
        "@step(promises=_extend_schema)\n"
        "def featurize(table: Frame[C], features: tuple[Feature, ...]) -> Frame[C]: ...\n"
    ),
    "split": "@step\ndef split(table: Frame[C], how: HowToSplit) -> Parts[C]: ...\n",
    "transform": (
        "@step\ndef transform(train: Frame[C], features: tuple[Feature, ...] = ()) -> Pipeline: ...\n"
    ),
    "tune": (
        "@step\ndef tune(\n    train: Frame[C], validation: Frame[C], preprocessing: Pipeline, experiment: Experiment\n"
        ") -> Model: ...\n"
    ),
    "select": "@step\ndef select(models: list[Model], validation: Frame[C]) -> Model: ...\n",
    "predict": (
        "from magical.library.predicting import _build_prediction_schema\n\n\n"
        "@step(promises=_build_prediction_schema)\n"
        "def predict(model: Model, table: Frame[C]) -> Frame: ...\n"
    ),
    "evaluate": ('@step\ndef evaluate(predictions: Frame, table: Frame[C], part: str = "") -> Scores: ...\n'),
    "register": (
        '@step(writes="world")\n'
        "def register(model: Model, scores: Scores, how: HowToRegister = HowToRegister()) -> Receipt: ...\n"
    ),
}
"""The library's steps as a team would wish them."""

OWN = ("clean", "drop_duplicates", "household", "leave_out")

STEPS = (
    "ingest", "model_data", "clean", "drop_duplicates", "household", "leave_out", "featurize", "split",
    "transform", "tune", "select", "predict", "evaluate", "register",
)  # fmt: skip

PARENTS: dict[str, tuple[str, ...]] = {
    "ingest": (),
    "model_data": ("ingest",),
    "clean": ("model_data",),
    "drop_duplicates": ("clean",),
    "household": ("drop_duplicates",),
    "leave_out": ("household",),
    "featurize": ("leave_out",),
    "split": ("featurize",),
    "transform": ("split",),
    "tune[linear]": ("split", "transform"),
    "tune[boosting]": ("split", "transform"),
    "select": ("tune[linear]", "tune[boosting]", "split"),
    "predict": ("select", "split"),
    "evaluate": ("predict", "split"),
}
"""The nodes that give something in a run that pretends, each with those whose results it takes."""

NEEDED = """\
from typing import TypeVar
from magical.contracts.promises import Pipeline
from magical import Contract, Model, Parts, Receipt
C = TypeVar("C", bound=Contract)
"""

QUICK = {"experiments": {"linear": {"trials": 1}, "boosting": {"trials": 1}}}
"""One trial an experiment: the same workflow in little time."""


def copy_campaign(folder: Path, rows: int = 0) -> Small:
    """Copy the example, with its first rows or all, and no tracking."""
    ignored = shutil.ignore_patterns(".magical", "__pycache__")
    shutil.copytree(CAMPAIGN, folder, ignore=ignored)
    (folder / "settings.toml").write_text(NO_TRACKING)
    table = folder / "data" / "marketing_campaign.csv"
    lines = table.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    table.write_text("".join(lines[: rows + 1] if rows else lines))
    return Small(folder)


def empty(project: Small, *steps: str) -> Small:
    """Take the bodies of these steps away, and give all others theirs."""
    text = (CAMPAIGN / "workflow.py").read_text(encoding="utf-8")
    for step in {*OWN} & {*steps}:
        text = _without_body(text, step)
    for step in {*LIBRARY} & {*steps}:
        text, found = re.subn(rf"^    {step},\n", "", text, count=1, flags=re.MULTILINE)
        assert found, f"{step} is not imported"
    wished = "\n\n".join(LIBRARY[s] for s in STEPS if s in LIBRARY and s in steps)
    head = "\n\n\nclass CampaignSettings(Settings):"
    first, rest = text.split(head)
    project.write("workflow.py", f"{first}\n{NEEDED}\n\n{wished}{head}{rest}")
    return project


def origin(node: str, emptied: Collection[str]) -> tuple[str, ...]:
    """The made-up nodes that a node stands on, itself included: a raw table is made up by the step after it."""
    mine = node.split("[", maxsplit=1)[0]
    made_up = node != "ingest" and (mine in emptied or (node == "model_data" and "ingest" in emptied))
    before = (origin(parent, emptied) for parent in PARENTS[node])
    return tuple(sorted({node}.union(*before) if made_up else set[str]().union(*before)))


def _without_body(text: str, step: str) -> str:
    """Put ``...`` in the place of a function's body."""
    lines = text.splitlines(keepends=True)
    (function,) = [n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef) and n.name == step]
    body = function.body
    indent = " " * body[0].col_offset
    lines[body[0].lineno - 1 : body[-1].end_lineno] = [f"{indent}...\n"]
    return "".join(lines)

"""The peers: the script of each, and the environment that it runs in."""

import functools
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from measuring import PYTHON, measure_command

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
UV = Path(sys.executable).with_name("uv")

_READERS = ("pandas==3.1.1", "pyarrow==25.0.0")
_OUR_BOUNDS = (ROOT / "pyproject.toml", ROOT / "requirements.lock")
_OURS = ("--constraint", str(ROOT / "requirements.lock"), "--editable", f"{ROOT}[catboost,xgboost]")


@dataclass(frozen=True)
class Peer:
    """One who takes part.

    Attributes:
        script: in the folder ``peers``.
        requirements: what its environment has.
        options: further words for the script.
        budget: seconds, in the place of those of the command line.
    """

    script: str
    requirements: tuple[str, ...]
    options: tuple[str, ...] = ()
    budget: float | None = None

    def command(self, python: Path, verb: str, words: Sequence[str | Path]) -> list[str | Path]:
        """Return the command that fits or scores."""
        return [python, HERE / "peers" / self.script, verb, *words, *self.options]


PEERS = {
    "magical": Peer("magical_fit.py", _OURS),
    "magical, LightGBM alone": Peer(
        "magical_fit.py", _OURS, options=("--without", "catboost", "--without", "xgboost")
    ),
    "magical, 10 s": Peer("magical_fit.py", _OURS, budget=10),
    "LightGBM": Peer(
        "plain_lightgbm.py", ("lightgbm==4.7.0", "scikit-learn==1.9.1", "joblib==1.6.0", *_READERS)
    ),
    "skrub": Peer("skrub_pipeline.py", ("skrub==0.11.0", "scikit-learn==1.9.1", *_READERS)),
    "FLAML": Peer("flaml_automl.py", ("flaml[automl]==2.8.0", *_READERS)),
    # Without torch, and so without its neural networks.
    "AutoGluon": Peer("autogluon_tabular.py", ("autogluon.tabular[catboost,lightgbm,xgboost]==1.6.3",)),
}


@functools.cache
def make_environment(requirements: tuple[str, ...], home: Path) -> Path:
    """Make a virtual environment that has these packages, unless it is there; return its interpreter.

    Raises:
        CommandFailed: a package cannot be installed.
    """
    # Ours is made again when our dependencies change.
    ours = "".join(path.read_text(encoding="utf-8") for path in _OUR_BOUNDS) if requirements == _OURS else ""
    folder = home / hashlib.sha256(f"{requirements} {ours}".encode()).hexdigest()[:12]
    python, done = folder / "bin" / "python", folder / "requirements.txt"
    if not done.exists():
        home.mkdir(parents=True, exist_ok=True)
        measure_command([UV, "venv", "--quiet", "--clear", "--python", PYTHON, folder], home)
        measure_command([UV, "pip", "install", "--quiet", "--python", python, *requirements], home)
        done.write_text("\n".join(requirements) + "\n", encoding="utf-8")
    return python

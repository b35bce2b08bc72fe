"""The scripts of the benchmarks are no package: their folders are put on the path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks" / "models"))

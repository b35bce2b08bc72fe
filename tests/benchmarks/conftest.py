"""The scripts of the benchmarks are no package: their folders are put on the path."""

import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path[:0] = [str(BENCHMARKS / "models"), str(BENCHMARKS / "intervals")]

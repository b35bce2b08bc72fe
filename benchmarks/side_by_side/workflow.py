"""Experiments that do not wait for each other, each a fit by gradient descent in plain Python.

Plain Python, so that no library's threads blur how many experiments run at a time.
"""

from magical import Settings, step, workflow


class ExperimentSettings(Settings):
    experiments: int = 6
    passes: int = 3_000_000


@step
def points(n: int) -> list[float]:
    return [(i * 37 % 101) / 101 for i in range(n)]


@step
def fit(points: list[float], rate: float, passes: int) -> float:
    slope, bias = 0.0, 0.0
    for number in range(passes):
        x = points[number % len(points)]
        for _ in range(10):
            miss = slope * x + bias - (3 * x + 1)
            slope -= rate * miss * x
            bias -= rate * miss
    return slope + bias


@step
def best(fits: list[float]) -> float:
    return min(fits, key=lambda fitted: abs(fitted - 4))


@workflow
def side_by_side(s: ExperimentSettings) -> float:
    data = points(200)
    return best([fit(data, 0.01 * (n + 1), s.passes) for n in range(s.experiments)])

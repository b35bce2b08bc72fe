"""The calls that are known to ask the world for nothing."""

import pytest

from magical.keys.known_calls import (
    is_known_attribute,
    is_known_call,
    is_known_method,
    is_registering,
    is_seeded,
)

KNOWN = [
    *["builtins.len", "decimal.Decimal", "re.compile", "datetime.date", "numpy.arange", "polars.col"],
    *["pandas.DataFrame", "pandas.concat", "sklearn.linear_model.LogisticRegression", "pathlib.Path"],
    *["posixpath.join", "json.loads", "threading.Lock", "magical.Field", "lightgbm.sklearn.LGBMClassifier"],
]
UNKNOWN = [
    *[
        "io.open",
        "builtins.hash",
        "builtins.input",
        "builtins.exec",
        "os.getcwd",
        "posixpath.exists",
        "json.load",
    ],
    *["time.time", "random.random", "numpy.random.rand", "numpy.load", "numpy.loadtxt", "numpy.fromfile"],
    *["polars.read_csv", "polars.scan_parquet", "pandas.read_csv", "pandas.Timestamp.now", "uuid.uuid4"],
    *[
        "pathlib.Path.cwd",
        "pathlib.Path.home",
        "subprocess.run",
        "socket.socket",
        "magical.project.project.load",
    ],
    *["somewhere.thing", "lightgbm.basic.Booster", "sklearn.datasets.load_iris", "pickle.loads"],
]


@pytest.mark.parametrize("name", KNOWN)
def test_known(name: str) -> None:
    assert is_known_call(name)


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown(name: str) -> None:
    assert not is_known_call(name)


def test_a_generator_needs_a_seed() -> None:
    assert is_seeded("numpy.random.default_rng")
    assert is_seeded("random.Random")
    assert not is_seeded("random.random")


def test_the_place_of_its_own_file_is_known_to_a_module() -> None:
    assert is_known_method("resolve", of_own_file=True)
    assert not is_known_method("resolve")
    assert not is_known_method("read_text", of_own_file=True)


def test_attributes_and_registering() -> None:
    assert is_known_attribute("sys.version_info")
    assert not is_known_attribute("sys.argv")
    assert is_registering("pandas.api.extensions.register_dataframe_accessor")
    assert not is_registering("functools.wraps")

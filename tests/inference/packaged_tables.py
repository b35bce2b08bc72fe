"""Tables that installed packages ship, as csv files, with what each column is.

The expectations were written from the descriptions of the data, before our inference saw them.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import sklearn.datasets
import skrub.datasets

__all__ = ["PACKAGED", "PackagedTable"]


@dataclass(frozen=True)
class PackagedTable:
    """A table of another package, and what its columns are.

    Attributes:
        write: returns the content of the csv file.
        target: the raw name of the column to predict.
        columns: a line for each column of the contract: its name, a colon, and its kind as ``inferences.kind``
            writes it; ``|`` stands between kinds of which each is right.
        left_out: the raw names of the columns that must be left out.
    """

    write: Callable[[], bytes]
    target: str
    columns: str
    left_out: tuple[str, ...] = ()


def _file_of(package: str, place: str) -> bytes:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return (Path(spec.origin).parent / place).read_bytes()


def _to_csv(table: pd.DataFrame) -> bytes:
    """Write a table as csv, whole numbers without a decimal point."""
    return table.convert_dtypes().to_csv(index=False).encode()


def _from_sklearn(name: str) -> pd.DataFrame:
    loaded: pd.DataFrame = getattr(sklearn.datasets, f"load_{name}")(as_frame=True).frame
    return loaded


def _iris() -> bytes:
    table = _from_sklearn("iris")
    return _to_csv(table.assign(target=table.target.map({0: "setosa", 1: "versicolor", 2: "virginica"})))


def _diabetes() -> bytes:
    return _to_csv(sklearn.datasets.load_diabetes(as_frame=True, scaled=False).frame)


def _retail_events() -> bytes:
    events = skrub.datasets.make_retail_events(random_state=0)
    return _to_csv(events["X"].assign(converted=events["y"]))


_CELLS = [
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave_points",
    "symmetry",
    "fractal_dimension",
]
_CELL_COLUMNS = [
    *(f"mean_{c}" for c in _CELLS),
    *(f"{c}_error" for c in _CELLS),
    *(f"worst_{c}" for c in _CELLS),
]
_EMPTY_PIXELS = ("pixel_0_0", "pixel_4_0", "pixel_4_7")
_PIXELS_0_1 = ("pixel_3_0", "pixel_3_7", "pixel_7_0")
_PIXELS = [f"pixel_{y}_{x}" for y in range(8) for x in range(8)]

PACKAGED = {
    "sklearn iris": PackagedTable(
        _iris,
        "target",
        """
        sepal_length_cm: float
        sepal_width_cm: float
        petal_length_cm: float
        petal_width_cm: float
        target: target str[3]
        """,
    ),
    "sklearn wine": PackagedTable(
        lambda: _to_csv(_from_sklearn("wine")),
        "target",
        """
        alcohol: float
        malic_acid: float
        ash: float
        alcalinity_of_ash: float
        magnesium: int
        total_phenols: float
        flavanoids: float
        nonflavanoid_phenols: float
        proanthocyanins: float
        color_intensity: float
        hue: float
        od280_od315_of_diluted_wines: float
        proline: int
        target: target int[3]
        """,
    ),
    "sklearn breast cancer": PackagedTable(
        lambda: _to_csv(_from_sklearn("breast_cancer")),
        "target",
        "\n".join([*(f"{c}: float" for c in _CELL_COLUMNS), "target: target bool"]),
    ),
    "sklearn diabetes": PackagedTable(
        _diabetes,
        "target",
        """
        age: int
        sex: int[2]|str[2]
        bmi: float
        bp: float
        s1: int
        s2: float
        s3: float
        s4: float
        s5: float
        s6: int
        target: target int
        """,
    ),
    "sklearn digits": PackagedTable(
        lambda: _to_csv(_from_sklearn("digits")),
        "target",
        "\n".join(
            [
                *(
                    f"{p}: {'bool|int' if p in _PIXELS_0_1 else 'int'}"
                    for p in _PIXELS
                    if p not in _EMPTY_PIXELS
                ),
                "target: target int[10]",
            ]
        ),
        _EMPTY_PIXELS,
    ),
    "sklearn linnerud": PackagedTable(
        lambda: _to_csv(_from_sklearn("linnerud")),
        "Weight",
        """
        chins: int
        situps: int
        jumps: int
        weight: target int
        waist: int
        pulse: int
        """,
    ),
    # Two digits are no year, so the dates stay texts that never repeat.
    "matplotlib msft": PackagedTable(
        lambda: _file_of("matplotlib", "mpl-data/sample_data/msft.csv"),
        "Close",
        """
        open: float
        high: float
        low: float
        close: target float
        volume: int
        adj_close: float
        """,
        ("Date",),
    ),
    # A comment stands above the header.
    "matplotlib stocks": PackagedTable(
        lambda: _file_of("matplotlib", "mpl-data/sample_data/Stocks.csv"),
        "IBM",
        """
        date: time date
        ibm: target float?
        aapl: float?
        msft: float?
        xrx: float?
        amzn: float?
        dell: float?
        googl: float?
        adbe: float?
        gspc: float?
        ixic: float?
        """,
    ),
    "skrub cities": PackagedTable(
        lambda: _to_csv(pd.DataFrame(skrub.datasets.toy_cities())),
        "metric_0",
        """
        uid: id str
        cities: str[20]?
        encoded_cities: int?
        start: datetime|time datetime
        end: datetime?
        metric_0: target float
        metric_1: float
        metric_2: float
        metric_3: float
        """,
    ),
    "skrub retail events": PackagedTable(
        _retail_events,
        "converted",
        """
        user_id: group str
        timestamp: time datetime
        device_type: str[3]
        page_category: str[5]
        event_type: str[4]
        time_on_page: float
        price_viewed: float
        converted: target bool
        """,
    ),
    "skrub air quality": PackagedTable(
        lambda: _file_of("skrub", "_reporting/tests/data/air_quality_tiny.csv"),
        "value",
        """
        city: str[2]
        country: str[2]
        date_utc: time datetime
        location: str[2]
        value: target float
        loc_with_nulls: str[2]?
        """,
        ("parameter", "unit", "all_null", "constant_numeric", "constant_datetime"),
    ),
}

"""The calls at import whose results are known to follow from their arguments and from installed versions."""

from __future__ import annotations

import re

from magical.contracts.schema import Schema

__all__ = [
    "draws_chance",
    "is_builtin_method",
    "is_known_attribute",
    "is_known_call",
    "is_known_method",
    "is_known_package",
    "is_reading",
    "is_registering",
    "is_seeded",
    "keeps_order",
]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Packages whose functions, classes and objects ask the world for nothing, except for the names below.
_PACKAGES = _words(
    "abc annotated_types array ast base64 binascii bisect calendar cmath collections contextlib "
    "contextvars copy dataclasses datetime decimal enum fractions functools graphlib hashlib heapq "
    "ipaddress itertools json keyword math numbers operator pprint queue re string struct textwrap types "
    "typing typing_extensions unicodedata warnings weakref zlib zoneinfo _contextvars _decimal _functools "
    "_operator _queue _struct _thread _weakref attr attrs magical pydantic pydantic_core"
)
# Of other packages, only what begins like this.
_PREFIXES = (
    *("polars.functions.", "polars.datatypes.", "polars.dataframe.", "polars.series.", "polars.expr."),
    *(
        "polars.selectors.",
        "polars.config.",
        "polars.api.",
        "polars.convert.",
        "polars.lazyframe.frame.LazyFrame",
    ),
    *("optuna.distributions.", "optuna.logging.", "urllib.parse.", "skrub.selectors."),
)
_OBJECTS = _words("numpy pandas polars logging pathlib statistics threading uuid sklearn skrub optuna")
"""Packages whose objects are known, though not all of their functions."""

_NAMES = {
    "builtins": _words(
        "abs all any ascii bin bool bytearray bytes callable chr classmethod complex dict divmod "
        "enumerate filter float format frozenset hasattr hex int isinstance issubclass iter len list map "
        "max memoryview min next object oct ord pow print property range reversed round set setattr slice "
        "sorted staticmethod str sum super tuple type zip"
    ),
    "numpy": _words(
        "abs absolute all allclose any append arange argmax argmin argsort array array_equal asarray "
        "astype bincount bool bool_ broadcast_to ceil clip concatenate copy cos cumprod cumsum diag diff "
        "digitize dot dtype exp expand_dims eye flip float16 float32 float64 floor frompyfunc full "
        "histogram hstack identity iinfo finfo inner int16 int32 int64 int8 interp isclose isfinite isin "
        "isnan linspace log log10 log1p log2 logspace max maximum mean median meshgrid min minimum "
        "nan_to_num ndarray number ones ones_like outer percentile power prod quantile ravel repeat "
        "reshape round searchsorted seterr set_printoptions sign sin sort split sqrt square squeeze stack "
        "std sum tan tile timedelta64 trace transpose tri tril triu uint16 uint32 uint64 uint8 unique var "
        "vectorize vstack where zeros zeros_like"
    ),
    "pandas": _words(
        "ArrowDtype BooleanDtype Categorical CategoricalDtype CategoricalIndex DataFrame DatetimeTZDtype "
        "Float64Dtype Index Int64Dtype Interval IntervalIndex MultiIndex NamedAgg RangeIndex Series "
        "StringDtype Timedelta concat cut get_dummies isna notna option_context set_option to_numeric "
        "to_timedelta register_dataframe_accessor register_series_accessor register_index_accessor"
    ),
    "logging": _words(
        "Formatter Logger NullHandler StreamHandler addLevelName basicConfig captureWarnings disable "
        "getLogger getLevelName"
    ),
    "threading": _words("Barrier BoundedSemaphore Condition Event Lock RLock Semaphore local"),
    "statistics": _words(
        "fmean geometric_mean harmonic_mean mean median mode multimode pstdev quantiles stdev variance"
    ),
    "uuid": _words("UUID uuid3 uuid5"),
    "pathlib": _words("Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath"),
    "io": _words("StringIO BytesIO"),
    "random": _words("seed Random"),
    "sklearn": _words(
        "clone make_column_selector make_column_transformer make_pipeline make_scorer make_union set_config"
    ),
    "matplotlib": _words("use"),
    "polars": _words("col"),
    "rich": _words("Console"),
}
_CLASS_NAME = re.compile(r"^[A-Z]\w*[a-z]\w*$")
_MODEL_CLASS = re.compile(r"(Classifier|Regressor|Ranker)$")
_PATH_FUNCTIONS = _words("basename dirname join normpath split splitext fspath")
_SEEDED = _words("Random RandomState default_rng Generator SeedSequence PCG64 MT19937 Philox seed")
_CONSTANTS = {
    *("os.curdir", "os.devnull", "os.extsep", "os.linesep", "os.name", "os.pathsep", "os.sep"),
    *("sys.byteorder", "sys.float_info", "sys.hexversion", "sys.implementation", "sys.maxsize", "sys.path"),
    *("sys.platform", "sys.version", "sys.version_info"),
}
# Names that ask for files, the clock, chance or the machine, of functions and of methods.
_ASKING = re.compile(
    r"^(read|load|open|scan|fetch|write|save|sink|dump|samples?|shuffle|fit|urlopen|memmap|genfromtxt|from_?file|"
    r"fromtextfile|fromregex|exec|eval|sql|query|collect|collect_all|fileConfig|dictConfig|rvs|random|run|start|"
    r"submit|get_data|thread_pool_size|getnode|show_versions|build_info)($|_|[A-Z])|^(read|load|fetch)[a-z]+$|"
    r"^(exists|is_file|is_dir|is_symlink|is_mount|stat|lstat|iterdir|glob|rglob|walk|cwd|home|expanduser|"
    r"expandvars|owner|group|touch|mkdir|unlink|rename|samefile|readlink|now|today|utcnow|fromtimestamp|"
    r"utcfromtimestamp|astimezone|timestamp|resolve|absolute|abspath|realpath|getenv|environ|uuid1|uuid4|"
    r"token_bytes|token_hex|urandom|tofile|to_csv|to_parquet|to_pickle|to_sql|to_excel|to_json|to_feather|"
    r"ExcelFile|HDFStore|DataSource|available_timezones|system|popen|Popen|check_output|methodcaller|get_ident|"
    r"FilePath|DirectoryPath|NewPath|PastDate|FutureDate|PastDatetime|FutureDatetime|strftime|__hash__|get_terminal_size|memory_map|OSFile|encoding)$"
)
_OWN_LOCATION = _words("resolve absolute abspath realpath")
_HARMLESS = _words("loads dumps fitted to_json_schema model_json_schema shuffled loader random_state")
_REGISTERING = re.compile(
    r"^(register|install|patch|seed|set_|set[A-Z]|add[A-Z]|use$|configure|basicConfig|activate|enable)"
)
_PROJECT_VERBS = (
    "magical.project",
    "magical.cli",
    "magical.stores",
    "magical.integrations",
    "magical.checks",
)
# Those of schemas, too: a step's `promises` gets some.
_BUILTIN_METHODS = frozenset(n for c in (str, bytes, list, dict, set, int, float, Schema) for n in dir(c))
_ORDER_FREE = _words("all any frozenset len max min set sorted sum isinstance isin is_in")


def is_known_call(name: str, of_own_file: bool = False) -> bool:
    """Return True if a call asks the world for nothing: its result follows from its arguments.

    Args:
        name: the dotted name of a function or class, with its module.
        of_own_file: True if the call is about ``__file__``, whose place is known.

    Example:
        >>> is_known_call("decimal.Decimal"), is_known_call("polars.read_csv")
        (True, False)
    """
    top, leaf = name.partition(".")[0], name.rpartition(".")[2]
    if name.startswith(("numpy.random.", "random.")):
        return is_seeded(name)
    if top in ("os", "posixpath", "ntpath"):
        known = leaf in _PATH_FUNCTIONS or (leaf in _OWN_LOCATION and of_own_file)
        return known and (top != "os" or name.startswith(("os.path.", "os.fspath")))
    if top in ("lightgbm", "xgboost", "catboost"):
        return bool(_MODEL_CLASS.search(leaf))
    if leaf in _NAMES.get(top.lstrip("_"), ()):
        return True
    if top in ("sklearn", "skrub"):
        return bool(_CLASS_NAME.match(leaf)) and not name.startswith("sklearn.datasets")
    return _is_known_place(name) and is_known_method(leaf, of_own_file)


def _is_known_place(name: str) -> bool:
    top = name.partition(".")[0]
    return (top in _PACKAGES and not name.startswith(_PROJECT_VERBS)) or name.startswith(_PREFIXES)


def is_seeded(name: str) -> bool:
    """Return True for a generator of random numbers that needs a seed to ask for nothing.

    Example:
        >>> is_seeded("numpy.random.default_rng"), is_seeded("random.random")
        (True, False)
    """
    return name.startswith(("numpy.random.", "random.")) and name.rpartition(".")[2] in _SEEDED


def keeps_order(name: str) -> bool:
    """Return True if the result of a call may depend on the order of a set, which differs between processes.

    Example:
        >>> keeps_order("builtins.list"), keeps_order("builtins.sorted")
        (True, False)
    """
    return name.rpartition(".")[2] not in _ORDER_FREE


def is_known_package(name: str) -> bool:
    """Return True if the objects of a package are known to ask for nothing, but for some methods.

    Example:
        >>> is_known_package("decimal"), is_known_package("requests.sessions")
        (True, False)
    """
    return name.partition(".")[0].lstrip("_") in _OBJECTS or _is_known_place(f"{name}.")


def is_reading(name: str) -> bool:
    """Return True if a call of Python or of a known package may ask for something, but changes nothing.

    Example:
        >>> is_reading("polars.read_csv"), is_reading("polars.Config.set_fmt_str_lengths")
        (True, False)
    """
    top, leaf = name.partition(".")[0], name.rpartition(".")[2]
    is_known = is_known_package(top) or top in (
        "io",
        "os",
        "posix",
        "posixpath",
        "time",
        "random",
        "builtins",
        "sys",
    )
    return (is_known and bool(_ASKING.search(leaf))) or top in (
        "time",
        "glob",
        "getpass",
        "platform",
        "socket",
    )


def is_known_method(name: str, of_own_file: bool = False) -> bool:
    """Return True if a method of that name asks the world for nothing, on a value that did not, either.

    Example:
        >>> is_known_method("with_suffix"), is_known_method("read_text")
        (True, False)
    """
    return name in _HARMLESS or not _ASKING.search(name) or (of_own_file and name in _OWN_LOCATION)


def draws_chance(package: str, method: str) -> bool:
    """Return True for a method of an estimator or a splitter, which may draw random numbers.

    Example:
        >>> draws_chance("sklearn.model_selection", "split"), draws_chance("sklearn.svm", "set_params")
        (True, False)
    """
    is_estimator = package.partition(".")[0] in ("sklearn", "skrub")
    return is_estimator and not method.startswith(("set_", "get_"))


def is_builtin_method(name: str) -> bool:
    """Return True for a method of Python's own values, such as texts and lists, or of a schema.

    Example:
        >>> is_builtin_method("split"), is_builtin_method("fetch")
        (True, False)
    """
    return name in _BUILTIN_METHODS


def is_known_attribute(name: str) -> bool:
    """Return True if the value of a module's attribute follows from installed versions.

    Example:
        >>> is_known_attribute("math.pi"), is_known_attribute("os.environ")
        (True, False)
    """
    return name in _CONSTANTS or (is_known_package(name) and is_known_method(name.rpartition(".")[2]))


def is_registering(name: str) -> bool:
    """Return True if a function of that name may change something outside of the project.

    Example:
        >>> is_registering("polars.api.register_dataframe_namespace"), is_registering("functools.wraps")
        (True, False)
    """
    return bool(_REGISTERING.search(name.rpartition(".")[2]))
